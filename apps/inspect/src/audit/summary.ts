/** What a run over repos comes to, counted row by row, and the exit code that follows from it. */
import type { Severity } from "@checkpoint-inspect/parser";

import { EXIT } from "../commands/command.ts";
import { type Counts, SEVERITIES } from "../severities.ts";
import { type AuditRow, hubFailed, isUnreadable } from "./row.ts";

export interface AuditSummary {
  readonly repositories: number;
  /** With a finding at or above `--fail-on`. */
  readonly failed: number;
  /** Of which not all could be looked at, or nothing. */
  readonly partial: number;
  /** That the network or the Hub kept something of back: no network, no access, no such repo. */
  readonly hubFailures: number;
  /** Whose checkpoints are there and can't be read, not one of them. */
  readonly unreadable: number;
  /** That an earlier run had done. */
  readonly resumed: number;
  readonly withFindings: number;
  readonly counts: Counts;
  /** Of this run. */
  readonly requests: number;
  readonly bytes: number;
}

export interface Tally {
  /** @param resumed it is from an earlier run */
  add(row: AuditRow, resumed: boolean): void;
  summary(): AuditSummary;
}

export function openTally(): Tally {
  const sums = { repositories: 0, failed: 0, partial: 0, hubFailures: 0, unreadable: 0, resumed: 0, withFindings: 0 };
  const counts: Record<Severity, number> = { error: 0, warning: 0, note: 0 };
  const traffic = { requests: 0, bytes: 0 };
  return {
    add(row, resumed) {
      sums.repositories++;
      if (row.failed) sums.failed++;
      if (row.partial || hubFailed(row)) sums.partial++;
      if (hubFailed(row)) sums.hubFailures++;
      if (isUnreadable(row)) sums.unreadable++;
      if (row.findings.length > 0) sums.withFindings++;
      for (const severity of SEVERITIES) counts[severity] += row.counts[severity];
      if (resumed) {
        sums.resumed++;
      } else {
        traffic.requests += row.requests;
        traffic.bytes += row.bytes;
      }
    },
    summary: () => ({ ...sums, counts: { ...counts }, ...traffic }),
  };
}

/**
 * 3 where no repo had anything that can be read, as `inspect check` has it; else 1 for any finding at or above `--fail-on`; else 4
 * where the Hub or the network kept something back: what couldn't be looked at hasn't passed.
 */
export function exitCodeOf({ repositories, unreadable, failed, hubFailures }: AuditSummary): number {
  if (repositories > 0 && unreadable === repositories) return EXIT.unreadable;
  if (failed > 0) return EXIT.findings;
  return hubFailures > 0 ? EXIT.network : 0;
}
