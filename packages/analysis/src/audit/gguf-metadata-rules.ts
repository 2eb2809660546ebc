/** GGUF metadata against itself and against what llama.cpp's loader asks for. */

import { EXPERT_RULES } from "./gguf/experts.ts";
import { HEAD_RULES } from "./gguf/heads.ts";
import { LAYER_RULES } from "./gguf/layers.ts";
import { KEY_RULES } from "./gguf/required-keys.ts";
import { SHAPE_RULES } from "./gguf/shapes.ts";
import { UNKNOWN_TENSOR_RULES } from "./gguf/unknown-tensors.ts";
import type { AuditRule } from "./rule.ts";

export const GGUF_METADATA_RULES: readonly AuditRule[] = [
  ...KEY_RULES,
  ...LAYER_RULES,
  ...EXPERT_RULES,
  ...HEAD_RULES,
  ...SHAPE_RULES,
  ...UNKNOWN_TENSOR_RULES,
];
