/** config.json (or GGUF hyper-parameters) against the tensors. */
import { COUNT_RULES } from "./config/counts.ts";
import { DECLARED_RULES } from "./config/declared-quantization.ts";
import { DTYPE_RULES } from "./config/dtype.ts";
import { FAMILY_RULES } from "./config/family.ts";
import { POSITION_RULES } from "./config/rope.ts";
import { SIZE_RULES } from "./config/sizes.ts";
import type { AuditRule } from "./rule.ts";

export const CONFIG_RULES: readonly AuditRule[] = [
  ...COUNT_RULES,
  ...SIZE_RULES,
  ...POSITION_RULES,
  ...DTYPE_RULES,
  ...DECLARED_RULES,
  ...FAMILY_RULES,
];
