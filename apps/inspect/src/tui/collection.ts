/** Several checkpoints: those of a repository or a folder, and two beside each other. */
import type { Diff } from "@checkpoint-inspect/analysis";

export interface CollectionRow {
  /** What tells it from the others: a file name without part number and ending. */
  readonly name: string;
  /** What opens it. */
  readonly target: string;
  /** Quantization label in its name. */
  readonly quant: string | null;
  readonly sizeBytes: number;
  readonly parts: number;
  /** Measured where it was read, estimated where a sibling was; null where it isn't known. */
  readonly bits: { readonly bitsPerWeight: number; readonly exact: boolean } | null;
  /** What else is known of it without opening it. */
  readonly words: string;
}

export interface Collection {
  /** The repository with its revision, or the folder. */
  readonly title: string;
  readonly from: "hub" | "folder";
  readonly rows: readonly CollectionRow[];
  /** What else is to say of the whole. */
  readonly notes: readonly string[];
}

export interface Comparison {
  readonly a: string;
  readonly b: string;
  readonly diff: Diff;
}
