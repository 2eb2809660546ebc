/** A thread that reads: an entry of its own in the bundle. Jobs come as messages, and each is answered with what came of it. */
import { parentPort, workerData } from "node:worker_threads";

import { createScanner } from "@checkpoint-inspect/analysis";

import { BUFFER_BYTES, type ReadJob, readJob } from "./read-job.ts";

export interface WorkerStart {
  /** One 64-bit number: bytes read by all threads. */
  readonly progress: SharedArrayBuffer;
}

const progress = new BigInt64Array((workerData as WorkerStart).progress);
const scanner = createScanner(BUFFER_BYTES);

parentPort?.on("message", (job: ReadJob) => {
  parentPort?.postMessage(readJob(job, scanner, (bytes) => Atomics.add(progress, 0, BigInt(bytes))));
});
