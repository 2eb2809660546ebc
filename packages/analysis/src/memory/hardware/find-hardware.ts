/** What people write for their GPUs, made into hardware: "RTX 4090", "2x 3090", "m4 max 64gb", "24GB", "24GB+16GB". */
import { GIB, hardwareOf, type ListedModel, plainSize } from "./catalogue.ts";
import type { Hardware } from "./hardware.ts";

export interface FoundHardware {
  readonly hardware: Hardware;
  readonly count: number;
}

export type HardwareAnswer =
  | { readonly hardware: readonly FoundHardware[] }
  | { readonly problem: string; readonly near: readonly string[] };

const MOST_TEXT = 200;
/** More GPUs than one machine has, and few enough for plans of each. */
const MOST_GPUS = 64;
const MOST_NEAR = 5;

const UNITS: Readonly<Record<string, number>> = { m: GIB / 1024, g: GIB, t: GIB * 1024 };
const SIZE = /^(\d+(?:\.\d+)?)\s*([mgt])(?:i?b)?$/i;
const SIZE_BEHIND = /^(.*[^\s(_-])[\s(_-]+(\d+)\s*g(?:i?b)?\)?$/i;
const SIZE_GLUED = /^(.*[a-z])(\d+)\s*g(?:i?b)?$/i;

/** Words that people add or leave out. */
const EXTRA = /\b(nvidia|geforce|amd|radeon|intel|apple|tesla|gpu|graphics|sxm\d?|mac studio|mac mini)\b/gi;

type Keyed = { readonly key: string; readonly model: ListedModel; readonly whole: boolean };

/**
 * Parts are joined by "+" or ","; "2x" before or "x2" behind a part counts it. Case, spaces and dashes don't matter. A plain model is
 * preferred to its laptop version, and of several sizes the least is taken unless one is asked for, so that no memory is promised that
 * isn't there; `sizes` then has them all. A size that no model is behind is counted in GiB, as GPUs' are, "GB" or "GiB".
 */
export function findHardware(text: string, models: readonly ListedModel[]): HardwareAnswer {
  if (text.trim() === "" || text.length > MOST_TEXT) return { problem: "name a GPU or its size, e.g. 24GB", near: [] };
  const keys = keysOf(models);
  const found: FoundHardware[] = [];
  // "Max+" is part of a name.
  for (const part of text.replace(/\bmax\+/gi, "max").split(/[+,]/)) {
    if (part.trim() === "")
      return { problem: `'${text}' names no GPU beside a comma or '+'; leave that out, or name one`, near: [] };
    const { count, rest } = readCount(part.trim());
    const answer = findOne(rest, keys);
    if ("problem" in answer) return answer;
    found.push({ hardware: answer, count });
  }
  const total = found.reduce((sum, { count }) => sum + count, 0);
  if (found.some(({ count }) => count < 1) || total > MOST_GPUS)
    return { problem: `from 1 to ${MOST_GPUS} GPUs can be counted with; got '${text}'`, near: [] };
  return { hardware: found };
}

/** Three digits at most: the 7900 of "7900xtx" is part of a name. */
function readCount(part: string): { count: number; rest: string } {
  const [, before, rest] = /^(\d{1,3})\s*[x×*]\s*(.+)$/i.exec(part) ?? [];
  if (before && rest) return { count: Number(before), rest };
  const [, name, behind] = /^(.+?)\s+[x×*]\s*(\d{1,3})$/i.exec(part) ?? [];
  return name && behind ? { count: Number(behind), rest: name } : { count: 1, rest: part };
}

function findOne(text: string, keys: readonly Keyed[]): Hardware | { problem: string; near: readonly string[] } {
  const [, digits, unit] = SIZE.exec(text) ?? [];
  const bytes = Math.round(Number(digits) * (UNITS[unit?.toLowerCase() ?? ""] ?? Number.NaN));
  if (digits !== undefined) {
    if (Number.isSafeInteger(bytes) && bytes > 0) return plainSize(bytes, `${text.replace(/\s+/g, "")} GPU`);
    return { problem: `'${text}' isn't a size of memory`, near: [] };
  }
  const whole = findModel(text, keys);
  const behind = splitSize(text);
  if (whole && !behind) return hardwareOf(whole, Math.min(...whole.memory));
  const model = behind ? (findModel(behind.name, keys) ?? whole) : undefined;
  // "RTX 2060 12GB" is a model of its own.
  const exact = whole && whole.memory.length === 1 && whole.memory[0] === behind?.size ? whole : undefined;
  if (exact) return hardwareOf(exact, behind?.size ?? 0);
  if (!model || !behind)
    return { problem: `no GPU is known as '${text}'; its size will do, e.g. 24GB`, near: nearest(text, keys) };
  if (model.memory.includes(behind.size)) return hardwareOf(model, behind.size);
  const sizes = [...model.memory].sort((a, b) => a - b).map((size) => `${size} GB`);
  return { problem: `${model.name} is sold with ${sizes.join(", ")}, not ${behind.size} GB`, near: [model.name] };
}

function splitSize(text: string): { name: string; size: number } | undefined {
  const [, name, digits] = SIZE_BEHIND.exec(text) ?? SIZE_GLUED.exec(text) ?? [];
  return name && digits ? { name, size: Number(digits) } : undefined;
}

function keyOf(name: string): string {
  const plain = name
    .replace(EXTRA, " ")
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "");
  return plain.replace("mobile", "laptop");
}

/** A model by its name, and without the prefix that its whole family has. */
function keysOf(models: readonly ListedModel[]): Keyed[] {
  return models.flatMap((model) => {
    if (model.memory.length === 0) return [];
    const names = [model.name, ...(model.aliases ?? [])];
    return names.flatMap((name) => {
      const key = keyOf(name);
      const short = key.replace(/^(rtxpro|rtx|gtx|rx|arcpro|arc|pro|jetson)(?=\w*\d)/, "");
      const keys: Keyed[] = [{ key, model, whole: true }];
      return short === key || short.length < 2 ? keys : [...keys, { key: short, model, whole: false }];
    });
  });
}

/** Its own key; failing that the shortest that goes on from it, if the text says more than a family. */
function findModel(text: string, keys: readonly Keyed[]): ListedModel | undefined {
  const key = keyOf(text);
  if (key.length < 2) return undefined;
  const exact = keys.find((entry) => entry.whole && entry.key === key) ?? keys.find((entry) => entry.key === key);
  if (exact) return exact.model;
  if (!/\d/.test(key)) return undefined;
  const longer = keys.filter((entry) => entry.key.startsWith(key) && !/^\d/.test(entry.key.slice(key.length)));
  return longer.sort((a, b) => a.key.length - b.key.length)[0]?.model;
}

/** Names that are a few letters off, nearest first. */
function nearest(text: string, keys: readonly Keyed[]): string[] {
  const key = keyOf(text).slice(0, 40);
  if (key === "") return [];
  const rated = keys
    .map((entry) => ({ name: entry.model.name, off: entry.key.startsWith(key) ? 0.5 : distance(key, entry.key) }))
    .filter(({ off }) => off <= Math.max(2, key.length / 2))
    .sort((a, b) => a.off - b.off);
  return [...new Set(rated.map(({ name }) => name))].slice(0, MOST_NEAR);
}

/** Letters to add, drop or change (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
