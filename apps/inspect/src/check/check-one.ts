/** One checkpoint, checked: opened with what lies beside it, analysed, and looked at further where that was asked for. */
import { analyse, type Report, TEMPLATE_RULES } from "@checkpoint-inspect/analysis";
import {
  type Checkpoint,
  type CheckpointError,
  type Finding,
  findingOfError,
  localFolder,
} from "@checkpoint-inspect/parser";

import { smallValues } from "../commands/command.ts";
import { UsageError } from "../commands/usage.ts";
import { openTarget, type RemoteFlags } from "../open-target.ts";
import type { SecondOpinion } from "../second-opinion/second-opinion.ts";
import type { WeightsReport } from "../weights/weights-report.ts";
import { folderOf } from "./targets.ts";

export interface CheckOptions extends RemoteFlags {
  /** Read the tensor data too. */
  readonly weights: boolean;
  /** Let another reader read the same bytes. */
  readonly secondOpinion: boolean;
  /** Show progress on a terminal. */
  readonly progress: boolean;
}

export interface Checked {
  readonly target: string;
  /** What was read; absent where nothing could be. */
  readonly source?: Report["source"];
  /** Of the report, of what ended the reading, and of what was asked for besides. */
  readonly findings: readonly Finding[];
  readonly error?: CheckpointError;
  /** Files beside the weights that were looked at. */
  readonly filesBeside: number;
  readonly weights?: WeightsReport;
  readonly secondOpinion?: SecondOpinion;
  /** What the names of parts are relative to: a local path, or a URL with a slash at its end. Absent where nothing could be read. */
  readonly folder?: string;
  readonly remote?: boolean;
}

/** With the whole report, for a view of it. A run over many checkpoints keeps only what {@link Checked} has. */
export interface CheckedReport extends Checked {
  readonly report?: Report;
}

/** Checks what `target` leads to. A problem of the checkpoint never throws: it is what the answer is about. */
export async function checkOne(target: string, options: CheckOptions): Promise<CheckedReport> {
  const { checkpoint, error: failure, place } = await openTarget(target, options, { beside: true });
  if (!checkpoint) {
    return {
      target,
      findings: failure ? [findingOfError(failure)] : [],
      ...(failure && { error: failure }),
      filesBeside: 0,
    };
  }
  try {
    if (place && (options.weights || options.secondOpinion)) {
      const flag = options.weights ? "--weights" : "--second-opinion";
      throw new UsageError(`${flag} reads files of this machine: download ${target} and name its folder`);
    }
    const report = analyse(checkpoint, { target, values: await smallValues(checkpoint), rules: TEMPLATE_RULES });
    const { error } = checkpoint;
    const weights = options.weights ? await readWeights(target, checkpoint, options) : undefined;
    const secondOpinion = options.secondOpinion ? await askAnother(target, checkpoint) : undefined;
    return {
      target,
      source: report.source,
      report,
      findings: [...report.findings, ...(weights?.findings ?? []), ...(secondOpinion?.findings ?? [])],
      ...(error && { error }),
      filesBeside: (checkpoint.beside?.files.length ?? checkpoint.parts.length) - checkpoint.parts.length,
      ...(weights && { weights }),
      ...(secondOpinion && { secondOpinion }),
      ...(place
        ? { remote: true, ...(place.baseUrl !== undefined && { folder: place.baseUrl }) }
        : { folder: await folderOf(target) }),
    };
  } finally {
    await checkpoint.close();
  }
}

/** Threads, hashes and a progress bar are loaded by who asks for them. */
async function readWeights(target: string, checkpoint: Checkpoint, options: CheckOptions): Promise<WeightsReport> {
  const { scanWeights } = await import("../weights/scan-weights.ts");
  return scanWeights(target, checkpoint, { progress: options.progress });
}

async function askAnother(target: string, checkpoint: Checkpoint): Promise<SecondOpinion> {
  const { secondOpinion } = await import("../second-opinion/second-opinion.ts");
  return secondOpinion(localFolder(await folderOf(target)), checkpoint);
}
