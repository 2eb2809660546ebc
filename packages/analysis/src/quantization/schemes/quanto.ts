/**
 * Quanto (optimum-quanto, `tensor/weights`). Eight bits: `weight._data` I8 or FP8 [N, K], `weight._scale` [N, 1]. Fewer:
 * the matrix is cut into groups, one a row of [groups, group size], and packed down the rows: `weight._data._data` U8
 * [ceil(groups*b/8), group size], `weight._scale` and `weight._shift` [groups, 1]; along the other axis it all stands
 * transposed.
 */
import type { QuantConfig, Scheme } from "../scheme.ts";

const STORED: Readonly<Record<string, string | undefined>> = {
  I8: "INT8",
  F8_E4M3: "FP8",
  F8_E4M3FNUZ: "FP8",
  F8_E5M2: "FP8",
  F8_E5M2FNUZ: "FP8",
};
const NARROW = [4, 2] as const;

export const QUANTO: Scheme = {
  id: "quanto",
  title: "Quanto",
  containers: [".weight._data._data", ".weight._data"],
  sides: [".weight._scale", ".weight._shift", ".input_scale", ".output_scale"],
  unpack({ container, beside, config }) {
    const { type, shape, elements } = container;
    const scale = beside(".weight._scale");
    const stored = STORED[type];
    if (!scale || !(stored || type === "U8")) return undefined;
    if (stored) return { parameters: elements, bits: 8, shape, format: stored };
    const [rows, columns] = shape;
    const [groups, one] = scale.shape;
    if (rows === undefined || columns === undefined || groups === undefined) return undefined;
    const width = one === 1 ? NARROW.find((bits) => rows === Math.ceil((groups * bits) / 8)) : undefined;
    if (width) return { parameters: groups * columns, bits: width, groupSize: columns };
    // Transposed: the last bytes of a column may be padding, which only groups of odd size have.
    const bits = declaredBits(config);
    if (groups !== 1 || one !== columns || !bits)
      return { parameters: elements, bits: 8, unknown: true, format: "in bytes" };
    return { parameters: (elements * 8) / bits, bits, groupSize: (rows * 8) / bits };
  },
};

/** `weights: "int4"` of transformers' QuantoConfig. */
function declaredBits({ block }: QuantConfig): number | undefined {
  const weights = block.weights;
  return NARROW.find((bits) => weights === `int${bits}` || weights === `qint${bits}`);
}
