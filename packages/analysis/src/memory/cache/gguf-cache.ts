/**
 * What llama.cpp keeps of a text for a GGUF model, layer by layer.
 *
 * Source: llama.cpp v0.5.0 src/llama-model.cpp (create_memory) and the memories that it makes: src/llama-kv-cache*.cpp,
 * src/llama-memory-*.cpp. MTP blocks belong to the context of a draft and keep nothing in the main one.
 */
import { quoted } from "@checkpoint-inspect/parser";

import { architectureFacts } from "../../architectures.ts";
import { formatExact } from "../../units.ts";
import type { GgufHparams } from "../gguf-hparams.ts";
import type { Sourced } from "../sourced.ts";
import type { CacheGroup, CacheSpec } from "./cache.ts";
import { compressedGroups, stateGroups } from "./gguf-states.ts";
import { attentionKind } from "./kinds.ts";

/** Drafts that look at the keys and values of the model that they draft for (create_memory, the shared layers). */
const BORROWS: ReadonlySet<string> = new Set(["gemma4-assistant"]);

/** What each layer keeps in the main context. Nothing is missing: what would be is missing in the hyper-parameters already. */
export function ggufCache(hparams: GgufHparams): CacheSpec {
  const { family, architecture, traits, isMla } = hparams;
  const nothing = (none: string): CacheSpec => ({ groups: [], none, missing: [], notes: [], padsValues: false });
  if (family === "no-cache") return nothing("it reads a text as a whole, and keeps nothing of it between tokens");
  if (BORROWS.has(architecture)) {
    return nothing("it drafts for another model, and looks at the keys and values that that model keeps");
  }
  const groups = traits.compressed
    ? compressedGroups(hparams)
    : [...attentionGroups(hparams), ...indexerGroups(hparams), ...stateGroups(hparams)];
  const sameType = isMla || traits.compressed;
  return { groups, missing: [], notes: notesOf(hparams), padsValues: true, ...(sameType && { sameType }) };
}

function notesOf({ architecture, traits, isMla, kvLoraRank, unusedWindow, from }: GgufHparams): string[] {
  const notes: string[] = [];
  if (!architectureFacts(architecture)) {
    notes.push(
      `${quoted(architecture)} isn't an architecture that llama.cpp v0.5.0 loads: this is what it keeps for one of plain attention.`,
    );
  }
  if (traits.mla && !isMla && kvLoraRank > 0) {
    notes.push(
      `Latent attention (MLA) stands in this file in the form from before April 2025, without ${architecture}.attention.key_length_mla: llama.cpp then caches whole keys and values of every head. A newer conversion caches the latent alone.`,
    );
  }
  if (unusedWindow > 0) {
    notes.push(
      `${from.window} says a window of ${formatExact(unusedWindow)} tokens, which llama.cpp doesn't use for this model: every layer keeps the whole context.`,
    );
  }
  return notes;
}

/** The layers for which it holds, in order, of those that keep something in the main context. */
function layersWhere({ layersAll, layers, traits, family }: GgufHparams, holds: (layer: number) => boolean): number[] {
  // Hybrid memories ask which layers recur, and take all others, MTP blocks too, but for those of Qwen. A file of MTP blocks alone
  // keeps them all.
  const hasNextn = traits.keepsNextn || layers === 0 || (family === "hybrid" && typeof traits.recurrence !== "number");
  return Array.from({ length: hasNextn ? layersAll : layers }, (_, i) => i).filter(holds);
}

/** Layers that are alike by a key, in order of their first. */
function alike(layers: readonly number[], key: (layer: number) => string): number[][] {
  const groups = new Map<string, number[]>();
  for (const layer of layers) {
    const group = groups.get(key(layer));
    if (group) group.push(layer);
    else groups.set(key(layer), [layer]);
  }
  return [...groups.values()];
}

function attends(hparams: GgufHparams, layer: number): boolean {
  const { traits, isRecurrent, ownsKv, feedForward } = hparams;
  if (!ownsKv[layer]) return false;
  if (traits.both) return true;
  // Nemotron-H: a block is a mixer or a feed-forward network, never both.
  if (traits.recurrence === "no-kv-heads-no-ffn") return !isRecurrent[layer] && feedForward[layer] === 0;
  return !isRecurrent[layer];
}

function attentionGroups(hparams: GgufHparams): CacheGroup[] {
  const { family, isWindowed, kvHeads, heads, isMla, window, windowKind } = hparams;
  if (family === "recurrent") return [];
  const layers = layersWhere(hparams, (layer) => attends(hparams, layer));
  const [without, having] = [
    layers.filter((layer) => kvHeads[layer] === 0),
    layers.filter((layer) => kvHeads[layer] !== 0),
  ];
  return alike(having, (layer) => `${isWindowed[layer]} ${kvHeads[layer]} ${heads[layer]}`).map((group): CacheGroup => {
    const first = group[0] ?? 0;
    const windowed = isWindowed[first] ?? false;
    const isFirstSuch = having.find((layer) => isWindowed[layer] === windowed) === first;
    const transposedOnly = isFirstSuch ? without.filter((layer) => isWindowed[layer] === windowed) : [];
    const kv = kvHeads[first] ?? 0;
    const key = windowed ? hparams.keyLengthWindowed : hparams.keyLength;
    const value = windowed ? hparams.valueLengthWindowed : hparams.valueLength;
    const rule = windowed ? (windowKind === "chunked" ? "chunk" : "window") : isMla ? "latent" : "kv";
    const kind = attentionKind(isMla ? undefined : { heads: heads[first] ?? 0, kvHeads: kv }, rule, window);
    return {
      rule,
      layers: group,
      cells: windowed ? { per: "window", tokens: window } : { per: "token" },
      keyElements: kv * key,
      valueElements: isMla ? 0 : kv * value,
      keyHead: key,
      valueHead: value,
      ...(!isMla && { transposedElements: widestValue(hparams) }),
      ...(!isMla && transposedOnly.length > 0 && { transposedOnly }),
      keyWords: isMla ? `latent ${kv * key}` : `K ${kv} heads x ${key}`,
      ...(!isMla && { valueWords: `V ${kv} heads x ${value}` }),
      kind,
      inputs: attentionInputs(hparams, { kv, heads: heads[first] ?? 0, key, value, windowed }),
    };
  });
}

/** Of all blocks, those that keep nothing too (llama.cpp, n_embd_v_gqa_max). */
function widestValue({ kvHeads, isWindowed, valueLength, valueLengthWindowed }: GgufHparams): number {
  return Math.max(0, ...kvHeads.map((kv, i) => kv * (isWindowed[i] ? valueLengthWindowed : valueLength)));
}

/** What a group of attention layers is told from. */
interface AttentionFigures {
  readonly kv: number;
  readonly heads: number;
  readonly key: number;
  readonly value: number;
  readonly windowed: boolean;
}

function attentionInputs(
  { from, isMla, window }: GgufHparams,
  { kv, heads, key, value, windowed }: AttentionFigures,
): Sourced<number | string>[] {
  const of = (name: string, figure: number, field: string) => ({
    name,
    value: figure,
    from: from[field] ?? "llama.cpp",
  });
  const suffix = windowed ? "Windowed" : "";
  return [
    of("heads", heads, "heads"),
    of("KV heads", kv, "kvHeads"),
    of(isMla ? "width of the latent" : "width of a key", key, `keyLength${suffix}`),
    ...(isMla ? [] : [of("width of a value", value, `valueLength${suffix}`)]),
    ...(windowed
      ? [
          of("window", window, "window"),
          { name: "windowed layers", value: "which", from: from.isWindowed ?? from.window ?? "" },
        ]
      : []),
  ];
}

/** Keys of the indexer: one head, beside the cache that it chooses from. */
function indexerGroups(hparams: GgufHparams): CacheGroup[] {
  const { traits, isIndexerFull, indexerHeadSize, indexerTopK, leadingDense, isMla, valueLength, from } = hparams;
  if (traits.indexer === undefined || indexerHeadSize === 0) return [];
  // Without a number of tokens to choose, a file of this architecture attends to all.
  if (traits.indexer === "full-layers" && indexerTopK === 0) return [];
  const has = {
    "every-layer": (layer: number) => layer < hparams.layers,
    "full-layers": (layer: number) => isIndexerFull[layer] ?? false,
    "behind-dense": (layer: number) => layer >= leadingDense,
    "attention-layers": (layer: number) => layer < hparams.layers && !hparams.isRecurrent[layer],
  }[traits.indexer];
  const layers = layersWhere(hparams, (layer) => has(layer) && (hparams.ownsKv[layer] ?? false));
  // The indexer of MiniMax-M3 is a cache like any other, with values that nothing reads.
  const values = isMla || traits.indexer === "attention-layers" ? 0 : valueLength;
  // llama.cpp changes the width of full layers alone; no model has an indexer in a windowed one.
  const width = (layer: number) => (hparams.isWindowed[layer] ? hparams.keyLengthWindowed : indexerHeadSize);
  return alike(layers, (layer) => `${width(layer)}`).map((group): CacheGroup => {
    const keyElements = width(group[0] ?? 0);
    return {
      rule: "indexer",
      layers: group,
      cells: { per: "token" },
      keyElements,
      valueElements: values,
      keyWords: `index key ${keyElements}`,
      ...(values > 0 && { valueWords: `V 1 head x ${values}` }),
      kind: "sparse indexer",
      inputs: [{ name: "width of an index key", value: keyElements, from: from.indexerHeadSize ?? "" }],
    };
  });
}
