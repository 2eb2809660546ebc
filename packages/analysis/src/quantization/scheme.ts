/**
 * What a scheme of packed weights is: how it lays one weight matrix out in tensors, and how its true size follows.
 *
 * Several weights share a word, so the element count of the container is no parameter count. A scheme finds the logical
 * size `[out, in]` of one module from the shapes of its tensors first and from the config second. Bits per weight
 * are never assumed: they follow from bytes and parameters. Facts: each row of `schemes/` names its source.
 */
import type { JsonObject, Tensor } from "@checkpoint-inspect/parser";

/** What config.json says of the quantization. */
export interface QuantConfig {
  /** `quant_method` in lower case; `mlx` for the block that MLX writes. */
  readonly method: string | undefined;
  /** The quantization block itself; empty when there is none. */
  readonly block: JsonObject;
  /** config.json whole; empty when there is none. */
  readonly root: JsonObject;
}

/** One container and what stands beside it. */
export interface PackedModule {
  readonly container: Tensor;
  /** The container's name without the ending by which the scheme knows it: `model.layers.0.self_attn.q_proj`. */
  readonly stem: string;
  readonly config: QuantConfig;
  /** The tensor called `stem + ending`. */
  beside(ending: string): Tensor | undefined;
  /** The tensor of that whole name. */
  named(name: string): Tensor | undefined;
  /** An entry of the file's `__metadata__`. */
  metadata(key: string): string | undefined;
  /**
   * The numbers in a small tensor, where they were read. Where not, the tensor is noted as worth reading.
   * @see valuesWanted
   */
  values(tensor: Tensor | undefined): readonly number[] | undefined;
}

export interface Unpacked {
  /** Logical weights in the container. */
  readonly parameters: number;
  /** Bits that one packed weight takes in the container. */
  readonly bits: number;
  /** The bits are a mean over groups of different widths, and so another in every module (EXL2). */
  readonly mean?: true;
  /** Logical shape, row-major, `[out, in]`; absent where only the count is known (bitsandbytes 4-bit). */
  readonly shape?: readonly number[];
  /** Weights that share one scale; absent where a whole row or tensor does. */
  readonly groupSize?: number;
  /** False where the header leaves a few weights a row open: then `parameters` is an upper bound. */
  readonly exact?: false;
  /**
   * The container holds packed weights of this scheme, but what would tell how many isn't there: `parameters` then counts stored
   * words, and the report says that the packing isn't known.
   */
  readonly unknown?: true;
  /** In words, where it isn't "N-bit": `NF4`, `FP8`. */
  readonly format?: string;
  /** The container's bytes are no measure of its weights: zeros take no room, or sides are filled up to tiles. */
  readonly loose?: true;
  /** Endings among the scheme's sides that this module has for something else: a learned `.scale` beside `.weight_scale`. */
  readonly notSides?: readonly string[];
}

export interface Scheme {
  /** Stable name for scripts: `gptq`, `bitsandbytes-4bit`, `mlx`. */
  readonly id: string;
  /** As people write it. */
  readonly title: string;
  /**
   * How the container's name ends: `.qweight`, `_blocks`, `.weight._data`. The empty string stands for tensors that carry no ending
   * at all (3-D expert stacks such as `experts.gate_up_proj`).
   */
  readonly containers: readonly string[];
  /** Endings of the tensors beside it that hold scales, zeros, maps: bytes, never parameters. */
  readonly sides: readonly string[];
  /** The owner's name out of the stem, by which its role is told. With `.weight` behind it unless given. */
  owner?(stem: string): string;
  /** The module's true size, or undefined when its tensors don't look like this scheme. */
  unpack(module: PackedModule): Unpacked | undefined;
}

/** Types of whole numbers: containers of packed weights, or plain tables. */
export const INTEGER_TYPES: ReadonlySet<string> = new Set([
  "BOOL",
  "U8",
  "I8",
  "U16",
  "I16",
  "U32",
  "I32",
  "U64",
  "I64",
]);

/** Bits of one element of a container type; undefined for one that holds no packed weights. */
export function containerBits(type: string): number | undefined {
  return CONTAINER_BITS[type];
}

const CONTAINER_BITS: Readonly<Record<string, number | undefined>> = {
  U8: 8,
  I8: 8,
  I16: 16,
  U16: 16,
  I32: 32,
  U32: 32,
  I64: 64,
  U64: 64,
  F16: 16,
  BF16: 16,
  F32: 32,
};

/** Product of a shape. */
export function product(shape: readonly number[]): number {
  return shape.reduce((elements, n) => elements * n, 1);
}

/**
 * Weights that share a scale along one dimension, from its length and the number of scales along it: what config declares where
 * that fits, else the power of two that does (the last block may be short), else an even split.
 */
export function blockSize(length: number, scales: number, declared?: number): number | undefined {
  if (declared && declared > 0 && Math.ceil(length / declared) === scales) return declared;
  if (scales < 1 || scales > length) return undefined;
  const power = 2 ** Math.ceil(Math.log2(length / scales));
  if (Math.ceil(length / power) === scales) return power;
  return length % scales === 0 ? length / scales : undefined;
}

/** Whole bits of a weight when `length` of them, packed without gaps, fill `words`; undefined where no width from 1 to 8 does. */
export function wordWidth(words: number, wordBits: number, length: number): number | undefined {
  const bits = Math.floor((words * wordBits) / length);
  return bits >= 1 && bits <= 8 && Math.ceil((length * bits) / wordBits) === words ? bits : undefined;
}
