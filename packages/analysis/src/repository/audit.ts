/** Runs the rules on a repository. */
import { addFinding, type Finding, findingList, findingOf, listedFindings } from "@checkpoint-inspect/parser";

import { REPOSITORY_RULES } from "./rules.ts";
import type { RepositorySubject } from "./subject.ts";

/**
 * What the rules on a repository find, in the order of their table; of one rule at most a hundred, and a line for the
 * rest. Parts are paths from the repository's root. The findings of its checkpoints are not among them: they are in
 * `looked`.
 */
export function auditRepository(subject: RepositorySubject): Finding[] {
  const list = findingList();
  for (const rule of REPOSITORY_RULES) {
    for (const evidence of rule.check(subject)) addFinding(list, findingOf(rule.id, rule, evidence));
  }
  return listedFindings(list);
}
