/** Numbers and names in messages. */

/** Characters of a file's text that a message quotes; the place in the file says the rest. */
export const MAX_QUOTED = 80;

/** A number with thousands separated by commas. (Intl does the same, but takes 4 ms to wake up.) */
export function grouped(n: number | bigint): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 byte`, `2,000 bytes`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${grouped(n)} ${n === 1 ? one : many}`;
}

/** Controls, formats (bidi, zero-width), separators, unassigned and private characters: what can't be seen, or moves what can. */
const UNSEEN = /\p{C}|\p{Zl}|\p{Zp}|\p{Variation_Selector}|\p{Default_Ignorable_Code_Point}/gu;

/** A piece of a file's text in quotes, cut when long, with everything escaped that isn't plainly visible. */
export function quoted(text: string, most = MAX_QUOTED): string {
  const cut = text.length > most ? `${text.slice(0, most)}\u2026` : text;
  return JSON.stringify(cut).replace(UNSEEN, escaped);
}

/** Items that a message lists, where it says no other number. */
const MAX_LISTED = 3;

/**
 * A few of many, and how many more there are: `a, b, c and 4 more`.
 * @param count of all, where `items` holds only the first of them
 */
export function inShort(items: readonly string[], count = items.length, most = MAX_LISTED): string {
  const shown = items.slice(0, most);
  return count > shown.length ? `${shown.join(", ")} and ${grouped(count - shown.length)} more` : shown.join(", ");
}

/** Text of others (an error's message that quotes a file) as one line, with everything escaped that isn't plainly visible. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").replace(UNSEEN, escaped);
}

/** As the terminal's own escapes are written: `\u202e`, above 16 bits `\u{e0041}`. */
function escaped(char: string): string {
  const code = char.codePointAt(0) as number;
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, "0")}`;
}
