/**
 * What Ink takes a frame's lines apart and puts them together with, in the place of the library's own, which works on each of ten
 * thousand cells anew for every frame. Here a line that was seen before is known (a list that scrolls is made of such), and neighbours
 * that look alike are told by comparing their codes. The bundle of Ink takes this module wherever Ink asks for the library
 * (rolldown.config.ts).
 */
import {
  type AnsiCode,
  ansiCodesToString,
  styledCharsFromTokens as cellsOf,
  diffAnsiCodes,
  type StyledChar,
  tokenize as tokensOf,
} from "@alcalzone/ansi-tokenize";

/** Lines that are remembered; a few screens full. */
const KEPT = 512;

const known = new Map<string, StyledChar[]>();

/** Puts off the work until {@link styledCharsFromTokens} says that it is needed. */
export function tokenize(text: string): readonly [text: string] {
  return [text];
}

/** Nobody changes what comes out. */
export function styledCharsFromTokens([text]: readonly [text: string]): StyledChar[] {
  const before = known.get(text);
  if (before) return before;
  if (known.size >= KEPT) known.clear();
  const cells = cellsOf(tokensOf(text));
  known.set(text, cells);
  return cells;
}

/** The same text as the library's. */
export function styledCharsToString(chars: readonly StyledChar[]): string {
  let text = "";
  let styles: AnsiCode[] = [];
  for (const char of chars) {
    if (!areAlike(styles, char.styles)) text += ansiCodesToString(diffAnsiCodes(styles, char.styles));
    styles = char.styles;
    text += char.value;
  }
  return styles.length === 0 ? text : text + ansiCodesToString(diffAnsiCodes(styles, []));
}

function areAlike(a: readonly AnsiCode[], b: readonly AnsiCode[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i]?.code !== b[i]?.code) return false;
  return true;
}
