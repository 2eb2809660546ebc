/**
 * ExLlama's formats. EXL2 (exllamav2, `conversion/qparams.py`) mixes widths inside one matrix: `q_weight` I32 [rows, N],
 * `q_invperm` [K]; bits are a mean. EXL3 (exllamav3, `modules/quant/exl3.py`): `trellis` I16 [K/16, N/16, 16*b], where b
 * may end in a half; `suh` F16 [K] and `svh` F16 [N], or their signs packed in `su` I16 [K/16] and `sv` I16 [N/16]. It
 * fills both sides up to multiples of 128 (`modules/linear.py`).
 */
import { asNumber, asObject } from "../quant-config.ts";
import type { QuantConfig, Scheme } from "../scheme.ts";

export const EXL2: Scheme = {
  id: "exl2",
  title: "EXL2",
  containers: [".q_weight"],
  sides: [".q_invperm", ".q_perm", ".q_scale", ".q_scale_max", ".q_groups", ".q_group_map"],
  unpack({ container, beside }) {
    const [rows, out] = container.shape;
    const width = (beside(".q_invperm") ?? beside(".q_perm"))?.shape[0];
    if (container.type !== "I32" || rows === undefined || out === undefined || !width) return undefined;
    return { parameters: width * out, bits: (32 * rows) / width, shape: [out, width] };
  },
};

const TILE = 16;

export const EXL3: Scheme = {
  id: "exl3",
  title: "EXL3",
  containers: [".trellis"],
  sides: [".suh", ".svh", ".su", ".sv", ".mcg", ".mul1"],
  unpack({ container, beside, config }) {
    const [down, across, words] = container.shape;
    if (container.type !== "I16" || down === undefined || across === undefined || !words) return undefined;
    const [width, out] = [down * TILE, across * TILE];
    const input = beside(".suh")?.elements ?? (beside(".su")?.elements ?? 0) * TILE;
    if (input !== width) return undefined;
    const filled = filledWidths(config);
    return {
      parameters: width * out,
      bits: words / TILE,
      shape: [out, width],
      ...((filled.includes(width) || filled.includes(out)) && { exact: false }),
    };
  },
};

const FILLED_TO = 128;

const WIDTHS = ["hidden_size", "intermediate_size", "moe_intermediate_size", "vocab_size"] as const;

/** Sides that a layer of this model has only because it was filled up. */
function filledWidths({ root }: QuantConfig): readonly number[] {
  const text = asObject(root.text_config);
  return WIDTHS.flatMap((key) => {
    const width = asNumber(root[key]) ?? asNumber(text?.[key]);
    return width === undefined || width % FILLED_TO === 0 ? [] : [Math.ceil(width / FILLED_TO) * FILLED_TO];
  });
}
