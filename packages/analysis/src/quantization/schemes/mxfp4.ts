/**
 * MXFP4: 32 four-bit floats share one power of two (OCP Microscaling Formats 1.0, section 5). gpt-oss:
 * `gate_up_proj_blocks` U8 [E, rows, K/32, 16] beside `gate_up_proj_scales` U8 [E, rows, K/32] (transformers,
 * integrations/mxfp4.py); in OpenAI's own files `mlp1_weight.blocks` and `mlp1_weight.scales`. Others keep the layer's name:
 * `weight` U8 [N, K/2] beside `weight_scale` U8 [N, K/32] (AMD Quark, ComfyUI).
 */
import type { Tensor } from "@checkpoint-inspect/parser";

import type { Scheme, Unpacked } from "../scheme.ts";
import { pairsPerScale } from "./block-scales.ts";

const GROUP = 32;

/** Blocks of 16 bytes, a scale each. */
function unpackBlocks({ type, shape, elements }: Tensor, scales: Tensor | undefined): Unpacked | undefined {
  const groups = shape.at(-2);
  if (type !== "U8" || !scales || shape.at(-1) !== GROUP / 2 || groups === undefined) return undefined;
  if (scales.elements * (GROUP / 2) !== elements) return undefined;
  return { parameters: elements * 2, bits: 4, shape: [...shape.slice(0, -2), groups * GROUP], groupSize: GROUP };
}

export const MXFP4: Scheme = {
  id: "mxfp4",
  title: "MXFP4",
  containers: ["_blocks", ".weight"],
  sides: ["_scales", ".weight_scale", ".input_scale", ".comfy_quant"],
  unpack({ container, beside }) {
    if (container.type !== "U8") return undefined;
    const scales = beside("_scales");
    return scales
      ? unpackBlocks(container, scales)
      : pairsPerScale(container, beside(".weight_scale"), GROUP, ["U8", "F8_E8M0"]);
  },
};

/** OpenAI's own files of gpt-oss. */
export const MXFP4_ORIGINAL: Scheme = {
  id: "mxfp4",
  title: "MXFP4",
  containers: [".blocks"],
  sides: [".scales"],
  owner: (stem) => stem,
  unpack: ({ container, beside }) => unpackBlocks(container, beside(".scales")),
};
