/**
 * A rule on a repository: its files by name and size, what the Hub says of it, and its checkpoints held against each other. What one
 * checkpoint says of itself is the business of the rules of `../audit`, whose findings are in `looked[].findings`; nothing is said
 * twice. Rules are pure, look at everything a fixed number of times, and are silent where a fact isn't known.
 */
import type { Evidence, Rule } from "@checkpoint-inspect/parser";

import type { RepositorySubject } from "./subject.ts";

export interface RepositoryRule extends Rule {
  /** `repo/what`. */
  readonly id: string;
  /** Every case of it; parts are paths from the repository's root. */
  readonly check: (subject: RepositorySubject) => Iterable<Evidence>;
}
