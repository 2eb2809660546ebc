/**
 * Split GGUF sets: names `<prefix>-00001-of-00003.gguf` (1-based) and the keys split.no (0-based), split.count and
 * split.tensors.count. The first part carries all metadata; the others only the split keys.
 *
 * Source: llama.cpp src/llama.cpp llama_split_path / llama_split_prefix, tools/gguf-split.
 */
import type { GgufFile } from "./read.ts";

export interface SplitName {
  readonly prefix: string;
  /** 1-based, as in the name. */
  readonly number: number;
  readonly count: number;
}

const SPLIT_NAME = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/** The pieces of a part's name, or undefined for a name of another form, or a number outside of its set. */
export function parseSplitName(name: string): SplitName | undefined {
  const match = SPLIT_NAME.exec(name);
  if (!match) return undefined;
  const [, prefix = "", number, count] = match;
  const split = { prefix, number: Number(number), count: Number(count) };
  return split.number >= 1 && split.number <= split.count ? split : undefined;
}

/**
 * The name that loaders look for.
 * @param number 1-based
 */
export function splitFileName(prefix: string, number: number, count: number): string {
  const digits = (n: number) => String(n).padStart(5, "0");
  return `${prefix}-${digits(number)}-of-${digits(count)}.gguf`;
}

export interface SplitKeys {
  /** 0-based. */
  readonly no?: number;
  readonly count?: number;
  readonly tensors?: number;
}

/** What a part says of its set. */
export function splitKeys(file: Pick<GgufFile, "metadata">): SplitKeys {
  const number = (key: string) => {
    const value = file.metadata.find((entry) => entry.key === key)?.value;
    return typeof value === "number" ? value : undefined;
  };
  const no = number("split.no");
  const count = number("split.count");
  const tensors = number("split.tensors.count");
  return {
    ...(no !== undefined && { no }),
    ...(count !== undefined && { count }),
    ...(tensors !== undefined && { tensors }),
  };
}
