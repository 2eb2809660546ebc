/**
 * A squarified treemap on a grid of character cells (Bruls, Huizing, van Wijk, Squarified Treemaps, 2000): areas as near to their
 * shares as whole cells allow, rectangles as near to squares. Every cell belongs to exactly one rectangle.
 */

export interface Rectangle {
  /** Place in the shares. */
  readonly item: number;
  readonly left: number;
  readonly top: number;
  readonly columns: number;
  readonly rows: number;
}

/** A cell is about twice as tall as wide. */
const CELL_ASPECT = 2;

/**
 * @param shares what each item weighs; those of nothing get no cell
 * @returns rectangles that tile the grid; small shares go without where there are fewer cells than items
 */
export function treemap(shares: readonly number[], columns: number, rows: number): Rectangle[] {
  const items = shares
    .map((share, item) => ({ share, item }))
    .filter(({ share }) => share > 0)
    .sort((a, b) => b.share - a.share)
    .slice(0, Math.max(0, columns * rows));
  return split(items, { left: 0, top: 0, columns, rows });
}

type Item = { readonly share: number; readonly item: number };
type Room = Omit<Rectangle, "item">;

function split(items: readonly Item[], room: Room): Rectangle[] {
  const [only, ...more] = items;
  if (!only || room.columns < 1 || room.rows < 1) return [];
  if (more.length === 0) return [{ item: only.item, ...room }];
  const total = sum(items);
  const isWide = room.columns >= room.rows * CELL_ASPECT;
  const long = isWide ? room.columns : room.rows;
  // The row of items at the head whose rectangles come nearest to squares.
  let taken = 1;
  let best = worst(items.slice(0, 1), total, room, isWide);
  for (let count = 2; count < items.length; count++) {
    const next = worst(items.slice(0, count), total, room, isWide);
    if (next > best) break;
    best = next;
    taken = count;
  }
  if (long < 2) return across(items, room, !isWide);
  const head = items.slice(0, taken);
  const size = Math.min(long - 1, Math.max(1, Math.round((sum(head) / total) * long)));
  const own = isWide ? { ...room, columns: size } : { ...room, rows: size };
  const rest = isWide
    ? { ...room, left: room.left + size, columns: room.columns - size }
    : { ...room, top: room.top + size, rows: room.rows - size };
  return [...across(head, own, !isWide), ...split(items.slice(taken), rest)];
}

/** Items beside each other in one row or column of rectangles. */
function across(items: readonly Item[], room: Room, alongColumns: boolean): Rectangle[] {
  const long = alongColumns ? room.columns : room.rows;
  const kept = items.slice(0, long);
  const total = sum(kept);
  let at = 0;
  let before = 0;
  return kept.map(({ share, item }, i) => {
    before += share;
    const left = kept.length - 1 - i;
    const end =
      i === kept.length - 1 ? long : Math.min(long - left, Math.max(at + 1, Math.round((before / total) * long)));
    const size = end - at;
    const own = alongColumns
      ? { ...room, left: room.left + at, columns: size }
      : { ...room, top: room.top + at, rows: size };
    at = end;
    return { item, ...own };
  });
}

/** The most stretched rectangle of a row: its longer side over its shorter. */
function worst(row: readonly Item[], total: number, room: Room, isWide: boolean): number {
  const width = room.columns;
  const height = room.rows * CELL_ASPECT;
  const depth = (sum(row) / total) * (isWide ? width : height);
  const length = isWide ? height : width;
  const own = sum(row);
  return Math.max(
    ...row.map(({ share }) => {
      const side = (share / own) * length;
      return Math.max(side / depth, depth / side);
    }),
  );
}

function sum(items: readonly Item[]): number {
  return items.reduce((total, { share }) => total + share, 0);
}
