/**
 * A rule: what is known of a problem before any file is read. Readers and audits report by a rule's id; severity, reason and next
 * step come from its row unless the case at hand knows better. `inspect check --list` and docs/rules.md are printed from the rows.
 */
import type { Finding, Severity } from "../errors.ts";

export interface Rule {
  /** As a rule; a finding may be milder or graver where its row says so in `severities`. */
  readonly severity: Severity;
  /** Others that a finding of this rule may have. */
  readonly severities?: readonly Severity[];
  /** What is wrong, in one line: `a metadata key stands twice`. */
  readonly means: string;
  /** What goes wrong because of it, in one line. */
  readonly why: string;
  /** What to do, in one line. */
  readonly fix: string;
}

/** Rules by id, `family/what`. */
export type RuleTable = Readonly<Record<string, Rule>>;

/** What one case adds to its rule. */
export interface Evidence {
  /** One line: what was found, the value and the limit. */
  readonly message: string;
  readonly severity?: Severity;
  readonly why?: string;
  readonly fix?: string;
  readonly part?: string;
  readonly tensor?: string;
  readonly offset?: number;
}

/** The finding of a rule: the row, and over it what the case says. */
export function findingOf(id: string, { severity, why, fix }: Rule, evidence: Evidence): Finding {
  const { message, ...place } = evidence;
  return { rule: id, severity, message, why, fix, ...place };
}
