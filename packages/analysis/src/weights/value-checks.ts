/**
 * Where each storage type keeps values that may be no finite number: every element of a plain float type, and the scales
 * (and minimums) of the blocks of a quantized one.
 *
 * Sources: ggml/src/ggml-common.h (fields of each block structure, in their order), ggml-quants.c `ggml_validate_row_data`
 * (which of them the reference looks at); ik_llama.cpp ggml-common.h and iqk_quantize.cpp (a scale in front of each row);
 * the safetensors format's list of dtypes.
 */
import { GGML_TYPES, type Tensor } from "@checkpoint-inspect/parser";

import type { FloatName } from "./float-formats.ts";

/** A scale in a block: its name in the structure, and its place in bytes. */
export interface ScaleField {
  readonly field: string;
  readonly at: number;
  readonly format: FloatName;
}

/** Plain data, so that it can be sent to a thread. */
export type ValueCheck =
  /** Elements one after the other; `parts` numbers each (2 for complex ones). */
  | { readonly kind: "elements"; readonly format: FloatName; readonly parts: number }
  /** Blocks, or rows that begin with the scale of them all. */
  | {
      readonly kind: "scales";
      readonly unit: "block" | "row";
      readonly unitBytes: number;
      readonly unitElements: number;
      readonly scales: readonly ScaleField[];
      /** A weight of a block whose scales are all zero is zero. (E8M0 has no zero.) */
      readonly zeroScaleIsZero: boolean;
    }
  /** Integers and floats that are always finite. */
  | { readonly kind: "finite" };

const elements = (format: FloatName, parts = 1): ValueCheck => ({ kind: "elements", format, parts });

const FLAT: Readonly<Record<string, ValueCheck>> = {
  F16: elements("F16"),
  BF16: elements("BF16"),
  F32: elements("F32"),
  F64: elements("F64"),
  C64: elements("F32", 2),
  F8_E5M2: elements("E5M2"),
  F8_E4M3: elements("E4M3"),
  F8_E8M0: elements("E8M0"),
  F8_E4M3FNUZ: elements("E4M3FNUZ"),
  F8_E5M2FNUZ: elements("E5M2FNUZ"),
};

const FINITE: ReadonlySet<string> = new Set("BOOL F4 F6_E2M3 F6_E3M2 U8 I8 U16 I16 U32 I32 U64 I64".split(" "));

const half = (field: string, at: number): ScaleField => ({ field, at, format: "F16" });
const D = [half("d", 0)];
const D_M = [half("d", 0), half("m", 2)];
const D_DMIN = [half("d", 0), half("dmin", 2)];

/** Scales within a block, by type. */
const BLOCKS: Readonly<Record<string, readonly ScaleField[]>> = {
  Q4_0: D,
  Q4_1: D_M,
  Q5_0: D,
  Q5_1: D_M,
  Q8_0: D,
  Q8_1: [half("d", 0), half("s", 2)],
  Q2_K: [half("d", 80), half("dmin", 82)],
  Q3_K: [half("d", 108)],
  Q4_K: D_DMIN,
  Q5_K: D_DMIN,
  Q6_K: [half("d", 208)],
  Q8_K: [{ field: "d", at: 0, format: "F32" }],
  IQ2_XXS: D,
  IQ2_XS: D,
  IQ2_S: D,
  IQ3_XXS: D,
  IQ3_S: D,
  IQ1_S: D,
  IQ1_M: [{ field: "scales", at: 48, format: "F16_IN_NIBBLES" }],
  IQ4_NL: D,
  IQ4_XS: D,
  TQ1_0: [half("d", 52)],
  TQ2_0: [half("d", 64)],
  MXFP4: [{ field: "e", at: 0, format: "E8M0" }],
  NVFP4: [0, 1, 2, 3].map((at) => ({ field: `d[${at}]`, at, format: "UE4M3" })),
  Q1_0: D,
  Q2_0: D,
  // Removed from mainline, but still measured.
  Q4_2: D,
  Q4_3: D_M,
  // ik_llama.cpp
  Q6_0: D,
  IQ2_K: D,
  IQ3_K: D,
  IQ4_K: D,
  IQ5_K: D,
  IQ6_K: D,
};

/** One scale in front of each row: half precision where it takes two bytes, single where four. */
const ROWS: Readonly<Record<string, FloatName>> = {
  IQ1_BN: "F16",
  IQ2_KS: "F16",
  IQ3_KS: "F16",
  IQ2_KL: "F16",
  IQ2_BN: "F32",
  IQ4_KS: "F32",
  IQ5_KS: "F32",
  IQ4_KSS: "F32",
  IQ1_KT: "F32",
  IQ2_KT: "F32",
  IQ3_KT: "F32",
  IQ4_KT: "F32",
};

const GGML = new Map(GGML_TYPES.map((type) => [type.name, type]));

/**
 * What to look at in the data of a tensor. Undefined where that isn't known: an unknown type, or one whose blocks hold several
 * rows interleaved.
 */
export function valueCheck({ type, shape }: Pick<Tensor, "type" | "shape">): ValueCheck | undefined {
  const flat = Object.hasOwn(FLAT, type) ? FLAT[type] : undefined;
  if (flat) return flat;
  if (FINITE.has(type)) return { kind: "finite" };
  const ggml = GGML.get(type);
  if (!ggml) return undefined;
  const { blockBytes, blockElements, rowMetaBytes } = ggml;
  const scales = Object.hasOwn(BLOCKS, type) ? BLOCKS[type] : undefined;
  if (scales) {
    const zeroScaleIsZero = scales.every(({ format }) => format !== "E8M0");
    return {
      kind: "scales",
      unit: "block",
      unitBytes: blockBytes,
      unitElements: blockElements,
      scales,
      zeroScaleIsZero,
    };
  }
  const format = Object.hasOwn(ROWS, type) ? ROWS[type] : undefined;
  const rowElements = shape.at(-1) ?? 0;
  if (!format || rowElements === 0 || rowElements % blockElements !== 0) return undefined;
  return {
    kind: "scales",
    unit: "row",
    unitBytes: rowMetaBytes + (rowElements / blockElements) * blockBytes,
    unitElements: rowElements,
    scales: [{ field: "the row's scale", at: 0, format }],
    zeroScaleIsZero: true,
  };
}
