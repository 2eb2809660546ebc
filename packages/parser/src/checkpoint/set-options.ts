/** What the readers of sets share: their options, and which errors end the reading of all parts. */
import { CheckpointError } from "../errors.ts";
import type { ByteSource, ReadOptions } from "../source/byte-source.ts";

export interface SetOptions extends ReadOptions {
  /** The file that was asked for, when it is open already. */
  readonly source?: ByteSource;
  /** Bytes that the header of a remote file probably has. */
  readonly likelyHeaderBytes?: number;
  /** Called after each part of a set. */
  readonly onPart?: (done: number, total: number) => void;
}

/** Errors of the way to the files, and not of a file: with them every part fails, and what is read is no whole. */
const OF_THE_WAY: ReadonlySet<string> = new Set(["network", "auth"]);

/**
 * The error of one file, to be reported beside what the others hold.
 * @throws the error itself where it leaves nothing to go on with: an abort, a mistake of ours, a server that can't be reached
 */
export function faultOfFile(error: unknown, { signal }: ReadOptions): CheckpointError {
  if (signal?.aborted || !(error instanceof CheckpointError) || OF_THE_WAY.has(error.code)) throw error;
  return error;
}

/** Whether a file simply isn't there: on the disk, or on the server. */
export function isAbsent({ code }: CheckpointError): boolean {
  return code === "not-found" || code === "not-on-server";
}
