/**
 * Codebook and sparse formats that keep few shapes of their own. Where the sizes follow for certain, from the config or
 * from vectors as long as the matrix is wide, they are counted; else the container is named as unknown and its bytes are
 * exact all the same.
 */
import { asNumber, asObject } from "../../json.ts";
import { containerBits, INTEGER_TYPES, type PackedModule, type Scheme, type Unpacked } from "../scheme.ts";
import { pairsPerScale } from "./block-scales.ts";

function unknown({ container }: PackedModule): Unpacked {
  return {
    parameters: container.elements,
    bits: containerBits(container.type) ?? 8,
    unknown: true,
    format: "of unknown width",
  };
}

/** Bits of the codes that stand for one weight: releases have 1 to 4. */
const [NARROWEST, WIDEST] = [0.5, 8] as const;

/** The matrix `[out, in]` if the container's bits spread over it make sense. */
function matrix({ container }: PackedModule, out: number, width: number): Unpacked | undefined {
  const parameters = out * width;
  const bits = (8 * container.sizeBytes) / parameters;
  return bits >= NARROWEST && bits <= WIDEST ? { parameters, bits, shape: [out, width] } : undefined;
}

/**
 * VPTQ (vptq, `VQuantLinear`): `indices` into `centroids`, packed and padded; also under a float type
 * (`indices_as_float`). The config holds the sizes of every layer.
 */
export const VPTQ: Scheme = {
  id: "vptq",
  title: "VPTQ",
  containers: [".indices"],
  sides: [
    ".centroids",
    ".centroids.weight",
    ".res_centroids",
    ".res_centroids.weight",
    ".res_indices",
    ".outlier_centroids",
    ".outlier_centroids.weight",
    ".outlier_indices",
    ".perm",
    ".weight_scale",
    ".weight_bias",
  ],
  unpack(module) {
    const { stem, config, beside } = module;
    // Other models have tables called `indices`: the method or the codebook tells.
    if (config.method !== "vptq" && !beside(".centroids.weight") && !beside(".centroids")) return undefined;
    const layer = asObject(asObject(config.block.config_for_layers)?.[stem]);
    const [out, width] = [asNumber(layer?.out_features), asNumber(layer?.in_features)];
    const found = out && width ? matrix(module, out, width) : undefined;
    return found ? { ...found, format: "vectors" } : unknown(module);
  },
};

/**
 * SpQR (spqr_quant): dense codes with their scales inside, outliers in a sparse matrix. Its tensors don't tell the sides
 * of the matrix for certain.
 */
export const SPQR: Scheme = {
  id: "spqr",
  title: "SpQR",
  containers: [".dense_weights"],
  sides: [".row_offsets", ".col_vals", ".in_perm"],
  unpack(module) {
    const { container, config, beside } = module;
    const isCode = INTEGER_TYPES.has(container.type) && beside(".row_offsets");
    return isCode || config.method === "spqr" ? unknown(module) : undefined;
  },
};

/** QuIP# (quip-sharp, `QuantizedLinear`): `Qidxs` [out, in/codes] or tiled, signs `SU` [in] and `SV` [out]. */
export const QUIP: Scheme = {
  id: "quip",
  title: "QuIP#",
  containers: [".Qidxs"],
  sides: [".SU", ".SV", ".Wscale", ".codebook_id", ".scaleWH", ".fuse_scales", ".ocs_dupe_inds"],
  unpack(module) {
    const [width, out] = [module.beside(".SU")?.elements, module.beside(".SV")?.elements];
    return (out && width && matrix(module, out, width)) || unknown(module);
  },
};

/**
 * HIGGS (transformers, integrations/higgs.py): `weight` I16 in FLUTE's order, which has been [in*b/16, out]; `scales` [out,
 * groups]; `tables` holds the 2^b values that a code may stand for, so that the count doesn't hang on the order.
 */
export const HIGGS: Scheme = {
  id: "higgs",
  title: "HIGGS",
  containers: [".weight"],
  sides: [".scales", ".tables", ".tables2"],
  unpack(module) {
    const { container, beside } = module;
    const tables = container.type === "I16" ? beside(".tables") : undefined;
    if (!tables) return undefined;
    const bits = Math.log2(tables.elements);
    const [out, groups] = beside(".scales")?.shape ?? [];
    const width = out && bits > 0 ? (container.elements * 16) / bits / out : 0;
    if (!out || !groups || !Number.isInteger(bits) || !Number.isInteger(width) || width % groups !== 0)
      return unknown(module);
    return { parameters: out * width, bits, shape: [out, width], groupSize: width / groups };
  },
};

const SCALE_TYPES = ["U8", "F8_E8M0", "F8_E4M3"];

/**
 * FP-Quant (transformers, integrations/fp_quant.py): `qweight` U8 [N, K/2], `scales` U8 [N, K/32] (MXFP4) or [N, K/16]
 * (NVFP4).
 */
export const FP_QUANT: Scheme = {
  id: "fp-quant",
  title: "FP-Quant",
  containers: [".qweight"],
  sides: [
    ".scales",
    ".weight_global_scale",
    ".act_global_scale",
    ".forward_hadamard_matrix",
    ".backward_hadamard_matrix",
  ],
  unpack({ container, beside }) {
    if (container.type !== "U8") return undefined;
    // The two kinds of scales are bytes alike, so that only their count tells.
    const pairs = (group: number) => pairsPerScale(container, beside(".scales"), group, SCALE_TYPES, false);
    const [mx, nv] = [pairs(32), pairs(16)];
    return mx ? { ...mx, format: "MXFP4" } : nv ? { ...nv, format: "NVFP4" } : undefined;
  },
};
