/** `inspect check --weights`: reads the data of every tensor and says what is wrong with the values. */
import { join } from "node:path";

import {
  formatBytes,
  formatExact,
  type HashResult,
  mergeTallies,
  plural,
  type ReadProblem,
  type Tally,
  valueCheck,
  weightFindings,
} from "@checkpoint-inspect/analysis";
import type { Checkpoint } from "@checkpoint-inspect/parser";

import { folderOf } from "../check/targets.ts";
import { type KnownHash, knownHashes } from "./known-hashes.ts";
import { type Plan, planReading } from "./plan.ts";
import { showProgress } from "./progress.ts";
import type { ReadJob, ReadResult } from "./read-job.ts";
import { runJobs } from "./threads.ts";
import type { WeightsPart, WeightsReport } from "./weights-report.ts";

export interface WeightsOptions {
  /** Show progress on stderr, which is a terminal. */
  readonly progress: boolean;
}

/** Never throws for what is wrong with a file: that is a finding. */
export async function scanWeights(
  target: string,
  checkpoint: Checkpoint,
  { progress }: WeightsOptions,
): Promise<WeightsReport> {
  const folder = await folderOf(target);
  const paths = checkpoint.parts.map(({ name }) => join(folder, name));
  const hashes = await knownHashes(paths);
  const hashed = new Set(paths.flatMap((path, part) => (hashes.has(path) ? [part] : [])));
  const plan = planReading(checkpoint, (part) => paths[part] ?? "", hashed);
  const read = emptyRead(checkpoint);
  const counter = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);
  const done = (): number => Number(new BigInt64Array(counter)[0]);
  const shown = progress ? await showProgress(plan.bytes, done) : undefined;
  const begin = performance.now();
  let threads = 0;
  try {
    threads = await runJobs({
      jobs: plan.jobs,
      progress: counter,
      onResult: (result, job) => take(read, result, job),
    });
  } finally {
    shown?.stop();
  }
  const seconds = (performance.now() - begin) / 1000;
  return reportOf(checkpoint, plan, read, hashOf(paths, hashes, read), { seconds, threads });
}

/** What the results of all jobs come to. Tensors by index. */
interface Read {
  readonly irregular: Map<number, Tally>;
  /** 1 where something isn't zero. */
  readonly nonZero: Uint8Array;
  /** 1 where a piece couldn't be read. */
  readonly unread: Uint8Array;
  /** By part. */
  readonly problems: Map<number, ReadProblem>;
  readonly sha256: Map<number, string>;
  readonly bytes: number[];
}

function emptyRead({ tensors, parts }: Checkpoint): Read {
  return {
    irregular: new Map(),
    nonZero: new Uint8Array(tensors.length),
    unread: new Uint8Array(tensors.length),
    problems: new Map(),
    sha256: new Map(),
    bytes: parts.map(() => 0),
  };
}

function take(read: Read, result: ReadResult, { pieces }: ReadJob): void {
  const { part, done, zero, irregular, bytes, sha256, problem } = result;
  const isZero = new Set(zero);
  for (const [i, { tensor }] of pieces.entries()) {
    if (i >= done) read.unread[tensor] = 1;
    else if (!isZero.has(i)) read.nonZero[tensor] = 1;
  }
  for (const [tensor, tally] of irregular) {
    const before = read.irregular.get(tensor);
    read.irregular.set(tensor, before ? mergeTallies(before, tally) : tally);
  }
  read.bytes[part] = (read.bytes[part] ?? 0) + bytes;
  if (sha256 !== undefined) read.sha256.set(part, sha256);
  // Several jobs of a part may fail: the first place tells most.
  const before = read.problems.get(part);
  if (problem && (!before || problem.offset < before.offset)) read.problems.set(part, problem);
}

function hashOf(
  paths: readonly string[],
  known: ReadonlyMap<string, KnownHash>,
  { sha256 }: Read,
): Map<number, HashResult> {
  const results = new Map<number, HashResult>();
  for (const [part, path] of paths.entries()) {
    const expected = known.get(path);
    const actual = sha256.get(part);
    if (expected && actual !== undefined) results.set(part, { expected: expected.sha256, actual, from: expected.from });
  }
  return results;
}

function reportOf(
  checkpoint: Checkpoint,
  plan: Plan,
  read: Read,
  hashes: ReadonlyMap<number, HashResult>,
  { seconds, threads }: { readonly seconds: number; readonly threads: number },
): WeightsReport {
  const { tensors } = checkpoint;
  const notLookedAt = new Set(plan.notLookedAt);
  const counts = { looked: 0, alwaysFinite: 0, notRead: 0, notLookedAt: 0 };
  const unknownTypes = new Map<string, { type: string; tensors: number; bytes: number }>();
  const zero: number[] = [];
  for (const [index, tensor] of tensors.entries()) {
    const { type, sizeBytes } = tensor;
    if (!plan.whole[index] || read.unread[index]) {
      counts.notRead++;
      continue;
    }
    if (!read.nonZero[index]) zero.push(index);
    if (notLookedAt.has(index)) {
      counts.notLookedAt++;
      const own = unknownTypes.get(type) ?? { type, tensors: 0, bytes: 0 };
      unknownTypes.set(type, { type, tensors: own.tensors + 1, bytes: own.bytes + sizeBytes });
    } else if (valueCheck(tensor)?.kind === "finite") counts.alwaysFinite++;
    else counts.looked++;
  }
  const parts = checkpoint.parts.map(({ name }, part): WeightsPart => {
    const hash = hashes.get(part);
    return {
      name,
      bytesRead: read.bytes[part] ?? 0,
      ...(hash && { sha256: { ...hash, matches: hash.actual === hash.expected } }),
    };
  });
  const bytesRead = read.bytes.reduce((sum, bytes) => sum + bytes, 0);
  const report = {
    bytesRead,
    seconds,
    bytesPerSecond: seconds > 0 ? bytesRead / seconds : 0,
    threads,
    tensors: counts,
    notLookedAt: [...unknownTypes.values()],
    parts,
    findings: weightFindings(checkpoint, {
      irregular: read.irregular,
      zero,
      notLookedAt: plan.notLookedAt,
      problems: read.problems,
      hashes,
    }),
  };
  return { ...report, words: wordsOf(report) };
}

/** What was done, whether or not anything was found. */
function wordsOf({
  bytesRead,
  seconds,
  bytesPerSecond,
  threads,
  tensors,
  parts,
}: Omit<WeightsReport, "words">): string[] {
  const took = seconds < 10 ? seconds.toFixed(2) : seconds.toFixed(0);
  const by = threads === 1 ? "" : ` by ${formatExact(threads)} threads`;
  const less = [
    tensors.alwaysFinite > 0
      ? `${formatExact(tensors.alwaysFinite)} more hold integers or types that are always finite`
      : "",
    tensors.notLookedAt > 0 ? `${formatExact(tensors.notLookedAt)} are of types not known well enough` : "",
    tensors.notRead > 0 ? `${formatExact(tensors.notRead)} are empty or couldn't be read whole` : "",
  ].filter((words) => words !== "");
  const hashed = parts.filter(({ sha256 }) => sha256);
  const matching = hashed.filter(({ sha256 }) => sha256?.matches);
  const [only] = hashed;
  const lines = [
    `weights: ${formatBytes(bytesRead)} read in ${took} s (${formatBytes(bytesPerSecond)}/s)${by}; the values of ${plural(tensors.looked, "tensor")} were looked at${less.map((words) => `, ${words}`).join("")}`,
  ];
  if (hashed.length === 1 && only?.sha256?.matches) lines.push(`sha256: ${only.name} matches ${only.sha256.from}`);
  else if (hashed.length > 0) {
    lines.push(
      `sha256: ${formatExact(matching.length)} of ${plural(hashed.length, "file")} with a known hash match it`,
    );
  }
  return lines;
}
