/** The answer of `inspect audit --json` (docs/audit.schema.json). */
import { SCHEMA_VERSION } from "@checkpoint-inspect/analysis";
import type { Severity } from "@checkpoint-inspect/parser";

import type { AuditRow } from "./row.ts";
import type { AuditSummary } from "./summary.ts";

export interface AuditDocument {
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly failOn: Severity;
  readonly failed: boolean;
  readonly partial: boolean;
  readonly summary: AuditSummary;
  readonly repositories: readonly AuditRow[];
}

/** @param rows in the order of what was asked for */
export function auditDocument(rows: readonly AuditRow[], summary: AuditSummary, failOn: Severity): AuditDocument {
  return {
    schemaVersion: SCHEMA_VERSION,
    failOn,
    failed: summary.failed > 0,
    partial: summary.partial > 0,
    summary,
    repositories: rows,
  };
}
