/**
 * What llama.cpp keeps of a text beside plain attention's keys and values: states of recurrent layers, and the compressed caches of
 * DeepSeek-V4.
 *
 * Source: llama.cpp v0.5.0 src/llama-memory-recurrent.cpp, src/llama-kv-cache-dsv4.cpp.
 */
import type { GgufHparams } from "../gguf-hparams.ts";
import type { Sourced } from "../sourced.ts";
import type { CacheGroup } from "./cache.ts";

/** Tokens that one compressed key stands for (DeepSeek-V4): where an indexer chooses among them, and where all are looked at. */
const CSA_RATIO = 4;
const HCA_RATIO = 128;

/** Recurrent layers: two tensors for each sequence, in F32 whatever the type of the cache. */
export function stateGroups(hparams: GgufHparams): CacheGroup[] {
  const { isRecurrent, stateR, stateS, stateKind, stateWords, layers, from } = hparams;
  const recurrent = Array.from({ length: layers }, (_, i) => i).filter((layer) => isRecurrent[layer]);
  if (recurrent.length === 0) return [];
  const ngrams: CacheGroup[] =
    hparams.ngramLayers.length > 0
      ? [
          {
            rule: "state",
            layers: hparams.ngramLayers,
            cells: { per: "sequence", rows: 1 },
            keyElements: hparams.ngramState,
            valueElements: 0,
            keyType: "F32",
            keyWords: `n-grams ${hparams.ngramState}`,
            kind: "n-gram convolution",
            inputs: [{ name: "layers with n-grams", value: "which", from: from.ngramLayers ?? "" }],
          },
        ]
      : [];
  return [
    ...ngrams,
    {
      rule: "state",
      layers: recurrent,
      cells: { per: "sequence", rows: 1 },
      keyElements: stateR,
      valueElements: stateS,
      keyType: "F32",
      valueType: "F32",
      keyWords: stateWords[0] === "" ? "no convolution" : `inputs ${stateWords[0]}`,
      ...(stateS > 0 && { valueWords: `state ${stateWords[1]}` }),
      kind: stateKind,
      inputs: [
        ...hparams.stateInputs,
        {
          name: "recurrent layers",
          value: recurrent.length,
          from: from.isRecurrent ?? from.kvHeads ?? "llama.cpp's rule",
        },
      ],
    },
  ];
}

/** DeepSeek-V4: keys of a window in every layer, and compressed keys of all before; a key serves as the value too. */
export function compressedGroups(hparams: GgufHparams): CacheGroup[] {
  const {
    layersAll,
    layers: main,
    kvHeads,
    keyLengthWindowed: keyLength,
    window,
    indexerHeadSize,
    compressRatios,
    from,
  } = hparams;
  const all = Array.from({ length: layersAll }, (_, i) => i);
  const kv = kvHeads[0] ?? 0;
  const inputs: Sourced<number | string>[] = [
    { name: "KV heads", value: kv, from: from.kvHeads ?? "" },
    { name: "width of a key", value: keyLength, from: from.keyLengthWindowed ?? "" },
    { name: "window", value: window, from: from.window ?? "" },
    { name: "compressed layers", value: "which", from: from.compressRatios ?? "" },
  ];
  const group = (
    layers: readonly number[],
    rest: Pick<CacheGroup, "rule" | "cells" | "keyElements" | "keyWords" | "kind"> & Partial<CacheGroup>,
  ): CacheGroup[] => (layers.length > 0 ? [{ layers, valueElements: 0, neverShared: true, inputs, ...rest }] : []);
  const state = (layers: readonly number[], rows: number, width: number, kind: string): CacheGroup[] =>
    group(
      layers.filter((layer) => layer < main),
      {
        rule: "compressor-state",
        cells: { per: "sequence", rows },
        keyElements: width,
        valueElements: width,
        keyType: "F32",
        valueType: "F32",
        keyWords: `keys ${width}`,
        valueWords: `scores ${width}`,
        kind,
      },
    );
  const csa = all.filter((layer) => compressRatios[layer] === CSA_RATIO);
  const hca = all.filter((layer) => compressRatios[layer] === HCA_RATIO);
  const words = `K ${kv} heads x ${keyLength}`;
  return [
    ...group(all, {
      rule: "window",
      cells: { per: "window", tokens: window },
      keyElements: kv * keyLength,
      keyWords: words,
      kind: `window of ${window}`,
    }),
    ...group(csa, {
      rule: "compressed",
      cells: { per: "tokens", tokens: CSA_RATIO },
      keyElements: kv * keyLength,
      keyWords: words,
      kind: `one key for ${CSA_RATIO}`,
    }),
    ...group(hca, {
      rule: "compressed",
      cells: { per: "tokens", tokens: HCA_RATIO },
      keyElements: kv * keyLength,
      keyWords: words,
      kind: `one key for ${HCA_RATIO}`,
    }),
    ...group(csa, {
      rule: "indexer",
      cells: { per: "tokens", tokens: CSA_RATIO },
      keyElements: indexerHeadSize,
      keyWords: `index key ${indexerHeadSize}`,
      kind: "sparse indexer",
    }),
    ...state(csa, 2 * CSA_RATIO, 2 * keyLength, "compressor"),
    ...state(hca, HCA_RATIO, keyLength, "compressor"),
    ...state(csa, 2 * CSA_RATIO, 2 * indexerHeadSize, "indexer's compressor"),
  ];
}
