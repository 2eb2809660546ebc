/**
 * Sparse formats of compressed-tensors; none is written any more. The zeros are parameters like any other: the model computes with a
 * full matrix.
 * - marlin-24: `weight_packed` I32 [K/32, N*16*b/32], `scale_packed` [G, N], `meta` I16; two of four weights are zeros
 * - sparse-bitmask: `weight.compressed` [non-zeros], `weight.bitmask` U8 [N, ceil(K/8)], `weight.shape`, `weight.row_offsets`
 * - sparse-24-bitmask: `compressed` [N, K/2], `bitmask` as above, `shape` [2, 1]
 *
 * Source: compressed-tensors 0.8.1 (marlin_24.py) and 0.10.2 (compressors/sparse_compressors).
 */
import { blockSize, type Scheme } from "../scheme.ts";

export const ID = "compressed-tensors";

export const SIDES = [
  ".weight_scale",
  ".weight_shape",
  ".weight_zero_point",
  ".weight_g_idx",
  ".weight_global_scale",
  ".input_scale",
  ".input_zero_point",
  ".input_global_scale",
  ".output_scale",
  ".output_zero_point",
] as const;

export const MARLIN_24: Scheme = {
  id: ID,
  title: ID,
  containers: [".weight_packed"],
  sides: [".scale_packed", ".meta", ...SIDES],
  unpack({ container, beside }) {
    const [tiles, words] = container.shape;
    const scale = container.type === "I32" ? beside(".scale_packed") : undefined;
    const out = scale?.shape.at(-1);
    if (!tiles || !words || !scale || !out) return undefined;
    const bits = (2 * words) / out;
    if (bits !== 4 && bits !== 8) return undefined;
    const width = 32 * tiles;
    const groups = scale.shape[0] ?? 1;
    const groupSize = groups > 1 ? blockSize(width, groups) : undefined;
    return {
      parameters: width * out,
      bits: bits / 2,
      shape: [out, width],
      format: `${bits}-bit, 2:4 sparse`,
      ...(groupSize && { groupSize }),
    };
  },
};

export const BITMASKS: Scheme = {
  id: ID,
  title: ID,
  containers: [".weight.compressed", ".compressed"],
  sides: [".weight.bitmask", ".weight.shape", ".weight.row_offsets", ".bitmask", ".shape", ".row_offsets", ...SIDES],
  unpack({ container, stem, beside, values, config }) {
    const own = container.name.slice(stem.length, -".compressed".length);
    const bitmask = beside(`${own}.bitmask`);
    const shapeTensor = beside(`${own}.shape`);
    const [rows, maskBytes] = bitmask?.shape ?? [];
    const bits = (width: number) => (8 * container.sizeBytes) / (rows ?? 1) / width;
    if (bitmask?.type !== "U8" || !rows || !maskBytes || bitmask.shape.length !== 2) {
      if (!shapeTensor && config.method !== ID) return undefined;
      return { parameters: container.elements, bits: 8, unknown: true, format: "sparse without its mask" };
    }
    const fits = (width: number) => Math.ceil(width / 8) === maskBytes && rows * width >= container.elements;
    const [stored, half] = container.shape;
    if (container.shape.length === 2 && stored === rows && half && fits(2 * half)) {
      const width = 2 * half;
      return { parameters: rows * width, bits: bits(width), shape: [rows, width], format: "2:4 sparse", loose: true };
    }
    const widest = 8 * maskBytes;
    if (!fits(widest)) return undefined;
    const shape = values(shapeTensor);
    const width = shape?.[0] === rows && shape.length === 2 ? shape[1] : undefined;
    if (width && fits(width))
      return { parameters: rows * width, bits: bits(width), shape: [rows, width], format: "sparse", loose: true };
    // A mask fills whole bytes.
    return {
      parameters: rows * widest,
      bits: bits(widest),
      shape: [rows, widest],
      format: "sparse",
      exact: false,
      loose: true,
    };
  },
};
