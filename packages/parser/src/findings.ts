/** A list of findings that keeps the first of each rule and counts the rest, so that a hostile file can't flood it. */
import type { Finding, Severity } from "./errors.ts";
import { grouped } from "./words.ts";

/** Findings of one rule that are kept one by one. A person reads the first few; a file may have half a million. */
export const MAX_FINDINGS_PER_RULE = 100;

/** A name may be a million characters long; each finding on it would hold them all. Real ones have below 200. */
const MAX_NAME = 1000;

export interface FindingList {
  /** Name of the file, written into every finding that names none. */
  readonly part: string | undefined;
  readonly kept: Finding[];
  readonly counts: Map<string, { count: number; worst: Severity }>;
}

export function findingList(part?: string): FindingList {
  return { part, kept: [], counts: new Map() };
}

const WEIGHT = { note: 0, warning: 1, error: 2 } satisfies Record<Severity, number>;

export function addFinding(list: FindingList, finding: Finding): void {
  const seen = list.counts.get(finding.rule);
  if (!seen) list.counts.set(finding.rule, { count: 1, worst: finding.severity });
  else {
    seen.count++;
    if (WEIGHT[finding.severity] > WEIGHT[seen.worst]) seen.worst = finding.severity;
    if (seen.count > MAX_FINDINGS_PER_RULE) return;
  }
  const { part = list.part, tensor } = finding;
  const name = tensor !== undefined && tensor.length > MAX_NAME ? `${tensor.slice(0, MAX_NAME)}\u2026` : tensor;
  if (part === finding.part && name === tensor) list.kept.push(finding);
  else list.kept.push({ ...finding, ...(part !== undefined && { part }), ...(name !== undefined && { tensor: name }) });
}

/** The findings, with one line for each rule that had more than the list keeps. */
export function listedFindings({ part, kept, counts }: FindingList): Finding[] {
  const more = [...counts].filter(([, { count }]) => count > MAX_FINDINGS_PER_RULE);
  return [
    ...kept,
    ...more.map(([rule, { count, worst }]) => ({
      rule,
      severity: worst,
      message: `${grouped(count - MAX_FINDINGS_PER_RULE)} more of ${rule}, not listed`,
      ...(part !== undefined && { part }),
    })),
  ];
}
