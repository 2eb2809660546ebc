/**
 * compressed-tensors (llm-compressor). Each module may have its own format; its tensors show which.
 * - pack-quantized: `weight_packed` I32 [N, words], `weight_scale` [N, G], [N, 1] or [1], `weight_shape` I64 or I32 [2],
 *   `weight_zero_point` I32 [words of N, G], `weight_g_idx` I32 [K]; stacks of experts have a dimension in front
 * - nvfp4-, mxfp4-, mxfp6-pack-quantized: `weight_packed` U8 [N, K*b/8] with scales F8_E4M3 [N, K/16] or exponents U8 [N, K/32]
 *
 * Words of pack-quantized: 32 // b weights each in older releases (0.8.1, 0.10.2), dense (ceil(K*b/32)) in newer ones (0.20); the two
 * differ for 3, 5, 6 and 7 bits. Either way a row may end in a word that isn't full, so the row's width comes from the groups, from `weight_g_idx`, or from
 * the values of `weight_shape`.
 * Source: compressed-tensors 0.20, 0.10.2 and 0.8.1, compressors/ (pack_quantized, nvfp4, mxfp4, mxfp6).
 */
import type { JsonObject, JsonValue, Tensor } from "@checkpoint-inspect/parser";

import { asNumber, asObject } from "../../json.ts";
import {
  blockSize,
  type PackedModule,
  product,
  type QuantConfig,
  type Scheme,
  type Unpacked,
  wordWidth,
} from "../scheme.ts";
import { hiddenWidth } from "../widths.ts";
import { BITMASKS, ID, MARLIN_24, SIDES } from "./compressed-sparse.ts";
import { declaredBlock, fp8Words, hasExponents, isFp8, scaleWords } from "./fp8.ts";

interface DeclaredGroup {
  readonly bits: number;
  /** 0 where a scale stands for a row or the tensor. */
  readonly groupSize: number;
}

/** Different widths and groups that are looked at: real configs have a handful, and each costs time in every module. */
const MAX_GROUPS = 64;

const groupsOf = new WeakMap<JsonObject, readonly DeclaredGroup[]>();

/**
 * The integer weights of every `config_groups` entry. Which modules an entry is for doesn't matter: only one fits the shapes.
 * Remembered by the block, as every module asks.
 */
function declaredGroups({ block }: QuantConfig): readonly DeclaredGroup[] {
  const known = groupsOf.get(block);
  if (known) return known;
  const groups = new Map<string, DeclaredGroup>();
  for (const group of Object.values<JsonValue>(asObject(block.config_groups) ?? {})) {
    const weights = asObject(asObject(group)?.weights);
    const bits = asNumber(weights?.num_bits);
    if (bits === undefined || weights?.type === "float" || !Number.isInteger(bits) || bits < 1 || bits > 8) continue;
    const groupSize = Math.max(0, asNumber(weights?.group_size) ?? 0);
    groups.set(`${bits} ${groupSize}`, { bits, groupSize });
    if (groups.size === MAX_GROUPS) break;
  }
  const list = [...groups.values()];
  groupsOf.set(block, list);
  return list;
}

/** Does a row of `width` weights take so many words, packed densely or 32 // bits a word? */
function fills(words: number, width: number, bits: number): boolean {
  return Math.ceil((width * bits) / 32) === words || Math.ceil(width / Math.floor(32 / bits)) === words;
}

/** Widths of rows that take so many words at so many bits: at most 32 for each way of packing. */
function widthsOf(words: number, bits: number): readonly number[] {
  // No shape in a file is near this, and above 2^53 counting by one stands still.
  if (!Number.isSafeInteger(32 * words)) return [];
  const perWord = Math.floor(32 / bits);
  const windows = [
    [Math.floor((32 * (words - 1)) / bits) + 1, Math.floor((32 * words) / bits)],
    [perWord * (words - 1) + 1, perWord * words],
  ] as const;
  const widths = new Set<number>();
  for (const [from, to] of windows) for (let width = from; width <= to; width++) widths.add(width);
  return [...widths];
}

/** Integers in words of 32 bits. */
function unpackIntegers(module: PackedModule): Unpacked | undefined {
  const { container, beside, values, config } = module;
  const lead = container.shape.slice(0, -1);
  const words = container.shape.at(-1);
  const out = lead.at(-1);
  const scale = beside(".weight_scale");
  if (!words || !out || !scale) return undefined;
  const groups = scale.shape.at(-1) ?? 1;
  const perRow = scale.shape.length === container.shape.length && scale.shape.at(-2) === out;
  if (!perRow && scale.elements !== 1 && scale.elements !== product(lead)) return undefined;
  const groupCount = perRow ? groups : 1;

  const zeros = beside(".weight_zero_point");
  const zeroRows = zeros?.type === "I32" && zeros.shape.at(-1) === groups ? zeros.shape.at(-2) : undefined;
  // Zeros are packed along the rows with the same bits, and say them where config doesn't.
  const all = declaredGroups(config);
  const declared = zeroRows ? all.filter(({ bits }) => fills(zeroRows, out, bits)) : all;
  const zeroBits = zeroRows && declared.length === 0 ? wordWidth(zeroRows, 32, out) : undefined;
  const widths = zeroBits ? [zeroBits] : [...new Set(declared.map(({ bits }) => bits))];

  const found = (bits: number, width: number, exact = true): Unpacked => {
    const declaredSize = declared.find((group) => group.bits === bits && group.groupSize > 0)?.groupSize;
    const groupSize = groupCount > 1 ? blockSize(width, groupCount, declaredSize) : undefined;
    return {
      parameters: product(lead) * width,
      bits,
      shape: [...lead, width],
      ...(groupSize && { groupSize }),
      ...(!exact && { exact: false as const }),
    };
  };
  const bitsOf = (width: number): number | undefined =>
    [...widths, ...ALL_WIDTHS].find((bits) => fills(words, width, bits));

  const index = beside(".weight_g_idx")?.shape.at(-1);
  const indexBits = index ? bitsOf(index) : undefined;
  if (index && indexBits) return found(indexBits, index);

  // Groups of a declared size fill a row evenly: the writer refuses anything else.
  const fitting = declared.filter(
    ({ bits, groupSize }) => groupSize > 0 && perRow && fills(words, groupCount * groupSize, bits),
  );
  const grouped = new Set(fitting.map(({ groupSize }) => groupCount * groupSize));
  const isCertain = groupCount > 1 || declared.every(({ groupSize }) => groupSize > 0);
  const [only] = fitting;
  if (only && grouped.size === 1 && isCertain && !isAnotherWidth(module, words, groupCount * only.groupSize))
    return found(only.bits, groupCount * only.groupSize);

  // What the bits alone leave open, groups being of equal size. Rows of groups that no entry declares have other bits too.
  const isOpen = declared.length === 0 || (groupCount === 1 && declared.some(({ groupSize }) => groupSize === 0));
  const open = (isOpen ? widths : []).map((bits) => ({
    bits,
    rows: widthsOf(words, bits).filter((width) => width % groupCount === 0),
  }));
  const [first] = open.filter(({ rows }) => rows.length > 0);
  if (first && open.length === 1 && first.rows.length === 1) return found(first.bits, first.rows[0] as number);

  const shape = values(beside(".weight_shape"));
  const width = shape?.at(-1);
  const rowsAgree = shape?.at(-2) === out && (shape.length === 2 || product(shape.slice(0, -1)) === product(lead));
  const valueBits = width && rowsAgree && width % groupCount === 0 ? bitsOf(width) : undefined;
  // Groups of a usual size say as much as a declared width of the bits; a lone row of scales says nothing.
  const isContradicted =
    valueBits !== undefined &&
    widths.length > 0 &&
    !widths.includes(valueBits) &&
    !(width && groupCount > 1 && USUAL_GROUPS.has(width / groupCount));
  if (width && valueBits && !isContradicted) return found(valueBits, width);

  if (first && open.length === 1 && !isContradicted) return found(first.bits, Math.max(...first.rows), false);
  // Neither config nor zeros tell the bits, or the shape tells others: words are all that is known.
  return { parameters: container.elements, bits: 32, unknown: true, format: "packed integers of unknown width" };
}

const USUAL_GROUPS: ReadonlySet<number> = new Set([16, 32, 64, 128, 256, 512, 1024]);

/** Whether the hidden state is as wide as other bits make the row, and not as the declared ones do. */
function isAnotherWidth(module: PackedModule, words: number, width: number): boolean {
  const hidden = hiddenWidth(module);
  return hidden !== undefined && hidden !== width && ALL_WIDTHS.some((bits) => fills(words, hidden, bits));
}

/** Those in common use first: a row may fit several. */
const ALL_WIDTHS = [4, 8, 2, 3, 1, 5, 6, 7] as const;

/** Floats of 4 or 6 bits in bytes; the type of the scales says of how many weights each is. */
function unpackFloats({ container, beside }: PackedModule): Unpacked | undefined {
  const { shape } = container;
  const [rows, bytes] = shape.slice(-2);
  const scale = beside(".weight_scale");
  if (!rows || !bytes || !scale || scale.shape.at(-2) !== rows || scale.shape.length !== shape.length) return undefined;
  const groups = scale.shape.at(-1) ?? 0;
  const kinds = scale.type === "F8_E4M3" ? NV_KINDS : scale.type === "U8" || scale.type === "F8_E8M0" ? MX_KINDS : [];
  for (const { bits, group, format } of kinds) {
    const width = (8 * bytes) / bits;
    if (!Number.isInteger(width) || Math.ceil(width / group) !== groups) continue;
    const logical = [...shape.slice(0, -1), width];
    return { parameters: product(logical), bits, shape: logical, format, groupSize: group };
  }
  return undefined;
}

const NV_KINDS = [{ bits: 4, group: 16, format: "NVFP4" }] as const;
const MX_KINDS = [
  { bits: 4, group: 32, format: "MXFP4" },
  { bits: 6, group: 32, format: "MXFP6" },
] as const;

const PACKED: Scheme = {
  id: ID,
  title: ID,
  containers: [".weight_packed"],
  sides: SIDES,
  unpack: (module) =>
    module.container.type === "I32"
      ? unpackIntegers(module)
      : module.container.type === "U8"
        ? unpackFloats(module)
        : undefined,
};

/**
 * float-, int-, naive- and mxfp8-quantized: a byte a weight. `weight` F8_E4M3 or I8 [N, K], `weight_scale` [N, 1], [1] or a grid.
 * What another writer made looks the same, so config decides.
 */
export const COMPRESSED_BYTES: Scheme = {
  id: ID,
  title: ID,
  containers: [".weight"],
  sides: SIDES,
  unpack({ container, beside, config }) {
    const { type, shape, elements } = container;
    const fp8 = isFp8(type);
    if (config.method !== ID || (!fp8 && type !== "I8")) return undefined;
    const scale = beside(".weight_scale");
    const [rows, columns] = shape.slice(-2);
    if (!scale || !rows || !columns) return undefined;
    if (fp8 && scale.shape.at(-2) === rows && hasExponents(scale, columns))
      return { parameters: elements, bits: 8, shape, format: "MXFP8", groupSize: 32 };
    const words = fp8 ? fp8Words(container, scale, blockOf(config)) : int8Words(container, scale, blockOf(config));
    if (!words) return undefined;
    return { parameters: elements, bits: 8, shape, format: fp8 ? `FP8 ${words}` : `INT8, ${words}` };
  },
};

/** Bytes beside bytes are packed in pairs or fours by others, so that only float scales count. */
function int8Words(weight: Tensor, scale: Tensor, block: readonly [rows?: number, columns?: number]) {
  return SCALE_TYPES.has(scale.type) ? scaleWords(weight, scale, block) : undefined;
}

/** A byte a weight without a method that says so: LLM-Compressor's kin, SGLang's w8a8_int8, Ascend ModelSlim (`weight_offset`). */
export const INT8: Scheme = {
  id: "int8",
  title: "INT8",
  containers: [".weight"],
  sides: [...SIDES, ".weight_offset", ".input_offset", ".deq_scale", ".quant_bias"],
  unpack(module) {
    const { container, beside, config } = module;
    const { type, shape, elements } = container;
    if (type !== "I8") return undefined;
    const scale = beside(".weight_scale");
    const words = scale && int8Words(container, scale, declaredBlock(config));
    if (!words) return undefined;
    // Two weights a byte have the same shapes, but for the width (ChatGLM's quantization_bit 4).
    const isNarrow = declaredBits(config) <= 4 || hiddenWidth(module) === 2 * (shape.at(-1) ?? 0);
    if (isNarrow) return { parameters: elements, bits: 8, unknown: true, format: "or two weights a byte" };
    return { parameters: elements, bits: 8, shape, format: `(${words})` };
  },
};

/** Bits of a weight by whatever field names them; 8 where none does. */
function declaredBits({ block, root }: QuantConfig): number {
  return asNumber(block.bits) ?? asNumber(block.w_bit) ?? asNumber(root.quantization_bit) ?? asNumber(root.bits) ?? 8;
}

const SCALE_TYPES: ReadonlySet<string> = new Set(["F32", "F16", "BF16"]);

const blocksOf = new WeakMap<JsonObject, readonly [rows?: number, columns?: number]>();

/** `block_structure` of the first group that has one, else `weight_block_size`. */
function blockOf(config: QuantConfig): readonly [rows?: number, columns?: number] {
  let size = blocksOf.get(config.block);
  if (!size) {
    const declared = Object.values<JsonValue>(asObject(config.block.config_groups) ?? {})
      .map((group) => asObject(asObject(group)?.weights)?.block_structure)
      .find((value) => Array.isArray(value));
    const [rows, columns] = declared ?? [];
    size = typeof rows === "number" && typeof columns === "number" ? [rows, columns] : declaredBlock(config);
    blocksOf.set(config.block, size);
  }
  return size;
}

export const COMPRESSED_TENSORS: readonly Scheme[] = [MARLIN_24, PACKED, BITMASKS];
