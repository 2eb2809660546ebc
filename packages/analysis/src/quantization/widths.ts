/**
 * How wide a module's input must be, by its name and by what stands around it or in config.json. Packed shapes often fit two
 * readings, 4 bits over twice the columns of 8 bits; a width known from elsewhere tells them apart.
 */

import { asNumber, asObject } from "../json.ts";
import { MAX_SEGMENTS } from "../roles/hf-name.ts";
import { PROJECTORS, TOWERS } from "../roles/hf-rules-names.ts";
import type { PackedModule, QuantConfig } from "./scheme.ts";

/** Modules that read the hidden state. */
const READS_HIDDEN: ReadonlySet<string> = new Set([
  "embed_tokens",
  "lm_head",
  "q_proj",
  "k_proj",
  "v_proj",
  "qkv_proj",
  "query_key_value",
  "gate_proj",
  "up_proj",
  "gate_up_proj",
  "q_a_proj",
  "kv_a_proj_with_mqa",
]);

/** Modules outside of the blocks: the last norm may stand beside them. */
const OUTSIDE: ReadonlySet<string> = new Set(["embed_tokens", "lm_head"]);

/** Norms over the hidden state: in front of the modules of a block, and of the head. */
const NORMS = ["input_layernorm.weight", "norm.weight"] as const;

const FFN_WIDTHS = ["intermediate_size", "moe_intermediate_size", "shared_expert_intermediate_size"] as const;

/** Experts may read a latent narrower than the hidden state (Nemotron 3). */
const EXPERTS: ReadonlySet<string> = new Set(["experts", "switch_mlp", "shared_experts"]);

/** Widths that the module's input may have, where the shapes alone leave several; empty where nothing tells. */
export function inputWidths(module: PackedModule): readonly number[] {
  const { config, named } = module;
  const path = pathOf(module);
  const leaf = path.at(-1) ?? "";
  const hidden = configNumber(config, "hidden_size");
  if (READS_HIDDEN.has(leaf)) return hidden === undefined ? normWidth(path, named) : [hidden];
  if (leaf === "down_proj") {
    // The width between is what the module beside it puts out.
    const up = named(`${path.slice(0, -1).join(".")}.up_proj.weight`)?.shape.at(-2);
    return up === undefined ? FFN_WIDTHS.flatMap((key) => configNumber(config, key) ?? []) : [up];
  }
  const heads = configNumber(config, "num_attention_heads");
  if (leaf !== "o_proj" || heads === undefined) return [];
  const head = configNumber(config, "v_head_dim") ?? configNumber(config, "head_dim");
  if (head !== undefined) return [heads * head];
  return hidden === undefined ? [] : [hidden];
}

/**
 * The width of the hidden state for a module that surely reads it, by the norm in front, else by config: sure enough to
 * contradict a declared packing. undefined for experts and towers, whose input may be another.
 */
export function hiddenWidth(module: PackedModule): number | undefined {
  const path = pathOf(module);
  if (!READS_HIDDEN.has(path.at(-1) ?? "")) return undefined;
  if (path.some((segment) => EXPERTS.has(segment) || TOWERS.has(segment) || PROJECTORS.has(segment))) return undefined;
  return normWidth(path, module.named)[0] ?? configNumber(module.config, "hidden_size");
}

/** Segments of the module's name; none for a name longer than any real one, whose prefixes would cost. */
function pathOf({ stem }: PackedModule): readonly string[] {
  const path = stem.split(".", MAX_SEGMENTS + 1);
  return path.length > MAX_SEGMENTS ? [] : path;
}

/** The nearest norm's, going outwards from the module. A norm beside a projection is the mixer's own (Lightning attention). */
function normWidth(path: readonly string[], named: PackedModule["named"]): readonly number[] {
  const isOutside = OUTSIDE.has(path.at(-1) ?? "");
  for (let depth = path.length - (isOutside ? 1 : 2); depth >= 0; depth--) {
    for (const norm of NORMS) {
      const shape = named([...path.slice(0, depth), norm].join("."))?.shape;
      if (shape?.length === 1) return shape;
    }
  }
  return [];
}

/** A number of config.json, at its root or of the text model. */
export function configNumber({ root }: QuantConfig, key: string): number | undefined {
  return asNumber(root[key]) ?? asNumber(asObject(root.text_config)?.[key]);
}
