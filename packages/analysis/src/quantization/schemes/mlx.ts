/**
 * MLX (mlx.core.quantize; mlx/nn/layers/quantized.py, mlx_lm/utils.py): `weight` U32 [..., N, K*b/32] beside `scales`
 * [..., N, K/group], and `biases` of the same shape in mode affine. Embeddings and expert stacks (`switch_mlp`) are packed
 * alike.
 *
 * Shapes give bits * group / 32 and no more. For the float modes that is enough, as each allows one pair. For affine the
 * config says the pair, the module's own entry before the general one. Where the config is silent, one pair may be the
 * only one to give the product, or to give a width that the model has; else the module stays unknown.
 */
import type { JsonObject, Tensor } from "@checkpoint-inspect/parser";

import { asNumber, asObject } from "../../json.ts";
import type { PackedModule, Scheme } from "../scheme.ts";
import { hiddenWidth, inputWidths } from "../widths.ts";

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
  const { own, general } = declaredPairs(module);
  if (own && fits(own)) return own;
  const possible = AFFINE_PAIRS.filter(fits);
  // A general entry that doesn't fit is no entry: mixed releases don't name all of their modules.
  if (general && fits(general)) {
    // One that fits may still be another module's, where the input has the width of another pair.
    const hidden = possible.length > 1 ? hiddenWidth(module) : undefined;
    return (groups * general.group !== hidden && possible.find(({ group }) => groups * group === hidden)) || general;
  }
  if (possible.length < 2) return possible[0];
  const widths = inputWidths(module);
  const matching = possible.filter(({ group }) => widths.includes(groups * group));
  return matching.length === 1 ? matching[0] : undefined;
}

/** The module's own entry, and the one for all. */
function declaredPairs({ stem, config }: PackedModule): { readonly own?: Pair; readonly general?: Pair } {
  const block = asObject(config.root.quantization) ?? (config.method === "mlx" ? config.block : undefined);
  const [own, general] = [declaredPair(asObject(block?.[stem])), declaredPair(block)];
  return { ...(own && { own }), ...(general && { general }) };
}

function declaredPair(entry: JsonObject | undefined): Pair | undefined {
  const [bits, group] = [asNumber(entry?.bits), asNumber(entry?.group_size)];
  if (bits === undefined && group === undefined) return undefined;
  return { bits: bits ?? AFFINE_DEFAULT.bits, group: group ?? AFFINE_DEFAULT.group };
}
