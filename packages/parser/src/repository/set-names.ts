/**
 * Which files of a folder make one checkpoint together, told from their names: numbered sets, the sets of an index, and files
 * that stand alone. What an index really lists is read when the checkpoint is opened; here its name has to do.
 *
 * Sources: huggingface_hub, serialization/_base.py (shard and index names); diffusers, utils/hub_utils.py (`_add_variant`);
 * llama.cpp, llama_split_path.
 */

import { SHARD_NAME } from "../checkpoint/check-index.ts";
import { parseSplitName, splitFileName } from "../gguf/shards.ts";
import { INDEX_NAME, naturalOrder } from "../safetensors/index-json.ts";
import { MAX_SHARDS } from "../safetensors/limits.ts";

/** Files of one folder that belong together. */
export interface SetNames {
  /** The index or file to open. */
  readonly entry: string;
  /** Without part number, variant and ending. */
  readonly stem: string;
  /** `fp16`; empty for plain files. */
  readonly variant: string;
  /** The weights that are there, in order. */
  readonly names: readonly string[];
  readonly declaredParts: number;
  readonly missing: readonly string[];
  readonly indexed: boolean;
}

/** Paths of missing parts that may still be listed: a few names can promise millions of them. */
export interface MissingBudget {
  left: number;
}

/** Precisions and kinds of weights that repos name between dots; anything else there is a part of the model's name. */
const VARIANT = /^(?:fp16|bf16|fp32|fp8[a-z0-9_]*|int8|ema|non[_-]ema|ema[_-]only|pruned)$/i;
/** Behind these any word between dots is a variant: they are no names of models. */
const GENERIC = new Set(["model", "diffusion_pytorch_model", "pytorch_model", "adapter_model", "pytorch_lora_weights"]);

const INDEX = /^(.+)\.safetensors\.index(?:\.([^./]+))?\.json$/;
/** `model-00001-of-00002.fp16.safetensors`: the variant behind the number. */
const VARIANT_BEHIND = /(-of-\d{5,6})\.([^./]+)\.safetensors$/;

/** More indexes than this are not looked after: a folder has one to four. */
const MAX_LOOSE_INDEXES = 16;

interface Draft {
  readonly stem: string;
  readonly variant: string;
  readonly names: string[];
  /** Of a numbered set: its parts by number. */
  readonly numbers: Set<number>;
  readonly total: number;
  readonly nameOf?: (number: number) => string;
}

/** @param names of the files directly in one folder */
export function safetensorsSets(names: readonly string[], budget: MissingBudget): SetNames[] {
  const drafts = new Map<string, Draft>();
  for (const name of names) if (name.endsWith(".safetensors")) addTo(drafts, name);
  const byKey = new Map<string, Draft[]>();
  for (const draft of drafts.values()) {
    const key = keyOf(draft);
    const alike = byKey.get(key);
    if (alike) alike.push(draft);
    else byKey.set(key, [draft]);
  }
  const free = new Set(drafts.values());
  const sets: SetNames[] = [];
  const loose: { name: string; stem: string; variant: string }[] = [];
  for (const name of names.filter((file) => INDEX_NAME.test(file)).sort(naturalOrder)) {
    const index = { name, ...indexStem(name) };
    const alike = (byKey.get(keyOf(index)) ?? []).filter((draft) => free.has(draft));
    // A set before the whole file of that name, and the fuller set first.
    alike.sort((a, b) => Number(b.total > 0) - Number(a.total > 0) || b.names.length - a.names.length);
    const [own] = alike;
    if (!own) {
      loose.push(index);
      continue;
    }
    free.delete(own);
    sets.push(finished(own, budget, name));
  }
  for (const [i, index] of loose.entries()) sets.push(looseSet(index, free, i < MAX_LOOSE_INDEXES, budget));
  for (const draft of free) sets.push(finished(draft, budget));
  return sets;
}

function keyOf({ stem, variant }: { stem: string; variant: string }): string {
  return `${stem} ${variant}`;
}

function addTo(drafts: Map<string, Draft>, name: string): void {
  const [, , behind = ""] = VARIANT_BEHIND.exec(name) ?? [];
  const plain = behind === "" ? name : name.replace(VARIANT_BEHIND, "$1.safetensors");
  const shard = SHARD_NAME.exec(plain);
  const [, prefix = "", number = "", total = ""] = shard ?? [];
  const count = Number(total);
  if (!shard || count < 1 || count > MAX_SHARDS || Number(number) > count) {
    const { stem, variant } = stemAndVariant(name.slice(0, -".safetensors".length));
    drafts.set(name, { stem, variant, names: [name], numbers: new Set(), total: 0 });
    return;
  }
  const key = `${prefix} ${number.length} ${total} ${behind}`;
  const known = drafts.get(key);
  if (known) {
    known.names.push(name);
    known.numbers.add(Number(number));
    return;
  }
  const { stem, variant } = stemAndVariant(prefix.slice(0, -1));
  const ending = behind === "" ? ".safetensors" : `.${behind}.safetensors`;
  drafts.set(key, {
    stem,
    variant: behind || variant,
    names: [name],
    numbers: new Set([Number(number)]),
    total: count,
    nameOf: (i) => `${prefix}${String(i).padStart(number.length, "0")}-of-${total}${ending}`,
  });
}

function indexStem(name: string): { stem: string; variant: string } {
  const [, stem = "", behind] = INDEX.exec(name) ?? [];
  return behind === undefined ? stemAndVariant(stem) : { stem, variant: behind };
}

/** `model.fp16` is the variant fp16 of `model`; `sd_xl_base_1.0` is a name. */
function stemAndVariant(whole: string): { stem: string; variant: string } {
  const dot = whole.indexOf(".");
  const last = whole.lastIndexOf(".");
  if (dot > 0 && GENERIC.has(whole.slice(0, dot))) return { stem: whole.slice(0, dot), variant: whole.slice(dot + 1) };
  if (last > 0 && VARIANT.test(whole.slice(last + 1)))
    return { stem: whole.slice(0, last), variant: whole.slice(last + 1) };
  return { stem: whole, variant: "" };
}

/**
 * The files of an index after which none is named: those whose names begin with its stem (`model_pp0_ep0_shard0`,
 * `model-1-of-61`), else the one numbered set that is left (`quant_model_weights-00001-of-00004`), else all plain files.
 */
function looseSet(
  index: { readonly name: string; readonly stem: string; readonly variant: string },
  free: Set<Draft>,
  look: boolean,
  budget: MissingBudget,
): SetNames {
  const plain = look
    ? [...free].filter(({ stem, variant }) => variant === index.variant && !STANDS_ALONE.test(stem))
    : [];
  const begun = plain.filter(({ stem }) => stem.startsWith(`${index.stem}-`) || stem.startsWith(`${index.stem}_`));
  const numbered = plain.filter(({ total }) => total > 0);
  const taken = begun.length > 0 ? begun : numbered.length === 1 ? numbered : index.stem === "model" ? plain : [];
  for (const draft of taken) free.delete(draft);
  const [only] = taken;
  if (taken.length === 1 && only) return finished(only, budget, index.name);
  const names = taken.flatMap((draft) => draft.names).sort(naturalOrder);
  return {
    entry: index.name,
    stem: index.stem,
    variant: index.variant,
    names,
    declaredParts: names.length,
    missing: [],
    indexed: true,
  };
}

/** No shards of an index that doesn't bear their name. */
const STANDS_ALONE = /^(?:consolidated|adapter|adapters|pytorch_lora_weights)(?:[-_.]|$)/;

function finished(
  { stem, variant, names, numbers, total, nameOf }: Draft,
  budget: MissingBudget,
  index?: string,
): SetNames {
  const sorted = names.sort(naturalOrder);
  const first = numbers.has(0) ? 0 : 1;
  const missing = nameOf ? absent(numbers, first, total, nameOf, budget) : [];
  return {
    entry: index ?? (sorted[0] as string),
    stem,
    variant,
    names: sorted,
    declaredParts: total > 0 ? total : 1,
    missing,
    indexed: index !== undefined,
  };
}

function absent(
  numbers: ReadonlySet<number>,
  first: number,
  total: number,
  nameOf: (number: number) => string,
  budget: MissingBudget,
): string[] {
  const missing: string[] = [];
  for (let i = first; i < first + total && numbers.size + missing.length < total && budget.left > 0; i++) {
    if (numbers.has(i)) continue;
    missing.push(nameOf(i));
    budget.left--;
  }
  return missing;
}

/** @param names of the files directly in one folder */
export function ggufSets(names: readonly string[], budget: MissingBudget): SetNames[] {
  const sets = new Map<string, { prefix: string; count: number; names: string[]; numbers: Set<number> }>();
  const alone: SetNames[] = [];
  for (const name of names) {
    if (!name.endsWith(".gguf")) continue;
    const split = parseSplitName(name);
    if (!split || split.count > MAX_SHARDS) {
      const stem = name.slice(0, -".gguf".length);
      alone.push({ entry: name, stem, variant: "", names: [name], declaredParts: 1, missing: [], indexed: false });
      continue;
    }
    const { prefix, number, count } = split;
    const key = `${prefix} ${count}`;
    const known = sets.get(key);
    if (known) {
      known.names.push(name);
      known.numbers.add(number);
    } else sets.set(key, { prefix, count, names: [name], numbers: new Set([number]) });
  }
  for (const { prefix, count, names: parts, numbers } of sets.values()) {
    parts.sort(naturalOrder);
    alone.push({
      entry: parts[0] as string,
      stem: prefix,
      variant: "",
      names: parts,
      declaredParts: count,
      missing: absent(numbers, 1, count, (i) => splitFileName(prefix, i, count), budget),
      indexed: false,
    });
  }
  return alone;
}
