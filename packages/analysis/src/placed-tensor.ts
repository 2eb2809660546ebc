/** A tensor in its place: what passes from placing to everything that counts. */
import type { Tensor } from "@checkpoint-inspect/parser";

import type { Role } from "./roles/role.ts";

/** Why a tensor is in the file but not among the parameters. */
export type Exclusion = "buffer" | "duplicate" | "quant-side" | "statistics";

/** A tensor with its role and what counts of it. */
export interface PlacedTensor {
  readonly tensor: Tensor;
  readonly role: Role;
  readonly excluded: Exclusion | undefined;
  /** Logical elements that count as parameters; 0 for what is excluded. */
  readonly parameters: number;
  /** Row-major logical shape: the tensor's own, or of the matrix inside a packed container where it is known. */
  readonly shape: readonly number[];
  /** Scheme of the packed container, or `unknown`: then `parameters` counts stored words. */
  readonly packed?: string;
  /** Floats that stand in a packed module under a name that no rule knows: a weight, or a side of the packing. */
  readonly unknownSide?: true;
}

/** `packed` of a container that no scheme knows. */
export const UNKNOWN_PACKING = "unknown";
