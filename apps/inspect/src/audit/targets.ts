/** What is to be audited: repos that were named, and lists of them, one a line. */
import { createReadStream } from "node:fs";

import { UsageError } from "../commands/usage.ts";
import { LineTooLong, linesOf } from "./lines.ts";

const NO_REPO = "name a repo: org/name, or --from FILE with one a line";

/** Longer lines are no names: a file of another kind was given. In bytes. */
const MAX_LINE = 4096;
const MAX_TARGETS = 100_000;

export interface RepoSources {
  readonly repos: readonly string[];
  /** Files with a repo a line; `-` is stdin. */
  readonly from: readonly string[];
  readonly stdin: () => AsyncIterable<Uint8Array | string>;
}

/**
 * All of them in order, each once. Blank lines and lines that begin with # are skipped.
 * @throws {UsageError} where a list can't be read, or nothing is named
 */
export async function listTargets({ repos, from, stdin }: RepoSources): Promise<string[]> {
  if (repos.some((name) => name.trim() === "")) throw new UsageError(NO_REPO);
  if (from.filter((name) => name === "-").length > 1)
    throw new UsageError("--from - is given twice: stdin is read once");
  const targets = new Set(repos);
  for (const name of from) {
    const where = name === "-" ? "stdin" : name;
    try {
      await readList(where, name === "-" ? stdin() : createReadStream(name), targets);
    } catch (error) {
      if (error instanceof UsageError) throw error;
      if (error instanceof LineTooLong) throw new UsageError(`line ${error.number} of ${where} is too long for a repo`);
      throw new UsageError(`cannot read the list ${where}: ${(error as Error).message}`);
    }
  }
  if (targets.size > 0) return [...targets];
  const lists = from.map((name) => (name === "-" ? "stdin" : name)).join(", ");
  throw new UsageError(from.length > 0 ? `${lists} names no repo: write one a line, as org/name` : NO_REPO);
}

async function readList(
  where: string,
  stream: AsyncIterable<Uint8Array | string>,
  targets: Set<string>,
): Promise<void> {
  for await (const { text } of linesOf(stream, MAX_LINE)) {
    const target = text.replace(/^\ufeff/, "").trim();
    if (target === "" || target.startsWith("#")) continue;
    targets.add(target);
    if (targets.size > MAX_TARGETS) throw new UsageError(`${where} names over ${MAX_TARGETS} repos: split the list`);
  }
}
