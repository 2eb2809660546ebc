/**
 * What a checkpoint would take in the formats that vLLM and Transformers run: matrices of attention, feed-forward network and experts in
 * few bits with their scales, all else at 16 bits. An estimate by formula: tools differ in what they leave alone.
 */
import type { PlacedTensor } from "../../placed-tensor.ts";
import { asideStack } from "../../roles/role.ts";

export interface SchemeProjection {
  readonly label: string;
  readonly words: string;
  readonly bytes: number;
  readonly bitsPerWeight: number;
}

interface Scheme {
  readonly label: string;
  readonly words: string;
  readonly bits: number;
  /** Bytes of scales and zeros for a matrix. */
  readonly side: (elements: number, rows: number) => number;
  readonly source: string;
}

const groups = (size: number, bytes: number) => (elements: number) => Math.ceil(elements / size) * bytes;
const perRow = (bytes: number) => (_: number, rows: number) => rows * bytes;

/** Rows; sources: the formats of compressed-tensors, AutoAWQ/GPTQModel, NVIDIA ModelOpt and the OCP microscaling specification. */
const SCHEMES: readonly Scheme[] = [
  {
    label: "FP8",
    words: "8-bit floats, a scale for each output (compressed-tensors, float-quantized)",
    bits: 8,
    side: perRow(2),
    source: "compressed-tensors, strategy channel",
  },
  {
    label: "INT8",
    words: "W8A8: 8-bit integers, a scale for each output (compressed-tensors, int-quantized)",
    bits: 8,
    side: perRow(2),
    source: "compressed-tensors, strategy channel",
  },
  {
    label: "INT4",
    words: "groups of 128 with a 16-bit scale and a 4-bit zero each (AWQ, GPTQ)",
    bits: 4,
    side: groups(128, 2.5),
    source: "AutoAWQ qzeros and scales",
  },
  {
    label: "NVFP4",
    words: "4-bit floats, an 8-bit scale for every 16 (ModelOpt; Blackwell)",
    bits: 4,
    side: (elements) => groups(16, 1)(elements) + 8,
    source: "NVIDIA ModelOpt weight_scale and weight_scale_2",
  },
  {
    label: "MXFP4",
    words: "4-bit floats, an 8-bit exponent for every 32",
    bits: 4,
    side: groups(32, 1),
    source: "OCP Microscaling Formats (MX) 1.0",
  },
];

const QUANTIZED: readonly string[] = ["attention", "ffn", "expert"];
const PLAIN_BYTES = 2;

/** The matrices that such formats quantize, and the parameters that stay at 16 bits. */
export function schemeProjections(placed: Iterable<PlacedTensor>): readonly SchemeProjection[] {
  const sums = SCHEMES.map(() => 0);
  let [kept, all] = [0, 0];
  for (const { role, parameters, shape, excluded } of placed) {
    if (excluded === "duplicate" || excluded === "quant-side" || parameters === 0) continue;
    all += parameters;
    const isMatrix =
      shape.length >= 2 && !role.bias && QUANTIZED.includes(role.bucket) && !/router|conv/.test(role.part);
    if (!isMatrix || asideStack(role.stack)) {
      kept += parameters;
      continue;
    }
    const rows = parameters / (shape.at(-1) || 1);
    SCHEMES.forEach(({ bits, side }, i) => {
      sums[i] = (sums[i] ?? 0) + (parameters * bits) / 8 + side(parameters, rows);
    });
  }
  if (all === 0) return [];
  return SCHEMES.map(({ label, words }, i) => {
    const bytes = Math.round((sums[i] ?? 0) + kept * PLAIN_BYTES);
    return { label, words, bytes, bitsPerWeight: (8 * bytes) / all };
  });
}
