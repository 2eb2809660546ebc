/**
 * torchao (torchao/prototype/safetensors): a tensor subclass is taken apart into `<module>._weight_qdata`, `_weight_scale`
 * and their like, and `__metadata__` holds a JSON text for each, whose `_type` says how `qdata` is packed and whose
 * `_data` holds the logical shape where that isn't the shape of `qdata`. Up to torchao 0.14 the names were
 * `<module>.weight:qdata`.
 */
import type { JsonObject, JsonValue } from "@checkpoint-inspect/parser";

import { asObject } from "../../json.ts";
import { type PackedModule, product, type Scheme, type Unpacked } from "../scheme.ts";

/** Weights in one element of `qdata`, by the class. Other classes pack in a way of their own, and keep the shape in `_data`. */
const WEIGHTS_AN_ELEMENT: Readonly<Record<string, number | undefined>> = {
  Float8Tensor: 1,
  Int8Tensor: 1,
  IntxUnpackedToInt8Tensor: 1,
  Int4Tensor: 2,
  NVFP4Tensor: 2,
  Int4PlainInt32Tensor: 8,
};

const FORMATS: Readonly<Record<string, string | undefined>> = {
  Float8Tensor: "FP8",
  Int8Tensor: "INT8",
  NVFP4Tensor: "NVFP4",
};

const SIDES = ["scale", "zero_point", "scale_and_zero", "act_pre_scale", "per_tensor_scale", "act_per_tensor_scale"];

/** Longest JSON text that is parsed: a few hundred characters are usual. */
const MAX_JSON_LENGTH = 20_000;

function torchao(container: string, side: string, owner: (stem: string) => string): Scheme {
  return {
    id: "torchao",
    title: "torchao",
    containers: [container],
    sides: SIDES.map((name) => side + name),
    owner,
    unpack: (module) => unpack(module, owner(module.stem)),
  };
}

/** `mlp.experts._gate_up_proj` was `mlp.experts.gate_up_proj`. */
export const TORCHAO = torchao("_qdata", "_", (stem) => stem.replace(/(^|\.)_([^.]*)$/, "$1$2"));

export const TORCHAO_COLON = torchao(".weight:qdata", ".weight:", (stem) => `${stem}.weight`);

function unpack({ container, metadata }: PackedModule, owner: string): Unpacked {
  const { elements, shape, sizeBytes, type: dtype } = container;
  const entry = parsed(metadata(owner));
  const data = asObject(entry?._data) ?? {};
  const type = typeof entry?._type === "string" ? entry._type : undefined;
  if (!type && dtype.startsWith("F8_")) return { parameters: elements, bits: 8, shape, format: "FP8" };
  const each = type === "MXTensor" ? mxWeights(data, dtype) : type ? WEIGHTS_AN_ELEMENT[type] : undefined;
  const format = type === "MXTensor" ? (each === 2 ? "MXFP4" : "MXFP8") : FORMATS[type ?? ""];
  const logical = wholeNumbers(data.shape);
  const groupSize = groupOf(data.block_size, logical?.at(-1) ?? (shape.at(-1) ?? 1) * (each ?? 1));
  const tail = { ...(groupSize && { groupSize }), ...(format && { format }) };
  if (logical && each && product(logical) === elements * each) {
    return { parameters: elements * each, bits: (8 * sizeBytes) / (elements * each), shape: logical, ...tail };
  }
  const tiled = logical && !each && type?.startsWith("Int4") ? tiledWeights(logical, type) : undefined;
  if (logical && tiled?.includes(2 * sizeBytes))
    return { parameters: product(logical), bits: 4, shape: logical, loose: true, ...tail };
  // A shape that the elements contradict says that something is not as its class has it.
  if (logical && each)
    return { parameters: elements, bits: (8 * sizeBytes) / elements, unknown: true, format: "in words" };
  if (!each) return { parameters: elements, bits: (8 * sizeBytes) / elements, unknown: true, format: "in words" };
  const narrow = type === "IntxUnpackedToInt8Tensor" ? intWidth(data) : undefined;
  return {
    parameters: elements * each,
    bits: (8 * sizeBytes) / (elements * each),
    shape: [...shape.slice(0, -1), (shape.at(-1) ?? 1) * each],
    ...tail,
    ...(narrow && { format: `INT${narrow} in bytes` }),
  };
}

/** Four-bit weights of a matrix whose sides its kernel wants as multiples of these: rows, columns. Sparse ones keep half. */
const TILES = [
  [1, 1],
  [8, 1024],
  [8, 128],
  [16, 64],
] as const;

/** How many weights the container may hold for this shape, filled up. */
function tiledWeights(shape: readonly number[], type: string): readonly number[] {
  const lead = product(shape.slice(0, -2));
  const [rows = 1, columns = 1] = shape.slice(-2);
  const share = type.includes("Sparse") ? 2 : 1;
  return TILES.map(([down, across]) => (lead * roundUp(rows, down) * roundUp(columns, across)) / share);
}

function roundUp(n: number, unit: number): number {
  return Math.ceil(n / unit) * unit;
}

/** Weights in a row that share one scale: a number, or a block's sides. Blocks of several rows and whole rows are no groups. */
function groupOf(size: JsonValue | undefined, width: number): number | undefined {
  const block = wholeNumbers(size);
  const group = block ? (block.slice(0, -1).every((n) => n === 1) ? block.at(-1) : undefined) : asCount(size);
  return group !== undefined && group > 1 && group < width ? group : undefined;
}

/** MXTensor's element type: two four-bit floats a byte, or one of eight bits. */
function mxWeights(data: JsonObject, dtype: string): number | undefined {
  const element = asObject(data.elem_dtype)?._data;
  if (typeof element !== "string") return dtype.startsWith("F8_") ? 1 : undefined;
  if (element.startsWith("float8")) return 1;
  return element.startsWith("float4") && dtype === "U8" ? 2 : undefined;
}

/** `torch.int4` of a tensor that keeps narrow numbers in whole bytes. */
function intWidth(data: JsonObject): number | undefined {
  const target = asObject(data.target_dtype)?._data;
  const width = typeof target === "string" ? Number(/^int([1-8])$/.exec(target)?.[1]) : Number.NaN;
  return width < 8 ? width : undefined;
}

function parsed(text: string | undefined): JsonObject | undefined {
  if (text === undefined || text.length > MAX_JSON_LENGTH) return undefined;
  try {
    return asObject(JSON.parse(text) as JsonValue);
  } catch {
    return undefined;
  }
}

function asCount(value: JsonValue | undefined): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

function wholeNumbers(value: JsonValue | undefined): readonly number[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const numbers = value.map(asCount);
  return numbers.every((n) => n !== undefined) ? numbers : undefined;
}
