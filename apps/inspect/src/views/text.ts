/**
 * Text for the terminal: making strings from files harmless, measuring, cutting and aligning them.
 *
 * Every string that comes from a file is data. Control characters, ANSI sequences, bidirectional marks, zero-width and
 * other invisible characters are made visible (`\x1b`, `\u202e`) before they are printed, so that no file can move the
 * cursor, colour the screen or show one name and mean another.
 */
/**
 * Controls, format characters (bidi marks, zero width, tags), lone surrogates, line and paragraph separators, and whatever
 * else a terminal may draw as nothing; but for the two variation selectors that choose between text and emoji.
 */
const UNSAFE = /(?!\ufe0e|\ufe0f)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
/** The same, but line breaks and tabs stay: for text that is shown over several lines. */
const UNSAFE_IN_BLOCK = /(?!\n|\t|\ufe0e|\ufe0f)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

const SHORT_ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escapeCharacter(character: string): string {
  const short = SHORT_ESCAPES[character];
  if (short) return short;
  const code = character.codePointAt(0) as number;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** One line of text out of a file, made harmless. */
export function safe(text: string): string {
  return text.replace(UNSAFE, escapeCharacter);
}

/** Text of several lines out of a file, made harmless; carriage returns before line feeds go. */
export function safeBlock(text: string): string {
  return text.replace(/\r\n/g, "\n").replace(UNSAFE_IN_BLOCK, escapeCharacter);
}

/** ASCII and the glyphs that we draw with: one column a character, which needs no tables to know. */
const NARROW = /^[\x20-\x7e\u00b7\u2014\u2026\u2500\u2588-\u258f]*$/;

interface WideText {
  readonly stringWidth: typeof import("string-width").default;
  readonly cliTruncate: typeof import("cli-truncate").default;
}

let wideText: WideText | undefined;

/** Text beyond {@link NARROW} was measured before {@link loadWideText}; load it and render again. */
class WideTextNeeded extends Error {}

/** Loads what measures any text: Unicode's tables and a segmenter, which take longer than reading a header. */
export async function loadWideText(): Promise<void> {
  const [{ default: stringWidth }, { default: cliTruncate }] = await Promise.all([
    import("string-width"),
    import("cli-truncate"),
  ]);
  wideText = { stringWidth, cliTruncate };
}

/** Renders, and when the text turns out to need it, loads the tables and renders again. */
export async function withWideText(render: () => string | Promise<string>): Promise<string> {
  try {
    return await render();
  } catch (error) {
    if (!(error instanceof WideTextNeeded)) throw error;
    await loadWideText();
    return render();
  }
}

function wide(): WideText {
  if (!wideText) throw new WideTextNeeded();
  return wideText;
}

/** Columns that a string takes on the screen, colour codes aside. */
export function width(text: string): number {
  return NARROW.test(text) ? text.length : wide().stringWidth(text);
}

/** Characters that one column is taken to have at most, accents and joined emoji included. More are none that a person reads. */
const MOST_PER_COLUMN = 16;

/** Cuts to a number of columns, with an ellipsis where something is lost. */
export function cut(whole: string, columns: number, position: "middle" | "end" = "end", ellipsis = "\u2026"): string {
  const room = Math.max(1, columns);
  // Measuring takes a step a character, and a name out of a file may have a million.
  const most = room * MOST_PER_COLUMN;
  const text =
    whole.length <= 2 * most ? whole : whole.slice(0, most) + ellipsis + (position === "end" ? "" : whole.slice(-most));
  if (text === whole && width(text) <= room) return text;
  if (!NARROW.test(text)) {
    // cli-truncate lets a character of two columns stand half over the edge: ask for less until it fits.
    const { cliTruncate } = wide();
    for (let asked = room; asked > 0; asked--) {
      const short = cliTruncate(text, asked, { position, truncationCharacter: ellipsis });
      if (width(short) <= room) return short;
    }
    return ellipsis.slice(0, room);
  }
  const mark = ellipsis.slice(0, room);
  const kept = room - mark.length;
  const head = position === "end" ? kept : Math.ceil(kept / 2);
  return text.slice(0, head) + mark + text.slice(text.length - (kept - head));
}

export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - width(text)));
}

export function padStart(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - width(text))) + text;
}

/** What stands after a number and means nothing without it: `15.10 B`, `1.89 GB`, also before a comma. */
const UNIT = /^(?:[KMBT]|[kMGTP]B)[,;:.)]*$/;
const NO_BREAK = "\u00a0";

/** Breaks plain words into lines of at most so many columns; a number stays with its unit, as do words around a no-break space. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  const words = text.split(" ").flatMap((word) => (2 * word.length > columns ? pieces(word, columns) : [word]));
  for (let i = 0; i < words.length; i++) {
    let word = words[i] as string;
    if (/\d$/.test(word) && UNIT.test(words[i + 1] ?? "")) word += ` ${words[++i]}`;
    word = word.replaceAll(NO_BREAK, " ");
    if (line !== "" && width(line) + 1 + width(word) > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  if (line !== "") lines.push(line);
  return lines;
}

/** A word that no line is long enough for, in pieces that fit. */
function pieces(word: string, columns: number): string[] {
  const room = Math.max(1, columns);
  if (width(word) <= room) return [word];
  const parts: string[] = [];
  let part = "";
  let taken = 0;
  for (const character of word) {
    const own = width(character);
    if (taken + own > room && part !== "") {
      parts.push(part);
      part = "";
      taken = 0;
    }
    part += character;
    taken += own;
  }
  parts.push(part);
  return parts;
}

/** Breaks a list between its items, `a, b,` and `c`; an item that is too long is broken like text. */
export function wrapList(items: readonly string[], columns: number): string[] {
  const lines: string[] = [];
  for (const [i, item] of items.entries()) {
    const word = i < items.length - 1 ? `${item},` : item;
    const line = lines.at(-1);
    if (line !== undefined && width(line) + 1 + width(word) <= columns) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(...wrap(word, columns));
  }
  return lines;
}
