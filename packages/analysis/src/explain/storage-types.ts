/** Entries for storage types and quantization labels by their own names (`Q4_K`, `IQ2_XXS`, `Q4_K_M`, `F8_E4M3`). */
import { DTYPES, dtypeBits, GGML_TYPES } from "@checkpoint-inspect/parser";

import { fileTypeWords, perplexityDelta, typeWords } from "../quantization/type-words.ts";
import { formatBits, ownOfLabel, ownOfType } from "./own-storage.ts";
import type { Formula, Term } from "./term.ts";

const ggmlTypes = new Map(GGML_TYPES.map((type) => [type.name, type]));

/** Other spellings of types that have no entry of their own. */
const SPELLINGS: Readonly<Record<string, string>> = { FP32: "F32", FLOAT32: "F32", FP64: "F64", FP8: "F8_E4M3" };

/** Which entry tells more of a type, by its name. */
const FAMILIES: readonly (readonly [RegExp, string])[] = [
  [/^Q[2-6]_K/, "k-quants"],
  [/^IQ[1-4]_/, "i-quants"],
  [/^(?:MXFP4|NVFP4)/, "mxfp4"],
  [/^Q8_|^I8$/, "int8"],
  [/^Q4_/, "int4"],
  [/^F(?:16|32)/, "fp16"],
];

/** The entry for the name of a storage type or a label, in any case; undefined where it is neither. */
export function storageTypeTerm(word: string): Term | undefined {
  const typed = word
    .trim()
    .toUpperCase()
    .replace(/[\s-]+/g, "_")
    .replace(/^UD_/, "UD-");
  const name = Object.hasOwn(SPELLINGS, typed) ? (SPELLINGS[typed] as string) : typed;
  const ggml = ggmlTypes.get(name);
  const dtype = DTYPES.find((row) => row.name === name);
  const isType = ggml !== undefined || dtype !== undefined;
  // The dtypes of a few chips have no line of their own; the format's table describes them.
  const words = typeWords(name) === typeWords("") && dtype ? dtype.about : typeWords(name);
  const label = KNOWN_LABEL.test(name) ? fileTypeWords(name) : undefined;
  if (!isType && !label) return undefined;
  const family = FAMILIES.find(([pattern]) => pattern.test(name))?.[1];
  const cost = perplexityDelta(name);
  const formula = typeFormula(name);
  return {
    term: name,
    aliases: [],
    title:
      isType && label
        ? `${name} (a storage type and a label)`
        : isType
          ? `${name} (a storage type)`
          : `${name} (a label)`,
    // What a name means that is both stands below, each in a sentence.
    short: isType && label ? "a storage type, and the label of files that mostly have it" : (label ?? words),
    paragraphs: [
      ...(isType
        ? [
            `A storage type says how the numbers of a tensor (a table of weights) are written down.${label ? ` As a type, ${name} is this: ${words}.` : ""}`,
          ]
        : []),
      ...(label
        ? [
            `A label names a whole GGUF file after its mix of types: most matrices get the type in its name, some another one.${isType ? ` As a label, ${name} is this: ${label}.` : ""}`,
          ]
        : []),
      ...(cost
        ? [
            `When ${name} files of ${cost.model} were measured, perplexity (a measure of wrong guesses; lower is better) rose by ${cost.delta} against F16, says ${cost.source}. Other models differ, small ones most.`,
          ]
        : []),
    ],
    ...(formula && { formula }),
    seeAlso: [...(family ? [family] : []), "quantization", "bits per weight"],
    own: (report) => {
      if (!isType) return ownOfLabel(report, name);
      const { declared, fileName } = report.quantization;
      const labelled = label !== undefined && (declared === name || fileName === name);
      return [
        ...ownOfType(report, name),
        ...(labelled
          ? [`It is also the label of this file, by ${declared === name ? "what it declares" : "its name"}.`]
          : []),
      ];
    },
  };
}

const INTEGER = /^[IU](?:8|16|32|64)$/;

/** Labels begin like types: a word such as `constructor` must not get as far as a look-up. */
const KNOWN_LABEL = /^(?:UD-)?(?:I?Q|TQ|F|BF|MXFP|NVFP)\d[A-Z0-9_]*$/;

/** "8 x 144 bytes / 256 weights = 4.5 bits per weight" */
function typeFormula(name: string): Formula | undefined {
  const ggml = ggmlTypes.get(name);
  if (ggml && ggml.blockElements > 1) {
    const { blockBytes, blockElements, rowMetaBytes } = ggml;
    return {
      lines: [
        `8 x ${blockBytes} bytes / ${blockElements} weights = ${formatBits((8 * blockBytes) / blockElements)} bits per weight`,
      ],
      note: `exact; weights are stored in blocks of ${blockElements}${rowMetaBytes > 0 ? `, and ${rowMetaBytes} bytes more for each row` : ""}`,
    };
  }
  const bits = ggml && ggml.blockElements === 1 ? 8 * ggml.blockBytes : dtypeBits(name);
  return bits === undefined
    ? undefined
    : {
        lines: [`${bits} bits per number`],
        note: INTEGER.test(name)
          ? "exact; some schemes pack several weights into one such number"
          : "exact; the type has no scales inside",
      };
}
