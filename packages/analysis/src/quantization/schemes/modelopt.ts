/**
 * NVIDIA ModelOpt besides NVFP4 (`modelopt/torch/export`, 0.47): FP8 and INT8 as stored, with scales for the tensor, the row or a
 * block (MXFP8: exponents U8 [N, K/32]), and INT4 AWQ, whose bytes hold two rows: `weight` U8 [N/2, K], `weight_scale`
 * [N, K/128], `pre_quant_scale` [K].
 */
import type { Scheme } from "../scheme.ts";

const TYPES: ReadonlySet<string> = new Set(["F8_E4M3", "I8", "U8"]);

const MX_GROUP = 32;
const MXFP8 = { format: "MXFP8", groupSize: MX_GROUP } as const;

export const MODELOPT: Scheme = {
  id: "modelopt",
  title: "ModelOpt",
  containers: [".weight"],
  sides: [".weight_scale", ".weight_scale_2", ".input_scale", ".pre_quant_scale", ".k_scale", ".v_scale"],
  unpack({ container, beside, config }) {
    const { type, shape, elements } = container;
    if (!config.method?.startsWith("modelopt") || !TYPES.has(type)) return undefined;
    const scale = beside(".weight_scale");
    if (!scale) return undefined;
    if (type === "I8") return { parameters: elements, bits: 8, shape, format: "INT8" };
    if (type === "F8_E4M3") {
      const isMx = scale.type === "U8" && scale.elements * MX_GROUP === elements;
      return { parameters: elements, bits: 8, shape, ...(isMx ? MXFP8 : { format: "FP8" }) };
    }
    const [rows, width] = shape;
    const [out, groups] = scale.shape;
    const isFloat = scale.type === "F32" || scale.type === "F16" || scale.type === "BF16";
    if (!isFloat || rows === undefined || !width || !groups || out !== 2 * rows || width % groups !== 0)
      return undefined;
    return { parameters: 2 * elements, bits: 4, shape: [out, width], groupSize: width / groups };
  },
};
