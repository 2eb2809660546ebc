/** Raw values of config.json, for facts that only a rule asks for. */
import type { JsonObject, JsonValue } from "@checkpoint-inspect/parser";

import { asNumber, asObject } from "../../json.ts";
import type { Subject } from "../subject.ts";

/** Where a multimodal config keeps its language model. */
const TEXT_CONFIGS = ["text_config", "llm_config", "language_config", "thinker_config"] as const;

/** The objects of the config that may say something of the text model: its own one first, then the root. */
export function textScopes({ checkpoint }: Subject): readonly JsonObject[] {
  const root = checkpoint.config?.json;
  if (!root) return [];
  const inner = TEXT_CONFIGS.flatMap((key) => {
    const scope = asObject(root[key]);
    const deeper = asObject(scope?.text_config);
    return [...(deeper ? [deeper] : []), ...(scope ? [scope] : [])];
  });
  return [...inner, root];
}

/** The first value that is no null. */
export function configValue(subject: Subject, ...keys: readonly string[]): JsonValue | undefined {
  for (const scope of textScopes(subject)) {
    for (const key of keys) {
      const value = scope[key];
      if (value !== undefined && value !== null) return value;
    }
  }
  return undefined;
}

export function configNumber(subject: Subject, ...keys: readonly string[]): number | undefined {
  return asNumber(configValue(subject, ...keys));
}

/** Where a fact was stated, as a message begins: `config.json num_hidden_layers`. */
export function stated({ facts, checkpoint }: Subject, fact: string): string {
  return facts.statedIn?.[fact] ?? checkpoint.config?.file ?? "the metadata";
}
