/** The tokenizer: its lists against each other, special tokens, what a chat needs. */
import type { AuditRule } from "./rule.ts";
import { CHAT_TEMPLATE_RULES } from "./tokenizer/chat-template.ts";
import { GGUF_TOKENIZER_RULES } from "./tokenizer/gguf.ts";
import { REPOSITORY_TOKENIZER_RULES } from "./tokenizer/repository.ts";

export const TOKENIZER_RULES: readonly AuditRule[] = [
  ...GGUF_TOKENIZER_RULES,
  ...REPOSITORY_TOKENIZER_RULES,
  ...CHAT_TEMPLATE_RULES,
];
