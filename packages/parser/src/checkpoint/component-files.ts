/**
 * Which files of a diffusers component to open. A folder may hold the same weights several times: whole or in shards, and in
 * variants (`fp16`, `non_ema`), whose name stands before or after the shard number or in the index's own ending.
 *
 * Source: diffusers, utils/hub_utils.py (`_add_variant`) and models/model_loading_utils.py.
 */
import { naturalOrder } from "../safetensors/index-json.ts";
import { chooseSafetensorsEntry } from "./read-safetensors-set.ts";

/** `model.fp16.safetensors`, `model.fp16-00001-of-00002.safetensors`, `model-00001-of-00002.fp16.safetensors`. */
const WEIGHTS = /^(.+)\.safetensors$/;
/** `model.safetensors.index.json`, `model.safetensors.index.fp16.json`, `model.fp16.safetensors.index.json`. */
const INDEX = /^(.+)\.safetensors\.index(?:\.([^./]+))?\.json$/;
const SHARD_NUMBER = /[-_]\d{5,6}-of-\d{5,6}/;

/** Where there is no plain file, the variant to show: the usual half precision first. */
const VARIANTS = ["fp16", "bf16", "fp32", "ema", "non_ema"] as const;

export interface ComponentEntry {
  /** The file or index to open. */
  readonly entry: string;
  /** `fp16`; empty for the plain files. */
  readonly variant: string;
  /** The variants that stand beside it. */
  readonly others: readonly string[];
}

/** @param names of the files in the component's folder; undefined when none of them is a safetensors file */
export function chooseComponentEntry(names: readonly string[]): ComponentEntry | undefined {
  const byVariant = new Map<string, string[]>();
  for (const name of names) {
    const variant = variantOf(name);
    if (variant === undefined) continue;
    const group = byVariant.get(variant);
    if (group) group.push(name);
    else byVariant.set(variant, [name]);
  }
  const variants = [...byVariant.keys()].sort(naturalOrder);
  const variant = ["", ...VARIANTS].find((name) => byVariant.has(name)) ?? variants[0];
  if (variant === undefined) return undefined;
  const group = byVariant.get(variant) ?? [];
  // `model.safetensors.index.fp16.json` is an index like any other here: the variant is chosen already.
  const entry = group.find((name) => INDEX.test(name)) ?? chooseSafetensorsEntry(group);
  return entry === undefined ? undefined : { entry, variant, others: variants.filter((name) => name !== variant) };
}

/** The variant in a name: empty for a plain file, undefined for what is no safetensors file. */
function variantOf(name: string): string | undefined {
  const [, stem, ending] = INDEX.exec(name) ?? WEIGHTS.exec(name) ?? [];
  if (stem === undefined) return undefined;
  if (ending !== undefined) return ending;
  const bare = stem.replace(SHARD_NUMBER, "");
  const dot = bare.indexOf(".");
  return dot < 0 ? "" : bare.slice(dot + 1);
}
