/**
 * FP4 experts in an FP8 checkpoint (DeepSeek-V4, MiMo): `weight` I8 or U8 [N, K/2], two E2M1 weights a byte, beside exponents
 * `scale`, `weight_scale_inv` or `weight_scale` F8_E8M0 [N, K/32]. Config says `expert_dtype: "fp4"` or `store_dtype: "mxfp4"`, in its root,
 * in `text_config` or in the quantization block; the type of the scales says as much without it.
 * Source: transformers 5.23 integrations/finegrained_fp8.py (`is_fp4`: packed int8, exponents of 32).
 */
import { asObject } from "../../json.ts";
import type { QuantConfig, Scheme } from "../scheme.ts";
import { besides, FP8_SCALES, STACK_SCALES, scaleBeside } from "./fp8.ts";

function declaresFp4({ root, block }: QuantConfig): boolean {
  return [root, asObject(root.text_config), block].some(
    (scope) => scope?.expert_dtype === "fp4" || scope?.store_dtype === "mxfp4",
  );
}

export const FP4_EXPERTS: Scheme = {
  id: "fp4-experts",
  title: "MXFP4",
  containers: [".weight", ""],
  sides: [...FP8_SCALES, ...STACK_SCALES],
  unpack({ container, stem, beside, config }) {
    if (container.type !== "I8" && container.type !== "U8") return undefined;
    const [rows, bytes] = container.shape.slice(-2);
    if (!rows || !bytes) return undefined;
    const scale = scaleBeside(beside, stem === container.name);
    if (!scale || scale.shape.at(-2) !== rows || scale.shape.at(-1) !== Math.ceil(bytes / 16)) return undefined;
    // Exponents in plain bytes look like many things; only config makes them these.
    const isPlain = scale.type === "U8" && stem.includes(".experts.") && declaresFp4(config);
    if (scale.type !== "F8_E8M0" && !isPlain) return undefined;
    const shape = [...container.shape.slice(0, -1), 2 * bytes];
    return { parameters: 2 * container.elements, bits: 4, shape, format: "(E2M1)", groupSize: 32, ...besides(scale) };
  },
};
