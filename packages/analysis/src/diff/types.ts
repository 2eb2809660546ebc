/** What a comparison of two checkpoints consists of: plain data, JSON-safe, the same for the terminal, scripts and the TUI. */
import type { MetadataEntry, ModelConfig } from "@checkpoint-inspect/parser";

import type { ModelFacts } from "../facts.ts";
import type { PlacedTensor } from "../placed-tensor.ts";
import type { Packing } from "../quantization/packing.ts";
import type { Report } from "../report.ts";
import type { Role } from "../roles/role.ts";

/** One of the two checkpoints. {@link diffSide} makes it. */
export interface DiffSide {
  readonly report: Report;
  /** Every tensor in its place, in the order of the file. */
  readonly tensors: readonly PlacedTensor[];
  readonly metadata: readonly MetadataEntry[];
  readonly facts: ModelFacts;
  readonly config?: ModelConfig;
  /** Which tensors pack a weight and which unpack it; absent where nothing is packed. */
  readonly packing?: Packing;
  /** Out of the metadata, or out of a file beside the weights where those were looked at. */
  readonly chatTemplate?: string;
}

/**
 * `same`: type and shape agree. `type`: stored in another type, perhaps arranged otherwise too. `layout`: the same numbers of the same type,
 * arranged otherwise (transposed, fused, stacked). `shape`: another number of parameters. `tied`: one side stores a table that the other
 * takes from its embedding.
 */
export type DiffKind = "same" | "type" | "layout" | "shape" | "tied" | "only-a" | "only-b";

export const DIFF_KINDS = [
  "same",
  "type",
  "layout",
  "shape",
  "tied",
  "only-a",
  "only-b",
] as const satisfies readonly DiffKind[];

export interface DiffTensor {
  readonly name: string;
  /** Storage type; of packed weights the scheme: `gptq 4-bit`. */
  readonly type: string;
  /** Logical, row-major. */
  readonly shape: readonly number[];
  readonly parameters: number;
  readonly bytes: number;
  /** Scales, zeros and maps that unpack the weight before it. */
  readonly side?: true;
}

/** What one side has of a row. */
export interface DiffHalf {
  /** Several where a side keeps in pieces what the other keeps in one; none where it has nothing of the kind. */
  readonly tensors: readonly DiffTensor[];
  /** Of the weights, most bytes first, with ` + ` between; empty where there are none. */
  readonly type: string;
  readonly parameters: number;
  /** With the tensors that unpack. */
  readonly bytes: number;
}

export interface DiffRow {
  readonly kind: DiffKind;
  /** As A has it; as B where A has nothing, or has in pieces what B has whole. */
  readonly role: Role;
  readonly a: DiffHalf;
  readonly b: DiffHalf;
  /** What the kind and the types don't say. */
  readonly words?: string;
}

export interface DiffCount {
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
}

export interface DiffTotal {
  readonly rows: number;
  readonly a: DiffCount;
  readonly b: DiffCount;
}

/** What one side is, in figures that stand beside those of the other. */
export interface DiffSideFigures {
  readonly target: string;
  readonly label: string;
  readonly format: string;
  readonly container: string;
  readonly parts: number;
  readonly tensors: number;
  readonly sizeBytes: number;
  readonly parameters: number;
  /** Measured; null where a packing isn't known. */
  readonly bitsPerWeight: number | null;
  /** The types that hold most bytes, most first. */
  readonly types: readonly string[];
  /** Reading stopped, or parts are missing: what isn't there may stand in what wasn't read. */
  readonly incomplete: boolean;
}

export type FactValue = string | number | boolean | readonly (string | number | boolean)[];

/** A fact of the model that both sides state, and state differently. */
export interface FactDifference {
  readonly fact: string;
  readonly label: string;
  readonly a: FactValue;
  readonly b: FactValue;
  readonly words?: string;
}

/** A key of the metadata or of the config that has another value, or that one side lacks. */
export interface MetadataDifference {
  /** `metadata`, or the config's file name. */
  readonly where: string;
  readonly key: string;
  /** In short, for reading; null where the key is absent. */
  readonly a: string | null;
  readonly b: string | null;
  /** Said by one of the facts already. */
  readonly covered?: true;
}

export interface Diff {
  readonly a: DiffSideFigures;
  readonly b: DiffSideFigures;
  /** Rows that both sides have. */
  readonly matched: number;
  readonly totals: Readonly<Record<DiffKind, DiffTotal>>;
  /** In the order of A, then what only B has. Every tensor of either side stands in exactly one. */
  readonly rows: readonly DiffRow[];
  readonly facts: readonly FactDifference[];
  readonly metadata: readonly MetadataDifference[];
  /** null where neither side has one. */
  readonly chatTemplate: "equal" | "differs" | "only-a" | "only-b" | null;
  /** What was compared, and what wasn't. */
  readonly words: string;
}
