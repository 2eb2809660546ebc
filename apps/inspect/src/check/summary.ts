/** What a run comes to. */
import type { Severity } from "@checkpoint-inspect/parser";

import { type Counts, countBySeverity, fails } from "../severities.ts";
import type { Checked } from "./check-one.ts";

export interface Summary {
  readonly checkpoints: number;
  readonly failed: number;
  /** Of those, what could not be opened as a checkpoint at all. */
  readonly unreadable: number;
  readonly counts: Counts;
  /** Bytes of tensor data that were read. */
  readonly weightBytes: number;
}

export function summarise(all: readonly Checked[], failOn: Severity): Summary {
  const each = all.map(({ findings }) => countBySeverity(findings));
  return {
    checkpoints: all.length,
    failed: each.filter((counts) => fails(counts, failOn)).length,
    unreadable: all.filter(({ source }) => !source).length,
    weightBytes: all.reduce((sum, { weights }) => sum + (weights?.bytesRead ?? 0), 0),
    counts: {
      error: each.reduce((sum, { error }) => sum + error, 0),
      warning: each.reduce((sum, { warning }) => sum + warning, 0),
      note: each.reduce((sum, { note }) => sum + note, 0),
    },
  };
}
