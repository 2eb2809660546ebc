/**
 * ComfyUI: `weight` in FP8 beside `scale_weight` (and an empty `scaled_fp8` in the file), later `weight_scale` and a
 * `comfy_quant` blob whose JSON names the format (comfy/quant_ops.py). Its NVFP4 and MXFP4 have the shapes of those
 * formats and are taken by them.
 */
import type { Scheme, Unpacked } from "../scheme.ts";

/** Formats in bytes of I8, and the weights that a byte holds. */
const WEIGHTS_A_BYTE: Readonly<Record<string, number | undefined>> = {
  int8_tensorwise: 1,
  int4_tensorwise: 2,
  convrot_w4a4: 2,
};

export const COMFYUI: Scheme = {
  id: "comfyui",
  title: "ComfyUI",
  containers: [".weight"],
  sides: [".scale_weight", ".scale_input", ".comfy_quant", ".weight_scale", ".input_scale", ".pre_quant_scale"],
  unpack({ container, beside, values }): Unpacked | undefined {
    const { type, shape, elements } = container;
    const isFloat = type === "F8_E4M3" || type === "F8_E5M2";
    if (!isFloat && type !== "I8") return undefined;
    const marker = beside(".comfy_quant");
    const scale = beside(".scale_weight") ?? (marker && beside(".weight_scale"));
    if (!scale) return undefined;
    if (isFloat) return { parameters: elements, bits: 8, shape, format: "FP8" };
    // Scales may be one a row for whole bytes and for halves alike: only the blob tells them apart.
    if (!marker) return undefined;
    const [rows, bytes] = shape;
    const blob = values(marker);
    const perByte = blob && WEIGHTS_A_BYTE[formatOf(blob)];
    if (!perByte || rows === undefined || bytes === undefined)
      return { parameters: elements, bits: 8, unknown: true, format: "in bytes" };
    const format = `INT${8 / perByte}`;
    return { parameters: elements * perByte, bits: 8 / perByte, shape: [rows, bytes * perByte], format };
  },
};

function formatOf(blob: readonly number[]): string {
  const match = /"format"\s*:\s*"([a-z0-9_]{1,40})"/.exec(String.fromCharCode(...blob));
  return match?.[1] ?? "";
}
