/** A list of findings that keeps the first of each rule and counts the rest, so that a hostile file can't flood it. */
import type { Finding, Severity } from "../errors.ts";
import { MAX_FINDINGS_PER_RULE, MAX_QUOTED } from "./limits.ts";

export interface FindingList {
  readonly kept: Finding[];
  readonly counts: Map<string, { count: number; worst: Severity }>;
}

export function findingList(): FindingList {
  return { kept: [], counts: new Map() };
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
  list.kept.push(finding);
}

/** The findings, with one line for each rule that had more than the list keeps. */
export function listedFindings(list: FindingList): Finding[] {
  const more = [...list.counts].filter(([, { count }]) => count > MAX_FINDINGS_PER_RULE);
  return [
    ...list.kept,
    ...more.map(([rule, { count, worst }]) => ({
      rule,
      severity: worst,
      message: `${grouped(count - MAX_FINDINGS_PER_RULE)} more of ${rule}, not listed`,
    })),
  ];
}

/** A number with thousands separated by commas. */
export function grouped(n: number | bigint): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A piece of a file's text in quotes, cut when long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text);
}
