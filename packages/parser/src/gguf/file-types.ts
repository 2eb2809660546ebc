/**
 * What a GGUF file calls its quantization: the metadata key `general.file_type` (`enum llama_ftype`) and the label in
 * the file's name. Both are claims of whoever wrote the file: mixed and dynamic quantizations often carry the nearest
 * number, so show them beside the bits per weight that the tensors really take.
 *
 * Sources: llama.cpp include/llama.h (not `enum ggml_ftype` of ggml.h, which numbers the same names otherwise) and
 * `llama_ftype_get_default_type` in src/llama-quant.cpp; ik_llama.cpp gguf-py/gguf/constants.py for ids from 135 on.
 */

export interface FileType {
  readonly id: number;
  /** As it is written in file names: `Q4_K_M`. */
  readonly label: string;
  /** The ggml type that most matrices of such a file have. */
  readonly dominantType: string;
  /** llama.cpp no longer reads files of this kind. */
  readonly removed?: true;
  /** Only this fork writes and reads it. */
  readonly fork?: "ik_llama.cpp";
}

type Row = readonly [id: number, label: string, dominantType?: string];

// Where the third column is missing, the label is the name of the type too.
const MAINLINE = [
  [0, "F32"],
  [1, "F16"],
  [2, "Q4_0"],
  [3, "Q4_1"],
  [7, "Q8_0"],
  [8, "Q5_0"],
  [9, "Q5_1"],
  [10, "Q2_K"],
  [11, "Q3_K_S", "Q3_K"],
  [12, "Q3_K_M", "Q3_K"],
  [13, "Q3_K_L", "Q3_K"],
  [14, "Q4_K_S", "Q4_K"],
  [15, "Q4_K_M", "Q4_K"],
  [16, "Q5_K_S", "Q5_K"],
  [17, "Q5_K_M", "Q5_K"],
  [18, "Q6_K"],
  [19, "IQ2_XXS"],
  [20, "IQ2_XS"],
  [21, "Q2_K_S", "Q2_K"],
  [22, "IQ3_XS", "IQ3_S"],
  [23, "IQ3_XXS"],
  [24, "IQ1_S"],
  [25, "IQ4_NL"],
  [26, "IQ3_S"],
  [27, "IQ3_M", "IQ3_S"],
  [28, "IQ2_S", "IQ2_XS"],
  [29, "IQ2_M", "IQ2_S"],
  [30, "IQ4_XS"],
  [31, "IQ1_M"],
  [32, "BF16"],
  [36, "TQ1_0"],
  [37, "TQ2_0"],
  [38, "MXFP4_MOE", "MXFP4"], // ik_llama.cpp writes the same number for MXFP4
  [39, "NVFP4"],
  [40, "Q1_0"],
  [41, "Q2_0"],
] as const satisfies readonly Row[];

const REMOVED = [
  [4, "Q4_1_SOME_F16", "Q4_1"],
  [5, "Q4_2"],
  [6, "Q4_3"],
  [33, "Q4_0_4_4"],
  [34, "Q4_0_4_8"],
  [35, "Q4_0_8_8"],
] as const satisfies readonly Row[];

const IK_LLAMA = [
  [135, "Q6_0"],
  [136, "IQ1_BN"],
  [137, "IQ2_BN"],
  [138, "IQ2_K"],
  [139, "IQ3_K"],
  [140, "IQ4_K"],
  [141, "IQ5_K"],
  [142, "IQ6_K"],
  [145, "IQ4_KS"],
  [146, "IQ3_KL", "IQ3_K"],
  [147, "IQ2_KS"],
  [148, "IQ4_KSS"],
  [149, "Q8_KV"],
  [150, "IQ5_KS"],
  [151, "IQ2_KT"],
  [152, "IQ3_KT"],
  [153, "IQ4_KT"],
  [154, "IQ3_KS"],
  [155, "IQ2_KL"],
  [156, "IQ1_KT"],
  [202, "Q4_0_R8"],
  [207, "Q8_0_R8"],
  [208, "Q5_0_R4"],
  [210, "Q2_K_R4"],
  [211, "Q3_K_R4"],
  [214, "Q4_K_R4"],
  [216, "Q5_K_R4"],
  [218, "Q6_K_R4"],
  [219, "IQ2_XXS_R4"],
  [220, "IQ2_XS_R4"],
  [223, "IQ3_XXS_R4"],
  [224, "IQ1_S_R4"],
  [225, "IQ4_NL_R4"],
  [226, "IQ3_S_R4"],
  [229, "IQ2_M_R4", "IQ2_S_R4"],
  [230, "IQ4_XS_R8"],
  [231, "IQ1_M_R4"],
  [232, "BF16_R16"],
  [335, "Q6_0_R4"],
  [337, "IQ2_BN_R4"],
  [338, "IQ2_K_R4"],
  [339, "IQ3_K_R4"],
  [340, "IQ4_K_R4"],
  [341, "IQ5_K_R4"],
  [345, "IQ4_KS_R4"],
  [350, "IQ5_KS_R4"],
  [398, "Q8_KV_R8"],
  [399, "Q8_K_R8"],
] as const satisfies readonly Row[];

function fileType([id, label, dominantType = label]: Row): FileType {
  return { id, label, dominantType };
}

/** Every file type known here, by id. */
export const FILE_TYPES: readonly FileType[] = [
  ...MAINLINE.map(fileType),
  ...REMOVED.map((row): FileType => ({ ...fileType(row), removed: true })),
  ...IK_LLAMA.map((row): FileType => ({ ...fileType(row), fork: "ik_llama.cpp" })),
].sort((a, b) => a.id - b.id);

const BY_ID = new Map(FILE_TYPES.map((type) => [type.id, type]));

/** llama.cpp sets this bit where the file states no type and it took the type that most tensors have. */
const GUESSED = 1024;

/**
 * The label of a `general.file_type` value, or undefined for a number that isn't known. A small table lookup; any
 * number may be passed.
 */
export function fileTypeLabel(
  id: number,
): { readonly label: string; readonly dominantType: string; readonly guessed: boolean } | undefined {
  const guessed = id >= GUESSED && id < 2 * GUESSED;
  const type = BY_ID.get(guessed ? id - GUESSED : id);
  return type && { label: type.label, dominantType: type.dominantType, guessed };
}

// `_` stands for any of the separators that file names use in its place.
const LABEL_FORMS = [
  "(?:UD_)?Q[1-8]_K(?:_(?:XXS|XS|S|M|L|XL|XXL|P|R4|R8|R16))?",
  "Q4_0_(?:4_4|4_8|8_8)",
  "(?:UD_)?Q[1-9]_[0-3](?:_R[48])?",
  "(?:UD_)?IQ[1-6]_(?:XXS|XS|S|M|L|XL|NL|BN|KSS|KS|KL|KT|K)(?:_R[48])?",
  "IQ4_NL_(?:4_4|4_8|8_8|XL)",
  "Q8_KV(?:_R8)?",
  "(?:UD_)?TQ[12]_0",
  "I2_S",
  "MXFP4(?:_MOE)?",
  "NVFP4",
  "BF16(?:_R16)?",
  "FP?(?:16|32)",
];

// No letter or digit may touch the label, so that a word or a size ("Q8-1.5B") isn't taken for one.
const LABEL = new RegExp(`(?<![a-z0-9])(?:${LABEL_FORMS.join("|").replaceAll("_", "[-._]")})(?![a-z0-9]|\\.\\d)`, "gi");

/** Before the label of what a file was made from. */
const SOURCE = /(?<![a-z0-9])from[-._ ]$/i;

/**
 * The quantization label inside a file name, as llama.cpp and the usual publishers write it (`Q4_K_M`, `UD-Q4_K_XL`,
 * `F16` for fp16), or undefined where the name holds none. Folders before the name are ignored; where several labels
 * occur the last counts, because publishers put it at the end; what a file was made from (`Q4_K_M-from-F16`) is no label of it.
 */
export function labelFromFileName(name: string): string | undefined {
  const file = name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1);
  const labels = [...file.matchAll(LABEL)].filter(
    ({ index }) => !SOURCE.test(file.slice(Math.max(0, index - 6), index)),
  );
  const label = labels.at(-1)?.[0];
  return label?.toUpperCase().replace(/[-.]/g, "_").replace(/^UD_/, "UD-").replace(/^FP/, "F");
}
