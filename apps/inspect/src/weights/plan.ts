/** Cuts the data of a checkpoint into jobs for threads. */
import { unitBytesOf, type ValueCheck, valueCheck } from "@checkpoint-inspect/analysis";
import type { Checkpoint, Tensor } from "@checkpoint-inspect/parser";

import { BUFFER_BYTES, jobBytes, type Piece, type ReadJob } from "./read-job.ts";

/** A few milliseconds of reading from memory: enough that messages don't count, little enough that threads end together. */
const JOB_BYTES = 32 * 2 ** 20;
/** Of tiny tensors there may be a million. */
const JOB_PIECES = 2048;

export interface Plan {
  readonly jobs: readonly ReadJob[];
  /** Bytes that will be read. */
  readonly bytes: number;
  /** 1 for tensors of which every byte is there and will be read, by index. */
  readonly whole: Uint8Array;
  /** Tensors whose values can't be looked at, by index; their bytes are read all the same. */
  readonly notLookedAt: readonly number[];
}

/**
 * @param pathOf a part's path
 * @param hashed parts that are hashed as well: each is one job, so that it is read once
 */
export function planReading(
  checkpoint: Checkpoint,
  pathOf: (part: number) => string,
  hashed: ReadonlySet<number>,
): Plan {
  const { parts, tensors } = checkpoint;
  const bigEndian = checkpoint.format === "gguf" && checkpoint.container.includes("big-endian");
  const whole = new Uint8Array(tensors.length);
  const notLookedAt: number[] = [];
  const pieces: Piece[][] = parts.map(() => []);
  for (const [index, tensor] of tensors.entries()) {
    const part = parts[tensor.part];
    if (!part || tensor.sizeBytes === 0) continue;
    const length = Math.max(0, Math.min(tensor.sizeBytes, part.sizeBytes - tensor.offset));
    if (length === tensor.sizeBytes) whole[index] = 1;
    const check = checkOf(tensor);
    if (!check) notLookedAt.push(index);
    const piece = { tensor: index, check: check ?? FINITE, at: 0, offset: tensor.offset, length };
    if (length > 0) pieces[tensor.part]?.push(piece);
  }
  const jobs = parts.flatMap(({ sizeBytes }, part) => {
    const job = { path: pathOf(part), part, bigEndian };
    const own = (pieces[part] ?? []).sort((a, b) => a.offset - b.offset);
    const { inLine, again, tooMuch } = withoutOverlap(own, sizeBytes);
    for (const { tensor } of tooMuch) whole[tensor] = 0;
    const shared = cut(hashed.has(part) ? again : [...inLine, ...again]).map((some) => ({ ...job, pieces: some }));
    return hashed.has(part) ? [{ ...job, pieces: inLine, hashBytes: sizeBytes }, ...shared] : shared;
  });
  return { jobs, bytes: jobs.reduce((sum, job) => sum + jobBytes(job), 0), whole, notLookedAt };
}

const FINITE: ValueCheck = { kind: "finite" };

function checkOf(tensor: Tensor): ValueCheck | undefined {
  const check = valueCheck(tensor);
  // A row longer than the buffer (some million elements) can't be looked at as one.
  return check && unitBytesOf(check) <= BUFFER_BYTES ? check : undefined;
}

/**
 * Pieces one after the other; those that begin before another's end, which only files have that are wrong; and of these what would
 * have to be read after as many bytes again as the file has. A header of some megabytes could ask for petabytes otherwise.
 */
function withoutOverlap(pieces: readonly Piece[], sizeBytes: number) {
  const [inLine, again, tooMuch]: [Piece[], Piece[], Piece[]] = [[], [], []];
  let end = 0;
  let room = sizeBytes;
  for (const piece of pieces) {
    if (piece.offset >= end) {
      inLine.push(piece);
      end = piece.offset + piece.length;
    } else if (piece.length <= room) {
      again.push(piece);
      room -= piece.length;
    } else tooMuch.push(piece);
  }
  return { inLine, again, tooMuch };
}

/** Runs of pieces of about {@link JOB_BYTES}; a tensor that is larger is cut, between two of its blocks. */
function cut(pieces: readonly Piece[]): Piece[][] {
  const runs: Piece[][] = [];
  let run: Piece[] = [];
  let room = JOB_BYTES;
  for (const piece of pieces) {
    const unit = unitBytesOf(piece.check);
    for (let done = 0; done < piece.length; ) {
      const fits = Math.max(room - (room % unit), unit);
      const length = Math.min(fits, piece.length - done);
      run.push({ ...piece, at: done, offset: piece.offset + done, length });
      done += length;
      room -= length;
      if (room < unit || run.length >= JOB_PIECES) {
        runs.push(run);
        run = [];
        room = JOB_BYTES;
      }
    }
  }
  return run.length > 0 ? [...runs, run] : runs;
}
