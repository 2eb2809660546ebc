/** Every rule that a finding can come from, whichever room makes it: what `inspect check --list` and docs/rules.md print. */
import { READ_ERROR_RULES, READER_RULES, type Rule, type RuleTable } from "@checkpoint-inspect/parser";

import { AUDIT_RULES } from "../audit/rules.ts";
import { TEMPLATE_RULES } from "../audit/template-rules.ts";
import { REPOSITORY_RULES } from "../repository/rules.ts";
import { WEIGHT_RULES } from "../weights/rules.ts";
import { ANALYSIS_RULES } from "./counting.ts";
import { OPINION_RULES } from "./opinions.ts";

export interface NamedRule extends Rule {
  /** `family/what`. */
  readonly id: string;
}

const rows = (table: RuleTable): NamedRule[] => Object.entries(table).map(([id, rule]) => ({ id, ...rule }));

export const RULES: readonly NamedRule[] = [
  ...rows(READ_ERROR_RULES),
  ...rows(READER_RULES),
  ...rows(ANALYSIS_RULES),
  ...[...AUDIT_RULES, ...TEMPLATE_RULES, ...REPOSITORY_RULES].map(({ check: _, ...rule }) => rule),
  ...rows(WEIGHT_RULES),
  ...rows(OPINION_RULES),
];
