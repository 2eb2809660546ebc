/** Fields of config.json that only the cache needs, as they are written, with where they stand. */
import type { JsonObject, JsonValue, ModelConfig } from "@checkpoint-inspect/parser";

import { isObject } from "../../json.ts";

export interface ConfigFields {
  /** A count under the first of these names, in the text part of the config first. */
  count(...names: readonly string[]): FoundField | undefined;
  counts(name: string): readonly number[] | undefined;
  flag(name: string): boolean;
  text(...names: readonly string[]): string | undefined;
}

export interface FoundField {
  readonly value: number;
  /** `config.json head_dim`. */
  readonly from: string;
}

/** Where a multimodal config keeps its language model, and some models the facts of their mixers. */
const INNER = ["text_config", "llm_config", "language_config", "thinker_config"];
const MIXER = ["linear_attn_config", "attn_config", "ssm_cfg"];

const MAX = 2 ** 40;

export function configFields(config: ModelConfig | undefined): ConfigFields {
  const json = config?.json ?? {};
  const file = config?.file ?? "config.json";
  const outer: JsonObject[] = [];
  for (const name of INNER) {
    const inner = json[name];
    if (!isObject(inner)) continue;
    if (isObject(inner.text_config)) outer.push(inner.text_config);
    outer.push(inner);
  }
  outer.push(json);
  const scopes = [
    ...outer,
    ...outer.flatMap((scope) => MIXER.flatMap((name) => (isObject(scope[name]) ? [scope[name]] : []))),
  ];
  const find = (names: readonly string[]): readonly [string, JsonValue] | undefined => {
    for (const scope of scopes)
      for (const name of names) {
        const value = scope[name];
        if (value !== undefined && value !== null) return [name, value];
      }
    return undefined;
  };
  const isCount = (value: unknown): value is number =>
    Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX;
  return {
    count(...names) {
      const found = find(names);
      return found && isCount(found[1]) ? { value: found[1], from: `${file} ${found[0]}` } : undefined;
    },
    counts(name) {
      const value = find([name])?.[1];
      return Array.isArray(value) && value.length > 0 && value.every(isCount) ? value : undefined;
    },
    flag: (name) => find([name])?.[1] === true,
    text(...names) {
      const value = find(names)?.[1];
      return typeof value === "string" ? value : undefined;
    },
  };
}
