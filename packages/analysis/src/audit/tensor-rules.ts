/** Layers, expert sets and quantized groups that lack a part. */
import type { AuditRule } from "./rule.ts";
import { EXPERT_RULES } from "./tensors/experts.ts";
import { INDEX_RULES } from "./tensors/layer-indexes.ts";
import { LAYER_RULES } from "./tensors/layer-parts.ts";
import { SHAPE_RULES } from "./tensors/layer-shapes.ts";
import { ORPHAN_RULES } from "./tensors/orphan-scales.ts";
import { GROUP_RULES } from "./tensors/quantized-groups.ts";
import { TABLE_RULES } from "./tensors/tables.ts";

export const TENSOR_RULES: readonly AuditRule[] = [
  ...INDEX_RULES,
  ...LAYER_RULES,
  ...SHAPE_RULES,
  ...TABLE_RULES,
  ...EXPERT_RULES,
  ...GROUP_RULES,
  ...ORPHAN_RULES,
];
