/**
 * Storage types of GGUF tensors (`enum ggml_type`) and what a row of each takes. Sizes in bytes, blocks in elements.
 *
 * Bytes of a row = rowMetaBytes + (ne0 / blockElements) * blockBytes, where ne0 is the innermost dimension and must be
 * a multiple of blockElements; bytes of a tensor = row * ne1 * ne2 * ne3.
 *
 * Sources: ggml/include/ggml.h (the ids), ggml/src/ggml-common.h (`sizeof` of each block structure),
 * ik_llama.cpp gguf-py/gguf/constants.py (ids from 97 on) and its ggml.c (`row_meta_size`).
 */

export interface GgmlType {
  readonly id: number;
  readonly name: string;
  /** Elements in a block; 0 where the size of this type isn't known to us. */
  readonly blockElements: number;
  /** Bytes in a block; 0 where the size of this type isn't known to us. */
  readonly blockBytes: number;
  /** Bytes in front of every row's blocks (a scale for the whole row); 0 for all of mainline. */
  readonly rowMetaBytes: number;
  /** `removed`: once in mainline, refused by it now. `ik_llama.cpp`: only that fork reads it. */
  readonly origin: "mainline" | "removed" | "ik_llama.cpp";
  /** True for types of ik_llama.cpp that hold activations while it runs, and never weights in a file. */
  readonly forActivations?: true;
  /** For removed types: the type to use in its place. */
  readonly instead?: string;
}

type Row = readonly [id: number, name: string, blockElements: number, blockBytes: number];

// ggml.h, GGML_TYPE_COUNT = 43.
const MAINLINE = [
  [0, "F32", 1, 4],
  [1, "F16", 1, 2],
  [2, "Q4_0", 32, 18],
  [3, "Q4_1", 32, 20],
  [6, "Q5_0", 32, 22],
  [7, "Q5_1", 32, 24],
  [8, "Q8_0", 32, 34],
  [9, "Q8_1", 32, 36], // activations at run time; 36 by sizeof, although several other readers say 40
  [10, "Q2_K", 256, 84],
  [11, "Q3_K", 256, 110],
  [12, "Q4_K", 256, 144],
  [13, "Q5_K", 256, 176],
  [14, "Q6_K", 256, 210],
  [15, "Q8_K", 256, 292], // activations at run time
  [16, "IQ2_XXS", 256, 66],
  [17, "IQ2_XS", 256, 74],
  [18, "IQ3_XXS", 256, 98],
  [19, "IQ1_S", 256, 50],
  [20, "IQ4_NL", 32, 18],
  [21, "IQ3_S", 256, 110],
  [22, "IQ2_S", 256, 82],
  [23, "IQ4_XS", 256, 136],
  [24, "I8", 1, 1],
  [25, "I16", 1, 2],
  [26, "I32", 1, 4],
  [27, "I64", 1, 8],
  [28, "F64", 1, 8],
  [29, "IQ1_M", 256, 56],
  [30, "BF16", 1, 2],
  [34, "TQ1_0", 256, 54], // old ik_llama.cpp files: IQ1_BN. Mainline wins
  [35, "TQ2_0", 256, 66], // old ik_llama.cpp files: IQ2_BN. Mainline wins
  [39, "MXFP4", 32, 17],
  [40, "NVFP4", 64, 36],
  [41, "Q1_0", 128, 18], // ik_llama.cpp calls it Q1_0_G128; same size
  [42, "Q2_0", 64, 18],
] as const satisfies readonly Row[];

// Sizes as they were, so that an old file can still be measured and told what to become.
// Ids 36-38 clash with I2_S (36) of ik_llama.cpp and bitnet.cpp and with Q8_K64, IQ4_K (36, 37) of old ik_llama.cpp
// files: the removed mainline types win here.
const REMOVED = [
  [4, "Q4_2", 16, 10, "Q4_0"],
  [5, "Q4_3", 16, 12, "Q4_1"],
  [31, "Q4_0_4_4", 32, 18, "Q4_0"],
  [32, "Q4_0_4_8", 32, 18, "Q4_0"],
  [33, "Q4_0_8_8", 32, 18, "Q4_0"],
  [36, "IQ4_NL_4_4", 32, 18, "IQ4_NL"],
  [37, "IQ4_NL_4_8", 32, 18, "IQ4_NL"],
  [38, "IQ4_NL_8_8", 32, 18, "IQ4_NL"],
] as const satisfies readonly (readonly [...Row, instead: string])[];

// ik_llama.cpp. The last column is the bytes in front of each row. From 202 on: copies with several rows interleaved,
// id = base + 200 (Q6_0_R4 is base + 100); interleaving moves bytes about and, but for those marked, changes no size.
const IK_LLAMA = [
  [97, "Q8_0_X4", 32, 34, 0],
  [98, "Q8_1_X4", 32, 36, 0],
  [99, "Q8_2_X4", 32, 36, 0],
  [133, "Q6_0", 32, 26, 0],
  [134, "IQ1_BN", 64, 13, 2],
  [135, "IQ2_BN", 64, 16, 4],
  [136, "Q8_K64", 64, 68, 0],
  [137, "IQ2_K", 256, 76, 0],
  [138, "IQ3_K", 256, 110, 0],
  [139, "IQ4_K", 256, 144, 0],
  [140, "IQ5_K", 256, 176, 0],
  [141, "IQ6_K", 256, 212, 0],
  [144, "IQ4_KS", 256, 136, 4],
  [145, "IQ2_KS", 256, 70, 2],
  [146, "IQ4_KSS", 256, 128, 4],
  [147, "Q8_K16", 64, 64, 20],
  [148, "Q8_K32", 256, 292, 0],
  [149, "Q8_KR8", 256, 292, 0],
  [150, "Q8_K128", 128, 140, 0],
  [151, "Q8_KV", 32, 32, 8],
  [152, "IQ5_KS", 256, 168, 4],
  [153, "IQ2_KT", 256, 68, 4],
  [154, "IQ3_KT", 256, 100, 4],
  [155, "IQ4_KT", 256, 128, 4],
  [156, "IQ3_KS", 256, 102, 2],
  [157, "IQ2_KL", 256, 86, 2],
  [158, "IQ1_KT", 256, 56, 4],
  [202, "Q4_0_R8", 32, 18, 0],
  [206, "Q5_0_R4", 32, 22, 0],
  [208, "Q8_0_R8", 32, 34, 0],
  [210, "Q2_K_R4", 256, 84, 0],
  [211, "Q3_K_R4", 256, 110, 0],
  [212, "Q4_K_R4", 256, 144, 0],
  [213, "Q5_K_R4", 256, 176, 0],
  [214, "Q6_K_R4", 256, 210, 0],
  [216, "IQ2_XXS_R4", 256, 66, 0],
  [217, "IQ2_XS_R4", 256, 74, 0],
  [218, "IQ3_XXS_R4", 256, 98, 0],
  [219, "IQ1_S_R4", 32, 6, 2], // not IQ1_S: one scale a row, blocks of 32
  [220, "IQ4_NL_R4", 32, 18, 0],
  [221, "IQ3_S_R4", 256, 110, 0],
  [222, "IQ2_S_R4", 256, 82, 0],
  [223, "IQ4_XS_R8", 256, 136, 0],
  [229, "IQ1_M_R4", 32, 7, 2], // not IQ1_M: one scale a row, blocks of 32
  [230, "BF16_R16", 1, 2, 0],
  [233, "Q6_0_R4", 32, 26, 0],
  [335, "IQ2_BN_R4", 64, 16, 4],
  [337, "IQ2_K_R4", 256, 76, 0],
  [338, "IQ3_K_R4", 256, 110, 0],
  [339, "IQ4_K_R4", 256, 144, 0],
  [340, "IQ5_K_R4", 256, 176, 0],
  [344, "IQ4_KS_R4", 256, 136, 4],
  [352, "IQ5_KS_R4", 256, 168, 4],
  [397, "Q8_K_R16", 256, 258, 0], // sizeof(block_q8_k_r16) / 16
  [398, "Q8_KV_R8", 32, 32, 4],
  [399, "Q8_K_R8", 256, 258, 0], // not Q8_K: a half-precision scale and no sums
] as const satisfies readonly (readonly [...Row, rowMetaBytes: number])[];

/** What ik_llama.cpp multiplies quantized weights with (`vec_dot_type` in its ggml.c); no file type of its quantizer names one. */
const FOR_ACTIVATIONS: ReadonlySet<string> = new Set(
  "Q8_0_X4 Q8_1_X4 Q8_2_X4 Q8_K64 Q8_K16 Q8_K32 Q8_KR8 Q8_K128".split(" "),
);

/** Every type known here, by id. Ids and names are unique. */
export const GGML_TYPES: readonly GgmlType[] = [
  ...MAINLINE.map(
    ([id, name, blockElements, blockBytes]): GgmlType => ({
      id,
      name,
      blockElements,
      blockBytes,
      rowMetaBytes: 0,
      origin: "mainline",
    }),
  ),
  ...REMOVED.map(
    ([id, name, blockElements, blockBytes, instead]): GgmlType => ({
      id,
      name,
      blockElements,
      blockBytes,
      rowMetaBytes: 0,
      origin: "removed",
      instead,
    }),
  ),
  ...IK_LLAMA.map(
    ([id, name, blockElements, blockBytes, rowMetaBytes]): GgmlType => ({
      id,
      name,
      blockElements,
      blockBytes,
      rowMetaBytes,
      origin: "ik_llama.cpp",
      ...(FOR_ACTIVATIONS.has(name) && { forActivations: true }),
    }),
  ),
].sort((a, b) => a.id - b.id);

const BY_ID = new Map(GGML_TYPES.map((type) => [type.id, type]));

/** The type of this id, or undefined for an id that neither mainline nor ik_llama.cpp gives to a type. */
export function ggmlType(id: number): GgmlType | undefined {
  return BY_ID.get(id);
}
