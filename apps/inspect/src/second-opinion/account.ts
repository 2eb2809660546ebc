/** What another reader says of the same bytes, in the terms of our own checkpoint; and what makes a reader one that can be asked. */
import type { Checkpoint, FileSet } from "@checkpoint-inspect/parser";

import type { KnownCase } from "./known-cases.ts";

export interface AccountTensor {
  readonly name: string;
  /** Row-major. Not checked: a reader may hand over whatever the file holds. */
  readonly shape: unknown;
  readonly type: unknown;
  /** Absolute byte offset of its data in the file. */
  readonly offset: unknown;
}

export interface AccountEntry {
  readonly key: string;
  /** Absent where the reader has no types. */
  readonly type?: string;
  /** Of an array. */
  readonly elementType?: string | undefined;
  readonly value: unknown;
}

/** One file, as the other reader sees it. */
export interface Account {
  readonly tensors: readonly AccountTensor[];
  readonly metadata: readonly AccountEntry[];
}

export interface Refusal {
  /** The file that it refuses; absent when it is the whole set. */
  readonly part?: string;
  /** In its own words. */
  readonly message: string;
}

export interface Answer {
  /** By the index of the part. Absent for a part that it refuses. */
  readonly accounts: ReadonlyMap<number, Account>;
  readonly refusals: readonly Refusal[];
  /** Its parameter count, and what ours for the same question is. Absent where one of the two has none. */
  readonly parameters?: { readonly ours: number; readonly theirs: number };
  /** The count that it shows although it counted another: the file's own claim. */
  readonly claimed?: number;
  /** Names of the files that it takes for the set, where it reads sets. */
  readonly shards?: readonly string[];
}

export interface Question {
  readonly files: FileSet;
  readonly checkpoint: Checkpoint;
  /** Answers out of `files` alone. */
  readonly fetch: typeof fetch;
}

export interface Reader {
  /** As npm calls it. */
  readonly name: string;
  readonly version: string;
  readonly known: readonly KnownCase[];
  ask(question: Question): Promise<Answer>;
}

/** The words of an error, whoever threw it. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
