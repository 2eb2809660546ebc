/** Reads hyper-parameters out of GGUF metadata as llama.cpp does, and keeps where each was found. */
import type { Checkpoint } from "@checkpoint-inspect/parser";

export interface MetadataReader {
  readonly architecture: string | undefined;
  /** The whole key of a name: `qwen3.block_count`. */
  key(name: string): string;
  /** A count; undefined where there is none, or what stands there is none. */
  count(field: string, name: string): number | undefined;
  /** A count for each layer: from an array of just that length, or one number for all. Anything else is noted in `wrong`. */
  perLayer(field: string, name: string, layers: number): readonly number[] | undefined;
  /** The counts of an array, however long (at most 512); booleans count as 1 and 0. */
  list(field: string, name: string): readonly number[] | undefined;
  /** What stands there and can't be taken, for llama.cpp refuses it: "llama.attention.head_count with 4 values, one a layer". */
  readonly wrong: string[];
  /** How many tokens the vocabulary lists. */
  tokens(): number | undefined;
  /** Where each field is from; readers add what their own rules decide. */
  readonly from: Record<string, string>;
}

/** llama.cpp loads no more (LLAMA_MAX_LAYERS); no list of theirs is longer. */
export const MAX_LAYERS = 512;

/** Characters of an architecture's name: real ones have below 20, and a hostile file's is part of every word about it. */
const MAX_NAME = 100;

/** A whole number that isn't negative; undefined for anything else. */
function countOf(value: unknown): number | undefined {
  const number = typeof value === "boolean" || typeof value === "bigint" ? Number(value) : value;
  return Number.isSafeInteger(number) && (number as number) >= 0 ? (number as number) : undefined;
}

export function metadataReader(checkpoint: Checkpoint): MetadataReader {
  const values = new Map(checkpoint.metadata.map(({ key, value }) => [key, value] as const).reverse());
  const name = values.get("general.architecture");
  const isName = typeof name === "string" && name !== "" && name.length <= MAX_NAME;
  const architecture = isName ? name : undefined;
  const from: Record<string, string> = {};
  const key = (short: string) => `${architecture}.${short}`;
  const wrong: string[] = [];
  const list = (field: string, short: string): readonly number[] | undefined => {
    const value = values.get(key(short));
    if (typeof value !== "object" || value.length > MAX_LAYERS) return undefined;
    const numbers = value.values?.map(countOf);
    if (!numbers?.every((number) => number !== undefined)) return undefined;
    from[field] = key(short);
    return numbers;
  };
  return {
    architecture,
    key,
    from,
    wrong,
    list,
    count(field, short) {
      const value = values.get(key(short));
      const number = typeof value === "boolean" ? undefined : countOf(value);
      if (number !== undefined) from[field] = key(short);
      return number;
    },
    perLayer(field, short, layers) {
      const value = values.get(key(short));
      if (value === undefined) return undefined;
      const one = countOf(value);
      const numbers = one === undefined ? list(field, short) : Array.from({ length: layers }, () => one);
      if (numbers?.length !== layers) {
        wrong.push(`${key(short)} with ${layers} ${layers === 1 ? "value" : "values"}, one a layer`);
        return undefined;
      }
      from[field] = key(short);
      return numbers;
    },
    tokens() {
      const tokens = values.get("tokenizer.ggml.tokens");
      if (typeof tokens !== "object") return undefined;
      from.vocabulary = "tokenizer.ggml.tokens";
      return tokens.length;
    },
  };
}
