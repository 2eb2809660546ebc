/** Every rule of the readers, and the way to report by one. */
import type { Finding } from "../errors.ts";
import { addFinding, type FindingList } from "../findings.ts";
import { GGUF_RULES } from "./gguf.ts";
import { type Evidence, findingOf, type RuleTable } from "./rule.ts";
import { SAFETENSORS_RULES } from "./safetensors.ts";
import { SET_RULES } from "./sets.ts";

const TABLE = { ...GGUF_RULES, ...SAFETENSORS_RULES, ...SET_RULES } as const;

export type ReaderRule = keyof typeof TABLE;

/** The rules of the readers, by id. What ends a reading has a table of its own: `READ_ERROR_RULES`. */
export const READER_RULES: RuleTable = TABLE;

/** The finding of a rule of the readers. Severity, reason and next step are the row's unless `evidence` knows better. */
export function found(id: ReaderRule, evidence: Evidence): Finding {
  return findingOf(id, TABLE[id], evidence);
}

/** Puts the finding of a rule on a list. */
export function report(list: FindingList, id: ReaderRule, evidence: Evidence): void {
  addFinding(list, found(id, evidence));
}
