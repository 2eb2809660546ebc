/**
 * A rule of the audit: what the header (and the files beside it) say of the model, held against each other and against its
 * tensors. One row each; a file of rows a subject. Rules are pure, look at everything at most once, and report all that they find.
 */
import type { Evidence, Rule } from "@checkpoint-inspect/parser";

import type { Subject } from "./subject.ts";

export interface AuditRule extends Rule {
  /** `family/what`: `config/vocab-mismatch`. */
  readonly id: string;
  /** Every case of it in this checkpoint; none where the rule doesn't apply, or where what it needs isn't known. */
  readonly check: (subject: Subject) => Iterable<Evidence>;
}
