/**
 * FP8 weights stored one a byte: their elements are the parameters, and the scales beside them are none.
 * - blocks (DeepSeek, Qwen): `weight` F8_E4M3 [N, K], `weight_scale_inv` F32 or F8_E8M0 [ceil(N/128), ceil(K/128)]; DeepSeek's own
 *   files say `scale`; stacks of experts `experts.gate_up_proj` with `experts.gate_up_proj_scale_inv`
 * - one a tensor or a row: `weight_scale` [], [1], [N] or [N, 1], often with `input_scale`
 * - MXFP8: exponents (U8 or F8_E8M0) [N, K/32]
 *
 * Source: transformers 5.23 integrations/finegrained_fp8.py; compressed-tensors 0.20 compressors/{naive_quantized,mxfp8}.
 */
import type { Tensor } from "@checkpoint-inspect/parser";

import { blockSize, product, type QuantConfig, type Scheme, type Unpacked } from "../scheme.ts";

/** Eight-bit floats, but not the exponents that only scales have. */
export function isFp8(type: string): boolean {
  return type.startsWith("F8_E4M3") || type.startsWith("F8_E5M2");
}

/** Endings behind a weight's own name (stacks: `gate_up_proj_scale`), and beside it. */
export const FP8_SCALES = [
  ".weight_scale_inv",
  ".weight_scale",
  // Mistral's own files; TensorRT-LLM.
  ".qscale_weight",
  ".weights_scaling_factor",
  ".scale",
] as const;
/** The last is ModelOpt's, and vLLM's `w13_weight_scale` beside `w13_weight`. */
export const STACK_SCALES = ["_scale_inv", "_scale", "_weight_scale"] as const;

const SIDES = [
  ...FP8_SCALES,
  ".weight_zp",
  ".input_scale",
  ".input_scale_ub",
  ".activation_scale",
  ".output_scale",
  ".qscale_act",
  ".activation_scaling_factor",
  ...STACK_SCALES,
  "_input_scale",
  "_activation_scale",
] as const;

/** A `.scale` beside another scale of the weight is a learned one. */
const LEARNED_SCALE: Pick<Unpacked, "notSides"> = { notSides: [".scale"] };

/** What isn't a side of a weight whose scale is this one. */
export function besides(scale: Tensor): Pick<Unpacked, "notSides"> | undefined {
  return scale.name.endsWith(".scale") ? undefined : LEARNED_SCALE;
}

/** `weight_block_size` of the config: rows, then columns. */
export function declaredBlock({ block }: QuantConfig): readonly [rows?: number, columns?: number] {
  const size = block.weight_block_size;
  if (!Array.isArray(size)) return [];
  const [rows, columns] = size;
  return typeof rows === "number" && typeof columns === "number" ? [rows, columns] : [];
}

/** What a scale stands for, in words; undefined where the scales don't fit the weight. */
export function scaleWords(
  weight: Tensor,
  scale: Tensor,
  [blockRows, blockColumns]: readonly [rows?: number, columns?: number] = [],
): string | undefined {
  if (weight.shape.length < 2) return scale.elements === 1 ? "one scale a tensor" : undefined;
  const [rows = 1, columns = 1] = weight.shape.slice(-2);
  const stacked = product(weight.shape.slice(0, -2));
  // Of a stack, one for each matrix, or for the two that a fused one is made of, or for each row or column.
  if (weight.shape.length > 2 && scale.shape.length === 2 && scale.shape[0] === stacked) {
    const each = scale.shape[1];
    if (each === 1 || each === 2) return "one scale a matrix";
    if (each === rows) return "one scale a row";
    if (each === columns) return "one scale a column";
  }
  const [scaleRows = 1, scaleColumns = 1] =
    scale.shape.length >= 2 ? scale.shape.slice(-2) : scale.elements === stacked ? [] : [scale.elements];
  if (scale.elements === 1 && blockRows === undefined) return "one scale a tensor";
  if (scale.elements !== scaleRows * scaleColumns * stacked)
    return scale.elements === 1 ? "one scale a tensor" : undefined;
  if (scaleRows === rows && scaleColumns === 1) return "one scale a row";
  if (scaleRows === 1 && scaleColumns === columns) return "one scale a column";
  const across = blockSize(columns, scaleColumns, blockColumns);
  let down = blockSize(rows, scaleRows, blockRows);
  if (!across || !down) return undefined;
  if (scaleRows === 1 && scaleColumns === 1 && blockRows === undefined) return "one scale a matrix";
  if (down === 1) return `groups of ${across}`;
  // One row of blocks may be lower than they are.
  if (scaleRows === 1 && down < across && blockRows === undefined) down = across;
  return `blocks of ${down} x ${across}`;
}

/** `(E4M3), blocks of 128 x 128`. */
export function fp8Words(weight: Tensor, scale: Tensor, block?: readonly [rows?: number, columns?: number]) {
  const words = scaleWords(weight, scale, block);
  return words && `(${weight.type.slice("F8_".length)}), ${words}`;
}

/** Exponents of 32 weights each (OCP Microscaling Formats 1.0, section 5.1). */
export function hasExponents(scale: Tensor, width: number): boolean {
  return (scale.type === "U8" || scale.type === "F8_E8M0") && scale.shape.at(-1) === Math.ceil(width / 32);
}

export function scaleBeside(beside: (ending: string) => Tensor | undefined, isStack: boolean): Tensor | undefined {
  for (const ending of isStack ? STACK_SCALES : FP8_SCALES) {
    const scale = beside(ending);
    if (scale) return scale;
  }
  return undefined;
}

export const MXFP8: Scheme = {
  id: "mxfp8",
  title: "MXFP8",
  containers: [".weight", ""],
  sides: SIDES,
  unpack({ container, stem, beside }) {
    if (!isFp8(container.type)) return undefined;
    const scale = scaleBeside(beside, stem === container.name);
    const [rows, columns] = container.shape.slice(-2);
    if (!scale || !rows || !columns || !hasExponents(scale, columns) || scale.shape.at(-2) !== rows) return undefined;
    const { elements, shape } = container;
    const format = `(${container.type.slice("F8_".length)})`;
    return { parameters: elements, bits: 8, shape, format, groupSize: 32, ...besides(scale) };
  },
};

export const FP8: Scheme = {
  id: "fp8",
  title: "FP8",
  containers: [".weight", ""],
  sides: SIDES,
  unpack({ container, stem, beside, config }) {
    if (!isFp8(container.type)) return undefined;
    const scale = scaleBeside(beside, stem === container.name);
    const format = scale && fp8Words(container, scale, declaredBlock(config));
    if (!format) return undefined;
    return { parameters: container.elements, bits: 8, shape: container.shape, format, ...besides(scale) };
  },
};
