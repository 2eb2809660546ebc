/**
 * What the view of a model's memory shows: the model, the answer to what was asked, speed, cost and training as estimates. Made by the
 * command out of a checkpoint and the flags; views and JSON only read it.
 */
import type {
  Hardware,
  MemoryAnswer,
  MemoryModel,
  Report,
  SpeedPlan,
  TrainingEstimate,
} from "@checkpoint-inspect/analysis";

export interface MemoryView {
  readonly report: Report;
  readonly model: MemoryModel;
  readonly answer: MemoryAnswer;
  /** Of each GPU that was asked for, in order. */
  readonly hardware: readonly Hardware[];
  readonly speed?: SpeedPlan | { readonly missing: string };
  readonly training?: readonly TrainingEstimate[] | { readonly missing: string };
  /** A table of quantizations was asked for; else the answer has those that the best of them was chosen from. */
  readonly showQuants: boolean;
}
