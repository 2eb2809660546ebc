/**
 * The hyper-parameters of a GGUF file as llama.cpp has them once it has read the metadata: its defaults and its rules for each
 * architecture included, each with where it is from.
 *
 * Source: llama.cpp v0.5.0 src/llama-model.cpp (load_hparams), src/llama-hparams.cpp, src/models/*.cpp (load_arch_hparams).
 */
import type { Checkpoint } from "@checkpoint-inspect/parser";

import { formatExact } from "../units.ts";
import { type Family, familyOf, type Traits, traitsOf } from "./gguf/architectures.ts";
import { headLengths, indexerLayers, ngramState, recurrentLayers, sharedLayers } from "./gguf/layers.ts";
import { MAX_LAYERS, type MetadataReader, metadataReader } from "./gguf/metadata.ts";
import { stateOf } from "./gguf/state.ts";
import { windowsOf } from "./gguf/windows.ts";
import type { Sourced } from "./sourced.ts";

export interface GgufHparams {
  readonly architecture: string;
  readonly traits: Traits;
  readonly family: Family;
  /** All blocks, MTP blocks at the end included; `nextn` of them are such. */
  readonly layersAll: number;
  readonly nextn: number;
  /** `layersAll - nextn`: the blocks that a token passes. */
  readonly layers: number;
  readonly embedding: number;
  readonly vocabulary: number;
  readonly contextLength: number | undefined;
  /** One entry a layer of `layersAll`, as are all lists below. */
  readonly heads: readonly number[];
  readonly kvHeads: readonly number[];
  readonly feedForward: readonly number[];
  readonly keyLength: number;
  readonly valueLength: number;
  readonly keyLengthWindowed: number;
  readonly valueLengthWindowed: number;
  /** Latent attention is on: keys of one latent are cached, and no values. */
  readonly isMla: boolean;
  /** Widths of a head's key and value once the latent is widened again; 0 where latent attention is off. */
  readonly keyLengthMla: number;
  readonly valueLengthMla: number;
  readonly kvLoraRank: number;
  readonly experts: number;
  readonly expertsUsed: number;
  readonly expertFeedForward: number;
  readonly leadingDense: number;
  /** 0 where no layer is windowed. */
  readonly window: number;
  readonly windowKind: "none" | "sliding" | "chunked";
  readonly isWindowed: readonly boolean[];
  /** A window that the file states and that llama.cpp uses for no layer; 0 without. */
  readonly unusedWindow: number;
  readonly isRecurrent: readonly boolean[];
  /** Whether the layer has keys and values of its own, where it attends at all. */
  readonly ownsKv: readonly boolean[];
  /** Elements of a recurrent layer's two states, 0 without any (n_embd_r, n_embd_s). */
  readonly stateR: number;
  readonly stateS: number;
  /** What the recurrent mixer is: "Mamba-2", "gated delta net", "RWKV". */
  readonly stateKind: string;
  /** How the elements of the states come about. */
  readonly stateWords: readonly [r: string, s: string];
  readonly stateInputs: readonly Sourced<number>[];
  readonly indexerHeads: number;
  readonly indexerHeadSize: number;
  readonly indexerTopK: number;
  readonly isIndexerFull: readonly boolean[];
  /** DeepSeek-V4: 4, 128 or 0 for each layer. */
  readonly compressRatios: readonly number[];
  /** Elements that some layers keep of the n-grams before, beside their state; 0 without. */
  readonly ngramState: number;
  readonly ngramLayers: readonly number[];
  /** Streams that run side by side in models with hyper-connections; 0 without. */
  readonly hyperConnections: number;
  /** Where each is from, by the name of the field: a metadata key, or whose rule or default it is. */
  readonly from: Readonly<Record<string, string>>;
}

/** Widths and counts beyond these belong to no model; a product of some of them stays exact. */
const MAX_WIDTH = 2 ** 24;

/** The hyper-parameters, or which facts are missing for them, in words. */
export function ggufHparams(checkpoint: Checkpoint): GgufHparams | { readonly missing: readonly string[] } {
  const read = metadataReader(checkpoint);
  const { architecture, key } = read;
  if (!architecture) return { missing: ["the architecture (general.architecture)"] };
  const family = familyOf(architecture);
  const traits = traitsOf(architecture);
  const missing: string[] = [];
  const need = (field: string, name: string, words: string): number => {
    const value = read.count(field, name);
    if (value === undefined) missing.push(`${words} (${key(name)})`);
    return value ?? 0;
  };
  const blocks = need("layers", "block_count", "the number of layers");
  const embedding = need("embedding", "embedding_length", "the width of the model");
  if (missing.length > 0) return { missing };
  if (blocks < 1 || blocks > MAX_LAYERS) {
    return {
      missing: [`a number of layers that llama.cpp loads (${key("block_count")} is ${blocks}, at most ${MAX_LAYERS})`],
    };
  }
  const loops = traits.loops ? Math.max(1, read.count("loops", "num_loops") ?? 1) : 1;
  const nextn = nextnBlocks(read, traits, blocks, checkpoint);
  // Nanbeige runs its blocks several times, each time with a cache of its own.
  const looped = loops > 1 || traits.router ? blocks - nextn : blocks;
  // A router of adapters is one more block with a head of its own.
  const layersAll = looped * loops + (traits.router ? 1 : 0);
  if (layersAll > MAX_LAYERS)
    return { missing: [`${key("num_loops")} times ${blocks} layers to be at most ${MAX_LAYERS}`] };
  const layers = traits.router ? looped : layersAll - nextn;
  const list = (field: string, name: string): readonly number[] | undefined => {
    const values = read.perLayer(field, name, blocks);
    if (!values) return undefined;
    const all = Array.from({ length: looped * loops }, (_, i) => values[i % looped] ?? 0);
    return traits.router ? [...all, name.startsWith("attention.") ? 1 : 0] : all;
  };
  const attends = family !== "recurrent" && family !== "no-cache";
  const heads = list("heads", "attention.head_count") ?? Array.from({ length: layersAll }, () => 0);
  const kvHeads = list("kvHeads", "attention.head_count_kv") ?? heads;
  if (read.from.kvHeads === undefined)
    read.from.kvHeads = `llama.cpp's default: as many as heads (${key("attention.head_count")})`;
  if (attends && !read.from.heads) missing.push(`the attention heads (${key("attention.head_count")})`);
  const feedForward = list("feedForward", "feed_forward_length") ?? Array.from({ length: layersAll }, () => 0);
  const lengths = headLengths(read, embedding, heads[0] ?? 0, traits);
  const recurrent = recurrentLayers(read, family, traits, { layersAll, layers, kvHeads, feedForward });
  const windows = windowsOf(read, { architecture, layers, layersAll, isRecurrent: recurrent });
  missing.push(...windows.missing);
  const kvLoraRank = read.count("kvLoraRank", "attention.kv_lora_rank") ?? 0;
  const keyLengthMla = (traits.mla && read.count("keyLengthMla", "attention.key_length_mla")) || 0;
  const valueLengthMla = (traits.mla && read.count("valueLengthMla", "attention.value_length_mla")) || 0;
  const isMla = keyLengthMla > 0 && valueLengthMla > 0;
  const state = stateOf(read, { embedding, heads: heads[0] ?? 0, keyLength: lengths.keyLength });
  if (recurrent.some(Boolean)) missing.push(...state.missing);
  const vocabulary = read.count("vocabulary", "vocab_size") ?? read.tokens() ?? tableRows(checkpoint);
  if (!vocabulary) missing.push(`the size of the vocabulary (${key("vocab_size")})`);
  const isIndexerFull = indexerLayers(read, traits, { architecture, layers });
  const indexerTopK = read.count("indexerTopK", "attention.indexer.top_k") ?? 0;
  // Hunyuan V4 without sparse attention has no indexers to name.
  if (!isIndexerFull && indexerTopK > 0) {
    missing.push(`which of ${layers} layers have an indexer (${key("attention.indexer.types")})`);
  }
  const indexerHeadSize = read.count("indexerHeadSize", "attention.indexer.key_length");
  if (traits.indexer !== undefined && indexerTopK > 0 && indexerHeadSize === undefined) {
    missing.push(`the width of the indexer's keys (${key("attention.indexer.key_length")})`);
  }
  const ratios = traits.compressed ? read.list("compressRatios", "attention.compress_ratios") : [];
  if (!ratios || (traits.compressed && ratios.length < layersAll)) {
    missing.push(`how far each of ${layersAll} layers compresses (${key("attention.compress_ratios")})`);
  }
  const ngrams = traits.ngrams ? ngramState(read, embedding, layers) : { ngramState: 0, ngramLayers: [] };
  const experts = expertsOf(read, blocks);
  missing.push(...read.wrong);
  const widths = [
    embedding,
    ...heads,
    ...kvHeads,
    ...feedForward,
    ...Object.values(lengths),
    state.r,
    state.s,
    vocabulary ?? 0,
    indexerHeadSize ?? 0,
    ngrams.ngramState,
  ];
  if (widths.some((width) => width > MAX_WIDTH)) missing.push(`widths of at most ${formatExact(MAX_WIDTH)}`);
  if (missing.length > 0) return { missing };
  return {
    architecture,
    traits,
    family,
    layersAll,
    nextn: layersAll - layers,
    layers,
    embedding,
    vocabulary: vocabulary ?? 0,
    contextLength: read.count("contextLength", "context_length"),
    heads,
    kvHeads,
    feedForward,
    ...lengths,
    isMla,
    keyLengthMla: isMla ? keyLengthMla : 0,
    valueLengthMla: isMla ? valueLengthMla : 0,
    kvLoraRank,
    ...experts,
    leadingDense: read.count("leadingDense", "leading_dense_block_count") ?? 0,
    window: windows.window,
    windowKind: windows.kind,
    unusedWindow: windows.unused,
    isWindowed: windows.isWindowed,
    isRecurrent: recurrent,
    ownsKv: sharedLayers(read, traits, layersAll),
    stateR: state.r,
    stateS: state.s,
    stateKind: state.kind,
    stateWords: state.words,
    stateInputs: state.inputs,
    indexerHeads: read.count("indexerHeads", "attention.indexer.head_count") ?? 0,
    indexerHeadSize: indexerHeadSize ?? 0,
    indexerTopK,
    isIndexerFull: isIndexerFull ?? Array.from({ length: layers }, () => false),
    compressRatios: ratios ?? [],
    ...ngrams,
    hyperConnections: read.count("hyperConnections", "hyper_connection.count") ?? 0,
    from: read.from,
  };
}

/** Where layers differ, the largest: a buffer must hold it. */
function expertsOf(
  read: MetadataReader,
  blocks: number,
): Pick<GgufHparams, "experts" | "expertsUsed" | "expertFeedForward"> {
  return {
    experts: read.count("experts", "expert_count") ?? 0,
    expertsUsed: Math.max(0, ...(read.perLayer("expertsUsed", "expert_used_count", blocks) ?? [])),
    expertFeedForward: Math.max(0, ...(read.perLayer("expertFeedForward", "expert_feed_forward_length", blocks) ?? [])),
  };
}

/** Rows of the token table: what the vocabulary's size is where no key says it. */
function tableRows({ tensors }: Checkpoint): number | undefined {
  return tensors.find(({ name }) => name === "token_embd.weight")?.shape[0];
}

/** MTP blocks at the end. DeepSeek-V4 files may count some that they leave out; llama.cpp looks for their first tensor. */
function nextnBlocks(read: MetadataReader, traits: Traits, blocks: number, { tensors }: Checkpoint): number {
  const stated = Math.min(blocks, read.count("nextn", "nextn_predict_layers") ?? 0);
  const probe = `blk.${blocks - stated}.nextn.eh_proj.weight`;
  return traits.compressed && !tensors.some(({ name }) => name === probe) ? 0 : stated;
}
