/** What `inspect check --weights` says: plain data, fit for JSON. */
import type { Finding } from "@checkpoint-inspect/parser";

export interface WeightsReport {
  readonly bytesRead: number;
  readonly seconds: number;
  readonly bytesPerSecond: number;
  readonly threads: number;
  readonly tensors: {
    /** Every value (of quantized ones, every scale) was looked at. */
    readonly looked: number;
    /** Read whole, of a type that has neither NaN nor infinity: integers, and floats of four and six bits. */
    readonly alwaysFinite: number;
    /** Cut off, empty, or in a part that couldn't be read to its end. */
    readonly notRead: number;
    /** Read, but of a type whose scales aren't known. */
    readonly notLookedAt: number;
  };
  readonly notLookedAt: readonly { readonly type: string; readonly tensors: number; readonly bytes: number }[];
  readonly parts: readonly WeightsPart[];
  /** The same in words, a line each. */
  readonly words: readonly string[];
  readonly findings: readonly Finding[];
}

export interface WeightsPart {
  readonly name: string;
  readonly bytesRead: number;
  /** Where a sha256 is known for it, and it could be read to its end. */
  readonly sha256?: {
    readonly expected: string;
    readonly actual: string;
    /** Who says what it should be. */
    readonly from: string;
    readonly matches: boolean;
  };
}
