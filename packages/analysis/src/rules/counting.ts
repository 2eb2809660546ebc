/** Rules of what analysis finds while it counts: adapters, packed weights, names. The audit has tables of its own. */
import { type Evidence, type Finding, findingOf, type RuleTable } from "@checkpoint-inspect/parser";

const TABLE = {
  "adapter/rank-mismatch": {
    severity: "error",
    means: "the two factors of a module have different ranks",
    why: "their product has no meaning, and loaders fail on it",
    fix: "export the adapter again",
  },
  "adapter/rank": {
    severity: "warning",
    means: "config or metadata say another rank than the shapes",
    why: "loaders that build the adapter from its config fail on the shapes",
    fix: "correct the config",
  },
  "adapter/alpha": {
    severity: "warning",
    means: "config or metadata say another alpha than the .alpha tensors",
    why: "loaders follow the tensors; with the other value the adapter works more or less strongly",
    fix: "correct the config, or write the tensors again, whichever is wrong",
  },
  "adapter/method": {
    severity: "warning",
    means: "the config names another method than the tensors have",
    why: "loaders that follow the config don't find the tensors that they look for",
    fix: "correct the config",
  },
  "adapter/target-absent": {
    severity: "note",
    means: "target_modules names a module that no tensor changes",
    why: "the base has no such module, or its change wasn't saved",
    fix: "nothing where the base has no such module; else export the adapter again",
  },
  "quantization/packed": {
    severity: "warning",
    means: "weights in a packing that isn't known, counted as stored words",
    why: "their words are counted as they are stored, so the totals are no parameter counts; bytes are exact",
    fix: 'see "Packed safetensors" in docs/counting-rules.md, and report the packing',
  },
  "quantization/row-width": {
    severity: "warning",
    means: "packed rows that may end in a word that isn't full: totals are upper bounds",
    why: "the header doesn't say how wide their rows are, so the totals are upper bounds",
    fix: "fetch the whole file, which says it in weight_shape",
  },
  "quantization/two-copies": {
    severity: "warning",
    means: "a weight stands there dense and packed, or packed in two ways",
    why: "both are counted; a loader takes one of them",
    fix: "keep the one that the config names",
  },
  "quantization/unknown-side": {
    severity: "note",
    means: "floats beside packed weights under a name that no rule knows",
    why: "counted as parameters; scales of a packing would be none",
    fix: "report the name",
  },
  "anatomy/inexact": {
    severity: "error",
    means: "the tensors claim more than 2^53 elements or bytes together, so sums are rounded",
    why: "sums above that are rounded; no model is that large",
    fix: "the header is damaged or hostile; get the file again",
  },
  "anatomy/unknown-names": {
    severity: "note",
    means: "at least 1% of the parameters have names that no rule knows",
    why: "they stand in the bucket 'other'",
    fix: "look at that bucket, and report the architecture",
  },
} as const satisfies RuleTable;

/** The rules of analysis itself, by id. */
export const ANALYSIS_RULES: RuleTable = TABLE;

/** The finding of a rule of analysis. Severity, reason and next step are the row's unless `evidence` knows better. */
export function foundInAnalysis(id: keyof typeof TABLE, evidence: Evidence): Finding {
  return findingOf(id, TABLE[id], evidence);
}
