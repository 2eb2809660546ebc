/**
 * Bars that add up: shares are dealt out in whole steps of a cell by largest remainder, so that the bars of a table
 * together are exactly one full bar, and what is there but tiny still shows a sliver.
 */
import type { Style } from "../terminal.ts";

/**
 * @param shares non-negative weights
 * @param units steps to deal out; the result sums to it when any weight is above zero
 */
export function apportion(shares: readonly number[], units: number): number[] {
  const sum = shares.reduce((a, b) => a + b, 0);
  if (sum <= 0) return shares.map(() => 0);
  const exact = shares.map((share) => (share / sum) * units);
  const whole = exact.map((value) => (value > 0 ? Math.max(1, Math.floor(value)) : 0));
  const order = exact.map((value, i) => ({ i, rest: value - (whole[i] as number) })).sort((a, b) => b.rest - a.rest);
  let left = units - whole.reduce((a, b) => a + b, 0);
  for (const { i } of order) {
    if (left <= 0) break;
    if ((exact[i] as number) <= 0) continue;
    whole[i] = (whole[i] as number) + 1;
    left--;
  }
  // Slivers were given before the count was known: take them back from the longest.
  while (left < 0) {
    const longest = whole.indexOf(Math.max(...whole));
    whole[longest] = (whole[longest] as number) - 1;
    left++;
  }
  return whole;
}

/** One bar a share; together they are `cells` long. */
export function bars(shares: readonly number[], cells: number, style: Style): string[] {
  const { bar } = style.glyphs;
  const steps = bar.length - 1;
  const full = bar[steps] as string;
  return apportion(shares, cells * steps).map(
    (units) => full.repeat(Math.floor(units / steps)) + (bar[units % steps] as string),
  );
}
