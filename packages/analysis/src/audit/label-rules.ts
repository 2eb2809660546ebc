/** What the file calls itself against what it is: quantization labels, names, provenance. */
import { IMATRIX_RULES } from "./labels/imatrix.ts";
import { QUANTIZATION_LABEL_RULES } from "./labels/quantization.ts";
import { SIZE_LABEL_RULES } from "./labels/size.ts";
import type { AuditRule } from "./rule.ts";

export const LABEL_RULES: readonly AuditRule[] = [...QUANTIZATION_LABEL_RULES, ...IMATRIX_RULES, ...SIZE_LABEL_RULES];
