/** What the four-bit float formats have in common: two weights a byte along the rows, and one scale for a few of them. */
import type { Tensor } from "@checkpoint-inspect/parser";

import type { Unpacked } from "../scheme.ts";

/** Kernels want the scales in tiles of 128 rows by 4 columns; some writers store them so (cuBLAS block-scaling layout). */
const TILE_ROWS = 128;
const TILE_COLUMNS = 4;

/**
 * The weights of a container `[..., K/2]`, if its scales are one for `group` of them.
 * The order of the scales' dimensions doesn't matter: expert stacks come transposed too.
 */
export function pairsPerScale(
  container: Tensor,
  scale: Tensor | undefined,
  group: number,
  types: readonly string[],
  mayBeTiled = true,
): Unpacked | undefined {
  const { shape } = container;
  const half = shape.at(-1);
  if (!scale || !types.includes(scale.type) || half === undefined || shape.length < 2) return undefined;
  const parameters = container.elements * 2;
  const rows = shape.at(-2) ?? 1;
  const columns = Math.ceil((half * 2) / group);
  const tiled = roundUp(rows, TILE_ROWS) * roundUp(columns, TILE_COLUMNS);
  if (scale.elements * group !== parameters && !(mayBeTiled && shape.length === 2 && scale.elements === tiled))
    return undefined;
  return { parameters, bits: 4, shape: [...shape.slice(0, -1), half * 2], groupSize: group };
}

function roundUp(n: number, unit: number): number {
  return Math.ceil(n / unit) * unit;
}
