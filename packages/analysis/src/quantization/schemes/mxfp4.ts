/**
 * MXFP4: 32 four-bit floats share one power of two (OCP Microscaling Formats 1.0, section 5). gpt-oss:
 * `gate_up_proj_blocks` U8 [E, rows, K/32, 16] beside `gate_up_proj_scales` U8 [E, rows, K/32] (transformers,
 * integrations/mxfp4.py). Others keep the layer's name: `weight` U8 [N, K/2] beside `weight_scale` U8 [N, K/32] (AMD
 * Quark, ComfyUI).
 */
import type { Scheme } from "../scheme.ts";
import { pairsPerScale } from "./block-scales.ts";

const GROUP = 32;

export const MXFP4: Scheme = {
  id: "mxfp4",
  title: "MXFP4",
  containers: ["_blocks", ".weight"],
  sides: ["_scales", ".weight_scale", ".input_scale", ".comfy_quant"],
  unpack({ container, beside }) {
    const { type, shape } = container;
    if (type !== "U8") return undefined;
    const scales = beside("_scales");
    if (!scales) return pairsPerScale(container, beside(".weight_scale"), GROUP, ["U8", "F8_E8M0"]);
    const groups = shape.at(-2);
    if (shape.at(-1) !== GROUP / 2 || groups === undefined || scales.elements * (GROUP / 2) !== container.elements)
      return undefined;
    return {
      parameters: container.elements * 2,
      bits: 4,
      shape: [...shape.slice(0, -2), groups * GROUP],
      groupSize: GROUP,
    };
  },
};
