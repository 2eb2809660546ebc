/**
 * Reads one tensor entry of a safetensors header, `"name": {dtype, shape, data_offsets}`, straight into a tensor.
 * Offsets are absolute, in bytes. What can't be a tensor is left out, and a finding says why.
 */
import { CheckpointError } from "../errors.ts";
import { report } from "../rules/rules.ts";
import { grouped, quoted } from "../words.ts";
import { aKind, duplicateKey, type HeaderState, readName, skip } from "./header-state.ts";
import {
  another,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  enter,
  expectByte,
  nextByte,
  nextKind,
  OPEN_BRACE,
  OPEN_BRACKET,
  readUnsigned,
  takeLiteral,
  textAt,
} from "./json-cursor.ts";
import { MAX_DIMS, MAX_TENSORS } from "./limits.ts";
import { exactProduct } from "./sizes.ts";
import type { SafetensorsTensor } from "./types.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const DTYPE_KEY = bytesOf('"dtype"');
const SHAPE_KEY = bytesOf('"shape"');
const OFFSETS_KEY = bytesOf('"data_offsets"');

/** Size of the table of shapes seen; layers repeat a few shapes, and one array of numbers serves them all. */
export const SHAPE_SLOTS = 1024;

/** One entry while it is read. */
interface Entry {
  readonly name: string;
  readonly headerOffset: number;
  dtype: string | undefined;
  shape: readonly number[] | undefined;
  begin: number;
  end: number;
  /** The first thing that keeps it from being a tensor. */
  problem: string | undefined;
}

/** Reads the value of the key `name`, which stood at `headerOffset`. */
export function readTensor(state: HeaderState, name: string, headerOffset: number): void {
  const { c } = state;
  if (state.places.size >= MAX_TENSORS) {
    throw new CheckpointError(
      "limit",
      `the header names more than ${grouped(MAX_TENSORS)} tensors; no model has as many in a file`,
      {
        offset: headerOffset,
      },
    );
  }
  const entry: Entry = {
    name,
    headerOffset,
    dtype: undefined,
    shape: undefined,
    begin: -1,
    end: -1,
    problem: undefined,
  };
  const kind = nextKind(c);
  if (kind === "object") readEntryObject(state, entry);
  else if (kind === "array") readEntryList(state, entry);
  else {
    skip(state, 1);
    entry.problem = `is ${aKind(kind)}, not an object`;
  }
  const earlier = state.places.get(name);
  if (earlier !== undefined) duplicateKey(state, name, headerOffset, state.tensors[earlier]?.headerOffset);
  const tensor = finishEntry(state, entry);
  if (!tensor) {
    if (earlier === undefined) state.places.set(name, -1);
  } else if (earlier !== undefined && earlier >= 0) state.tensors[earlier] = tensor;
  else {
    state.places.set(name, state.tensors.length);
    state.tensors.push(tensor);
  }
}

function readEntryObject(state: HeaderState, entry: Entry): void {
  const { c } = state;
  let more = enter(c, OPEN_BRACE, CLOSE_BRACE);
  while (more) {
    nextByte(c);
    const keyAt = c.pos;
    let key: string;
    if (takeLiteral(c, DTYPE_KEY)) key = "dtype";
    else if (takeLiteral(c, SHAPE_KEY)) key = "shape";
    else if (takeLiteral(c, OFFSETS_KEY)) key = "data_offsets";
    else key = readName(state);
    expectByte(c, COLON);
    if (key === "dtype") {
      if (entry.dtype !== undefined) duplicateKey(state, key, keyAt);
      readDtype(state, entry);
    } else if (key === "shape") {
      if (entry.shape !== undefined) duplicateKey(state, key, keyAt);
      readShape(state, entry);
    } else if (key === "data_offsets") {
      if (entry.begin >= 0) duplicateKey(state, key, keyAt);
      readOffsets(state, entry);
    } else {
      skip(state, 2);
      report(state.findings, "safetensors/extra-field", {
        message: `the entry of tensor ${quoted(entry.name)} has a field ${quoted(key)} that the format doesn't know`,
        tensor: entry.name,
        offset: keyAt,
      });
    }
    more = another(c, CLOSE_BRACE);
  }
}

/** `[dtype, shape, data_offsets]`: no writer is known to make it, but the reference's JSON library takes a list for a struct. */
function readEntryList(state: HeaderState, entry: Entry): void {
  const { c } = state;
  const at = c.pos;
  let fields = 0;
  let more = enter(c, OPEN_BRACKET, CLOSE_BRACKET);
  while (more) {
    if (fields === 0) readDtype(state, entry);
    else if (fields === 1) readShape(state, entry);
    else if (fields === 2) readOffsets(state, entry);
    else skip(state, 2);
    fields++;
    more = another(c, CLOSE_BRACKET);
  }
  if (fields !== 3) {
    entry.problem ??= "is a list, not an object";
    return;
  }
  report(state.findings, "safetensors/entry-is-list", {
    message: `the entry of tensor ${quoted(entry.name)} is a list, read as [dtype, shape, data_offsets]`,
    tensor: entry.name,
    offset: at,
  });
}

function readDtype(state: HeaderState, entry: Entry): void {
  const { c } = state;
  const kind = nextKind(c);
  if (kind !== "string") {
    skip(state, 2);
    entry.problem ??= `has a dtype that is ${aKind(kind)}, not a string`;
    return;
  }
  const text = readName(state);
  // One string object for all tensors of a dtype.
  const known = state.dtypes.get(text);
  if (known === undefined) state.dtypes.set(text, text);
  entry.dtype = known ?? text;
}

function readShape(state: HeaderState, entry: Entry): void {
  const { c, dims } = state;
  const kind = nextKind(c);
  if (kind !== "array") {
    skip(state, 2);
    entry.problem ??= `has a shape that is ${aKind(kind)}, not a list`;
    return;
  }
  let rank = 0;
  let more = enter(c, OPEN_BRACKET, CLOSE_BRACKET);
  while (more) {
    nextByte(c);
    const at = c.pos;
    const dim = readUnsigned(c, 3);
    if (dim < 0) entry.problem ??= `has the dimension ${textAt(c, at, c.pos)}: not a whole number of 0 to 2^64 - 1`;
    if (rank === MAX_DIMS) {
      const message = `tensor ${quoted(entry.name)} has more than ${grouped(MAX_DIMS)} dimensions; no tensor has that many`;
      throw new CheckpointError("limit", message, { file: c.file, offset: at });
    }
    dims[rank++] = dim;
    more = another(c, CLOSE_BRACKET);
  }
  entry.shape = sharedShape(state, rank);
}

/** The first `rank` scratch dimensions as an array, the same array for the same shape most of the time. */
function sharedShape(state: HeaderState, rank: number): readonly number[] {
  const { dims, shapes } = state;
  let hash = rank;
  for (let i = 0; i < rank; i++) hash = (Math.imul(hash, 31) + (dims[i] as number)) | 0;
  const slot = (hash ^ (hash >>> 15)) & (SHAPE_SLOTS - 1);
  const seen = shapes[slot];
  if (seen && seen.length === rank && seen.every((dim, i) => dim === dims[i])) return seen;
  const shape = dims.slice(0, rank);
  shapes[slot] = shape;
  return shape;
}

function readOffsets(state: HeaderState, entry: Entry): void {
  const { c } = state;
  nextByte(c);
  const at = c.pos;
  const kind = nextKind(c);
  if (kind !== "array") {
    skip(state, 2);
    entry.problem ??= `has data_offsets that are ${aKind(kind)}, not a list`;
    return;
  }
  let count = 0;
  let begin = 0;
  let end = 0;
  let more = enter(c, OPEN_BRACKET, CLOSE_BRACKET);
  while (more) {
    nextByte(c);
    const valueAt = c.pos;
    const value = readUnsigned(c, 3);
    if (value < 0 || value > Number.MAX_SAFE_INTEGER) {
      entry.problem ??= `has the data offset ${textAt(c, valueAt, c.pos)}: not a whole number of 0 to 2^53 - 1`;
    }
    if (count === 0) begin = value;
    else end = value;
    count++;
    more = another(c, CLOSE_BRACKET);
  }
  if (count !== 2) entry.problem ??= `has data_offsets ${textAt(c, at, c.pos)}: ${count} numbers instead of 2`;
  entry.begin = Math.max(begin, 0);
  entry.end = end;
}

/** The tensor of an entry, or undefined when it can't be one: a finding says why. */
function finishEntry(state: HeaderState, entry: Entry): SafetensorsTensor | undefined {
  const { name, dtype, shape, begin, end, headerOffset } = entry;
  if (entry.problem === undefined) {
    if (dtype === undefined) entry.problem = "has no dtype";
    else if (shape === undefined) entry.problem = "has no shape";
    else if (begin < 0) entry.problem = "has no data_offsets";
  }
  if (entry.problem !== undefined || dtype === undefined || shape === undefined) {
    state.leftOut++;
    report(state.findings, "safetensors/bad-entry", {
      message: `the entry of tensor ${quoted(name)} ${entry.problem}; it is left out`,
      tensor: name,
      offset: headerOffset,
    });
    return undefined;
  }
  // A size below 0 tells the layout check of reversed offsets; it is set right there.
  return {
    name,
    shape,
    type: dtype,
    elements: exactProduct(shape),
    sizeBytes: end - begin,
    part: 0,
    offset: state.dataStart + begin,
    headerOffset,
  };
}
