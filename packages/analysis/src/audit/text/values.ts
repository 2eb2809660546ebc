/** The texts of a checkpoint that a person gets to see: metadata and settings, bounded. */
import type { JsonValue, MetadataEntry } from "@checkpoint-inspect/parser";
import type { Subject } from "../subject.ts";
import { isTemplateKey } from "../templates/keys.ts";

export interface TextValue {
  /** `general.description`, `config.json rope_scaling.type`. */
  readonly place: string;
  /** The key alone. */
  readonly key: string;
  readonly text: string;
  /** Words of a tokenizer may be any bytes. */
  readonly inMetadata: boolean;
}

/** UTF-16 units of one value that are looked at, and of all. */
const MAX_VALUE = 1024 * 1024;
const MAX_ALL = 16 * 1024 * 1024;
/** Texts of config.json that are looked at, and how deep they may stand. */
const MAX_SETTINGS = 5000;
const MAX_SETTING_DEPTH = 20;

/** Every text value but chat templates and the tokenizer's lists. */
export function* textValues({ checkpoint }: Subject): Generator<TextValue> {
  let left = MAX_ALL;
  for (const { key, value } of checkpoint.metadata) {
    if (left <= 0) return;
    if (isTemplateKey(key)) continue;
    for (const text of textsOf(key, value)) {
      left -= text.length;
      yield { place: key, key, text: text.length > MAX_VALUE ? text.slice(0, MAX_VALUE) : text, inMetadata: true };
    }
  }
  const { config } = checkpoint;
  if (config) yield* settings(config.file, config.json);
}

function* textsOf(key: string, value: MetadataEntry["value"]): Generator<string> {
  if (typeof value === "string") yield value;
  else if (typeof value === "object" && value.elementType === "string" && !key.startsWith("tokenizer.")) {
    for (const element of value.values ?? []) if (typeof element === "string") yield element;
  }
}

function* settings(file: string, json: JsonValue): Generator<TextValue> {
  const queue: { key: string; value: JsonValue; depth: number }[] = [{ key: "", value: json, depth: 0 }];
  for (let i = 0; i < queue.length && i < MAX_SETTINGS; i++) {
    const { key, value, depth } = queue[i] as (typeof queue)[number];
    if (typeof value === "string") {
      if (!/(?:^|\.)chat_template$/.test(key))
        yield { place: `${file} ${key}`, key, text: value.slice(0, MAX_VALUE), inMetadata: false };
    } else if (
      typeof value === "object" &&
      value !== null &&
      depth < MAX_SETTING_DEPTH &&
      queue.length < MAX_SETTINGS
    ) {
      for (const [name, inner] of Object.entries(value)) {
        if (queue.length >= MAX_SETTINGS) break;
        queue.push({ key: key === "" ? name : `${key}.${name}`.slice(0, 200), value: inner, depth: depth + 1 });
      }
    }
  }
}
