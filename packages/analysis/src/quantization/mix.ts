/**
 * How the weights are stored: each storage type by tensors, parameters and bytes, the measured bits per weight, and what
 * the labels say against what the bytes say.
 *
 * Bits per weight = 8 * (bytes of counted tensors and of their quantization side tensors) / parameters.
 */
import { type Checkpoint, fileTypeLabel, labelFromFileName } from "@checkpoint-inspect/parser";

import { exclusionWords } from "../exclusions.ts";
import { metadataValue } from "../facts.ts";
import type { Exclusion, PlacedTensor } from "../placed-tensor.ts";
import type { Packing, SchemeUse } from "./packing.ts";
import { quantConfig } from "./quant-config.ts";

export interface TypeCount {
  readonly type: string;
  tensors: number;
  /** Logical elements of the counted tensors of this type; 0 for a type that only side tensors and buffers have. */
  parameters: number;
  bytes: number;
  /** Bytes of its counted tensors: what `parameters` take. `parameterBytes + bytes of excluded = bytes`. */
  parameterBytes: number;
  /** What the other bytes are: scales, second copies, buffers, statistics. Most bytes first. */
  readonly excluded: readonly ExcludedBytes[];
  /**
   * 8 * parameterBytes / parameters (bits of a packed weight in its container), else 8 * bytes over the elements of all its
   * tensors; null for a type of unknown size.
   */
  readonly bitsPerWeight: number | null;
  /** Of all tensor bytes. */
  share: number;
}

/** Bytes of one type that are in the checkpoint and hold no parameters. */
interface ExcludedBytes {
  readonly reason: Exclusion;
  /** What it is: `a second copy of the tied table`, `causal masks`. */
  readonly words: string;
  bytes: number;
}

export interface QuantMix {
  /** null when there is nothing to divide by, or the packing isn't understood. */
  readonly bitsPerWeight: number | null;
  /** What the file declares: general.file_type, or the dtype and quantization method of config.json. */
  readonly declared: string | null;
  /** The declared file type was guessed by the writer (llama.cpp sets a bit for it). */
  readonly declaredGuessed: boolean;
  /** The storage type that the declared label promises for most of the weights: `Q4_K` for `Q4_K_M`. */
  readonly declaredType: string | null;
  /** What the file name says. */
  readonly fileName: string | null;
  /** The type that holds the most bytes. */
  readonly measured: string | null;
  readonly measuredShare: number;
  /** Bytes that the same parameters take at 16 bits each. */
  readonly sixteenBitBytes: number;
  /** 1 - bytes / sixteenBitBytes; negative when the file is larger. null where bitsPerWeight is. */
  readonly savingAgainst16Bit: number | null;
  readonly types: readonly TypeCount[];
  /** Schemes of packed safetensors, most bytes first. */
  readonly schemes: readonly SchemeCount[];
}

/** Modules packed in one way, with their scales: bits per weight is what one of their weights takes in all. */
export interface SchemeCount extends Readonly<SchemeUse> {
  readonly bitsPerWeight: number | null;
}

type OpenType = Omit<TypeCount, "excluded" | "bitsPerWeight" | "share"> & {
  elements: number;
  readonly excluded: Map<string, ExcludedBytes>;
};

/** How the parser writes a type id that no table knows. */
const UNKNOWN_TYPE = /^type \d+$/;

/** Collects tensors one by one; `mix` closes the account. */
export function mixCollector(): {
  visit(placed: PlacedTensor): void;
  mix(checkpoint: Checkpoint, total: number, known: boolean, packing?: Packing): QuantMix;
} {
  const types = new Map<string, OpenType>();
  let weightBytes = 0;
  let allBytes = 0;

  function visit(placed: PlacedTensor): void {
    const { tensor, excluded, parameters } = placed;
    let count = types.get(tensor.type);
    if (!count) {
      const { type } = tensor;
      count = { type, tensors: 0, parameters: 0, bytes: 0, parameterBytes: 0, elements: 0, excluded: new Map() };
      types.set(tensor.type, count);
    }
    count.tensors++;
    count.bytes += tensor.sizeBytes;
    count.elements += tensor.elements;
    allBytes += tensor.sizeBytes;
    count.parameters += parameters;
    if (excluded) {
      const words = exclusionWords(placed);
      const rest = count.excluded.get(words);
      if (rest) rest.bytes += tensor.sizeBytes;
      else count.excluded.set(words, { reason: excluded, words, bytes: tensor.sizeBytes });
    } else count.parameterBytes += tensor.sizeBytes;
    if (!excluded || excluded === "quant-side") weightBytes += tensor.sizeBytes;
  }

  function mix(checkpoint: Checkpoint, total: number, known: boolean, packing?: Packing): QuantMix {
    const list: TypeCount[] = [...types.values()]
      .map(({ elements, excluded, ...count }) => ({
        ...count,
        excluded: [...excluded.values()].sort((a, b) => b.bytes - a.bytes),
        bitsPerWeight: UNKNOWN_TYPE.test(count.type)
          ? null
          : (ratio(8 * count.parameterBytes, count.parameters) ?? ratio(8 * count.bytes, elements)),
        share: allBytes > 0 ? count.bytes / allBytes : 0,
      }))
      .sort((a, b) => b.bytes - a.bytes || (a.type < b.type ? -1 : 1));
    // A type that no table knows has its bytes from the room between tensors, padding included: no exact bits.
    const sized = list.every((count) => count.parameters === 0 || !UNKNOWN_TYPE.test(count.type));
    const measurable = known && sized && total > 0;
    const largest = list.find((count) => count.parameters > 0);
    return {
      bitsPerWeight: measurable ? (8 * weightBytes) / total : null,
      ...declaredLabel(checkpoint),
      fileName:
        labelFromFileName(checkpoint.parts[0]?.name ?? checkpoint.label) ?? labelFromFileName(checkpoint.label) ?? null,
      measured: largest?.type ?? null,
      measuredShare: largest?.share ?? 0,
      sixteenBitBytes: 2 * total,
      savingAgainst16Bit: measurable ? 1 - weightBytes / (2 * total) : null,
      types: list,
      schemes: (packing?.uses ?? []).map((use) => ({ ...use, bitsPerWeight: ratio(8 * use.bytes, use.parameters) })),
    };
  }

  return { visit, mix };
}

function ratio(a: number, b: number): number | null {
  return b > 0 ? a / b : null;
}

function declaredLabel(checkpoint: Checkpoint): Pick<QuantMix, "declared" | "declaredGuessed" | "declaredType"> {
  if (checkpoint.format === "gguf") {
    const value = metadataValue(checkpoint, "general.file_type");
    const label = typeof value === "number" ? fileTypeLabel(value) : undefined;
    if (label) return { declared: label.label, declaredGuessed: label.guessed, declaredType: label.dominantType };
    return {
      declared: typeof value === "number" ? `file type ${value}` : null,
      declaredGuessed: false,
      declaredType: null,
    };
  }
  const { method, block, root } = quantConfig(checkpoint);
  const dtype = root.torch_dtype ?? root.dtype;
  const words = [
    method && (typeof block.bits === "number" ? `${method} ${block.bits}-bit` : method),
    typeof dtype === "string" ? dtype.replace(/^torch\./, "") : undefined,
  ].filter((word) => word !== undefined);
  return { declared: words.length > 0 ? words.join(", ") : null, declaredGuessed: false, declaredType: null };
}
