/** What training it would take. */
import { formatCount, formatMemory, type TrainingEstimate } from "@checkpoint-inspect/analysis";

import type { MemoryView } from "../../memory/room.ts";
import type { Style } from "../../terminal.ts";
import { heading } from "../parts.ts";
import { table } from "../table.ts";
import { safe, wrap } from "../text.ts";

export function trainingLines({ training, answer }: MemoryView, style: Style): string[] {
  if (!training) return [];
  const { context, sequences } = answer.settings;
  const title = heading(`What training takes, as an estimate: ${sequences} x ${context} tokens a step`, style);
  if ("missing" in training)
    return [title, ...wrap(`unknown: needs ${safe(training.missing)}`, style.width - 2).map((line) => `  ${line}`)];
  const rows = table<TrainingEstimate>(
    training,
    [
      { title: "", cell: ({ name }) => name },
      { title: "trained", cell: ({ trainedParameters }) => formatCount(trainedParameters), align: "right" },
      {
        title: "weights",
        cell: ({ frozenBytes, weightBytes }) => formatMemory(frozenBytes + weightBytes),
        align: "right",
        optional: 1,
      },
      { title: "gradients", cell: ({ gradientBytes }) => formatMemory(gradientBytes), align: "right", optional: 3 },
      { title: "optimizer", cell: ({ optimizerBytes }) => formatMemory(optimizerBytes), align: "right", optional: 2 },
      {
        title: "activations",
        cell: ({ activationBytes }) => formatMemory(activationBytes),
        align: "right",
        optional: 4,
      },
      { title: "total", cell: ({ totalBytes }) => formatMemory(totalBytes), align: "right" },
    ],
    style,
  );
  const note =
    "With gradient checkpointing and flash attention, on one GPU; buffers and fragmentation come on top. --why training has the formulas.";
  return [title, ...rows, ...wrap(note, style.width - 2).map((line) => style.color.dim(`  ${line}`))];
}
