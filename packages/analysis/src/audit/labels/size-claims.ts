/** Sizes in the names of models: `7B`, `0.6B`, `8x7B`, `350M`. */

interface SizeClaim {
  /** As it is written. */
  readonly text: string;
  /** Parameters: any number from the first to the second is meant. */
  readonly range: readonly [low: number, high: number];
}

/**
 * A number and its unit, with no letter or digit beside them: neither versions (`v1.5`) nor active parameters (`A3B`), effective ones
 * (`E4B`), experts (`16E`), context (`32k`), bits (`4bit`, `6.0bpw`), counted tokens (`300bt`) or quantizations (`Q4_K_M`).
 * The underscore stands for a point in some names, and between two words in others: `internlm2-1_8b`, `llama_3_8b`.
 */
const CLAIM = /(?<![a-z0-9.])(?:(\d{1,3})x)?(?:(\d{1,3})_)?(\d{1,4}(?:\.\d{1,3})?)([bm])(?![a-z0-9])/gi;

/** Longer texts are no names. */
const MAX_NAME = 300;

/** `1M` and `10M` are lengths of a context; models that small are named by other words. */
const LEAST_MILLIONS = 11;

/**
 * Names are rounded, and makers count with the tables or without: Gemma 7B has 8.5 B parameters, Granite 1B has 1.33 B. Above this
 * factor no released model was found to be named.
 */
const TOLERANCE = 1.4;

const UNITS = { b: 1e9, m: 1e6 } as const;

/** Every size that a name may be read to claim. An underscore between digits gives two readings. */
export function sizeClaims(name: string): readonly SizeClaim[] {
  return [...name.slice(0, MAX_NAME).matchAll(CLAIM)].flatMap(([text, times, before, digits = "", unit = ""]) => {
    const scale = unit.toLowerCase() === "b" ? UNITS.b : UNITS.m;
    const readings =
      before === undefined ? [digits] : [digits, ...(digits.includes(".") ? [] : [`${before}.${digits}`])];
    return readings.flatMap((reading) => {
      const [number, experts] = [Number(reading), Number(times ?? 1)];
      if (number === 0 || experts === 0 || (scale === UNITS.m && number < LEAST_MILLIONS)) return [];
      // Experts share their attention: 8x7B is less than 56B, and more than 7B.
      return [{ text, range: [number * scale, number * experts * scale] as const }];
    });
  });
}

/**
 * The claims of a name that none of the figures bears out. Empty where it claims nothing or any claim of it holds: names also hold
 * the sizes of teachers, of parts and of training data.
 */
export function falseClaims(name: string, figures: readonly number[]): readonly SizeClaim[] {
  const claims = sizeClaims(name);
  const holds = ({ range: [low, high] }: SizeClaim) =>
    figures.some((figure) => figure * TOLERANCE >= low && figure <= high * TOLERANCE);
  return claims.some(holds) ? [] : claims;
}
