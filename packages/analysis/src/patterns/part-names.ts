/**
 * What sentences call a part: its tensor name in GGUF (`attn_v`), where all files use the same names, and plain words in
 * safetensors, where each family has its own. Told from the role alone, so it doesn't hang on which tensor came first.
 */
import { NAME_GROUPS, NAME_OVERRIDES } from "../roles/gguf-names.ts";

let ggufNames: ReadonlyMap<string, string> | undefined;

/** `bucket|part` -> the first name that the tables have for it, without its block. */
function ggufTable(): ReadonlyMap<string, string> {
  if (ggufNames) return ggufNames;
  const names = new Map<string, string>();
  const set = (bucket: string, part: string, name: string) => {
    const base = name.replace(/^(?:enc\.|dec\.)?blk\.\{\}\./, "");
    const key = `${bucket}|${part}`;
    if (base !== name && !names.has(key)) names.set(key, base);
  };
  for (const { bucket, at, parts = {}, part: prefix = "", names: plain = "" } of NAME_GROUPS) {
    for (const [part, list] of Object.entries(parts)) {
      set(bucket, part, at + (list.split(" ").find((name) => !name.includes("{}")) ?? list));
    }
    for (const name of plain.split(" ")) if (name && !name.includes("{}")) set(bucket, prefix + name, at + name);
  }
  for (const { names: overrides } of NAME_OVERRIDES) {
    for (const [name, { bucket, part }] of Object.entries(overrides)) set(bucket, part, name);
  }
  ggufNames = names;
  return names;
}

const PART_NAMES: Readonly<Record<string, string>> = {
  "attention|q": "query",
  "attention|k": "key",
  "attention|v": "value",
  "attention|o": "attention output",
  "attention|qkv": "query-key-value",
  "attention|kv": "key-value",
  "attention|out_gate": "attention gate",
  "ffn|gate": "FFN gate",
  "ffn|up": "FFN up",
  "ffn|down": "FFN down",
  "ffn|gate_up": "FFN gate-up",
  "expert|router": "router",
  "expert|shared_gate": "shared expert's gate",
};

/** A part in words, for a list of them. */
export function partName(bucket: string, part: string, format: "gguf" | "safetensors"): string {
  const key = `${bucket}|${part}`;
  const known = format === "gguf" ? ggufTable().get(key) : PART_NAMES[key];
  if (known) return known;
  const [family = "", ...rest] = part.split(".");
  const leaf = rest.join(".").replaceAll("_", "-");
  if (bucket === "expert" && family.startsWith("routed") && leaf) return `expert ${leaf}`;
  if (bucket === "expert" && family === "shared" && leaf) return `shared expert ${leaf}`;
  return bucket === "other" || bucket === "expert" ? `${bucket} ${part}` : part;
}

/** What to say where every part of a bucket is meant. */
export const WHOLE_BUCKET: Readonly<Record<string, string>> = {
  attention: "attention",
  ffn: "the FFN",
  expert: "the experts",
};
