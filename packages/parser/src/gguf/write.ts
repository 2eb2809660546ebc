/**
 * Writes GGUF v1, v2 and v3 files, in either byte order: headers byte for byte as the input says, and whole files.
 *
 * Layout (GGUF specification, "File Structure"): magic, version, tensor count, key count, keys, tensor infos, zeros up
 * to the alignment, data. All sizes are bytes. Shapes are in file order (`ne`): the fastest dimension first.
 */
import { ggmlType } from "./types.ts";
import { type GgufWriteEntry, headerBuffer } from "./write-values.ts";

export interface GgufWriteTensor {
  readonly name: string;
  /** File order: the fastest dimension (a row's length) first. */
  readonly shape: readonly number[];
  /** ggml type id. */
  readonly type: number;
  /** Bytes as they stand in the file, so already in its byte order. Zeros where absent. */
  readonly data?: Uint8Array;
}

export interface GgufInput {
  /** 3 unless given. */
  readonly version?: 1 | 2 | 3;
  /** `little` unless given. */
  readonly byteOrder?: "little" | "big";
  /**
   * Lays the file out in multiples of this many bytes, a power of two. Written as `general.alignment` when it isn't 32
   * and the metadata has no such key. Where absent, the metadata's `general.alignment` counts, and then 32.
   */
  readonly alignment?: number;
  readonly metadata: readonly GgufWriteEntry[];
  readonly tensors: readonly GgufWriteTensor[];
}

/** What it takes to write files that are wrong on purpose. */
export interface GgufWriteOptions {
  /** Offsets to declare instead of the true ones, by tensor index. The data stay where they belong. */
  readonly offsets?: Readonly<Record<number, number | bigint>>;
  /** Shapes to declare instead of the true ones, by tensor index. The data's size is that of the true shape. */
  readonly shapes?: Readonly<Record<number, readonly (number | bigint)[]>>;
  /** Takes any type id and any data: a tensor gets the room of its `data`, or none. */
  readonly unchecked?: boolean;
}

/** Specification, "general.alignment": the value where the key is absent. */
const DEFAULT_ALIGNMENT = 32;

/**
 * A whole file: header, then each tensor's data, each padded with zeros to the alignment, the last one too.
 * @throws {RangeError} when a value doesn't fit its type, or data doesn't have the size of its shape and type
 */
export function writeGguf(input: GgufInput, options: GgufWriteOptions = {}): Uint8Array {
  const plan = layOut(input, options);
  const header = encodeHeader(input, plan, options);
  const file = new Uint8Array(header.length + plan.dataBytes);
  file.set(header);
  input.tensors.forEach((tensor, i) => {
    if (tensor.data) file.set(tensor.data, header.length + (plan.offsets[i] as number));
  });
  return file;
}

/**
 * The header alone, with the padding after it: its length is the offset of the data section. For sparse files, whose
 * full size is this length plus {@link ggufDataSize}.
 * @throws {RangeError} as {@link writeGguf}
 */
export function writeGgufHeader(input: GgufInput, options: GgufWriteOptions = {}): Uint8Array {
  return encodeHeader(input, layOut(input, options), options).slice();
}

/** Bytes of the data section that {@link writeGguf} would write, padding included. */
export function ggufDataSize(input: GgufInput, options: GgufWriteOptions = {}): number {
  return layOut(input, options).dataBytes;
}

interface Plan {
  readonly alignment: number;
  /** `general.alignment` is to be added behind the given keys. */
  readonly addsAlignmentKey: boolean;
  /** Where each tensor's data begins, relative to the data section. */
  readonly offsets: readonly number[];
  readonly dataBytes: number;
}

function layOut(input: GgufInput, options: GgufWriteOptions): Plan {
  const entry = input.metadata.find(({ key }) => key === "general.alignment");
  const alignment = input.alignment ?? (entry?.type === "u32" ? entry.value : DEFAULT_ALIGNMENT);
  // Up to 2^31: with 2^32 the value no longer fits the key's u32.
  if (!Number.isInteger(Math.log2(alignment)) || alignment < 1 || alignment > 2 ** 31) {
    throw new RangeError(
      `alignment ${alignment} is not a power of two from 1 to 2^31; give one in GgufInput.alignment`,
    );
  }
  const offsets: number[] = [];
  let dataBytes = 0;
  for (const tensor of input.tensors) {
    offsets.push(dataBytes);
    dataBytes = padded(dataBytes + room(tensor, options), alignment);
  }
  return { alignment, addsAlignmentKey: !entry && alignment !== DEFAULT_ALIGNMENT, offsets, dataBytes };
}

/** Bytes that a tensor's data take: rows of whole blocks, each row with its own prefix in the types that have one. */
function room({ name, shape, type, data }: GgufWriteTensor, { unchecked = false }: GgufWriteOptions): number {
  if (unchecked) return data?.length ?? 0;
  const facts = ggmlType(type);
  if (!facts?.blockElements) throw new RangeError(`tensor "${name}": type id ${type} is not one that can be written`);
  // No dimensions at all means one element.
  const [rowElements = 1, ...outer] = shape;
  if (rowElements % facts.blockElements !== 0) {
    throw new RangeError(
      `tensor "${name}": a row of ${rowElements} is not a multiple of ${facts.name}'s block of ${facts.blockElements}`,
    );
  }
  const rowBytes = facts.rowMetaBytes + (rowElements / facts.blockElements) * facts.blockBytes;
  const bytes = rowElements === 0 ? 0 : outer.reduce((product, n) => product * n, rowBytes);
  if (!Number.isSafeInteger(bytes)) throw new RangeError(`tensor "${name}": ${bytes} bytes are above 2^53`);
  if (data && data.length !== bytes) {
    throw new RangeError(
      `tensor "${name}": ${facts.name} of shape [${shape.join(", ")}] takes ${bytes} bytes, its data has ${data.length}`,
    );
  }
  return bytes;
}

function padded(size: number, alignment: number): number {
  return Math.ceil(size / alignment) * alignment;
}

function encodeHeader(input: GgufInput, plan: Plan, options: GgufWriteOptions): Uint8Array {
  const { version = 3, byteOrder = "little", metadata, tensors } = input;
  const out = headerBuffer(version, byteOrder === "little");
  // The four letters stand in this order in big-endian files too.
  out.text("GGUF");
  out.integer("version", "u32", version);
  out.count("tensor count", tensors.length);
  out.count("key count", metadata.length + (plan.addsAlignmentKey ? 1 : 0));
  for (const entry of metadata) out.entry(entry);
  if (plan.addsAlignmentKey) out.entry({ key: "general.alignment", type: "u32", value: plan.alignment });
  for (const [i, tensor] of tensors.entries()) {
    const { name, type } = tensor;
    const shape = options.shapes?.[i] ?? tensor.shape;
    out.string(name);
    out.integer(name, "u32", shape.length);
    for (const n of shape) out.count(name, n);
    out.integer(name, "u32", type);
    // 64 bits in every version, v1 too.
    out.u64(name, options.offsets?.[i] ?? (plan.offsets[i] as number));
  }
  return out.finish(plan.alignment);
}
