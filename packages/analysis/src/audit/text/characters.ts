/**
 * Characters that a person doesn't see, or that change how the text around them is shown: terminal escapes, marks that turn the
 * direction round, zero-width characters, tag characters and variation selectors that carry hidden text.
 * Sources: Unicode Standard, chapters 9.2, 23.2 to 23.4, 23.9; UTS 51 (emoji sequences); "Trojan Source" (arXiv 2111.00169).
 */

export type OddKind = "escape" | "control" | "bidi" | "tag" | "selector" | "zero-width" | "surrogate";

/** Characters of one kind in a text. */
export interface Odd {
  readonly kind: OddKind;
  readonly count: number;
  /** Code point of the first. */
  readonly code: number;
  /** Where the first stands, in UTF-16 units. */
  readonly at: number;
}

/** What a kind is called: one, many. */
export const ODD_WORDS: Readonly<Record<OddKind, readonly [one: string, many: string]>> = {
  escape: ["terminal escape character", "terminal escape characters"],
  control: ["control character", "control characters"],
  bidi: ["character that turns the direction of text", "characters that turn the direction of text"],
  tag: ["tag character, which isn't shown", "tag characters, which aren't shown"],
  selector: ["variation selector that changes nothing", "variation selectors that change nothing"],
  "zero-width": ["zero-width character", "zero-width characters"],
  surrogate: ["half of a surrogate pair", "halves of surrogate pairs"],
};

/** Tab, line ends and printable ASCII need no second look. */
const UNUSUAL = /[^\t\n\r -~]/;
const PICTOGRAPH = /\p{Extended_Pictographic}|\p{Emoji_Modifier}/u;
/** Scripts in which joiners spell words: Arabic to Mongolian, in the order of the code points. */
const JOINING_FROM = 0x0600;
const JOINING_TO = 0x18af;

const BLACK_FLAG = 0x1f3f4;
const TAG_END = 0xe007f;

/**
 * The odd characters of a text, by kind, in the order in which they first stand there. Linear.
 * Joiners inside emoji and inside the scripts that need them are none, nor are emoji presentation selectors and flags.
 */
export function oddCharacters(text: string): Odd[] {
  const first = text.search(UNUSUAL);
  if (first < 0) return [];
  const found = new Map<OddKind, { kind: OddKind; count: number; code: number; at: number }>();
  let before = first > 0 ? text.charCodeAt(first - 1) : 0;
  for (let at = first; at < text.length; ) {
    const code = text.codePointAt(at) as number;
    const width = code > 0xffff ? 2 : 1;
    if (code === BLACK_FLAG) {
      const end = flagEnd(text, at + width);
      if (end > 0) {
        before = TAG_END;
        at = end;
        continue;
      }
    }
    const kind = kindOf(code, before, text, at + width);
    if (kind) {
      const seen = found.get(kind);
      if (seen) seen.count++;
      else found.set(kind, { kind, count: 1, code, at });
    }
    before = code;
    at += width;
  }
  return [...found.values()];
}

function kindOf(code: number, before: number, text: string, next: number): OddKind | undefined {
  if (code < 0x20)
    return code === 0x09 || code === 0x0a || code === 0x0d ? undefined : code === 0x1b ? "escape" : "control";
  if (code < 0x7f) return undefined;
  // 9B is the one-byte form of ESC [.
  if (code <= 0x9f) return code === 0x9b ? "escape" : "control";
  if (code < 0x300) return code === 0xad ? "zero-width" : undefined;
  if ((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)) return "bidi";
  if (code === 0x200c || code === 0x200d) return joins(before, text.codePointAt(next) ?? 0) ? undefined : "zero-width";
  if (isZeroWidth(code)) return "zero-width";
  if (code >= 0xd800 && code <= 0xdfff) return "surrogate";
  if (isSelector(code)) return selects(before, code) ? undefined : "selector";
  return code >= 0xe0000 && code <= 0xe007f ? "tag" : undefined;
}

/** Spaces without width, fillers, marks of direction, invisible operators, byte order marks inside a text. */
function isZeroWidth(code: number): boolean {
  return (
    code === 0x200b ||
    code === 0x200e ||
    code === 0x200f ||
    (code >= 0x2060 && code <= 0x2065) ||
    (code >= 0x206a && code <= 0x206f) ||
    code === 0xfeff ||
    code === 0x115f ||
    code === 0x1160 ||
    code === 0x3164 ||
    code === 0xffa0 ||
    code === 0x180e ||
    (code >= 0xfff9 && code <= 0xfffb)
  );
}

function isSelector(code: number): boolean {
  return (code >= 0xfe00 && code <= 0xfe0f) || (code >= 0xe0100 && code <= 0xe01ef);
}

/** One selector after a character that is no ASCII letter chooses its form; a row of them, or one after nothing, carries data. */
function selects(before: number, code: number): boolean {
  if (isSelector(before)) return false;
  if (code >= 0xe0100) return before >= 0x3400;
  return before > 0x7f || before === 0x23 || before === 0x2a || (before >= 0x30 && before <= 0x39);
}

function joins(before: number, after: number): boolean {
  if (before >= JOINING_FROM && before <= JOINING_TO) return true;
  const presented = before === 0xfe0f || before === 0xfe0e || PICTOGRAPH.test(String.fromCodePoint(before));
  return (
    presented && after > 0x7f && (PICTOGRAPH.test(String.fromCodePoint(after)) || after === 0x2640 || after === 0x2642)
  );
}

/** Flags of regions are a black flag, up to eight tag letters and an end tag. @returns the index after it, or -1 */
function flagEnd(text: string, from: number): number {
  let at = from;
  for (let n = 0; n < 9; n++, at += 2) {
    const code = text.codePointAt(at) ?? 0;
    if (code === TAG_END && n > 0) return at + 2;
    if (code < 0xe0030 || code > 0xe007a) return -1;
  }
  return -1;
}

/** Hidden ASCII that tag characters or a row of selectors spell, as a person could read it; empty where they spell nothing. */
export function hiddenText(text: string): string {
  let hidden = "";
  for (const char of text) {
    if (hidden.length >= 200) break;
    const code = char.codePointAt(0) as number;
    if (code >= 0xe0020 && code <= 0xe007e) hidden += String.fromCharCode(code - 0xe0000);
    // Bytes as selectors: 16 to 255 are E0100 to E01EF.
    else if (code >= 0xe0110 && code <= 0xe016e) hidden += String.fromCharCode(code - 0xe0100 + 16);
  }
  return hidden;
}

/** `U+202E`. */
export function codeWords(code: number): string {
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}
