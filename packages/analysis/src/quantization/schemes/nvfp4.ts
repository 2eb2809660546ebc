/**
 * NVFP4: 16 four-bit floats share one FP8 scale, and the tensor one F32 (NVIDIA ModelOpt, `NVFP4QTensor`). `weight` U8 [N,
 * K/2], `weight_scale` F8_E4M3 [N, K/16], `weight_scale_2` and `input_scale` F32 []. Expert stacks keep the bare name:
 * `experts.gate_up_proj` beside `experts.gate_up_proj_weight_scale`. ComfyUI stores the scales in tiles.
 */
import type { Scheme } from "../scheme.ts";
import { pairsPerScale } from "./block-scales.ts";

const GROUP = 16;

const SCALE_TYPES = ["F8_E4M3"];

export const NVFP4: Scheme = {
  id: "nvfp4",
  title: "NVFP4",
  containers: [".weight", ""],
  sides: [
    ".weight_scale",
    ".weight_scale_2",
    ".input_scale",
    // AMD Quark's NVFP4.
    ".input_scale_2",
    ".pre_quant_scale",
    ".comfy_quant",
    "_weight_scale",
    "_weight_scale_2",
    "_input_scale",
  ],
  unpack({ container, beside }) {
    if (container.type !== "U8") return undefined;
    return pairsPerScale(container, beside(".weight_scale") ?? beside("_weight_scale"), GROUP, SCALE_TYPES);
  },
};
