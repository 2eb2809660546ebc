/**
 * MLX (mlx.core.quantize; mlx/nn/layers/quantized.py, mlx_lm/utils.py): `weight` U32 [..., N, K*b/32] beside `scales`
 * [..., N, K/group], and `biases` of the same shape in mode affine. Embeddings and expert stacks (`switch_mlp`) are packed
 * alike.
 *
 * Shapes give bits * group / 32 and no more. For the float modes that is enough, as each allows one pair. For affine the
 * config says the pair, the module's own entry before the general one. Where the config is silent, one pair may be the
 * only one to give the product, or to give a width that the model has; else the module stays unknown.
 */
import type { Tensor } from "@checkpoint-inspect/parser";

import { asNumber, asObject } from "../quant-config.ts";
import type { PackedModule, QuantConfig, Scheme } from "../scheme.ts";

interface Pair {
  readonly bits: number;
  readonly group: number;
  /** In words, where it isn't "N-bit". */
  readonly format?: string;
}

/** Float modes: scales are bytes, and there are no offsets. */
const FLOAT_MODES: readonly Pair[] = [
  { bits: 4, group: 32, format: "MXFP4" },
  { bits: 4, group: 16, format: "NVFP4" },
  { bits: 8, group: 32, format: "MXFP8" },
];

const AFFINE_PAIRS: readonly Pair[] = [32, 64, 128].flatMap((group) =>
  [2, 3, 4, 5, 6, 8].map((bits) => ({ bits, group })),
);

/** What mlx takes for affine where an entry leaves one of the two open. */
const AFFINE_DEFAULT: Pair = { bits: 4, group: 64 };

export const MLX: Scheme = {
  id: "mlx",
  title: "MLX",
  containers: [".weight"],
  sides: [".scales", ".biases", ".global_scale"],
  unpack(module) {
    const { container, beside } = module;
    const { type, shape } = container;
    const words = shape.at(-1);
    if (type !== "U32" || words === undefined || shape.length < 2) return undefined;
    const scales = beside(".scales");
    const groups = scales?.shape.at(-1);
    if (!scales || !groups || !sameRows(container, scales)) return undefined;
    const fits = ({ bits, group }: Pair): boolean => groups * group * bits === words * 32;
    const pair = scales.type === "U8" ? FLOAT_MODES.find(fits) : affinePair(module, groups, fits);
    if (!pair) return { parameters: container.elements, bits: 32, unknown: true, format: "of unknown width" };
    const { bits, group, format } = pair;
    return {
      parameters: scales.elements * group,
      bits,
      shape: [...shape.slice(0, -1), groups * group],
      groupSize: group,
      ...(format && { format }),
    };
  },
};

function sameRows({ shape }: Tensor, scales: Tensor): boolean {
  return shape.length === scales.shape.length && shape.slice(0, -1).every((n, i) => n === scales.shape[i]);
}

function affinePair(module: PackedModule, groups: number, fits: (pair: Pair) => boolean): Pair | undefined {
  // A general entry that doesn't fit is no entry: mixed releases don't name all of their modules.
  const declared = declaredPairs(module).find(fits);
  if (declared) return declared;
  const possible = AFFINE_PAIRS.filter(fits);
  if (possible.length < 2) return possible[0];
  const widths = inputWidths(module);
  const matching = possible.filter(({ group }) => widths.includes(groups * group));
  return matching.length === 1 ? matching[0] : undefined;
}

/** The module's own entry, then the general one. */
function declaredPairs({ stem, config }: PackedModule): readonly Pair[] {
  const block = asObject(config.root.quantization) ?? (config.method === "mlx" ? config.block : undefined);
  return [asObject(block?.[stem]), block].flatMap((entry) => {
    const [bits, group] = [asNumber(entry?.bits), asNumber(entry?.group_size)];
    if (bits === undefined && group === undefined) return [];
    return [{ bits: bits ?? AFFINE_DEFAULT.bits, group: group ?? AFFINE_DEFAULT.group }];
  });
}

/** Modules that read the hidden state, in the names of mlx-lm's models. */
const READS_HIDDEN: ReadonlySet<string> = new Set([
  "embed_tokens",
  "lm_head",
  "q_proj",
  "k_proj",
  "v_proj",
  "qkv_proj",
  "gate_proj",
  "up_proj",
  "gate_up_proj",
  "q_a_proj",
  "kv_a_proj_with_mqa",
]);

/** Norms over the hidden state: in front of the modules of a block, and of the head. */
const NORMS = ["input_layernorm.weight", "norm.weight"] as const;

const FFN_WIDTHS = ["intermediate_size", "moe_intermediate_size", "shared_expert_intermediate_size"] as const;

/** Widths that the module's input may have, by its name and by what the config or the tensors around it say. */
function inputWidths({ stem, config, named }: PackedModule): readonly number[] {
  const path = stem.split(".");
  const leaf = path.at(-1) ?? "";
  const hidden = textNumber(config, "hidden_size");
  if (READS_HIDDEN.has(leaf)) return hidden === undefined ? normWidth(path, named) : [hidden];
  if (leaf === "down_proj") {
    // The width between is what the module beside it puts out.
    const up = named(`${path.slice(0, -1).join(".")}.up_proj.weight`)?.shape.at(-2);
    return up === undefined ? FFN_WIDTHS.flatMap((key) => textNumber(config, key) ?? []) : [up];
  }
  const heads = textNumber(config, "num_attention_heads");
  if (leaf !== "o_proj" || heads === undefined) return [];
  const head = textNumber(config, "v_head_dim") ?? textNumber(config, "head_dim");
  if (head !== undefined) return [heads * head];
  return hidden === undefined ? [] : [hidden];
}

/** The nearest norm's, going outwards from the module. */
function normWidth(path: readonly string[], named: PackedModule["named"]): readonly number[] {
  for (let depth = path.length - 1; depth >= 0; depth--) {
    for (const norm of NORMS) {
      const shape = named([...path.slice(0, depth), norm].join("."))?.shape;
      if (shape?.length === 1) return shape;
    }
  }
  return [];
}

function textNumber({ root }: QuantConfig, key: string): number | undefined {
  return asNumber(root[key]) ?? asNumber(asObject(root.text_config)?.[key]);
}
