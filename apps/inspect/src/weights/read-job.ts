/**
 * Reads a run of pieces of one file and looks through them: what a thread does. Reads wait for the disk, on purpose: a thread has
 * nothing else to do, and a buffer that is small enough stays in the processor's cache between reading and looking.
 */
import { createHash, type Hash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";

import { mergeTallies, type Scanner, type Tally, unitBytesOf, type ValueCheck } from "@checkpoint-inspect/analysis";

/** Small enough for the processor's cache, large enough that the calls don't count: half of it takes a fifth longer. */
export const BUFFER_BYTES = 2 ** 20;

/** A run of bytes of one tensor. */
export interface Piece {
  /** Index into `Checkpoint.tensors`. */
  readonly tensor: number;
  readonly check: ValueCheck;
  /** Bytes from the tensor's beginning: a multiple of what the check looks at as one. */
  readonly at: number;
  /** Absolute byte in the file. */
  readonly offset: number;
  readonly length: number;
}

/** Plain data: it is sent to a thread. */
export interface ReadJob {
  readonly path: string;
  /** Index into `Checkpoint.parts`. */
  readonly part: number;
  readonly bigEndian: boolean;
  /** By offset, without overlap. */
  readonly pieces: readonly Piece[];
  /** Also hash the file, which is as long as this: everything between the pieces is read, too. */
  readonly hashBytes?: number;
}

/** Bytes that it reads. */
export function jobBytes({ pieces, hashBytes }: ReadJob): number {
  return hashBytes ?? pieces.reduce((sum, { length }) => sum + length, 0);
}

export interface ReadResult {
  readonly part: number;
  /** Pieces that were read to their end, from the first on. */
  readonly done: number;
  /** Of the pieces done, by their index: those with nothing but zeros. */
  readonly zero: readonly number[];
  /** By tensor. */
  readonly irregular: readonly (readonly [tensor: number, tally: Tally])[];
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256?: string;
  /** Where reading stopped; without `error`, the file ended there. */
  readonly problem?: { readonly offset: number; readonly error?: string };
}

/** Reading can't go on. */
interface Stop {
  readonly offset: number;
  readonly error?: string;
}

/** @param advance is told the bytes read since it was called last */
export function readJob(job: ReadJob, scanner: Scanner, advance: (bytes: number) => void): ReadResult {
  const { path, part, pieces, hashBytes } = job;
  const irregular = new Map<number, Tally>();
  const zero: number[] = [];
  let done = 0;
  let bytes = 0;
  const file = openFile(path);
  if (typeof file !== "number") return { part, done, zero, irregular: [], bytes, problem: file };
  const hash = hashBytes === undefined ? undefined : createHash("sha256");
  /** Fills the buffer's beginning; the offset of what is missing where that can't be done. */
  const fill = (offset: number, length: number): Stop | undefined => {
    const stop = readFully(file, scanner.buffer, offset, length);
    if (stop) return stop;
    hash?.update(scanner.buffer.subarray(0, length));
    bytes += length;
    advance(length);
    return undefined;
  };
  const skipTo = (from: number, to: number): Stop | undefined => {
    for (let at = from; hash && at < to; at += BUFFER_BYTES) {
      const stop = fill(at, Math.min(BUFFER_BYTES, to - at));
      if (stop) return stop;
    }
    return undefined;
  };
  let problem: Stop | undefined;
  let position = 0;
  try {
    for (const [i, piece] of pieces.entries()) {
      problem = skipTo(position, piece.offset);
      if (problem) break;
      const looked = lookThrough(piece, job.bigEndian, scanner, fill);
      const { tally } = looked;
      if (tally.nan || tally.infinite) {
        const before = irregular.get(piece.tensor);
        irregular.set(piece.tensor, before ? mergeTallies(before, tally) : tally);
      }
      problem = looked.stop;
      if (problem) break;
      if (!tally.nonZero) zero.push(i);
      position = piece.offset + piece.length;
      done++;
    }
    problem ??= skipTo(position, hashBytes ?? position);
  } finally {
    closeSync(file);
  }
  return {
    part,
    done,
    zero,
    irregular: [...irregular],
    bytes,
    ...(hash && !problem && { sha256: hexDigest(hash) }),
    ...(problem && { problem }),
  };
}

const hexDigest = (hash: Hash): string => hash.digest("hex");

function lookThrough(
  { check, at, offset, length }: Piece,
  bigEndian: boolean,
  scanner: Scanner,
  fill: (offset: number, length: number) => Stop | undefined,
): { readonly tally: Tally; readonly stop?: Stop } {
  const step = BUFFER_BYTES - (BUFFER_BYTES % unitBytesOf(check));
  let tally: Tally = { nonZero: false };
  for (let done = 0; done < length; done += step) {
    const now = Math.min(step, length - done);
    const stop = fill(offset + done, now);
    if (stop) return { tally, stop };
    tally = mergeTallies(tally, scanner.scan(check, bigEndian, now, at + done));
  }
  return { tally };
}

function openFile(path: string): number | Stop {
  try {
    return openSync(path, "r");
  } catch (error) {
    return { offset: 0, error: errorWords(error) };
  }
}

/** Fills the beginning of `buffer` with `length` bytes of the file. */
function readFully(file: number, buffer: Uint8Array, offset: number, length: number): Stop | undefined {
  let done = 0;
  while (done < length) {
    let read: number;
    try {
      read = readSync(file, buffer, done, length - done, offset + done);
    } catch (error) {
      return { offset: offset + done, error: errorWords(error) };
    }
    if (read === 0) return { offset: offset + done };
    done += read;
  }
  return undefined;
}

/** What people meet when they read files. */
const FAILURES: Readonly<Record<string, string>> = {
  EIO: "the disk reports a read error",
  EACCES: "permission denied",
  EPERM: "permission denied",
  ENOENT: "the file is gone",
  EMFILE: "too many files are open; raise the limit (ulimit -n)",
  ESTALE: "the network share no longer has it",
};

function errorWords(error: unknown): string {
  const { code = "", message = String(error) } = error as NodeJS.ErrnoException;
  const words = FAILURES[code];
  return words ? `${words} (${code})` : message;
}
