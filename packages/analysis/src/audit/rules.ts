/**
 * The rules of the audit that every view runs, in the order in which their findings are reported. Those on chat templates parse
 * them, and come on top where they are asked for (`AnalyseOptions.rules`).
 */
import { CONFIG_RULES } from "./config-rules.ts";
import { FILE_RULES } from "./file-rules.ts";
import { GGUF_METADATA_RULES } from "./gguf-metadata-rules.ts";
import { LABEL_RULES } from "./label-rules.ts";
import type { AuditRule } from "./rule.ts";
import { TENSOR_RULES } from "./tensor-rules.ts";
import { TEXT_RULES } from "./text-rules.ts";
import { TOKENIZER_RULES } from "./tokenizer-rules.ts";

export const AUDIT_RULES: readonly AuditRule[] = [
  ...GGUF_METADATA_RULES,
  ...TOKENIZER_RULES,
  ...CONFIG_RULES,
  ...TENSOR_RULES,
  ...LABEL_RULES,
  ...TEXT_RULES,
  ...FILE_RULES,
];
