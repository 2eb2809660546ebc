/** One checkpoint that is open, and everything that is derived from it once. */
import {
  type Examined,
  examine,
  modelFacts,
  type PlacedTensor,
  packingOf,
  placer,
  type Report,
} from "@checkpoint-inspect/analysis";
import type { Checkpoint } from "@checkpoint-inspect/parser";

import { smallValues } from "../commands/command.ts";
import { TEMPLATE_RULES } from "../template-rules.ts";

export interface Subject {
  readonly checkpoint: Checkpoint;
  readonly report: Report;
  readonly memory: Examined["memory"];
  /** In the checkpoint's order. */
  readonly tensors: readonly PlacedTensor[];
}

export async function subjectOf(checkpoint: Checkpoint, target: string): Promise<Subject> {
  const values = await smallValues(checkpoint);
  const { report, memory } = examine(checkpoint, { target, values, rules: TEMPLATE_RULES });
  const place = placer(checkpoint, modelFacts(checkpoint), packingOf(checkpoint, values));
  return { checkpoint, report, memory, tensors: checkpoint.tensors.map(place) };
}
