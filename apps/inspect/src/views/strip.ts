/** One cell per item, darker for more: a heat strip. Shared by the browser's screens; no colour, no terminal. */

const SHADES = ["\u2591", "\u2592", "\u2593", "\u2588"];
const DIGITS = ["1", "3", "6", "9"];

/** A cell of a strip: where it begins among the items, and how many it stands for. */
export interface StripCell {
  readonly first: number;
  readonly count: number;
  readonly glyph: string;
}

/**
 * @param values what each item weighs, from 0 up
 * @param columns cells there are at most; more items than that share cells
 */
export function strip(values: readonly number[], columns: number, ascii: boolean): StripCell[] {
  const per = Math.max(1, Math.ceil(values.length / Math.max(1, columns)));
  const glyphs = ascii ? DIGITS : SHADES;
  const cells = Array.from({ length: Math.ceil(values.length / per) }, (_, i) => {
    const own = values.slice(i * per, (i + 1) * per);
    return { first: i * per, count: own.length, most: Math.max(...own) };
  });
  const present = cells.map(({ most }) => most).filter((value) => value > 0);
  const [least, largest] = [Math.min(...present), Math.max(...present)];
  return cells
    .map(({ first, count, most }) => ({
      first,
      count,
      glyph: most > 0 ? shade(most, least, largest, glyphs) : "\u00b7",
    }))
    .map((cell) => (ascii && cell.glyph === "\u00b7" ? { ...cell, glyph: "." } : cell));
}

/** From the lightest for the least to the darkest for the most; all alike are all in the middle. */
function shade(value: number, least: number, largest: number, glyphs: readonly string[]): string {
  if (largest === least) return glyphs[1] as string;
  const step = Math.min(glyphs.length - 1, Math.floor(((value - least) / (largest - least)) * glyphs.length));
  return glyphs[step] as string;
}
