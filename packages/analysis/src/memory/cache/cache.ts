/**
 * What a model keeps of a text between two tokens, layer by layer: keys and values, latents, states.
 *
 * A `CacheSpec` says it for a model, whatever the context: which layers keep what, how wide, for how many tokens. It comes out of
 * GGUF metadata as llama.cpp reads them (gguf-cache.ts) or out of config.json (config-cache.ts). What it takes in bytes with given
 * settings is worked out in size.ts, the same way for all.
 */
import type { Sourced } from "../sourced.ts";

/** What a layer keeps. Words for each in rules.ts. */
export type CacheRule =
  | "kv"
  | "window"
  | "chunk"
  | "latent"
  | "indexer"
  | "compressed"
  | "compressor-state"
  | "cross"
  | "state";

/** For how many rows a layer has room. */
type Cells =
  /** A row for every token of the context. */
  | { readonly per: "token" }
  /** A row for each of the last so many tokens. */
  | { readonly per: "window"; readonly tokens: number }
  /** A row for every so many tokens (compressed caches). */
  | { readonly per: "tokens"; readonly tokens: number }
  /**
   * So many rows a sequence, however long it is: 1 for a recurrent state, the encoder's positions for cross-attention, where 0 stands for
   * an encoder without a limit.
   */
  | { readonly per: "sequence"; readonly rows: number };

/** Layers that keep the same. */
export interface CacheGroup {
  readonly rule: CacheRule;
  /** Indices in the main stack, ascending. */
  readonly layers: readonly number[];
  readonly cells: Cells;
  /** Elements of a row in the first tensor: keys, the latent, or the convolution's part of a state. */
  readonly keyElements: number;
  /** Elements of a row in the second: values, or the recurrent part of a state. 0 where there is none. */
  readonly valueElements: number;
  /** Storage of each where it isn't the one that the settings name: recurrent states are F32 in llama.cpp. */
  readonly keyType?: string;
  readonly valueType?: string;
  /** Of these, elements of one head, which blocks of a quantized type must divide (llama.cpp with flash attention). */
  readonly keyHead?: number;
  readonly valueHead?: number;
  /** Elements of a row of values without flash attention: llama.cpp then stores them transposed, as wide as in the widest layer. */
  readonly transposedElements?: number;
  /** Layers without KV heads: they get values too where those lie transposed, and nothing otherwise. */
  readonly transposedOnly?: readonly number[];
  /** Each sequence has rows of its own also where llama.cpp is told to share one cache, each as many as that has. */
  readonly neverShared?: boolean;
  /** Elements of a row where values are stored in full in place of a latent (`latent: "expanded"`). */
  readonly expanded?: { readonly keyElements: number; readonly valueElements: number };
  /** KV heads that a row is made of, which tensor parallel deals out; absent where a row is one for all heads, or isn't made of heads. */
  readonly kvHeads?: number;
  /** How the elements come about, in words and numbers: "8 KV heads x 128". */
  readonly keyWords: string;
  readonly valueWords?: string;
  /** In short, for a table: "MHA", "GQA 4:1", "MQA", "MLA latent", "Mamba-2", "gated delta net". */
  readonly kind: string;
  /** The inputs, each with where it is from. */
  readonly inputs: readonly Sourced<number | string>[];
}

export interface CacheSpec {
  readonly groups: readonly CacheGroup[];
  /** Why nothing is kept, where nothing is: "an encoder reads a text as a whole and keeps none of it". */
  readonly none?: string;
  /** Facts that it takes and that nobody states, in words: "the KV heads (config.json num_key_value_heads)". Then `groups` is empty. */
  readonly missing: readonly string[];
  /** What a reader should know: which runtime's rule decided, what an older file does differently. Sentences. */
  readonly notes: readonly string[];
  /** One vector serves as key and value: llama.cpp then takes one type for both. */
  readonly sameType?: boolean;
  /** Without flash attention values have the same width in all layers, the widest (llama.cpp, V stored transposed). */
  readonly padsValues: boolean;
}
