/**
 * Quantization labels against what the layers take: the label in the file name, and `general.file_type`.
 *
 * A label names a recipe, not a type: llama.cpp gives some matrices more bits than others, rows that no super-block divides fall back
 * to older types, and a large table lifts the average of a small model. So what is held against a label is the bits per weight of
 * those matrices of the layers whose rows are a multiple of 256.
 */
import type { Evidence } from "@checkpoint-inspect/parser";

import { wholeGgufModel } from "../gguf/model.ts";
import type { AuditRule } from "../rule.ts";
import type { Subject } from "../subject.ts";

type Bits = readonly [low: number, high: number];

/**
 * Bits per weight that layers of a label take. Below: a little under the type itself. Above: its mixes on models of all sizes, and
 * short of the next recipe that has nothing in common with it.
 *
 * Sources: bits of the types (ggml-common.h), the mixes of llama.cpp src/llama-quant.cpp, and its tools/quantize/README.md, which
 * lists bits per weight of whole files of Llama-3.1-8B (IQ1_S 2.00, Q2_K 3.16, Q3_K_L 4.30, Q4_K_M 4.89, Q5_K_M 5.70, Q6_K 6.56).
 */
const BITS: Readonly<Record<string, Bits>> = {
  Q1_0: [1, 2],
  IQ1_S: [1.5, 2.6],
  IQ1_M: [1.6, 2.7],
  TQ1_0: [1.5, 2.8],
  TQ2_0: [1.9, 3.2],
  Q2_0: [2.1, 3.2],
  IQ2_XXS: [1.9, 3.1],
  IQ2_XS: [2.1, 3.2],
  IQ2_S: [2.2, 3.3],
  IQ2_M: [2.3, 3.5],
  Q2_K: [2.4, 3.7],
  IQ3_XXS: [2.8, 3.8],
  IQ3_XS: [3, 4.1],
  IQ3_S: [3.2, 4.2],
  IQ3_M: [3.2, 4.4],
  Q3_K: [3.2, 4.5],
  IQ4_XS: [4, 5.1],
  IQ4_NL: [4.2, 5.3],
  Q4_0: [4.2, 5.3],
  Q4_1: [4.7, 5.8],
  Q4_K: [4.2, 5.4],
  Q5_0: [5.2, 6.3],
  Q5_1: [5.6, 6.6],
  Q5_K: [5.2, 6.4],
  Q6_K: [6.2, 8],
  Q8_0: [8.3, 9.6],
  Q8_K: [8.3, 14],
  F16: [15.5, 24],
  BF16: [15.5, 24],
  F32: [24, 33],
};

/** Recipes that choose a type for each tensor, within a size of their own (Unsloth's UD, and the _XL ones of several makers). */
const DYNAMIC = /^UD-|_(?:XL|XXL|P)$/;

/** Tables and odd rows say more of a small model than its layers do. */
const LEAST_PARAMETERS = 10_000_000;

/** Of the layers' weights, those that a label speaks for. */
const LEAST_SHARE = 0.5;

/** Rows of all K and IQ types but IQ4_NL are made of these. */
const SUPER_BLOCK = 256;

/** Stored so by the model's maker: quantizers leave them as they are, whatever the label. */
const AS_RELEASED: ReadonlySet<string> = new Set(["MXFP4", "NVFP4"]);

const WEIGHTS: ReadonlySet<string> = new Set(["attention", "ffn", "expert"]);

export const QUANTIZATION_LABEL_RULES: readonly AuditRule[] = [
  {
    id: "label/quantization",
    severity: "warning",
    severities: ["note"],
    means: "the file name or general.file_type promises another quantization than the tensors have",
    why: "size, speed and quality are chosen by the label; a file with fewer bits than it says answers worse",
    fix: "go by the measured bits per weight (inspect quant), or get a file whose label is true",
    check: quantizationLabels,
  },
  {
    id: "label/no-file-type",
    severity: "note",
    means: "a quantized model has no general.file_type",
    why: "programs show the type that most tensors have, which is F32 or something odd for many files",
    fix: "nothing; the types of the tensors themselves are right",
    check: noFileType,
  },
];

/** A label without what makers add to it: `Q4_K` of `UD-Q4_K_XL`. */
function stem(label: string): string {
  return label
    .replace(/^UD-/, "")
    .replace(/_R(?:4|8|16)$/, "")
    .replace(/^(Q\d_K)_.*$/, "$1");
}

function bitsOf(label: string): Bits | undefined {
  const bits = Object.hasOwn(BITS, stem(label)) ? BITS[stem(label)] : undefined;
  return bits && DYNAMIC.test(label) ? [bits[0] * 0.8, bits[1] * 1.25] : bits;
}

/** Bits per weight of the matrices in layers that a label speaks for; undefined where they are too few. */
function layerBits({ layers, kinds }: Subject): number | undefined {
  let [all, parameters, bytes] = [0, 0, 0];
  for (const [i, held] of kinds.entries()) {
    if (layers[i]?.stack !== "text") continue;
    for (const [kind, count] of held) {
      if (kind.excluded || kind.bias || kind.dimensions < 2 || !WEIGHTS.has(kind.bucket)) continue;
      all += count * kind.parameters;
      if (AS_RELEASED.has(kind.stored) || (kind.shape.at(-1) ?? 0) % SUPER_BLOCK !== 0) continue;
      parameters += count * kind.parameters;
      bytes += count * kind.bytes;
    }
  }
  return parameters >= LEAST_PARAMETERS && parameters >= LEAST_SHARE * all ? (8 * bytes) / parameters : undefined;
}

function* quantizationLabels(subject: Subject): Iterable<Evidence> {
  const { mix } = subject;
  if (!wholeGgufModel(subject)) return;
  const bits = layerBits(subject);
  if (bits === undefined || mix.bitsPerWeight === null) return;
  const declared = mix.declaredGuessed || mix.declaredType === null ? null : mix.declared;
  const labels = [
    { label: mix.fileName, where: "the file name" },
    { label: declared, where: "general.file_type" },
  ].flatMap(({ label, where }) => {
    const expected = label === null ? undefined : bitsOf(label);
    return label !== null && expected
      ? [{ label, where, expected, off: bits < expected[0] || bits > expected[1] }]
      : [];
  });
  const [off, fits] = [labels.filter((one) => one.off), labels.filter((one) => !one.off)];
  const [first, second] = labels;
  if (first && off.length > 0) {
    const said = off.map(
      ({ where, label, expected: [low, high] }) => `${where} says ${label} (${short(low)} to ${short(high)} bits)`,
    );
    const message = `${said.join(", ")}, the weights in layers take ${bits.toFixed(2)} bits each`;
    // People choose by the file name, and dynamic recipes have no number of their own for file_type.
    yield fits.some(({ where }) => where === "the file name")
      ? { message, severity: "note", why: "programs show it as the file's quantization; the file name is right" }
      : { message };
  } else if (first && second && stem(first.label) !== stem(second.label) && !DYNAMIC.test(first.label)) {
    yield {
      message: `${first.where} says ${first.label}, ${second.where} ${second.label}; most bytes are ${mix.measured}`,
      severity: "note",
      why: "both have about the size that is measured, so one of them names another recipe",
    };
  }
}

function short(bits: number): string {
  return String(Number(bits.toFixed(1)));
}

function* noFileType(subject: Subject): Iterable<Evidence> {
  const { measured } = subject.mix;
  if (!wholeGgufModel(subject) || subject.metadata.has("general.file_type")) return;
  if (measured === null || /^(?:B?F16|F32|F64)$/.test(measured)) return;
  yield { message: `there is no general.file_type; most bytes are ${measured}` };
}
