/**
 * One record of the GGUF tensor table: name, dimensions, type, offset, with the checks of the reference reader.
 *
 * Specification: ggml docs/gguf.md, gguf_tensor_info_t. Offsets must equal the running sum of padded sizes, in file order
 * (ggml/src/gguf.cpp); a gap, an overlap or a wrong alignment shows here.
 */
import { CheckpointError } from "../errors.ts";
import { addFinding, type FindingList } from "../findings.ts";
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
}

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
  if (!ne.every(Number.isSafeInteger) || !Number.isSafeInteger(elements)) {
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

function nameForeignType(tensor: MutableTensorInfo, type: GgmlType | undefined, layout: TensorLayout): void {
  const { typeId } = tensor;
  if (type?.origin === "removed") {
    addFinding(layout.findings, {
      rule: "gguf/removed-type",
      severity: "error",
      message: `tensor ${quoted(tensor.name)} has type ${typeId} (${type.name}), which ggml has removed`,
      why: "the file was made for an old llama.cpp; today's refuses it",
      fix: type.instead ? `get the model as ${type.instead}` : "get the model in a current type",
      tensor: tensor.name,
      offset: tensor.headerOffset,
    });
  } else if (type) {
    addFinding(layout.findings, {
      rule: "gguf/fork-type",
      severity: "warning",
      message: `tensor ${quoted(tensor.name)} has type ${typeId} (${type.name}) of ${type.origin}`,
      why: "llama.cpp itself refuses it",
      fix: `run it with ${type.origin}, or get the model in a mainline type`,
      tensor: tensor.name,
      offset: tensor.headerOffset,
    });
  } else {
    addFinding(layout.findings, {
      rule: "gguf/unknown-type",
      severity: "error",
      message: `tensor ${quoted(tensor.name)} has type ${typeId}, which no known ggml has; its bytes are taken from the room it has`,
      why: "its bits per weight can't be told from the header",
      tensor: tensor.name,
      offset: tensor.headerOffset,
    });
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
  if (!valid) complain(tensor, layout, "gguf/invalid-utf8", "has a name that is not UTF-8", "warning");
}

function checkOffset(tensor: MutableTensorInfo, layout: TensorLayout): void {
  const { alignment = 32, nextOffset } = layout;
  const unsized = layout.unsized?.at(-1) === tensor;
  if (tensor.offset !== nextOffset && !Number.isNaN(nextOffset)) {
    complain(
      tensor,
      layout,
      "gguf/tensor-offset",
      `starts at byte ${formatU64(tensor.offset)} of the data; after the tensors before it, ${formatU64(nextOffset)} is due`,
    );
  }
  const padded = Math.ceil(tensor.sizeBytes / alignment) * alignment;
  // After a tensor of unknown size there is nothing to compare the next one with.
  layout.nextOffset = unsized ? Number.NaN : tensor.offset + padded;
  if (!Number.isSafeInteger(tensor.offset)) tensor.offset = Number.MAX_SAFE_INTEGER;
}

function complain(
  tensor: MutableTensorInfo,
  layout: TensorLayout,
  rule: string,
  problem: string,
  severity: "error" | "warning" = "error",
): void {
  addFinding(layout.findings, {
    rule,
    severity,
    message: `tensor ${quoted(tensor.name)} ${problem}`,
    ...(severity === "error" && { why: "llama.cpp refuses the file" }),
    tensor: tensor.name,
    offset: tensor.headerOffset,
  });
}
