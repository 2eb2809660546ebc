/** Numbers and names in messages. */

/** Characters of a file's text that a message quotes; the place in the file says the rest. */
export const MAX_QUOTED = 80;

/** A number with thousands separated by commas. (Intl does the same, but takes 4 ms to wake up.) */
export function grouped(n: number | bigint): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A piece of a file's text in quotes, cut when long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}\u2026` : text);
}
