/** One target of `inspect memory`: opened, examined, and answered with what the flags say. */
import {
  answerMemory,
  type Examined,
  examine,
  type Gpu,
  type Hardware,
  type MemoryModel,
  modelFacts,
  type Optimizer,
  placer,
  quantOptions,
  type RamRow,
  settingsFor,
  speedPlan,
  trainingPlan,
} from "@checkpoint-inspect/analysis";
import type { Checkpoint, CheckpointError } from "@checkpoint-inspect/parser";

import { smallValues } from "../commands/command.ts";
import { openTarget, type RemoteFlags } from "../open-target.ts";
import { safe } from "../views/text.ts";
import { type MemoryFlagTexts, readSettings } from "./read-flags.ts";
import type { MemoryView } from "./room.ts";

export interface LookFlags extends MemoryFlagTexts, RemoteFlags {
  readonly gpuLayers?: number | undefined;
  readonly nCpuMoe?: number | undefined;
  readonly cpuMoe?: boolean | undefined;
  readonly utilization?: number | undefined;
  /** A table of quantizations: the usual ones, or all. With "none" the best isn't looked for either, which takes longer than all else. */
  readonly quants?: "usual" | "all" | "none" | undefined;
  readonly train?: boolean | undefined;
  readonly optimizer: Optimizer;
  readonly rank: number;
  readonly price?: number | undefined;
}

export interface Looked {
  readonly target: string;
  readonly view?: MemoryView;
  /** Read, and nothing in it is run. */
  readonly notRun?: Examined["report"];
  readonly error?: CheckpointError;
}

/** @param hardware of each GPU, in order; empty where none was asked for */
export async function look(
  target: string,
  flags: LookFlags,
  hardware: readonly Hardware[],
  ram: RamRow | undefined,
): Promise<Looked> {
  const { checkpoint, error, place } = await openTarget(target, flags);
  if (!checkpoint) return { target, ...(error && { error }) };
  // Which of a repo's files was taken, where nobody said.
  if (place?.why !== undefined && !flags.quiet) process.stderr.write(`inspect: ${safe(place.why)}\n`);
  try {
    const values = await smallValues(checkpoint);
    const { report, memory } = examine(checkpoint, { target, values });
    const failed = checkpoint.error ? { error: checkpoint.error } : {};
    if (!memory) return { target, notRun: report, ...failed };
    return { target, view: viewOf(checkpoint, report, memory, flags, hardware, ram), ...failed };
  } finally {
    await checkpoint.close();
  }
}

function gpuOf({ name, backend, memoryBytes, usableBytes }: Hardware): Gpu {
  return { name, backend, bytes: usableBytes ?? memoryBytes };
}

/** What is shown of a checkpoint that is open. */
export function viewOf(
  checkpoint: Checkpoint,
  report: Examined["report"],
  model: MemoryModel,
  flags: LookFlags,
  hardware: readonly Hardware[],
  ram: RamRow | undefined,
): MemoryView {
  const given = readSettings(flags, model.engine, model.contextLength);
  const facts = modelFacts(checkpoint);
  const place = placer(checkpoint, facts);
  const { declared } = report.quantization;
  // The best quantization is asked for with a GPU, the table by its flag.
  const wantsQuants =
    flags.quants !== "none" &&
    (flags.quants !== undefined || hardware.length > 0) &&
    model.complete &&
    report.parameters.logicalKnown;
  const quants = wantsQuants ? quantOptions(checkpoint, model, place, { all: flags.quants === "all", declared }) : [];
  const answer = answerMemory(model, {
    target: report.source.target,
    settings: given,
    gpus: hardware.map(gpuOf),
    quants,
    ...(flags.gpuLayers !== undefined && { gpuLayers: flags.gpuLayers }),
    ...((flags.cpuMoe || flags.nCpuMoe !== undefined) && {
      cpuMoeLayers: flags.cpuMoe ? model.blocks : (flags.nCpuMoe ?? 0),
    }),
    ...(flags.utilization !== undefined && { utilization: flags.utilization }),
  });
  const settings = settingsFor(model, given);
  const { machine } = answer;
  const devices = machine && (machine.devices.verdict === "no" ? machine.offloads[0]?.devices : machine.devices);
  const speed =
    devices &&
    speedPlan({
      model,
      settings,
      devices,
      hardware,
      ...(ram && { ram }),
      ...(flags.price !== undefined && { pricePerHour: flags.price }),
    });
  const heads = typeof facts.attentionHeads === "object" ? Math.max(...facts.attentionHeads) : facts.attentionHeads;
  const training = flags.train
    ? trainingPlan(
        {
          placed: checkpoint.tensors.map(place),
          parameters: model.parameters.total,
          layers: report.model.layers,
          hidden: report.model.hiddenSize,
          heads: heads ?? null,
          vocabulary: report.model.vocabularySize,
        },
        { optimizer: flags.optimizer, rank: flags.rank, sequence: settings.context, batch: settings.sequences },
      )
    : undefined;
  return {
    report,
    model,
    answer,
    hardware,
    ...(speed && { speed }),
    ...(training && { training }),
    showQuants: flags.quants !== undefined && flags.quants !== "none",
  };
}
