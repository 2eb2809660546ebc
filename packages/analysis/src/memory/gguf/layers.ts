/**
 * What differs from layer to layer in a GGUF model, where llama.cpp has a rule for it: widths of heads, recurrent layers, shared keys
 * and values, indexers.
 *
 * Source: llama.cpp v0.5.0 src/llama-model.cpp (load_hparams), src/models/*.cpp (load_arch_hparams).
 */
import { ordinal } from "../../units.ts";
import type { Family, Traits } from "./architectures.ts";
import type { MetadataReader } from "./metadata.ts";

export interface HeadLengths {
  readonly keyLength: number;
  readonly valueLength: number;
  readonly keyLengthWindowed: number;
  readonly valueLengthWindowed: number;
}

export function headLengths(read: MetadataReader, embedding: number, heads: number, traits: Traits): HeadLengths {
  // llama.cpp reads the lengths only where the first layer has heads; PLaMo 2 reads them for itself.
  const given = heads > 0 || traits.ownLengths;
  const usual = heads > 0 ? Math.floor(embedding / heads) : 0;
  const length = (field: string, name: string, otherwise: number, words: string): number => {
    const value = given ? read.count(field, name) : undefined;
    if (value === undefined) read.from[field] ??= words;
    return value ?? otherwise;
  };
  const divided = "llama.cpp's default: width of the model / heads";
  const keyLength = length("keyLength", "attention.key_length", usual, divided);
  const declared = length("valueLength", "attention.value_length", usual, divided);
  const valueLength = traits.latentValues ? (read.count("kvLoraRank", "attention.kv_lora_rank") ?? declared) : declared;
  return {
    keyLength,
    valueLength,
    keyLengthWindowed: length("keyLengthWindowed", "attention.key_length_swa", keyLength, "as in the other layers"),
    valueLengthWindowed: length(
      "valueLengthWindowed",
      "attention.value_length_swa",
      valueLength,
      "as in the other layers",
    ),
  };
}

/** What {@link recurrentLayers} looks at, one entry a layer. */
export interface LayerCounts {
  readonly layersAll: number;
  readonly layers: number;
  readonly kvHeads: readonly number[];
  readonly feedForward: readonly number[];
}

export function recurrentLayers(
  read: MetadataReader,
  family: Family,
  { recurrence }: Traits,
  { layersAll, layers, kvHeads, feedForward }: LayerCounts,
): readonly boolean[] {
  const each = (isRecurrent: (layer: number) => boolean) => Array.from({ length: layersAll }, (_, i) => isRecurrent(i));
  if (family === "recurrent" || recurrence === "every") return each(() => true);
  if (family !== "hybrid" || recurrence === undefined) return each(() => false);
  if (recurrence === "no-kv-heads") return each((i) => i < layers && kvHeads[i] === 0);
  if (recurrence === "no-kv-heads-no-ffn") return each((i) => i < layers && kvHeads[i] === 0 && feedForward[i] === 0);
  const flags = read.perLayer("isRecurrent", "attention.recurrent_layers", layersAll);
  if (flags) return flags.map(Boolean);
  const interval = read.count("fullAttentionInterval", "full_attention_interval") || recurrence;
  read.from.isRecurrent ??=
    read.from.fullAttentionInterval ?? `llama.cpp's default: full attention in every ${ordinal(recurrence)} layer`;
  return each((i) => i < layers && (i + 1) % interval !== 0);
}

/**
 * Elements that the layers with per-layer embeddings keep of the n-grams before: a convolution over each of the residual streams
 * (Qwen 4; llama.cpp src/llama-hparams.cpp, ple_conv_state).
 */
export function ngramState(
  read: MetadataReader,
  embedding: number,
  layers: number,
): { readonly ngramState: number; readonly ngramLayers: readonly number[] } {
  const kernel = read.count("ngramKernel", "ple.conv_kernel") ?? 0;
  const size = read.count("ngramSize", "ple.ngram_size") ?? 0;
  const streams = read.count("hyperConnections", "hyper_connection.count") ?? 0;
  const state = Math.max(0, kernel - 1) * size * streams * embedding;
  const named = read.list("ngramLayers", "ple.layers") ?? [];
  return { ngramState: state, ngramLayers: state > 0 ? named.filter((layer) => layer < layers) : [] };
}

/** The last layers of some models look at the keys and values of an earlier one, and own none. */
export function sharedLayers(read: MetadataReader, { sharesKv }: Traits, layersAll: number): readonly boolean[] {
  let own = layersAll;
  if (typeof sharesKv === "number") {
    own = sharesKv;
    read.from.ownsKv = `llama.cpp's rule: layers from ${sharesKv} on share`;
  } else if (sharesKv === "key") {
    own = Math.max(0, layersAll - (read.count("ownsKv", "attention.shared_kv_layers") ?? 0));
  }
  return Array.from({ length: layersAll }, (_, i) => i < own);
}

/** Which layers own an indexer; the others look where the last one before pointed. */
export function indexerLayers(
  read: MetadataReader,
  { indexer }: Traits,
  { architecture, layers }: { readonly architecture: string; readonly layers: number },
): readonly boolean[] | undefined {
  if (indexer !== "full-layers") return Array.from({ length: layers }, () => indexer !== undefined);
  const flags = read.list("isIndexerFull", "attention.indexer.types");
  if (flags) return flags.length < layers ? undefined : flags.slice(0, layers).map(Boolean);
  if (architecture !== "glm-dsa") return undefined;
  // GLM 5 and 5.1 have an indexer in every layer; 5.2, told by its context, in the first two and every fourth from there on.
  const isOld = (read.count("contextLength", "context_length") ?? 0) < 2 ** 20;
  read.from.isIndexerFull = "llama.cpp's table for this architecture";
  return Array.from({ length: layers }, (_, i) => isOld || i < 2 || (i < 78 && (i - 2) % 4 === 0));
}
