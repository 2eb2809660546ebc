/**
 * ExLlama's formats. EXL2 (exllamav2, `conversion/qparams.py`) mixes widths inside one matrix: `q_weight` I32 [rows, N],
 * `q_invperm` [K]; bits are a mean. EXL3 (exllamav3, `modules/quant/exl3.py`): `trellis` I16 [K/16, N/16, 16*b], where b
 * may end in a half; `suh` F16 [K] and `svh` F16 [N], or their signs packed in `su` I16 [K/16] and `sv` I16 [N/16]. It
 * fills both sides up to multiples of 128 (`modules/linear.py`).
 */
import type { JsonObject } from "@checkpoint-inspect/parser";

import type { PackedModule, QuantConfig, Scheme } from "../scheme.ts";
import { configNumber, hiddenWidth } from "../widths.ts";

/** Widths that a group of EXL2 may have. */
const [NARROWEST, WIDEST] = [2, 8] as const;

export const EXL2: Scheme = {
  id: "exl2",
  title: "EXL2",
  containers: [".q_weight"],
  sides: [".q_invperm", ".q_perm", ".q_scale", ".q_scale_max", ".q_groups", ".q_group_map"],
  unpack({ container, beside }) {
    const [rows, out] = container.shape;
    const width = (beside(".q_invperm") ?? beside(".q_perm"))?.shape[0];
    if (container.type !== "I32" || rows === undefined || out === undefined || !width) return undefined;
    const bits = (32 * rows) / width;
    if (bits < NARROWEST || bits > WIDEST)
      return { parameters: container.elements, bits: 32, unknown: true, format: "of impossible width" };
    return { parameters: width * out, bits, mean: true, shape: [out, width] };
  },
};

const TILE = 16;

export const EXL3: Scheme = {
  id: "exl3",
  title: "EXL3",
  containers: [".trellis"],
  sides: [".suh", ".svh", ".su", ".sv", ".mcg", ".mul1"],
  unpack(module) {
    const { container, beside } = module;
    const [down, across, words] = container.shape;
    if (container.type !== "I16" || down === undefined || across === undefined || !words) return undefined;
    const [width, out] = [down * TILE, across * TILE];
    const input = beside(".suh")?.elements ?? (beside(".su")?.elements ?? 0) * TILE;
    if (input !== width) return undefined;
    const filled = filledWidths(module);
    return {
      parameters: width * out,
      bits: words / TILE,
      shape: [out, width],
      ...((filled.includes(width) || filled.includes(out)) && { exact: false }),
    };
  },
};

const FILLED_TO = 128;

/** Sizes in config.json, and pairs of them that are multiplied. */
const SIZES = ["hidden_size", "intermediate_size", "moe_intermediate_size", "vocab_size", "q_lora_rank"] as const;
const PRODUCTS = [
  ["num_attention_heads", "head_dim"],
  ["num_key_value_heads", "head_dim"],
  ["num_attention_heads", "v_head_dim"],
] as const;

const sizesOf = new WeakMap<JsonObject, readonly number[]>();

/** Sides that the layers of this model have by its config. Remembered, as every module asks. */
function sizes(config: QuantConfig): readonly number[] {
  const known = sizesOf.get(config.root);
  if (known) return known;
  const at = (key: string) => configNumber(config, key) ?? 0;
  const hidden = at("hidden_size");
  const heads = at("num_attention_heads");
  const list = [
    ...SIZES.map(at),
    // The last three are of latent attention.
    ...PRODUCTS.map(([a, b]) => at(a) * (at(b) || (heads > 0 ? hidden / heads : 0))),
    at("kv_lora_rank") + at("qk_rope_head_dim"),
    heads * (at("qk_nope_head_dim") + at("v_head_dim")),
    heads * (at("qk_nope_head_dim") + at("qk_rope_head_dim")),
  ];
  sizesOf.set(config.root, list);
  return list;
}

/** Sides that a layer of this model has only because it was filled up. */
function filledWidths(module: PackedModule): readonly number[] {
  const norm = hiddenWidth(module);
  return [...sizes(module.config), norm ?? 0].flatMap((size) =>
    Number.isInteger(size) && size > 0 && size % FILLED_TO !== 0 ? [Math.ceil(size / FILLED_TO) * FILLED_TO] : [],
  );
}
