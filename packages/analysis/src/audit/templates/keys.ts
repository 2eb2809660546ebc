/** Where chat templates stand, and whether one is worth a closer look: what can be told without parsing any. */
import type { Checkpoint } from "@checkpoint-inspect/parser";

/** `tokenizer.chat_template`, `tokenizer.chat_template.tool_use`, and `chat_template` as safetensors files have it. */
export function isTemplateKey(key: string): boolean {
  return /^(?:tokenizer\.)?chat_template(?:\.|$)/.test(key);
}

/**
 * Words and characters that templates have use for when they reach for what renders them, load others, hide something or send it away.
 * Most templates have none of them.
 */
const TELLING =
  /__|\\[xu]|\|\s*attr\b|\b(?:lipsum|cycler|joiner|mro|func_globals|gi_frame)\b|\{%-?\s*(?:include|import|from|extends|debug)\b|<!--|:\/\/|[A-Za-z0-9+/]{80}|[\p{Cf}\p{Co}\p{Cs}\u0000-\u0008\u000b\u000c\u000e-\u001f]/u;

/**
 * Whether the rules on chat templates are worth loading and running for a view that isn't about them: parsing a template takes as long
 * as reading a header. `inspect check` runs them in any case, and sees more than these words tell.
 */
export function hasTellingTemplate({ metadata }: Checkpoint): boolean {
  return metadata.some(({ key, value }) => isTemplateKey(key) && typeof value === "string" && TELLING.test(value));
}
