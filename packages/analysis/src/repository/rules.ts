/** The rules on a repository, in the order in which their findings are reported. */
import { CONTENT_RULES } from "./content-rules.ts";
import { FIGURE_RULES } from "./figure-rules.ts";
import { ORIGIN_RULES } from "./origin-rules.ts";
import { PICKLE_RULES } from "./pickle-rules.ts";
import type { RepositoryRule } from "./rule.ts";
import { SAFETY_RULES } from "./safety-rules.ts";
import { USAGE_RULES } from "./usage-rules.ts";

export const REPOSITORY_RULES: readonly RepositoryRule[] = [
  ...CONTENT_RULES,
  ...SAFETY_RULES,
  ...PICKLE_RULES,
  ...FIGURE_RULES,
  ...ORIGIN_RULES,
  ...USAGE_RULES,
];
