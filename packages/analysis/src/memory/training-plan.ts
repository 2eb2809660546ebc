/** What training a checkpoint would take: all of its weights, or adapters beside them. Estimates, each with its formula. */
import type { PlacedTensor } from "../placed-tensor.ts";
import { asideStack } from "../roles/role.ts";
import { type Optimizer, type TrainingEstimate, trainingMemory } from "./training.ts";

export interface TrainingAsked {
  readonly optimizer: Optimizer;
  readonly rank: number;
  readonly sequence: number;
  readonly batch: number;
}

export interface TrainingFacts {
  readonly placed: Iterable<PlacedTensor>;
  readonly parameters: number;
  readonly layers: number | null;
  readonly hidden: number | null;
  readonly heads: number | null;
  readonly vocabulary: number | null;
}

const MATRICES: readonly string[] = ["attention", "ffn", "expert"];
const SIXTEEN_BITS = 2;

/**
 * Full, LoRA on every linear layer of the text stack (routed experts left alone), and QLoRA, in this order; or which facts are missing.
 */
export function trainingPlan(
  { placed, parameters, layers, hidden, heads, vocabulary }: TrainingFacts,
  { optimizer, rank, sequence, batch }: TrainingAsked,
): readonly TrainingEstimate[] | { readonly missing: string } {
  if (!layers || !hidden || !heads) return { missing: "layers, width and heads of the model" };
  const targets: [number, number][] = [];
  let linear = 0;
  for (const { role, shape, parameters: own, excluded } of placed) {
    if (excluded || own === 0 || role.bias || shape.length < 2 || !MATRICES.includes(role.bucket)) continue;
    if (asideStack(role.stack) || /router|conv/.test(role.part)) continue;
    linear += own;
    const [out, inner] = [own / (shape.at(-1) || 1), shape.at(-1) ?? 0];
    // A stack of experts is many matrices; adapters on them are rare and large.
    if (!role.part.startsWith("routed")) targets.push([inner, out]);
  }
  const settings = { sequence, batch, optimizer, checkpointing: true, flashAttention: true };
  const shape = { layers, hidden, heads, ...(vocabulary && { vocabulary }) };
  const estimates = [
    trainingMemory({ kind: "full", parameters }, settings, shape),
    trainingMemory({ kind: "lora", rank, targets, baseBytes: parameters * SIXTEEN_BITS }, settings, shape),
    trainingMemory(
      { kind: "qlora", rank, targets, linearParameters: linear, otherParameters: parameters - linear },
      settings,
      shape,
    ),
  ];
  return estimates.filter((estimate) => estimate !== undefined);
}
