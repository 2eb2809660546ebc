/**
 * Numbers of experts against each other and against the tensors.
 *
 * Source: llama.cpp src/llama-model.cpp (load_hparams asserts all of it), src/llama-hparams.h (LLAMA_MAX_EXPERTS).
 */
import { type Evidence, grouped, quoted } from "@checkpoint-inspect/parser";

import { plural } from "../../units.ts";
import type { AuditRule } from "../rule.ts";
import type { Subject } from "../subject.ts";
import { ggufModel, wholeGgufModel } from "./model.ts";

/** llama.cpp src/llama-hparams.h. */
const MAX_EXPERTS = 512;

/** Their loader takes one expert as none. */
const ONE_IS_NONE: ReadonlySet<string> = new Set(["hunyuan-dense", "hunyuan_vl"]);

/** Stacks of all routed experts of a layer. GroveMoE's second set has a count of its own (`routed_chunk`). */
const STACK = /^routed\.(?:gate|up|down|gate_up)$/;

export const EXPERT_RULES: readonly AuditRule[] = [
  {
    id: "gguf/expert-counts",
    severity: "error",
    means: "the numbers of experts contradict each other, or are above the loader's limit",
    why: "llama.cpp asserts that they agree, and aborts",
    fix: "convert the model again; overrides of these keys must keep them in step",
    check: expertCounts,
  },
  {
    id: "gguf/expert-tensors",
    severity: "error",
    means: "expert_count is not the number of experts in the tensors",
    why: "llama.cpp asks for stacks of exactly that many experts, and stops at another shape",
    fix: "convert the model again; a model whose experts were pruned needs the new count",
    check: expertTensors,
  },
];

function* expertCounts(subject: Subject): Iterable<Evidence> {
  const gguf = ggufModel(subject);
  if (!gguf || subject.model.kind === "vocab") return;
  const experts = gguf.count("expert_count") ?? 0;
  if (ONE_IS_NONE.has(gguf.architecture) && experts <= 1) return;
  const used = gguf.count("expert_used_count") ?? 0;
  const [groups, usedGroups] = [gguf.count("expert_group_count") ?? 0, gguf.count("expert_group_used_count") ?? 0];
  const [all, some] = [gguf.key("expert_count"), gguf.key("expert_used_count")];
  const group = gguf.key("expert_group_count");
  const counts = `${group} is ${grouped(groups)}, ${all} ${grouped(experts)}`;
  if (experts > MAX_EXPERTS) {
    yield { message: `${all} is ${grouped(experts)}, above llama.cpp's limit of ${MAX_EXPERTS}` };
  }
  if (used > experts) {
    yield { message: `${some} is ${grouped(used)}, ${all} ${grouped(experts)}: more are used than there are` };
  } else if (experts > 0 && used === 0) {
    yield {
      message: `${all} is ${grouped(experts)}, and ${some} is ${gguf.value("expert_used_count") === undefined ? "missing" : "0"}`,
    };
  }
  if (groups > 0 && groups >= experts) yield { message: `${counts}: as many groups as experts, or more` };
  else if (groups > 1) {
    if (experts % groups !== 0) yield { message: `${counts}: the experts don't divide into groups` };
    if (usedGroups === 0 || usedGroups >= groups) {
      yield {
        message: `${gguf.key("expert_group_used_count")} is ${grouped(usedGroups)} of ${grouped(groups)} groups, expected 1 to ${grouped(groups - 1)}`,
      };
    }
  }
}

function* expertTensors(subject: Subject): Iterable<Evidence> {
  const gguf = wholeGgufModel(subject);
  if (!gguf) return;
  const experts = gguf.count("expert_count") ?? 0;
  const wrong = new Map<number, { name: string; tensors: number }>();
  for (const [i, kinds] of subject.kinds.entries()) {
    if (subject.layers[i]?.stack !== "text") continue;
    for (const [kind, count] of kinds) {
      const { bucket, part, excluded, shape, first } = kind;
      if (bucket !== "expert" || excluded || kind.bias || shape.length !== 3 || !STACK.test(part)) continue;
      const found = shape[0] ?? 0;
      if (found === experts) continue;
      const known = wrong.get(found);
      if (known) known.tensors += count;
      else wrong.set(found, { name: first.name, tensors: count });
    }
  }
  const stated = gguf.value("expert_count") === undefined ? "missing" : grouped(experts);
  for (const [found, { name, tensors }] of wrong) {
    const stacks = tensors > 1 ? ` and ${plural(tensors - 1, "more tensor")} are stacks` : " is a stack";
    yield {
      message: `${quoted(name)}${stacks} of ${grouped(found)} experts, and ${gguf.key("expert_count")} is ${stated}`,
      tensor: name,
    };
  }
}
