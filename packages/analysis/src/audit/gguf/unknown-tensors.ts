/**
 * Tensors that the architecture has no use for.
 *
 * Source: llama.cpp src/llama-model-loader.cpp (done_getting_tensors): every tensor of the file must have been asked for.
 */
import { type Evidence, inShort, quoted } from "@checkpoint-inspect/parser";

import { plural } from "../../units.ts";
import type { AuditRule } from "../rule.ts";
import type { Subject } from "../subject.ts";
import { isChecked, wholeGgufModel } from "./model.ts";

export const UNKNOWN_TENSOR_RULES: readonly AuditRule[] = [
  {
    id: "gguf/unknown-tensor",
    severity: "warning",
    means: "a tensor has a name that no architecture of llama.cpp has, as far as it is known here",
    why: "llama.cpp stops with 'wrong number of tensors' where a tensor is left over; a newer one may know the name",
    fix: "find out where the tensor comes from; convert the model again without it",
    check: unknownTensors,
  },
];

function* unknownTensors(subject: Subject): Iterable<Evidence> {
  const gguf = wholeGgufModel(subject);
  if (!gguf || !isChecked(gguf)) return;
  const inLayers = subject.kinds.flatMap((kinds) => [...kinds].map(([kind, count]) => ({ kind, count })));
  const unknown = [...inLayers, ...subject.restKinds].filter(({ kind }) => kind.part === "unknown" && !kind.excluded);
  const [first] = unknown;
  if (!first) return;
  const count = unknown.reduce((sum, one) => sum + one.count, 0);
  const names = unknown.slice(0, 3).map(({ kind }) => quoted(kind.first.name));
  const what = `${plural(count, "tensor")} with ${count === 1 ? "a name" : "names"} that ${quoted(gguf.architecture)} has no use for`;
  yield { message: `${what}: ${inShort(names, count)}`, tensor: first.kind.first.name };
}
