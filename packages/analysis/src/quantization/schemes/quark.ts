/**
 * AMD Quark (`quark/torch/export`): MXFP4 as `weight` U8 [N, K/2] with exponents U8 [N, K/32]; FP8 and INT8 as stored, with
 * `weight_scale` for the tensor, the row or the group.
 */
import type { Scheme } from "../scheme.ts";
import { pairsPerScale } from "./block-scales.ts";

const AS_STORED: Readonly<Record<string, string | undefined>> = { F8_E4M3: "FP8", F8_E5M2: "FP8", I8: "INT8" };

export const QUARK: Scheme = {
  id: "quark",
  title: "Quark",
  containers: [".weight"],
  sides: [
    ".weight_scale",
    ".weight_zero_point",
    ".input_scale",
    ".input_zero_point",
    ".output_scale",
    ".output_zero_point",
    ".bias_scale",
    ".bias_zero_point",
  ],
  unpack({ container, beside, config }) {
    const { type, shape, elements } = container;
    const stored = AS_STORED[type];
    if (config.method !== "quark" || !(stored || type === "U8")) return undefined;
    const scale = beside(".weight_scale");
    if (!scale) return undefined;
    if (stored) return { parameters: elements, bits: 8, shape, format: stored };
    const found = pairsPerScale(container, scale, 32, ["U8", "F8_E8M0"]);
    return found && { ...found, format: "MXFP4" };
  },
};
