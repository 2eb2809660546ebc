/**
 * AMD Quark (`quark/torch/export`), as version 0.13 writes it.
 * - FP8, INT8: as stored, `weight_scale` for the tensor, the row or the group.
 * - MXFP4, AMDFP4: `weight` U8 [N, K/2], exponents or E5M3 scales U8 [N, K/32] or [N, K/16]; MXFP6: `weight` U8 [N, 3K/4].
 * - INT4 in groups: AWQ's orientation, `weight` I32 [K, N/8], `weight_scale` [K/g, N]; for whole rows `weight` I32 [N, K/8],
 *   `weight_scale` [N]. INT4 over FP8 keeps the row's scales in `weight_scale_2`.
 */
import type { Tensor } from "@checkpoint-inspect/parser";

import { asObject } from "../../json.ts";
import { type PackedModule, product, type QuantConfig, type Scheme, type Unpacked } from "../scheme.ts";
import { pairsPerScale } from "./block-scales.ts";

const AS_STORED: Readonly<Record<string, string | undefined>> = { F8_E4M3: "FP8", F8_E5M2: "FP8", I8: "INT8" };

/** Floats in bytes: how many weights share a scale tells the two of four bits apart. */
const PAIRS = [
  { group: 32, format: "MXFP4", types: ["U8", "F8_E8M0"] },
  { group: 16, format: "AMDFP4", types: ["U8"] },
] as const;

const MXFP6 = { bits: 6, group: 32 } as const;

export const QUARK: Scheme = {
  id: "quark",
  title: "Quark",
  containers: [".weight"],
  sides: [
    ".weight_scale",
    ".weight_scale_2",
    ".weight_zero_point",
    ".weight_zero_point_2",
    ".input_scale",
    ".input_scale_2",
    ".input_zero_point",
    ".output_scale",
    ".output_zero_point",
    ".bias_scale",
    ".bias_zero_point",
  ],
  unpack(module) {
    const { container, beside, config } = module;
    const { type, shape, elements } = container;
    const stored = AS_STORED[type];
    if (config.method !== "quark" || !(stored || type === "U8" || type === "I32")) return undefined;
    const scale = beside(".weight_scale");
    if (!scale) return undefined;
    if (stored) return { parameters: elements, bits: 8, shape, format: stored };
    if (type === "I32") return unpackIntegers(module, scale);
    for (const { group, format, types } of PAIRS) {
      const found = pairsPerScale(container, scale, group, types, false);
      if (found) return { ...found, format };
    }
    return unpackSixBits(container, scale);
  },
};

/** Three bytes hold four weights. */
function unpackSixBits({ shape }: Tensor, scale: Tensor): Unpacked | undefined {
  const bytes = shape.at(-1) ?? 0;
  const width = (8 * bytes) / MXFP6.bits;
  if (!Number.isInteger(width) || Math.ceil(width / MXFP6.group) !== scale.shape.at(-1)) return undefined;
  if (scale.shape.length !== shape.length || scale.shape.at(-2) !== shape.at(-2)) return undefined;
  const logical = [...shape.slice(0, -1), width];
  return { parameters: product(logical), bits: MXFP6.bits, shape: logical, format: "MXFP6", groupSize: MXFP6.group };
}

function unpackIntegers({ container, beside, config }: PackedModule, scale: Tensor): Unpacked | undefined {
  const [rows, words] = container.shape;
  if (container.shape.length !== 2 || !rows || !words) return undefined;
  const [groups, out] = scale.shape;
  if (scale.shape.length === 2 && groups && out && out > words) {
    const bits = Math.floor((32 * words) / out);
    if (bits < 1 || Math.ceil((out * bits) / 32) !== words || rows % groups !== 0) return undefined;
    return { parameters: rows * out, bits, shape: [out, rows], ...(groups > 1 && { groupSize: rows / groups }) };
  }
  // Zeros are packed with the same bits, one for each row.
  const zeros = (beside(".weight_zero_point_2") ?? beside(".weight_zero_point"))?.elements;
  const bits = zeros ? Math.floor((32 * zeros) / rows) : declaredBits(config);
  const scales = beside(".weight_scale_2") ?? scale;
  if (!bits || bits > 8 || 32 % bits !== 0 || scales.elements !== rows) return undefined;
  const width = (32 * words) / bits;
  return { parameters: rows * width, bits, shape: [rows, width] };
}

/** `int4` or `uint4` of `global_quant_config.weight`, which is a list where two steps follow each other. */
function declaredBits({ block }: QuantConfig): number | undefined {
  const weight = asObject(block.global_quant_config)?.weight;
  for (const step of Array.isArray(weight) ? weight : [weight]) {
    const bits = /^u?int([1-8])$/.exec(String(asObject(step)?.dtype ?? ""))?.[1];
    if (bits) return Number(bits);
  }
  return undefined;
}
