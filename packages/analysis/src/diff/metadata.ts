/**
 * Keys of metadata and of config.json, where both sides are of one format: another value, or only on one side. Arrays that the header
 * left in the file are compared by type and length alone; reading them would be I/O.
 */
import type { JsonObject, JsonValue, LazyArray, MetadataEntry, MetadataScalar } from "@checkpoint-inspect/parser";

import { isObject } from "../json.ts";
import { formatExact, plural } from "../units.ts";
import type { Diff, DiffSide, FactDifference, MetadataDifference } from "./types.ts";

/** About the file, not about the model in it: which of how many parts. */
const OF_THE_FILE = /^split\./;
/** Compared apart, and too long to show. */
const CHAT_TEMPLATE = "tokenizer.chat_template";

/** Arrays up to so many elements are compared by their values, where these stand in the header that was read. */
const SHORT_ARRAY = 64;
/** What a line can show of a value; a longer one is said by its length. */
const LONG_TEXT = 120;
/** Configs have three levels. What is deeper counts as one value. */
const MAX_DEPTH = 6;

/** A value in a form that can be compared, and one that can be read. */
interface Value {
  readonly same: string;
  readonly shown: string;
}

export function metadataDifferences(
  a: DiffSide,
  b: DiffSide,
  facts: readonly FactDifference[],
): readonly MetadataDifference[] {
  if (a.report.source.format !== b.report.source.format) return [];
  const covered = new Set(
    facts.flatMap(({ fact }) => [a, b].flatMap((side) => lastWord(side.facts.statedIn?.[fact] ?? ALSO_IN[fact] ?? ""))),
  );
  return [
    ...differences("metadata", metadataValues(a.metadata), metadataValues(b.metadata), covered),
    ...(a.config && b.config
      ? differences(a.config.file, configValues(a.config.json), configValues(b.config.json), covered)
      : []),
  ];
}

/** Where facts are from that aren't among those of the model. */
const ALSO_IN: Readonly<Record<string, string>> = {
  architecture: "general.architecture",
  ropeBase: "rope.freq_base",
  normEpsilon: "attention.layer_norm_rms_epsilon",
  bosToken: "tokenizer.ggml.bos_token_id",
  eosToken: "tokenizer.ggml.eos_token_id",
};

/** The last word of `qwen3.attention.key_length` and of `config.json head_dim`: names that keys don't share by chance. */
function lastWord(key: string): string {
  return key.slice(Math.max(key.lastIndexOf("."), key.lastIndexOf(" ")) + 1);
}

function differences(
  where: string,
  a: ReadonlyMap<string, Value>,
  b: ReadonlyMap<string, Value>,
  covered: ReadonlySet<string>,
): MetadataDifference[] {
  return [...new Set([...a.keys(), ...b.keys()])].flatMap((key) => {
    const [inA, inB] = [a.get(key), b.get(key)];
    if (inA?.same === inB?.same) return [];
    const [shownA, shownB] = [inA?.shown ?? null, inB?.shown ?? null];
    const isCovered = shownA !== null && shownB !== null && covered.has(lastWord(key));
    // Two long texts may look alike in short.
    const alike = shownA === shownB ? " of other content" : "";
    return [{ where, key, a: shownA, b: shownB && shownB + alike, ...(isCovered && { covered: true as const }) }];
  });
}

/** The first value of each key, as readers take it. */
function metadataValues(entries: readonly MetadataEntry[]): Map<string, Value> {
  const values = new Map<string, Value>();
  for (const { key, type, value } of entries) {
    if (values.has(key) || OF_THE_FILE.test(key) || key === CHAT_TEMPLATE) continue;
    values.set(key, typeof value === "object" ? arrayValue(value) : scalarValue(type, value));
  }
  return values;
}

/** Decimal digits that 32 bits hold: 1e-6 is stored as 9.99999997e-7, and nobody wrote that. */
const F32_DIGITS = 7;

/** A number is the same in any type that holds it. */
function scalarValue(type: string, value: MetadataScalar): Value {
  const text = String(type === "f32" && typeof value === "number" ? Number(value.toPrecision(F32_DIGITS)) : value);
  return { same: `${type === "string" ? "text" : "value"} ${value}`, shown: short(text) };
}

function arrayValue({ elementType, length, values }: LazyArray): Value {
  const size = `${plural(length, "element")} of ${elementType}`;
  if (!values || length > SHORT_ARRAY) return { same: size, shown: size };
  const text = `[${flat(values)}]`;
  return { same: `${elementType} ${text}`, shown: text.length > LONG_TEXT ? size : text };
}

function flat(values: NonNullable<LazyArray["values"]>): string {
  return values.map((value) => (typeof value === "object" ? `${value.length} elements` : String(value))).join(", ");
}

function short(text: string): string {
  return text.length > LONG_TEXT ? `${formatExact(text.length)} characters` : text;
}

/** Every value of a config by its path: `rope_scaling.factor`. */
function configValues(json: JsonObject): Map<string, Value> {
  const values = new Map<string, Value>();
  const add = (value: JsonValue, path: string, depth: number): void => {
    if (isObject(value) && depth < MAX_DEPTH) {
      for (const [key, inner] of Object.entries(value)) add(inner, path === "" ? key : `${path}.${key}`, depth + 1);
    } else {
      const text = jsonText(value, depth);
      const isLong = Array.isArray(value) && text.length > LONG_TEXT;
      values.set(path, { same: text, shown: isLong ? plural(value.length, "element") : short(text) });
    }
  };
  add(json, "", 0);
  return values;
}

/** Like JSON, but of no more depth than a config has: what a file nests deeper must not fill the stack. */
function jsonText(value: JsonValue, depth: number): string {
  if (typeof value !== "object" || value === null) return typeof value === "string" ? value : String(value);
  if (depth >= MAX_DEPTH) return "nested values";
  if (Array.isArray(value)) return `[${value.map((inner) => jsonText(inner, depth + 1)).join(", ")}]`;
  return `{${Object.entries(value)
    .map(([key, inner]) => `${key}: ${jsonText(inner, depth + 1)}`)
    .join(", ")}}`;
}

/** Chat templates are compared whole, but for the line break that files end in. */
export function templateDifference(a: string | undefined, b: string | undefined): Diff["chatTemplate"] {
  if (a === undefined || b === undefined) return a !== undefined ? "only-a" : b !== undefined ? "only-b" : null;
  return a.trimEnd() === b.trimEnd() ? "equal" : "differs";
}
