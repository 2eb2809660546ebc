/** Findings by severity: counted, in words, and held against a limit. */
import type { Finding, Severity } from "@checkpoint-inspect/parser";

/** The gravest first. */
export const SEVERITIES = ["error", "warning", "note"] as const satisfies readonly Severity[];

export type Counts = Readonly<Record<Severity, number>>;

export function countBySeverity(findings: readonly Finding[]): Counts {
  const counts = { error: 0, warning: 0, note: 0 };
  for (const { severity } of findings) counts[severity]++;
  return counts;
}

/** The gravest severity that there is. */
export function worstOf(counts: Counts): Severity | undefined {
  return SEVERITIES.find((severity) => counts[severity] > 0);
}

/** Whether there is anything at or above `failOn`. */
export function fails(counts: Counts, failOn: Severity): boolean {
  return SEVERITIES.slice(0, SEVERITIES.indexOf(failOn) + 1).some((severity) => counts[severity] > 0);
}

/** `2 errors, 1 note`; `no findings`. */
export function countWords(counts: Counts): string {
  const words = SEVERITIES.flatMap((severity) => {
    const count = counts[severity];
    return count === 0 ? [] : [`${count} ${severity}${count === 1 ? "" : "s"}`];
  });
  return words.length === 0 ? "no findings" : words.join(", ");
}
