/**
 * The quantization block of config.json, wherever a writer put it: `quantization_config` (transformers, also inside `text_config`),
 * `compression_config` (compressed-tensors before 0.6), `quantization` (MLX).
 */

import type { Checkpoint } from "@checkpoint-inspect/parser";
import { asObject } from "../json.ts";

import type { QuantConfig } from "./scheme.ts";

const BLOCKS = ["quantization_config", "quantization", "compression_config"] as const;

/** Fields of MLX's block, which names no method (mlx-lm, `quantize_model`). */
const MLX_FIELDS = ["bits", "group_size", "mode"] as const;

/** Fields of blocks that name no method: bitsandbytes before transformers 4.34, compressed-tensors before it had one. */
const FIELDS_OF_METHODS = [
  ["bitsandbytes", ["load_in_4bit", "load_in_8bit", "_load_in_4bit", "_load_in_8bit"]],
  ["compressed-tensors", ["config_groups"]],
] as const;

/** What the config says of the quantization; `method` is undefined where it says nothing. */
export function quantConfig(checkpoint: Pick<Checkpoint, "config">): QuantConfig {
  const root = checkpoint.config?.json ?? {};
  for (const scope of [root, asObject(root.text_config)]) {
    for (const key of BLOCKS) {
      const block = asObject(scope?.[key]);
      if (!block) continue;
      const named = typeof block.quant_method === "string" ? block.quant_method.toLowerCase() : undefined;
      const method = named ?? FIELDS_OF_METHODS.find(([, fields]) => fields.some((field) => field in block))?.[0];
      const looksLikeMlx = MLX_FIELDS.some((field) => field in block);
      if (method || looksLikeMlx) return { method: method ?? "mlx", block, root };
    }
  }
  return { method: undefined, block: {}, root };
}
