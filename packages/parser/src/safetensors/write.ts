/**
 * Writes safetensors files and indexes: small files whole and in memory, full-size ones as their header alone.
 * Sizes in bytes. Layout as the reference writer makes it: compact JSON, header padded with spaces.
 */
import { dtypeBits, dtypeRank } from "./dtypes.ts";
import { LENGTH_FIELD_BYTES } from "./limits.ts";
import { packedBytes } from "./sizes.ts";

/** What a header says of a tensor; where it lies follows from the order. */
export interface TensorToDeclare {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

export interface TensorToWrite extends TensorToDeclare {
  /** Little-endian, row-major. */
  readonly data: Uint8Array;
}

export interface WriteOptions {
  /** `__metadata__`, left out when absent. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The data begins at a multiple of this. 8 when absent, as the reference does. */
  readonly alignTo?: number;
  /** `reference`: by dtype, last of the table first (wide before narrow), then by name. `given` when absent. */
  readonly order?: "given" | "reference";
}

/** @throws {RangeError} for data that doesn't fit shape x dtype, an unknown dtype, a duplicate or unwritable name */
export function writeSafetensors(tensors: readonly TensorToWrite[], options: WriteOptions = {}): Uint8Array {
  const { header, ordered, ends } = layOut(tensors, options);
  // All of them before the file is allocated: a shape may claim more than there is memory.
  for (const [i, { name, dtype, shape, data }] of ordered.entries()) {
    const size = (ends[i] as number) - (ends[i - 1] ?? 0);
    if (size !== data.length) {
      throw new RangeError(
        `tensor ${jsonString(name)}: ${dtype} [${shape}] takes ${size} bytes, the data has ${data.length}`,
      );
    }
  }
  const file = new Uint8Array(header.length + (ends.at(-1) ?? 0));
  file.set(header);
  for (const [i, { data }] of ordered.entries()) file.set(data, header.length + (ends[i - 1] ?? 0));
  return file;
}

/**
 * Everything in front of the data, and the size that the whole file has with them. For sparse files: write the header,
 * then extend the file to `sizeBytes`. Takes time and memory by the number of tensors, not by their sizes.
 * @throws {RangeError} as {@link writeSafetensors}
 */
export function writeSafetensorsHeader(
  tensors: readonly TensorToDeclare[],
  options: WriteOptions = {},
): { header: Uint8Array; sizeBytes: number } {
  const { header, ends } = layOut(tensors, options);
  return { header, sizeBytes: header.length + (ends.at(-1) ?? 0) };
}

interface Plan<T> {
  /** The length field and the JSON, padded. */
  readonly header: Uint8Array;
  readonly ordered: readonly T[];
  /** Where each tensor's data end, relative to the data section, in the same order. */
  readonly ends: readonly number[];
}

function layOut<T extends TensorToDeclare>(tensors: readonly T[], options: WriteOptions): Plan<T> {
  const { metadata, alignTo = 8, order = "given" } = options;
  if (!Number.isSafeInteger(alignTo) || alignTo < 1)
    throw new RangeError(`alignTo ${alignTo} is not a positive integer`);
  const ordered = order === "given" ? tensors : tensors.toSorted(referenceOrder);
  const members: string[] = [];
  if (metadata) {
    const pairs = Object.entries(metadata).map(([key, value]) => `${jsonString(key)}:${jsonString(value)}`);
    members.push(`"__metadata__":{${pairs.join(",")}}`);
  }
  const names = new Set(["__metadata__"]);
  const ends: number[] = [];
  let end = 0;
  for (const tensor of ordered) {
    const { name, dtype, shape } = tensor;
    if (names.has(name)) throw new RangeError(`tensor name ${jsonString(name)} is taken`);
    names.add(name);
    const begin = end;
    end += sizeOf(tensor);
    if (!Number.isSafeInteger(end)) throw new RangeError(`tensor ${jsonString(name)} would end above 2^53 bytes`);
    ends.push(end);
    members.push(`${jsonString(name)}:{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${begin},${end}]}`);
  }
  const json = new TextEncoder().encode(`{${members.join(",")}}`);
  const unaligned = (LENGTH_FIELD_BYTES + json.length) % alignTo;
  const padded = new Uint8Array(json.length + (unaligned === 0 ? 0 : alignTo - unaligned)).fill(0x20);
  padded.set(json);
  return { header: assembleSafetensors(padded), ordered, ends };
}

/** Length, header and data put together as they are, right or wrong: for files that should be refused. */
export function assembleSafetensors(header: string | Uint8Array, data: Uint8Array = new Uint8Array()): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(LENGTH_FIELD_BYTES + json.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, LENGTH_FIELD_BYTES);
  file.set(data, LENGTH_FIELD_BYTES + json.length);
  return file;
}

export interface ShardToIndex {
  readonly name: string;
  readonly tensors: readonly { readonly name: string; readonly sizeBytes: number }[];
}

/** The index of a set: `metadata.total_size`, and `weight_map` sorted by tensor name. `metadata` is added to it. */
export function writeIndexJson(
  shards: readonly ShardToIndex[],
  metadata: Readonly<Record<string, string | number>> = {},
): Uint8Array {
  const rows: [tensor: string, shard: string][] = [];
  let totalSize = 0;
  for (const shard of shards) {
    for (const { name, sizeBytes } of shard.tensors) {
      rows.push([name, shard.name]);
      totalSize += sizeBytes;
    }
  }
  rows.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const facts = Object.entries({ total_size: totalSize, ...metadata });
  // Text, not an object for JSON.stringify: an object would lose "__proto__" and move names that are integers.
  const lines = (pairs: readonly (readonly [string, string | number])[]): string =>
    pairs.map(([key, value]) => `    ${jsonString(key)}: ${JSON.stringify(value)}`).join(",\n");
  const json = `{\n  "metadata": {\n${lines(facts)}\n  },\n  "weight_map": {\n${lines(rows)}\n  }\n}\n`;
  return new TextEncoder().encode(json);
}

function sizeOf({ name, dtype, shape }: TensorToDeclare): number {
  const bits = dtypeBits(dtype);
  if (bits === undefined) throw new RangeError(`tensor ${jsonString(name)}: unknown dtype ${jsonString(dtype)}`);
  const elements = shape.reduce((product, dim) => product * dim, 1);
  if (!shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0) || !Number.isSafeInteger(elements)) {
    throw new RangeError(`tensor ${jsonString(name)}: [${shape}] is no shape`);
  }
  const size = packedBytes(elements, bits);
  if (size === undefined) {
    throw new RangeError(`tensor ${jsonString(name)}: ${elements} elements of ${bits} bits don't end at a byte`);
  }
  return size;
}

function referenceOrder(a: TensorToDeclare, b: TensorToDeclare): number {
  return (dtypeRank(b.dtype) ?? -1) - (dtypeRank(a.dtype) ?? -1) || compareUtf8(a.name, b.name);
}

/** Order of the UTF-8 bytes, which is the order of code points and not quite that of UTF-16 units. */
function compareUtf8(a: string, b: string): number {
  const left = new TextEncoder().encode(a);
  const right = new TextEncoder().encode(b);
  const shared = Math.min(left.length, right.length);
  for (let i = 0; i < shared; i++) {
    if (left[i] !== right[i]) return (left[i] as number) - (right[i] as number);
  }
  return left.length - right.length;
}

function jsonString(text: string): string {
  // In a unicode regular expression this class matches a surrogate only where its other half is missing.
  if (/\p{Surrogate}/u.test(text)) throw new RangeError(`${JSON.stringify(text)} holds half a surrogate pair`);
  return JSON.stringify(text);
}
