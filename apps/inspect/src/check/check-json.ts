/** The answer of `inspect check` for scripts (docs/check.schema.json). */
import { type ReportError, reportError, SCHEMA_VERSION } from "@checkpoint-inspect/analysis";
import type { Finding, Severity } from "@checkpoint-inspect/parser";

import { type Counts, countBySeverity, fails } from "../severities.ts";
import type { Checked } from "./check-one.ts";
import { type Summary, summarise } from "./summary.ts";

export interface CheckDocument {
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly failOn: Severity;
  /** Whether anything is at or above `failOn`: then the exit code isn't 0. */
  readonly failed: boolean;
  readonly summary: Summary;
  readonly checkpoints: readonly CheckedCheckpoint[];
  /** All of them, each with the target that it is about. */
  readonly findings: readonly (Finding & { readonly target: string })[];
  /** Of a single target that could not be read, or not to its end. */
  readonly error?: ReportError;
}

interface CheckedCheckpoint {
  readonly target: string;
  readonly failed: boolean;
  readonly counts: Counts;
  readonly format: string | null;
  readonly container: string | null;
  readonly label: string | null;
  readonly sizeBytes: number | null;
  readonly tensors: number | null;
  readonly filesBeside: number;
  readonly error?: ReportError;
  readonly weights?: Omit<NonNullable<Checked["weights"]>, "findings">;
  readonly secondOpinion?: Omit<NonNullable<Checked["secondOpinion"]>, "findings">;
}

export function checkDocument(all: readonly Checked[], failOn: Severity): CheckDocument {
  const summary = summarise(all, failOn);
  const [only] = all;
  return {
    schemaVersion: SCHEMA_VERSION,
    failOn,
    failed: summary.failed > 0,
    summary,
    checkpoints: all.map((checked) => checkedCheckpoint(checked, failOn)),
    findings: all.flatMap(({ target, findings }) => findings.map((finding) => ({ target, ...finding }))),
    ...(all.length === 1 && only?.error && { error: reportError(only.error) }),
  };
}

function checkedCheckpoint(checked: Checked, failOn: Severity): CheckedCheckpoint {
  const { target, source, findings, error, filesBeside, weights, secondOpinion } = checked;
  const counts = countBySeverity(findings);
  return {
    target,
    failed: fails(counts, failOn),
    counts,
    format: source?.format ?? null,
    container: source?.container ?? null,
    label: source?.label ?? null,
    sizeBytes: source?.sizeBytes ?? null,
    tensors: source?.tensors ?? null,
    filesBeside,
    ...(error && { error: reportError(error) }),
    ...(weights && { weights: withoutFindings(weights) }),
    ...(secondOpinion && { secondOpinion: withoutFindings(secondOpinion) }),
  };
}

function withoutFindings<T extends { readonly findings: unknown }>({ findings: _, ...rest }: T): Omit<T, "findings"> {
  return rest;
}
