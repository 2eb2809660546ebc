/**
 * The file of a run over a list: a row each (NDJSON), appended as repos finish, so that a run that was interrupted goes on where
 * it stopped. A row is written in one go, and nothing else touches the file: whenever the run ends, whole rows stand in it.
 */

import { once } from "node:events";
import { closeSync, createReadStream, createWriteStream, openSync, writeSync } from "node:fs";
import { rename, rm, stat, truncate } from "node:fs/promises";

import { UsageError } from "../commands/usage.ts";
import { LineTooLong, linesOf } from "./lines.ts";
import { type AuditRow, worthAnotherTry } from "./row.ts";
import { parseRow, ROW_START, rowLine } from "./row-line.ts";

/** Longest row that is read back, in bytes: one with 100 findings of every rule has about 10 MB. */
const MAX_ROW = 64 * 2 ** 20;

/** The file can't be written any more: the disk is full, or it is gone. */
export class ResultsError extends Error {}

export interface ResultsFile {
  /** @throws {ResultsError} */
  append(row: AuditRow): void;
  close(): void;
}

export interface ResultsOptions {
  /** Go on with what is in the file. */
  readonly resume: boolean;
  /** Each row that stays; those that a failing network has left are taken out, to be written anew. */
  readonly visit: (row: AuditRow) => void;
}

/** @throws {UsageError} where it can't be written, or holds something that isn't to be lost */
export async function openResults(path: string, { resume, visit }: ResultsOptions): Promise<ResultsFile> {
  const stats = await stat(path).catch(() => undefined);
  const isEmpty = stats === undefined || (stats.isFile() && stats.size === 0);
  if (!isEmpty && !resume) {
    throw new UsageError(`${path} is there already: go on with it by --resume, or name another file for --out`);
  }
  try {
    if (!isEmpty) await takeUp(path, visit);
    return appendTo(openSync(path, "a"), path);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`cannot write ${path}: ${(error as Error).message}`);
  }
}

function appendTo(file: number, path: string): ResultsFile {
  return {
    append(row) {
      const bytes = Buffer.from(rowLine(row));
      try {
        for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
      } catch (error) {
        throw new ResultsError(`cannot write ${path}: ${(error as Error).message}`);
      }
    },
    close: () => closeSync(file),
  };
}

/** Goes through the rows that are there, and leaves the file with those alone that are done. */
async function takeUp(path: string, visit: (row: AuditRow) => void): Promise<void> {
  const seen = new Set<string>();
  let dropped = false;
  let end: { readonly offset: number; readonly whole: boolean } | undefined;
  for await (const { row, offset, ended } of rowsOf(path)) {
    if (!ended) end = { offset, whole: row !== undefined };
    if (!row) continue;
    if (isDone(row, seen)) visit(row);
    else dropped = true;
  }
  if (dropped) await rewrite(path);
  else if (end?.whole) await lineFeedAtEnd(path);
  else if (end) await truncate(path, end.offset);
}

/** Takes note of it, so that of two rows on one repo the first stays. */
function isDone(row: AuditRow, seen: Set<string>): boolean {
  if (seen.has(row.target) || worthAnotherTry(row)) return false;
  seen.add(row.target);
  return true;
}

interface FoundRow {
  /** Absent of a last line that is half of one. */
  readonly row?: AuditRow;
  readonly offset: number;
  readonly ended: boolean;
}

/** @throws {UsageError} for a file of another kind: it isn't touched then */
async function* rowsOf(path: string): AsyncGenerator<FoundRow> {
  let number = 0;
  const other = (line: number) =>
    new UsageError(`${path} can't be gone on with: line ${line} is no result of an audit`);
  try {
    for await (const { text, offset, ended } of linesOf(createReadStream(path), MAX_ROW)) {
      number++;
      const row = parseRow(text);
      if (row) yield { row, offset, ended };
      else if (!ended && isHalf(text)) yield { offset, ended };
      else throw other(number);
    }
  } catch (error) {
    throw error instanceof LineTooLong ? other(error.number) : error;
  }
}

function isHalf(text: string): boolean {
  return text.startsWith(ROW_START) || ROW_START.startsWith(text);
}

async function lineFeedAtEnd(path: string): Promise<void> {
  const file = openSync(path, "a");
  try {
    writeSync(file, "\n");
  } finally {
    closeSync(file);
  }
}

/** The rows that are done go into a new file that takes the old one's place at once: no moment leaves half of them. */
async function rewrite(path: string): Promise<void> {
  const next = `${path}.next`;
  const stream = createWriteStream(next);
  const seen = new Set<string>();
  try {
    await once(stream, "open");
    for await (const { row } of rowsOf(path)) {
      if (row && isDone(row, seen) && !stream.write(rowLine(row))) await once(stream, "drain");
    }
    stream.end();
    await once(stream, "close");
    await rename(next, path);
  } catch (error) {
    stream.destroy();
    await rm(next, { force: true });
    throw error;
  }
}
