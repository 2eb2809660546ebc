/** Runs the rules of the audit. */
import { addFinding, type Finding, findingList, findingOf, listedFindings } from "@checkpoint-inspect/parser";

import type { AuditRule } from "./rule.ts";
import { AUDIT_RULES } from "./rules.ts";
import type { Subject } from "./subject.ts";

/**
 * The findings of every rule, in the order of the table; of one rule and subject at most a hundred, and a line for the rest.
 * @param more rules beyond those that every view runs
 */
export function audit(subject: Subject, more: readonly AuditRule[] = []): Finding[] {
  const list = findingList();
  for (const rule of [...AUDIT_RULES, ...more]) {
    for (const evidence of rule.check(subject)) addFinding(list, findingOf(rule.id, rule, evidence));
  }
  return listedFindings(list);
}
