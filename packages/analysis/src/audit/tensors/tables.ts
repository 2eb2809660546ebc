/** What stands outside of the layers and no language model does without. */
import type { Evidence } from "@checkpoint-inspect/parser";

import { isAdapter } from "../../adapter-names.ts";
import type { AuditRule } from "../rule.ts";
import { mainLayers, mainRest } from "../stacks.ts";
import type { Subject } from "../subject.ts";

/** Architectures that norm before each part and once more at the end, whatever their size (transformers and llama.cpp). */
const ENDS_IN_NORM =
  /^(?:llama|mistral3?|mixtral|qwen2|qwen2_?moe|qwen3|qwen3_?moe|qwen3_?next|gemma[23]?(?:_text)?|phi3|deepseek_v[23]|deepseek2|gpt_?oss|gpt-oss|gpt2|glm4?(?:_?moe)?|smollm3|granite|starcoder2|mamba2?)$/;

/** Share of parameters without a place above which a table may be among them. */
const UNPLACED = 0.01;

function* missingTables(subject: Subject): Iterable<Evidence> {
  const { checkpoint, complete, anatomy, facts, model } = subject;
  // Without its table, and without a head, nothing but the architecture says that it is a language model.
  if (!complete || checkpoint.components || isAdapter(checkpoint)) return;
  if (model.kind !== "llm" && model.kind !== "unknown") return;
  const { architecture = "", layers } = facts;
  if (!ENDS_IN_NORM.test(architecture) || anatomy.unknown > UNPLACED * anatomy.total) return;
  // A part of a model, cut out on purpose, lacks layers too.
  if (!layers || mainLayers(subject).length !== layers) return;
  const rest = mainRest(subject);
  if (!rest.some(({ kind }) => kind.bucket === "embedding" && kind.part === "token")) {
    yield { message: `no token table is stored (${architecture})` };
  }
  if (!rest.some(({ kind }) => kind.bucket === "norm" && !kind.bias)) {
    yield { message: `no norm behind the last layer is stored (${architecture})` };
  }
}

export const TABLE_RULES: readonly AuditRule[] = [
  {
    id: "tensors/missing-table",
    severity: "error",
    means: "a language model has no token table, or no norm behind its last layer",
    why: "a loader fails, or fills the missing tensor with random numbers",
    fix: "get the file that holds it; a part of a model is no model",
    check: missingTables,
  },
];
