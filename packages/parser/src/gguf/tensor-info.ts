/**
 * One record of the GGUF tensor table: name, dimensions, type, offset, with the checks of the reference reader.
 *
 * Specification: ggml docs/gguf.md, gguf_tensor_info_t. Offsets must equal the running sum of padded sizes, in file order
 * (ggml/src/gguf.cpp); a gap, an overlap or a wrong alignment shows here.
 */
import { CheckpointError } from "../errors.ts";
import type { FindingList } from "../findings.ts";
import { type ReaderRule, report } from "../rules/rules.ts";
import { grouped, quoted } from "../words.ts";
import { GGML_MAX_DIMS, GGML_MAX_NAME_BYTES, MAX_DIMS, MAX_KEY_BYTES } from "./limits.ts";
import type { GgufTensorInfo } from "./read.ts";
import { type GgmlType, ggmlType } from "./types.ts";
import {
  type Cursor,
  compact,
  formatU64,
  need,
  readLength,
  readName,
  readSize,
  readU32,
  readU64,
  tell,
} from "./values.ts";

/** While the table is read: `offset` is relative to the data section, as written. */
type MutableTensorInfo = { -readonly [Field in keyof GgufTensorInfo]: GgufTensorInfo[Field] };

/** Dimensions as written, and turned round. */
interface Shape {
  readonly ne: readonly number[];
  readonly shape: readonly number[];
}

/** The table so far, and what the next record is checked against. */
export interface TensorLayout {
  readonly tensors: MutableTensorInfo[];
  readonly names: Set<string>;
  readonly shapes: Map<number, Shape>;
  /** Names of types that no table knows; one string each. */
  readonly typeNames: Map<number, string>;
  readonly findings: FindingList;
  alignment?: number;
  /** Where the next tensor's data must start, relative to the data section. */
  nextOffset: number;
  /** Tensors of a type without a known size: they get the room up to the next tensor. */
  unsized?: MutableTensorInfo[];
  /** Records of nothing but zeros, one after the other up to here. */
  blanks?: number;
}

/** A record is 24 bytes where all of it is zero; so many together are no table, but room that nobody wrote to. */
const MAX_BLANKS = 100;
const BLANK_BYTES = 24;

const WHAT = "the tensor table";

/** Reads one record. Nothing is noted before its last byte was there, so a starved record can be started again. */
export function readTensorInfo(cursor: Cursor, layout: TensorLayout): void {
  const headerOffset = tell(cursor);
  const nameBytes = readLength(cursor, "a tensor's name");
  if (nameBytes > MAX_KEY_BYTES) {
    throw new CheckpointError(
      "limit",
      `the name of tensor ${layout.tensors.length} at byte ${grouped(headerOffset)} is ${grouped(nameBytes)} bytes long; ggml allows ${GGML_MAX_NAME_BYTES}`,
      { file: cursor.file, offset: headerOffset },
    );
  }
  need(cursor, nameBytes, "a tensor's name");
  const { text: name, valid } = readName(cursor, nameBytes);
  const dimsOffset = tell(cursor);
  const dims = readU32(cursor, WHAT);
  if (dims > MAX_DIMS) {
    throw new CheckpointError(
      "invalid",
      `tensor ${quoted(name)} claims ${grouped(dims)} dimensions at byte ${grouped(dimsOffset)}; ggml has at most ${GGML_MAX_DIMS}`,
      { file: cursor.file, offset: dimsOffset },
    );
  }
  need(cursor, dims * (cursor.narrow ? 4 : 8) + 12, WHAT);
  const dimensions: number[] = [];
  for (let i = 0; i < dims; i++) dimensions.push(readSize(cursor, WHAT));
  const { ne, shape } = shared(dimensions, layout.shapes);
  const typeId = readU32(cursor, WHAT);
  const offset = readU64(cursor, WHAT);

  const isBlank = nameBytes === 0 && dims === 0 && typeId === 0 && offset === 0;
  layout.blanks = isBlank ? (layout.blanks ?? 0) + 1 : 0;
  if (layout.blanks > MAX_BLANKS) throw blankTable(cursor, headerOffset - MAX_BLANKS * BLANK_BYTES);

  const type = ggmlType(typeId);
  const tensor: MutableTensorInfo = {
    name,
    shape,
    type: type?.name ?? unknownTypeName(typeId, layout),
    elements: 0,
    sizeBytes: 0,
    part: 0,
    offset,
    ne,
    typeId,
    headerOffset,
  };
  measure(tensor, type, layout);
  checkName(tensor, nameBytes, valid, layout);
  if (dims > GGML_MAX_DIMS) {
    complain(tensor, layout, "gguf/dimensions", `has ${dims} dimensions; ggml has at most ${GGML_MAX_DIMS}`);
  }
  checkOffset(tensor, layout);
  layout.tensors.push(tensor);
}

function blankTable({ file }: Cursor, offset: number): CheckpointError {
  const message = `the tensor table is nothing but zeros from byte ${grouped(offset)} on: the download made room for it and never wrote it; download it again`;
  return new CheckpointError("invalid", message, { file, offset });
}

/** Shapes that have been seen are one object: a table of half a million tensors has a few dozen of them. */
function shared(ne: readonly number[], shapes: Map<number, Shape>): Shape {
  let key = ne.length;
  for (const n of ne) key = key * 31 + n;
  const seen = shapes.get(key);
  if (seen && seen.ne.length === ne.length && seen.ne.every((n, i) => n === ne[i])) return seen;
  const shape = { ne, shape: ne.length > 1 ? [...ne].reverse() : ne };
  if (!seen) shapes.set(key, shape);
  return shape;
}

function unknownTypeName(typeId: number, { typeNames }: TensorLayout): string {
  let name = typeNames.get(typeId);
  if (name === undefined) {
    name = `type ${typeId}`;
    typeNames.set(typeId, name);
  }
  return name;
}

/** Elements and bytes, exact or not at all. */
function measure(tensor: MutableTensorInfo, type: GgmlType | undefined, layout: TensorLayout): void {
  const { ne } = tensor;
  let elements = 1;
  for (const n of ne) elements *= n;
  // With a dimension of 0, the reference reader takes any other below 2^63.
  if (ne.includes(0) && ne.every((n) => n < 2 ** 63)) elements = 0;
  else if (!ne.every(Number.isSafeInteger)) elements = Number.NaN;
  if (!Number.isSafeInteger(elements)) {
    const shape = ne.map(formatU64).join(" x ");
    complain(
      tensor,
      layout,
      "gguf/shape-overflow",
      `has shape ${shape}, too large to be real; it is left out of every count`,
    );
    return;
  }
  tensor.elements = compact(elements);
  if (type?.origin !== "mainline") nameForeignType(tensor, type, layout);
  if (!type || type.blockElements === 0) {
    layout.unsized ??= [];
    layout.unsized.push(tensor);
    return;
  }
  const row = ne[0] ?? 1;
  if (row % type.blockElements !== 0) {
    complain(
      tensor,
      layout,
      "gguf/partial-block",
      `is ${type.name} with rows of ${grouped(row)}, not a multiple of its block of ${type.blockElements}`,
    );
  }
  const rowBytes = type.rowMetaBytes + Math.ceil(row / type.blockElements) * type.blockBytes;
  const sizeBytes = row === 0 ? 0 : rowBytes * (elements / row);
  if (Number.isSafeInteger(sizeBytes)) {
    tensor.sizeBytes = compact(sizeBytes);
  } else {
    complain(
      tensor,
      layout,
      "gguf/shape-overflow",
      `needs ${formatU64(sizeBytes)} bytes, too many to be real; it is left out of every count`,
    );
    tensor.elements = 0;
  }
}

function nameForeignType(tensor: MutableTensorInfo, type: GgmlType | undefined, { findings }: TensorLayout): void {
  const { typeId, name, headerOffset } = tensor;
  const where = { tensor: name, offset: headerOffset };
  const has = `tensor ${quoted(name)} has type ${typeId}`;
  if (type?.origin === "removed") {
    report(findings, "gguf/removed-type", {
      message: `${has} (${type.name}), which ggml has removed`,
      fix: type.instead ? `get the model as ${type.instead}` : "get the model in a current type",
      ...where,
    });
  } else if (type?.forActivations) {
    report(findings, "gguf/fork-type", {
      severity: "error",
      message: `${has} (${type.name}), which ${type.origin} has for activations while it runs`,
      why: "llama.cpp refuses it, and no program stores weights so",
      fix: "the file is damaged, or made by a faulty program; get it again",
      ...where,
    });
  } else if (type) {
    report(findings, "gguf/fork-type", { message: `${has} (${type.name}) of ${type.origin}`, ...where });
  } else {
    const what = "which no known ggml has; its bytes are taken from the room it has";
    report(findings, "gguf/unknown-type", { message: `${has}, ${what}`, ...where });
  }
}

function checkName(tensor: MutableTensorInfo, nameBytes: number, valid: boolean, layout: TensorLayout): void {
  const { name } = tensor;
  if (layout.names.has(name)) complain(tensor, layout, "gguf/duplicate-tensor", "stands twice in the table");
  layout.names.add(name);
  if (nameBytes > GGML_MAX_NAME_BYTES) {
    complain(
      tensor,
      layout,
      "gguf/long-tensor-name",
      `has a name of ${nameBytes} bytes; ggml allows ${GGML_MAX_NAME_BYTES}`,
    );
  }
  if (!valid) complain(tensor, layout, "gguf/invalid-utf8", "has a name that is not UTF-8");
}

function checkOffset(tensor: MutableTensorInfo, layout: TensorLayout): void {
  const { alignment = 32, nextOffset } = layout;
  const unsized = layout.unsized?.at(-1) === tensor;
  if (tensor.offset !== nextOffset && !Number.isNaN(nextOffset)) {
    complain(
      tensor,
      layout,
      "gguf/tensor-offset",
      `starts at byte ${formatU64(tensor.offset)} of the data; after the tensors before it, ${formatU64(nextOffset)} is due` +
        slotWords(tensor, layout),
    );
  }
  const padded = Math.ceil(tensor.sizeBytes / alignment) * alignment;
  // After a tensor of unknown size there is nothing to compare the next one with.
  layout.nextOffset = unsized ? Number.NaN : tensor.offset + padded;
  if (!Number.isSafeInteger(tensor.offset)) tensor.offset = Number.MAX_SAFE_INTEGER;
}

/**
 * Says so where the tensor before has less room than its type needs: a writer that took it for another type, or that left out
 * the bytes in front of each row which some types of ik_llama.cpp have (ik_llama.cpp issues 2437 and 2443).
 */
function slotWords({ offset }: MutableTensorInfo, { tensors }: TensorLayout): string {
  const before = tensors.at(-1);
  const slot = before ? offset - before.offset : 0;
  if (!before || slot <= 0 || slot >= before.sizeBytes) return "";
  const short = grouped(before.sizeBytes - slot);
  const { rowMetaBytes = 0 } = ggmlType(before.typeId) ?? {};
  const rows = (before.ne[0] ?? 0) > 0 ? before.elements / (before.ne[0] as number) : 0;
  const meta =
    rowMetaBytes > 0 && slot >= before.sizeBytes - rows * rowMetaBytes
      ? `: the ${rowMetaBytes} bytes in front of each row are left out`
      : "";
  return `. The slot of ${quoted(before.name)} has ${grouped(slot)} bytes, ${short} fewer than ${before.type} needs${meta}`;
}

function complain(
  { name, headerOffset }: MutableTensorInfo,
  { findings }: TensorLayout,
  rule: ReaderRule,
  problem: string,
): void {
  report(findings, rule, { message: `tensor ${quoted(name)} ${problem}`, tensor: name, offset: headerOffset });
}
