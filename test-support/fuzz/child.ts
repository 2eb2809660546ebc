/**
 * A process that tries cases, one after the other, and tells its parent of each before it begins: when it hangs or dies, the last
 * one told of is the one to blame. Started by scripts/fuzz.mjs with --expose-gc.
 */
import * as fc from "fast-check";

import { forgetPeak, peakBytes, residentBytes } from "./memory.ts";
import { type Case, caseArbitrary, filesOf } from "./mutate.ts";
import { type Seed, seedsOf } from "./seeds.ts";
import { bytesOf } from "./sparse-files.ts";
import { tryCase } from "./try-case.ts";

/** Faults to plant, for showing that they are found. */
export type Planted = "hang" | "slow" | "throw" | "overflow" | "memory" | "exit";

export interface Task {
  readonly root: string;
  readonly data: string;
  readonly seed: number;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  /** In the case `from`. */
  readonly plant?: Planted | undefined;
  /** Asks the other reader as well. */
  readonly opinion?: boolean | undefined;
  /** Only hands out the files of `from`. */
  readonly show?: boolean | undefined;
}

export interface Failure {
  readonly index: number;
  readonly message: string;
  readonly stack: string;
  readonly seedName: string;
  /** As found, and as small as it could be made. */
  readonly found: Case;
  readonly smallest: Case;
}

export interface Sum {
  readonly refused: number;
  readonly read: number;
  /** CPU time of the slowest case. */
  readonly slowestMs: number;
  readonly slowestIndex: number;
  /** Most memory that one case took beyond the bytes of its files. */
  readonly mostBytes: number;
  /** Most memory of the process, with what earlier cases left to be collected. */
  readonly peakBytes: number;
}

export type Told =
  | { readonly at: number }
  | { readonly failure: Failure }
  /** Counts since the last time, and the most so far. */
  | { readonly sum: Sum }
  | { readonly done: true }
  | {
      readonly files: Readonly<Record<string, { readonly base64: string; readonly sizeBytes: number }>>;
      readonly of: Case;
    };

const MOST_MS = 1000;
const MOST_BYTES = 100_000_000;
/** Shrinking goes on no longer than this. */
const SHRINK_MS = 15_000;
const CASES_BETWEEN_GC = 100;

const tell = (told: Told) => process.send?.(told);
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** One number out of two, spread over all 32 bits, so that each case can be made again alone. */
function seedOf(seed: number, index: number): number {
  let mixed = (seed ^ Math.imul(index + 1, 0x9e3779b1)) | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  return (mixed ^ (mixed >>> 13)) | 0;
}

const PLANTED: Readonly<Record<Planted, () => void>> = {
  hang: () => {
    for (;;);
  },
  slow: () => {
    const end = cpuMs() + MOST_MS + 100;
    while (cpuMs() < end);
  },
  throw: () => {
    throw new TypeError("a planted fault");
  },
  overflow: function deeper(): void {
    deeper();
    deeper();
  },
  memory: () => {
    globalThis.Buffer.alloc(2 * MOST_BYTES, 1);
  },
  exit: () => process.exit(9),
};

// Nobody is left to tell.
process.once("disconnect", () => process.exit());

process.once("message", (task: Task) => {
  run(task).then(
    () => process.disconnect(),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
      process.exit(1);
    },
  );
});

async function run(task: Task): Promise<void> {
  const seeds = seedsOf(task.root, task.data);
  const cases = caseArbitrary(seeds.length);
  if (task.show) {
    const [found] = fc.sample(cases, { seed: seedOf(task.seed, task.from), numRuns: 1 });
    if (found) showFiles(found, seeds);
    return;
  }
  // What every process needs once: modules, compiled code, buffers.
  for (const seed of seeds.slice(0, 10)) await tryCase(seed.files);
  globalThis.gc?.();
  let mostBytes = 0;
  let mostPeak = 0;
  let slowestMs = 0;
  let slowestIndex = task.from;
  let refused = 0;
  let read = 0;
  let plant = task.plant;
  for (let index = task.from; index < task.to; index++) {
    const attempt = async (found: Case) => {
      tell({ at: index });
      const files = filesOf(found, seeds);
      forgetPeak();
      const before = residentBytes();
      const begin = cpuMs();
      const planted = plant && PLANTED[plant];
      plant = undefined;
      planted?.();
      const wasRead = await tryCase(files, task.opinion);
      const ms = cpuMs() - begin;
      const peak = peakBytes();
      const grown = peak - before - bytesOf(files);
      mostBytes = Math.max(mostBytes, grown);
      mostPeak = Math.max(mostPeak, peak);
      if (ms > slowestMs) [slowestMs, slowestIndex] = [ms, index];
      if (ms > MOST_MS) throw new Error(`took ${Math.round(ms)} ms`);
      if (grown > MOST_BYTES) throw new Error(`took ${Math.round(grown / 1e6)} MB beyond the size of its files`);
      if (wasRead) read++;
      else refused++;
    };
    const details = await fc.check(fc.asyncProperty(cases, attempt), {
      seed: seedOf(task.seed, index),
      numRuns: 1,
      interruptAfterTimeLimit: SHRINK_MS,
      // A planted fault is there once: no smaller case has it.
      endOnFailure: task.plant !== undefined,
    });
    if (details.failed) tellFailure(index, details, seeds, cases, task.seed);
    if (index % CASES_BETWEEN_GC === 0 || index === task.to - 1) {
      tell({ sum: { refused, read, slowestMs, slowestIndex, mostBytes, peakBytes: mostPeak } });
      [refused, read] = [0, 0];
      globalThis.gc?.();
    }
  }
  tell({ done: true });
}

function tellFailure(
  index: number,
  { counterexample, errorInstance }: fc.RunDetails<[Case]>,
  seeds: readonly Seed[],
  cases: fc.Arbitrary<Case>,
  seed: number,
): void {
  const [found] = fc.sample(cases, { seed: seedOf(seed, index), numRuns: 1 });
  const smallest = counterexample?.[0] ?? found;
  if (!found || !smallest) throw new Error(`case ${index} failed, and can't be made again`);
  const error = errorInstance instanceof Error ? errorInstance : new Error(String(errorInstance));
  const seedName = seeds[smallest.seed % seeds.length]?.name ?? "";
  const stack = error.stack ?? "";
  tell({ failure: { index, message: `${error.name}: ${error.message}`, stack, seedName, found, smallest } });
}

function showFiles(found: Case, seeds: readonly Seed[]): void {
  const files = Object.entries(filesOf(found, seeds)).map(
    ([name, { head, sizeBytes }]) => [name, { base64: Buffer.from(head).toString("base64"), sizeBytes }] as const,
  );
  tell({ files: Object.fromEntries(files), of: found });
}
