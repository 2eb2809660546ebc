/**
 * HQQ (hqq, `core/quantize.py` and `core/bitpack.py`): the matrix is cut into groups, one a row (axis 1) or a column (axis
 * 0), and packed down the rows: `W_q` U8 with 8/b weights a byte, or I32 with ten 3-bit weights a word, padded to ten
 * rows. `scale` and `zero` hold one number a group, so that their shape tells the axis. Everything else of a module's
 * settings stands beside it in tiny tensors. `view_as_float` writes the same bytes under a float type.
 */
import type { Tensor } from "@checkpoint-inspect/parser";

import { asNumber, asObject } from "../../json.ts";
import { containerBits, type QuantConfig, type Scheme } from "../scheme.ts";

const THREE_BIT_WEIGHTS_A_WORD = 10;
const WEIGHTS_A_BYTE = [1, 2, 4, 8] as const;

export const HQQ: Scheme = {
  id: "hqq",
  title: "HQQ",
  containers: [".W_q"],
  sides: [
    ".scale",
    ".zero",
    ".nbits",
    ".group_size",
    ".shape",
    ".axis",
    ".packing",
    ".unpack_view_dtype",
    ".view_as_float",
    ".quant_scale",
    ".quant_zero",
    ".compute_dtype",
    ".offload_meta",
    ".encoded_state_dict",
    ".stores_quant_config",
    ".channel_wise",
    ".optimize",
    ".round_zero",
  ],
  unpack({ container, beside, config, values }) {
    const scale = beside(".scale");
    const size = containerBits(container.type);
    const [rows, columns] = container.shape;
    const [down, across] = scale?.shape ?? [];
    // `W_q` is also how some name a query matrix, which has no zeros beside it.
    if (!scale || beside(".zero")?.elements !== scale.elements) return undefined;
    if (!size || !rows || !columns || !down || !across) return undefined;
    if (across === 1) {
      const perByte = WEIGHTS_A_BYTE.find((weights) => rows * weights === down);
      if (perByte && container.type !== "I32") {
        const groupSize = (columns * size) / 8;
        return { parameters: down * groupSize, bits: 8 / perByte, groupSize };
      }
      if (rows === Math.ceil(down / THREE_BIT_WEIGHTS_A_WORD) && size >= 16) {
        const groupSize = (columns * size) / 32;
        return { parameters: down * groupSize, bits: 3, groupSize };
      }
    }
    const bits = value(values(beside(".nbits"))) ?? declared(config, "nbits");
    const groupSize = value(values(beside(".group_size"))) ?? declared(config, "group_size");
    if (down === 1 && bits && groupSize && fits(container, bits, groupSize, across))
      return { parameters: across * groupSize, bits, groupSize };
    return { parameters: container.elements, bits: size, unknown: true, format: "in words" };
  },
};

/** Whether groups of that size, one a column, take as many bytes as the container has. */
function fits({ sizeBytes }: Tensor, bits: number, groupSize: number, groups: number): boolean {
  const rowBytes = bits === 3 ? 4 * Math.ceil(groupSize / THREE_BIT_WEIGHTS_A_WORD) : (groupSize * bits) / 8;
  return rowBytes * groups === sizeBytes;
}

function value(numbers: readonly number[] | undefined): number | undefined {
  return numbers?.[0];
}

/** One setting for all modules: transformers writes several under `dynamic_config`. */
function declared({ block }: QuantConfig, key: "nbits" | "group_size"): number | undefined {
  const settings = asObject(block.quant_config);
  if (settings?.dynamic_config !== undefined || block.dynamic_config !== undefined) return undefined;
  return asNumber(asObject(settings?.weight_quant_params)?.[key]);
}
