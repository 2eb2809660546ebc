/** How sentences name layers: all of them, every n-th, or by their indices. */
import { formatExact, formatRanges, ordinal, plural } from "../units.ts";

/** `[0, 1, 2, 6]` -> `[[0, 2], [6, 6]]`; the indices ascend. */
export function rangesOf(indices: readonly number[]): readonly (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  for (const index of indices) {
    const last = ranges.at(-1);
    if (last && last[1] + 1 === index) last[1] = index;
    else ranges.push([index, index]);
  }
  return ranges;
}

/**
 * n where `indices` are n-1, 2n-1, 3n-1 … of layers 0 to `total`-1, the way that "every n-th layer" is understood;
 * undefined for any other order. At least two of them, or it's no order.
 */
export function everyNth(indices: readonly number[], total: number): number | undefined {
  const n = (indices[0] ?? 0) + 1;
  if (n < 2 || indices.length < 2 || indices.length !== Math.floor(total / n)) return undefined;
  return indices.every((index, i) => index === n * (i + 1) - 1) ? n : undefined;
}

/** "q", "q and k", "q, k and v". */
export function joined(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** From so many ranges on, evenly spaced ones are shortened: "4, 12, 20, 28", but "3-38 every 5th". */
const SHORTENED_FROM = 5;

/** A longer list isn't read; a pattern's `layers` has them all. */
const MOST_PIECES = 12;

/** Indices as ranges: "0-2, 5-20 every 3rd, 23-27". */
export function listed(indices: readonly number[]): string {
  const ranges = rangesOf(indices);
  if (ranges.length < SHORTENED_FROM) return ranges.map((range) => formatRanges([range])).join(", ");
  const pieces = formatRanges(ranges).split(", ");
  if (pieces.length <= MOST_PIECES) return pieces.join(", ");
  return `${pieces.slice(0, MOST_PIECES - 1).join(", ")} … ${formatRanges(ranges.slice(-1))}`;
}

/** "its layer", "both layers", "all 48 layers". */
export function allOf(total: number, noun = "layer"): string {
  if (total === 1) return `its ${noun}`;
  return total === 2 ? `both ${noun}s` : `all ${formatExact(total)} ${noun}s`;
}

/** Which layers, after "in": "every 4th layer (12 of 48)", "4 of 32 layers (4, 12, 20, 28)", "1 of 32 layers (0)". */
export function inLayers(indices: readonly number[], of: readonly number[], noun = "layer"): string {
  const total = of.length;
  const isWhole = of.every((index, i) => index === i);
  const n = isWhole ? everyNth(indices, total) : undefined;
  if (n !== undefined) return `every ${ordinal(n)} ${noun} (${formatExact(indices.length)} of ${formatExact(total)})`;
  return `${formatExact(indices.length)} of ${plural(total, noun)} (${listed(indices)})`;
}
