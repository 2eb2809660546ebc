/**
 * The quantization block of config.json as the Hub reads it: `quantization` where it is MLX's, else `quantization_config`, in
 * the root and then in `text_config`. (Ours, in quantization/quant-config.ts, looks in more places.)
 * Facts: @huggingface/hub 2.17.5, parseSafetensorsMetadata.
 */
import type { JsonObject, JsonValue, ModelConfig } from "@checkpoint-inspect/parser";

import { asObject } from "../json.ts";
import { type Effort, skipList, targetLists } from "./patterns.ts";

/** How one module of an MLX checkpoint is packed. */
interface MlxPacking {
  readonly bits: number;
  readonly mode: string;
}

/** One of compressed-tensors' `config_groups`. */
interface Group {
  readonly format: string | undefined;
  readonly bits: number | undefined;
}

export interface Settings {
  /** `quant_method` in lower case, `mlx` for a block that looks like MLX's; undefined where it isn't said. */
  readonly method: string | undefined;
  readonly bits: number | undefined;
  readonly loadIn4bit: boolean;
  /** What routed experts are stored in, when that is narrower than the rest. */
  readonly expertFormat: string | undefined;
  /** compressed-tensors' `format`. */
  readonly format: string | undefined;
  /** Bits of the first group that tells them. */
  readonly anyGroupBits: number | undefined;
  /** The compressed-tensors group whose targets name the module. */
  groupOf(module: string): Group | undefined;
  /** Whether the config lists the tensor as left in full precision. */
  isSkipped(name: string): boolean;
  /** MLX: how the module is packed, by its own entry or by the block's; undefined for one that isn't. */
  mlx(module: string): MlxPacking | undefined;
}

/** The Hub's own code fails on such a config, and shows no number. */
export const UNREADABLE = "unreadable";

/** undefined where the config says nothing of quantization. */
export function readSettings(
  config: ModelConfig | undefined,
  effort: Effort,
): Settings | typeof UNREADABLE | undefined {
  const root = config?.json;
  if (!root) return undefined;
  const text = asObject(root.text_config);
  const found = blockOf(root) ?? (text && blockOf(text));
  if (found === undefined || found === UNREADABLE) return found;
  if (!found.value) return undefined;
  try {
    return settingsOf(found.value, root.expert_dtype ?? text?.expert_dtype, effort);
  } catch (error) {
    if (error instanceof Misfit) return UNREADABLE;
    throw error;
  }
}

interface Block {
  /** Absent where the config has the key, and says "none" by it: then no other place is looked at. */
  readonly value?: { readonly block: JsonObject; readonly mlx: boolean };
}

function blockOf(scope: JsonObject): Block | typeof UNREADABLE | undefined {
  for (const key of ["quantization", "quantization_config"]) {
    const value = scope[key];
    const block = asObject(value);
    if (block && mayBeMlx(block) && looksLikeMlx(block)) return { value: { block, mlx: true } };
    if (key === "quantization" || value === undefined || value === null) continue;
    if (block) return { value: { block, mlx: false } };
    return value ? UNREADABLE : {};
  }
  return undefined;
}

function mayBeMlx(block: JsonObject): boolean {
  return block.quant_method === undefined || methodOf(block) === "mlx";
}

function methodOf(block: JsonObject): string | undefined {
  return typeof block.quant_method === "string" ? block.quant_method.toLowerCase() : undefined;
}

/** A value of a type that the Hub's code can't work with. */
class Misfit extends Error {}

function settingsOf(
  { block, mlx }: Required<Block>["value"],
  outerExpert: JsonValue | undefined,
  effort: Effort,
): Settings {
  const method = mlx ? "mlx" : methodOf(block);
  const groups = method === "compressed-tensors" ? groupsOf(block) : [];
  // MLX has no such lists: an entry of the module's own says `false`.
  const ignored = targetLists(method === "mlx" ? [] : [words(block.ignore)], effort);
  const skipped = skipList(method === "mlx" ? [] : words(block.modules_to_not_convert), effort);
  const groupAt = targetLists(
    groups.map(({ targets }) => targets),
    effort,
  );
  const expert = block.expert_dtype ?? outerExpert ?? block.store_dtype;
  const common = mlxPacking(block.bits, block.group_size, mlx ? (block.mode ?? undefined) : block.mode);
  return {
    method,
    bits: number(method === "mlx" ? undefined : block.bits),
    loadIn4bit: Boolean(block.load_in_4bit),
    expertFormat: typeof expert === "string" ? expert : undefined,
    format: method === "compressed-tensors" ? word(block.format) : undefined,
    anyGroupBits: groups.find(({ bits }) => bits)?.bits,
    groupOf: (module) => {
      const at = groupAt(module);
      return at === undefined ? undefined : groups[at];
    },
    isSkipped: (name) => ignored(moduleOfWeight(name)) !== undefined || skipped(name),
    mlx: (module) => {
      const own = Object.hasOwn(block, module) ? block[module] : undefined;
      if (own === false) return undefined;
      const entry = asObject(own);
      return entry ? mlxPacking(entry.bits, entry.group_size, entry.mode) : common;
    },
  };
}

function groupsOf(block: JsonObject): readonly (Group & { readonly targets: readonly string[] })[] {
  return Object.values(asObject(block.config_groups) ?? {}).map((value) => {
    const group = asObject(value);
    if (!group) throw new Misfit();
    return {
      format: word(group.format),
      bits: number(asObject(group.weights)?.num_bits),
      targets: words(group.targets),
    };
  });
}

/** `model.lm_head.weight_packed` and `model.lm_head.weight` are tensors of `model.lm_head`. */
export function moduleOfWeight(name: string): string {
  const at = name.lastIndexOf(".weight");
  return at < 0 ? name : name.slice(0, at);
}

function number(value: JsonValue | undefined): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number") throw new Misfit();
  return value;
}

function word(value: JsonValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw new Misfit();
  return value;
}

function words(value: JsonValue | undefined): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) throw new Misfit();
  return value;
}

/** Modes of MLX with the widths and group sizes that they come in; the first of each is what it is unless told. */
const MLX_MODES: ReadonlyMap<string, { readonly bits: readonly number[]; readonly groups: readonly number[] }> =
  new Map([
    ["affine", { bits: [4, 2, 3, 5, 6, 8], groups: [64, 32, 128] }],
    ["mxfp4", { bits: [4], groups: [32] }],
    ["nvfp4", { bits: [4], groups: [16] }],
    ["mxfp8", { bits: [8], groups: [32] }],
  ]);

const MLX_FIELDS = ["bits", "group_size", "mode"] as const;

function mlxPacking(
  bits: JsonValue | undefined,
  groupSize: JsonValue | undefined,
  mode: JsonValue = "affine",
): MlxPacking | undefined {
  if (typeof mode !== "string") return undefined;
  const known = MLX_MODES.get(mode.toLowerCase());
  const width = bits ?? known?.bits[0];
  const group = groupSize ?? known?.groups[0];
  if (typeof width !== "number" || typeof group !== "number") return undefined;
  if (!known?.bits.includes(width) || !known.groups.includes(group)) return undefined;
  return { bits: width, mode: mode.toLowerCase() };
}

/** The block itself or an entry of it, for one module, holds fields of MLX that go together. */
function looksLikeMlx(block: JsonObject): boolean {
  return [block, ...Object.values(block)].some((value) => {
    const entry = asObject(value);
    if (!entry || !MLX_FIELDS.some((field) => field in entry)) return false;
    return mlxPacking(entry.bits, entry.group_size, entry.mode) !== undefined;
  });
}
