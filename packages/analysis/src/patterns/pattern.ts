/** What a sentence on the layers is, and what it is told from. */
import type { ModelFacts } from "../facts.ts";
import type { Stack } from "../roles/role.ts";
import type { LayerTraits } from "./traits.ts";

export interface LayerPattern {
  readonly subject: "feed-forward" | "mixer" | "window" | "quantization" | "shape";
  readonly stack: Stack;
  /** A sentence without a capital and a full stop: "3 dense layers, then 58 MoE layers". */
  readonly words: string;
  /** The layers that it singles out, ascending; absent where it speaks of all. */
  readonly layers?: readonly number[];
  /** Tokens that the windowed layers look back, where the sentence is on windows that are used. */
  readonly window?: number;
  /** Where it is from: "tensors", "config.json layer_types", "llama.cpp's table for gemma3". */
  readonly source: string;
}

/** The layers of one stack, ascending. */
export interface StackLayers {
  readonly stack: Stack;
  readonly layers: readonly (LayerTraits & { readonly index: number })[];
  readonly facts: ModelFacts;
  readonly format: "gguf" | "safetensors";
  /** Some of the stack's tensors aren't there, so nothing may be concluded from what is missing. */
  readonly incomplete: boolean;
}

export type PatternRule = (stack: StackLayers) => readonly LayerPattern[];

export const TENSORS = "tensors";
