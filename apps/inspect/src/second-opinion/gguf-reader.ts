/** @huggingface/gguf as the other reader: what the Hub itself reads GGUF files with. One file at a time; it checks no sets. */
import { GGMLQuantizationType, type GGUFTypedMetadata, GGUFValueType, gguf } from "@huggingface/gguf";

import { type Account, type Answer, messageOf, type Question, type Reader, type Refusal } from "./account.ts";
import { GGUF_CASES } from "./known-cases.ts";
import { BeyondHeader, LOOPBACK_URL } from "./loopback.ts";
import { OutOfTime } from "./time.ts";

/** Its value types by our names. */
const TYPE_NAMES: Readonly<Record<GGUFValueType, string>> = {
  [GGUFValueType.UINT8]: "u8",
  [GGUFValueType.INT8]: "i8",
  [GGUFValueType.UINT16]: "u16",
  [GGUFValueType.INT16]: "i16",
  [GGUFValueType.UINT32]: "u32",
  [GGUFValueType.INT32]: "i32",
  [GGUFValueType.FLOAT32]: "f32",
  [GGUFValueType.BOOL]: "bool",
  [GGUFValueType.STRING]: "string",
  [GGUFValueType.ARRAY]: "array",
  [GGUFValueType.UINT64]: "u64",
  [GGUFValueType.INT64]: "i64",
  [GGUFValueType.FLOAT64]: "f64",
};

/** Entries that it adds to the file's own: three numbers of the header. */
const ADDED_KEYS: ReadonlySet<string> = new Set(["version", "tensor_count", "kv_count"]);

/** Its reason to refuse a file that lacks its data; everything else of it can be read without the count. */
const NO_ROOM = /cannot fit in a \d+-byte file/;

type Output = Awaited<ReturnType<typeof read>>;

export const reader: Reader = { name: "@huggingface/gguf", version: "0.4.6", known: GGUF_CASES, ask };

async function ask({ checkpoint, fetch }: Question): Promise<Answer> {
  const accounts = new Map<number, Account>();
  const refusals: Refusal[] = [];
  const own = checkpoint.parts.map(() => new Set<string>());
  for (const { key, part } of checkpoint.metadata) own[part]?.add(key);
  let theirs: number | undefined = 0;
  for (const [index, { name: part }] of checkpoint.parts.entries()) {
    const uri = `${LOOPBACK_URL}/${encodeURIComponent(part)}`;
    let output: Output | undefined;
    try {
      output = await read(uri, fetch, true);
    } catch (error) {
      if (error instanceof OutOfTime) throw error;
      const message = error instanceof BeyondHeader ? error.message : messageOf(error);
      refusals.push({ part, message });
      if (NO_ROOM.test(message)) output = await read(uri, fetch, false);
    }
    if (output) accounts.set(index, accountOf(output, own[index] ?? new Set()));
    const count = output?.parameterCount;
    theirs = count === undefined || theirs === undefined ? undefined : theirs + count;
  }
  const ours = checkpoint.tensors.reduce((sum, { elements }) => sum + elements, 0);
  const comparable = theirs !== undefined && !checkpoint.error;
  return { accounts, refusals, ...(comparable && { parameters: { ours, theirs: theirs as number } }) };
}

/** @param counted also asks for the parameter count, which it makes a condition */
async function read(uri: string, fetch: Question["fetch"], counted: boolean) {
  if (counted) return gguf(uri, { fetch, typedMetadata: true, computeParametersCount: true });
  return { ...(await gguf(uri, { fetch, typedMetadata: true })), parameterCount: undefined };
}

/** @param own keys that the file itself has: one of them may be called as an added one */
function accountOf({ typedMetadata, tensorInfos, tensorDataOffset }: Output, own: ReadonlySet<string>): Account {
  return {
    tensors: tensorInfos.map(({ name, shape, dtype, offset }) => ({
      name,
      shape: shape.toReversed(),
      type: GGMLQuantizationType[dtype] ?? `type ${dtype}`,
      offset: tensorDataOffset + offset,
    })),
    metadata: entriesOf(typedMetadata).filter(({ key }) => own.has(key) || !ADDED_KEYS.has(key)),
  };
}

function entriesOf(metadata: GGUFTypedMetadata) {
  return Object.entries(metadata).map(([key, entry]) => {
    const elementType = "subType" in entry ? TYPE_NAMES[entry.subType as GGUFValueType] : undefined;
    return { key, type: TYPE_NAMES[entry.type], elementType, value: entry.value as unknown };
  });
}
