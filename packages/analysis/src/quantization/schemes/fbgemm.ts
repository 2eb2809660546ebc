/**
 * FBGEMM FP8 (Meta): `weight` F8_E4M3 [N, K], `weight_scale` F32 [N, 1], `input_scale_ub` F32 [1]; stacks of experts
 * `experts.gate_up_proj` [E, K, 2N] with `gate_up_proj_scale` [E, 1, 2N].
 * Source: transformers 5.23 integrations/fbgemm_fp8.py.
 */
import type { Scheme } from "../scheme.ts";
import { fp8Words, isFp8 } from "./fp8.ts";

export const FBGEMM_FP8: Scheme = {
  id: "fbgemm-fp8",
  title: "FBGEMM FP8",
  containers: [".weight", ""],
  sides: [".weight_scale", ".input_scale_ub", "_scale", "_input_scale_ub"],
  unpack({ container, stem, beside, config }) {
    if (!isFp8(container.type)) return undefined;
    const isStack = stem === container.name;
    const isFbgemm = config.method === "fbgemm_fp8" || beside(isStack ? "_input_scale_ub" : ".input_scale_ub");
    const scale = isFbgemm ? beside(isStack ? "_scale" : ".weight_scale") : undefined;
    const format = scale && fp8Words(container, scale);
    return format ? { parameters: container.elements, bits: 8, shape: container.shape, format } : undefined;
  },
};
