/** A figure that goes into a formula, with where it is from: what `--why` prints beside each formula. */

export interface Sourced<T = number> {
  /** In the field's words: "KV heads", "key width". */
  readonly name: string;
  readonly value: T;
  /** `qwen3.attention.head_count_kv`, `config.json num_key_value_heads`, `--context`, `default`, `llama.cpp's rule`. */
  readonly from: string;
}

/** How a figure came about. */
export interface Why {
  /** In words and signs: "cells x (key elements + value elements) x bytes". One entry a line. */
  readonly formula: readonly string[];
  readonly inputs: readonly Sourced<number | string>[];
  /** The arithmetic with its numbers, one line a step. */
  readonly steps: readonly string[];
  /** The code, paper or specification that the formula is from. */
  readonly source: string;
}
