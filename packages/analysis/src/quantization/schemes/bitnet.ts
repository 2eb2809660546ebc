/**
 * BitNet (transformers, integrations/bitnet.py): four ternary weights a byte, down the output dimension.
 * `weight` U8 [N/4, K], `weight_scale` [1]. The shapes would fit other layouts of bytes too, so that the config has to say it.
 */
import type { Scheme } from "../scheme.ts";

const WEIGHTS_A_BYTE = 4;

export const BITNET: Scheme = {
  id: "bitnet",
  title: "BitNet",
  containers: [".weight"],
  sides: [".weight_scale"],
  unpack({ container, beside, config }) {
    const [rows, width] = container.shape;
    if (container.type !== "U8" || config.method !== "bitnet" || rows === undefined || width === undefined)
      return undefined;
    if (beside(".weight_scale")?.elements !== 1) return undefined;
    return {
      parameters: container.elements * WEIGHTS_A_BYTE,
      bits: 8 / WEIGHTS_A_BYTE,
      shape: [rows * WEIGHTS_A_BYTE, width],
    };
  },
};
