/** Bits per weight of a repository's checkpoints: exact for the one that was read, from the file's size for its siblings. */
import type { ListedCheckpoint } from "@checkpoint-inspect/parser";

/** Of the checkpoint shown, where it was read. */
export interface ReadFigures {
  readonly parameters: number;
  readonly headerBytes: number;
  readonly bitsPerWeight: number;
}

export interface Bits {
  readonly bitsPerWeight: number;
  readonly exact: boolean;
}

/** No storage type takes more; an estimate above it is of another model. */
const MOST_BITS = 33;
const LEAST_BITS = 0.5;

/** Marks of how a quant was made: they tell no models apart. */
const RECIPE = /^(?:UD|I1|IMAT|IMATRIX|IMX)$/;

/**
 * The bits per weight of each checkpoint, where they are known. Siblings are whole GGUF models whose names differ from the shown
 * one's in the quant alone: these have its parameters, and much the same header.
 */
export function bitsOf(
  checkpoints: readonly ListedCheckpoint[],
  shown: ListedCheckpoint | undefined,
  read: ReadFigures | undefined,
): ReadonlyMap<ListedCheckpoint, Bits> {
  const bits = new Map<ListedCheckpoint, Bits>();
  if (!shown || !read) return bits;
  const base = baseName(shown);
  for (const checkpoint of checkpoints) {
    if (checkpoint.entry === shown.entry && checkpoint.kind === shown.kind) {
      if (read.bitsPerWeight > 0) bits.set(checkpoint, { bitsPerWeight: read.bitsPerWeight, exact: true });
      continue;
    }
    const { kind, use, files, declaredParts, sizeBytes } = checkpoint;
    const whole = kind === "gguf" && use === "model" && files.length === declaredParts;
    if (!whole || base === undefined || baseName(checkpoint) !== base || read.parameters <= 0) continue;
    const estimate = ((sizeBytes - read.headerBytes) * 8) / read.parameters;
    if (estimate >= LEAST_BITS && estimate <= MOST_BITS)
      bits.set(checkpoint, { bitsPerWeight: estimate, exact: false });
  }
  return bits;
}

/** A GGUF file's name without its quant: which model it is. Undefined where the name has none. */
function baseName({ kind, label, quant, use }: ListedCheckpoint): string | undefined {
  if (kind !== "gguf" || use !== "model" || quant === undefined) return undefined;
  const words = keyOf(label);
  const at = `_${words}_`.lastIndexOf(`_${keyOf(quant)}_`);
  // The quant stands in the folder's name alone.
  const without = at < 0 ? words : `${words.slice(0, at)}${words.slice(at + keyOf(quant).length)}`;
  return without
    .split("_")
    .filter((word) => word !== "" && !RECIPE.test(word))
    .join("_");
}

function keyOf(text: string): string {
  return text
    .toUpperCase()
    .replace(/[-._ ]+/g, "_")
    .replace(/(?<![A-Z0-9])FP(?=(?:16|32)(?![0-9]))/g, "F");
}
