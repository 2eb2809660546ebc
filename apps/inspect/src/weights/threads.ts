/** Shares jobs out among threads. */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

import { createScanner, type Scanner } from "@checkpoint-inspect/analysis";

import { BUFFER_BYTES, jobBytes, type ReadJob, type ReadResult, readJob } from "./read-job.ts";
import type { WorkerStart } from "./worker.ts";

/** More threads read no faster: memory and disks are busy long before, and each thread takes ten megabytes. */
const MOST_THREADS = 8;
/** What is hashed here before a thread would have started. */
const FEW_BYTES = 16e6;
/** Starting threads costs each of them a twentieth of a second of work: worth it where this much is left to do. */
const WORTH_THREADS_MS = 500;
/** How fast reading goes is known after this time. */
const MEASURED_MS = 100;
/** Beside the bundle, whose chunks stand in a folder of their own. Not there where the sources run as they are. */
const WORKER = ["../weights-worker.cjs", "./weights-worker.cjs"]
  .map((path) => new URL(path, import.meta.url))
  .find((url) => existsSync(fileURLToPath(url)));

export interface JobRun {
  readonly jobs: readonly ReadJob[];
  /** The results come in no order. */
  readonly onResult: (result: ReadResult, job: ReadJob) => void;
  /** One 64-bit number that counts the bytes as they are read. */
  readonly progress: SharedArrayBuffer;
}

/** @returns how many threads it took */
export async function runJobs(run: JobRun): Promise<number> {
  const queue = queueOf(run.jobs);
  const threads = Math.min(availableParallelism(), MOST_THREADS, run.jobs.length);
  const begin = performance.now();
  const all = queue.left();
  const isLong = (): boolean => {
    const { short, long } = queue.left();
    // A file that is hashed takes much longer than to be read.
    if (long > FEW_BYTES) return true;
    const ms = performance.now() - begin;
    const rate = (all.short - short) / ms;
    return threads > 1 && ms > MEASURED_MS && short / rate > WORTH_THREADS_MS;
  };
  if (WORKER) await readHere(run, () => (isLong() ? undefined : queue.nextShort()));
  if (WORKER && isLong()) {
    await readOnWorkers(run, queue, WORKER, threads);
    return threads;
  }
  await readHere(run, queue.next);
  return 1;
}

interface Queue {
  readonly next: () => ReadJob | undefined;
  /** One that takes milliseconds: a file that is hashed may take minutes. */
  readonly nextShort: () => ReadJob | undefined;
  /** Bytes that nobody reads yet. */
  readonly left: () => { readonly short: number; readonly long: number };
}

/** Files that are hashed first: they can't be shared out, so they'd be what all the others wait for. */
function queueOf(jobs: readonly ReadJob[]): Queue {
  const list = (own: readonly ReadJob[]) => {
    let at = 0;
    let left = own.reduce((sum, job) => sum + jobBytes(job), 0);
    const next = (): ReadJob | undefined => {
      const job = own[at++];
      if (job) left -= jobBytes(job);
      return job;
    };
    return { next, left: () => left };
  };
  const long = list(jobs.filter(({ hashBytes }) => hashBytes !== undefined));
  const short = list(jobs.filter(({ hashBytes }) => hashBytes === undefined));
  return {
    next: () => long.next() ?? short.next(),
    nextShort: short.next,
    left: () => ({ short: short.left(), long: long.left() }),
  };
}

/** In this thread, which leaves signals and the progress bar their turn between two jobs. */
async function readHere({ onResult, progress }: JobRun, next: () => ReadJob | undefined): Promise<void> {
  const counter = new BigInt64Array(progress);
  let scanner: Scanner | undefined;
  for (let job = next(); job; job = next()) {
    scanner ??= createScanner(BUFFER_BYTES);
    const result = readJob(job, scanner, (bytes) => Atomics.add(counter, 0, BigInt(bytes)));
    onResult(result, job);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function readOnWorkers(run: JobRun, queue: Queue, url: URL, threads: number): Promise<void> {
  const workers: Worker[] = [];
  let answered = false;
  const onResult: JobRun["onResult"] = (result, job) => {
    answered = true;
    run.onResult(result, job);
  };
  try {
    const working = Array.from({ length: threads }, () => {
      // Hooks of the caller (--import) have no business here.
      const start: WorkerStart = { progress: run.progress };
      const worker = new Worker(url, { workerData: start, execArgv: [] });
      workers.push(worker);
      return serve(worker, queue, onResult);
    });
    // Until the threads are there, this one goes on.
    working.push(readHere(run, () => (answered ? undefined : queue.nextShort())));
    await Promise.all(working);
    // What is left where no thread could be started.
    await readHere(run, queue.next);
  } finally {
    answered = true;
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** Gives a thread jobs until there are none. */
function serve(worker: Worker, queue: Queue, onResult: JobRun["onResult"]): Promise<void> {
  return new Promise((resolve, reject) => {
    const given: ReadJob[] = [];
    const give = (job: ReadJob | undefined): void => {
      if (job) {
        given.push(job);
        worker.postMessage(job);
      } else if (given.length === 0) resolve();
    };
    worker.on("message", (result: ReadResult) => {
      // Answers come in the order of the questions.
      const job = given.shift();
      if (job) onResult(result, job);
      give(queue.next());
    });
    let online = false;
    // A system may have no room for another thread; the others do its work.
    worker.on("error", (error) => (online ? reject(error) : resolve()));
    worker.on("exit", (code) => reject(new Error(`a reading thread ended with code ${code}`)));
    worker.on("online", () => {
      online = true;
      give(queue.next());
      // One more at hand, so that it needn't wait for the next.
      give(queue.nextShort());
    });
  });
}
