/** Models that say they chat, and bring no template for it. */
import { type Evidence, quoted } from "@checkpoint-inspect/parser";

import type { AuditRule } from "../rule.ts";
import type { Subject } from "../subject.ts";

/** As makers end the names of tuned models: `Qwen2.5-7B-Instruct`, `Llama-2-7b-chat-hf`, `gemma-2-9b-it`. */
const TUNED = /(?<![a-z])(?:instruct|chat)(?![a-z])|[-_ ]it(?=$|[-_. ])/i;

/** Longer texts are no names. */
const MAX_NAME = 200;

/** Mistral's own tokenizer makes the prompt in code. */
const OWN_FORMAT: ReadonlySet<string> = new Set(["tekken.json"]);

export const CHAT_TEMPLATE_RULES: readonly AuditRule[] = [
  {
    id: "tokenizer/no-chat-template",
    severity: "note",
    means: "a model that is tuned for chat by its name has no chat template",
    why: "programs guess the format of a conversation, and a wrong one makes answers worse without any error",
    fix: "give the template yourself (llama.cpp: --chat-template-file), or get a file that brings it",
    check: noChatTemplate,
  },
];

function* noChatTemplate(subject: Subject): Iterable<Evidence> {
  const { checkpoint, model, complete } = subject;
  if (model.kind !== "llm" || !complete) return;
  const name = claims(subject).find((text) => text.length <= MAX_NAME && TUNED.test(text));
  if (name === undefined || hasTemplate(subject)) return;
  const where = checkpoint.format === "gguf" ? "in the metadata" : "beside the weights";
  yield { message: `the model calls itself ${quoted(name)}, and there is no chat template ${where}` };
}

function claims({ checkpoint, metadata }: Subject): readonly string[] {
  const { format, label, parts } = checkpoint;
  const all =
    format === "gguf" ? [metadata.get("general.finetune"), metadata.get("general.name"), parts[0]?.name] : [label];
  return all.filter((text): text is string => typeof text === "string");
}

/** Undecided, and so taken for there, where nobody looked beside the weights, or a file there can't be read. */
function hasTemplate({ checkpoint, metadata }: Subject): boolean {
  const { beside, format } = checkpoint;
  if (format === "gguf")
    return ["tokenizer.chat_template", "tokenizer.chat_templates"].some((key) => metadata.has(key));
  return (
    !beside ||
    beside.unreadable.length > 0 ||
    beside.templates.length > 0 ||
    beside.files.some(({ name }) => OWN_FORMAT.has(name))
  );
}
