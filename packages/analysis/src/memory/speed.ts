/**
 * Tokens a second, as honest estimates: ranges, with what went into them.
 *
 * A step of decoding reads every weight that it uses and the cache once, so memory sets its pace:
 * tokens/s = share / (sum over devices of bytes read there / bandwidth there). A prompt is worked on many tokens at once, so arithmetic
 * sets its pace: tokens/s = share x FLOPS / (2 x active parameters), the 2 for a multiplication and an addition per weight.
 */
import { formatBytes, formatCount, formatExact, formatShare } from "../units.ts";
import type { Efficiency } from "./hardware/hardware.ts";
import type { Why } from "./sourced.ts";

/**
 * The share of peak bandwidth that llama.cpp reaches in decoding. Published runs (test/memory/speed.test.ts lists them) reach 0.48 to 0.81,
 * less with few bytes a token, where fixed costs weigh more. Types of 2 and 3 bits can fall below the range, as unpacking them costs more
 * than reading: 0.27 for Q2_K on a P40 (ggml-org/llama.cpp#4766), 0.44 for Q3_K_M on an M1 Max (#27525).
 */
const DECODE_EFFICIENCY: Efficiency = {
  low: 0.45,
  high: 0.85,
  from: "published llama.cpp runs on GPUs and Macs",
};

/** Two dies joined into one reach less of their summed bandwidth (published M2 Ultra runs: 0.42 at 4 bits to 0.68 at 16). */
export const TWO_DIE_EFFICIENCY: Efficiency = { low: 0.38, high: 0.7, from: "published llama.cpp runs on an M2 Ultra" };

/** The share of matrix FLOPS in prefill: published runs of an RTX 4090 and a 3090 reach 0.5 and 0.4 of their tensor cores' FP16 peak. */
const PREFILL_EFFICIENCY: Efficiency = {
  low: 0.3,
  high: 0.6,
  from: "published llama.cpp runs on RTX GPUs, widened",
};

/** Faster than this, launching kernels and sampling take longer than reading, which the formula knows nothing of. */
const FIXED_COSTS_FROM = 300;

export interface Range {
  readonly low: number;
  readonly high: number;
}

/** What one step reads on one device. */
export interface DecodePlacement {
  readonly name: string;
  /** Weights that a step uses, of all its sequences together ({@link bytesOfStep}). */
  readonly weightBytes: number;
  /** Cache that one sequence reads: rows up to its depth, of windowed layers at most the window. */
  readonly kvBytes: number;
  /** Bytes a second. */
  readonly bandwidth: number;
  /** Where the bandwidth is from. */
  readonly from: string;
  readonly efficiency?: Efficiency;
}

export interface DecodeInput {
  readonly placements: readonly DecodePlacement[];
  /** Sequences that a step adds a token to; 1 unless told. */
  readonly sequences?: number;
  /** With many sequences arithmetic becomes the limit: of these matrix FLOPS, for so many active parameters. */
  readonly compute?: { readonly flops: number; readonly activeParameters: number; readonly efficiency?: Efficiency };
}

export interface DecodeSpeed {
  /** Of all sequences together. */
  readonly tokensPerSecond: Range;
  /** Of one of them. */
  readonly perSequence: Range;
  /** Read in a step, on all devices. */
  readonly bytesPerStep: number;
  readonly limit: "memory" | "compute";
  /** What to think of when reading the figures, in words. */
  readonly notes: readonly string[];
  readonly why: Why;
}

export interface PrefillSpeed {
  readonly tokensPerSecond: Range;
  readonly why: Why;
}

const positive = (value: number) => Number.isFinite(value) && value > 0;
const count = (value: number) => Number.isFinite(value) && value >= 0;
const round = (value: number) => Number(value.toPrecision(3));

/** undefined where a figure isn't one (nothing to read, no bandwidth): there is no speed without. */
export function decodeSpeed({ placements, sequences = 1, compute }: DecodeInput): DecodeSpeed | undefined {
  if (!positive(sequences) || placements.length === 0) return undefined;
  const sound = placements.every((at) => count(at.weightBytes) && count(at.kvBytes) && positive(at.bandwidth));
  if (!sound) return undefined;
  const read = placements.map((at) => ({ ...at, bytes: at.weightBytes + at.kvBytes * sequences }));
  const bytesPerStep = read.reduce((sum, { bytes }) => sum + bytes, 0);
  if (!positive(bytesPerStep)) return undefined;

  const seconds = (end: "low" | "high") =>
    read.reduce((sum, at) => sum + at.bytes / (at.bandwidth * (at.efficiency ?? DECODE_EFFICIENCY)[end]), 0);
  const arithmetic = (end: "low" | "high") => {
    if (!compute || !positive(compute.flops) || !count(compute.activeParameters)) return 0;
    const share = (compute.efficiency ?? PREFILL_EFFICIENCY)[end];
    return (2 * compute.activeParameters * sequences) / (compute.flops * share);
  };
  const step = {
    low: Math.max(seconds("low"), arithmetic("low")),
    high: Math.max(seconds("high"), arithmetic("high")),
  };
  const perSequence = { low: 1 / step.low, high: 1 / step.high };
  const tokensPerSecond = { low: sequences / step.low, high: sequences / step.high };
  if (!positive(tokensPerSecond.low) || !positive(tokensPerSecond.high)) return undefined;
  const limit = arithmetic("high") > seconds("high") ? "compute" : "memory";
  const notes = perSequence.high > FIXED_COSTS_FROM ? [FIXED_COSTS_NOTE] : [];
  return { tokensPerSecond, perSequence, bytesPerStep, limit, notes, why: decodeWhy() };

  function decodeWhy(): Why {
    const shares = [...new Set(read.map(({ efficiency = DECODE_EFFICIENCY }) => efficiency))];
    return {
      formula: [
        "seconds of a step = sum over devices: bytes read there / (bandwidth x share of it that programs reach)",
        "tokens/s = sequences / seconds of a step",
        ...(compute ? ["a step takes no less than 2 x active parameters x sequences / (FLOPS x share)"] : []),
      ],
      inputs: [
        ...read.map(({ name, bandwidth, from }) => ({ name: `bandwidth of ${name}, bytes/s`, value: bandwidth, from })),
        ...shares.map(({ low, high, from }) => ({ name: "share of bandwidth", value: `${low} to ${high}`, from })),
        { name: "sequences", value: sequences, from: sequences === 1 ? "default" : "--batch" },
        ...(compute
          ? [{ name: "active parameters", value: compute.activeParameters, from: "the tensors' shapes" }]
          : []),
      ],
      steps: [
        ...read.map(
          ({ name, weightBytes, kvBytes, bytes, bandwidth }) =>
            `${name}: ${formatExact(weightBytes)} of weights + ${sequences} x ${formatExact(kvBytes)} of cache = ${formatBytes(bytes)}; ` +
            `at the peak ${round((bytes / bandwidth) * 1000)} ms`,
        ),
        `a step takes ${round(step.high * 1000)} to ${round(step.low * 1000)} ms`,
        `${round(tokensPerSecond.low)} to ${round(tokensPerSecond.high)} tokens/s, limited by ${limit}`,
      ],
      source: "the bytes that each token reads; an estimate, not a measurement",
    };
  }
}

const FIXED_COSTS_NOTE =
  "so few bytes are read per token that fixed costs of a step, which aren't in the formula, may set the pace: expect less";

/** undefined where a figure is missing or isn't one. */
export function prefillSpeed(input: {
  readonly activeParameters: number;
  /** FP16 operations a second of the matrix units. */
  readonly flops: number;
  /** Where the FLOPS are from. */
  readonly from: string;
  readonly efficiency?: Efficiency;
}): PrefillSpeed | undefined {
  const { activeParameters, flops, from, efficiency = PREFILL_EFFICIENCY } = input;
  if (!positive(activeParameters) || !positive(flops)) return undefined;
  const peak = flops / (2 * activeParameters);
  const tokensPerSecond = { low: peak * efficiency.low, high: peak * efficiency.high };
  return {
    tokensPerSecond,
    why: {
      formula: ["tokens/s = share x FLOPS / (2 x active parameters)"],
      inputs: [
        { name: "FLOPS", value: flops, from },
        { name: "active parameters", value: activeParameters, from: "the tensors' shapes" },
        { name: "share of FLOPS", value: `${efficiency.low} to ${efficiency.high}`, from: efficiency.from },
      ],
      steps: [
        `at the peak ${formatCount(flops)} / (2 x ${formatCount(activeParameters)}) = ${round(peak)} tokens/s`,
        `${round(tokensPerSecond.low)} to ${round(tokensPerSecond.high)} tokens/s`,
      ],
      source: "two operations per weight and token (arXiv:2001.08361, 2.1), attention left out; an estimate",
    },
  };
}

/** Weights of one layer's kind that a step reads. */
export interface ExpertWeights {
  /** What every token reads: all but routed experts and the table that single rows are looked up in. */
  readonly denseBytes: number;
  /** All routed experts of all layers. */
  readonly routedBytes: number;
  readonly experts: number;
  readonly used: number;
}

/**
 * How many of n experts of a layer a step of several tokens touches on average, if each picks k of them evenly:
 * n x (1 - (1 - k/n)^tokens). Real routers favour some, so it is rather less.
 */
export function expertsTouched(experts: number, used: number, tokens: number): number {
  if (!positive(experts) || !positive(used) || !positive(tokens)) return 0;
  if (used >= experts) return experts;
  return experts * (1 - (1 - used / experts) ** tokens);
}

/** Bytes of weights that a step of so many sequences reads. */
export function bytesOfStep(weights: ExpertWeights, sequences = 1): number {
  const { denseBytes, routedBytes, experts, used } = weights;
  if (routedBytes === 0 || !positive(experts)) return denseBytes + routedBytes;
  return denseBytes + routedBytes * (expertsTouched(experts, used, sequences) / experts);
}

export interface DenseAgainstExperts {
  /** Read per token as it is. */
  readonly bytes: number;
  /** Read per token if each token used all experts. */
  readonly allBytes: number;
  /** How many times as many bytes that would be. */
  readonly times: number;
  readonly words: string;
}

/** What routing saves, with a model's own numbers; undefined where it has no routed experts. */
export function denseAgainstExperts(weights: ExpertWeights): DenseAgainstExperts | undefined {
  const { denseBytes, routedBytes, experts, used } = weights;
  if (!positive(routedBytes) || !positive(experts) || !positive(used) || used > experts) return undefined;
  const bytes = bytesOfStep(weights);
  const allBytes = denseBytes + routedBytes;
  const words =
    `Each token reads ${formatBytes(bytes)} of weights: ${used} of ${experts} experts (${formatShare(used / experts)}) and all else. ` +
    `A dense model of the same size would read ${formatBytes(allBytes)}, ${round(allBytes / bytes)} times as much. ` +
    "All of it has to be in memory either way.";
  return { bytes, allBytes, times: allBytes / bytes, words };
}
