/**
 * NVIDIA ModelOpt besides NVFP4 (`modelopt/torch/export`): FP8 as stored, with scalar scales, and INT4 AWQ, whose bytes
 * hold two rows: `weight` U8 [N/2, K], `weight_scale` [N, K/128], `pre_quant_scale` [K].
 */
import type { Scheme } from "../scheme.ts";

export const MODELOPT: Scheme = {
  id: "modelopt",
  title: "ModelOpt",
  containers: [".weight"],
  sides: [".weight_scale", ".weight_scale_2", ".input_scale", ".pre_quant_scale", ".k_scale", ".v_scale"],
  unpack({ container, beside, config }) {
    const { type, shape, elements } = container;
    if (!config.method?.startsWith("modelopt") || (type !== "F8_E4M3" && type !== "U8")) return undefined;
    const scale = beside(".weight_scale");
    if (!scale) return undefined;
    if (type === "F8_E4M3") return { parameters: elements, bits: 8, shape, format: "FP8" };
    const [rows, width] = shape;
    const [out, groups] = scale.shape;
    const isFloat = scale.type === "F32" || scale.type === "F16" || scale.type === "BF16";
    if (!isFloat || rows === undefined || !width || !groups || out !== 2 * rows || width % groups !== 0)
      return undefined;
    return { parameters: 2 * elements, bits: 4, shape: [out, width], groupSize: width / groups };
  },
};
