/**
 * Text for the terminal: making strings from files harmless, measuring, cutting and aligning them.
 *
 * Every string that comes from a file is data. Control characters, ANSI sequences, bidirectional marks, zero-width and
 * other invisible characters are made visible (`\x1b`, `\u202e`) before they are printed, so that no file can move the
 * cursor, colour the screen or show one name and mean another.
 */
import cliTruncate from "cli-truncate";
import stringWidth from "string-width";

/** Controls, format characters (bidi marks, zero width, tags), lone surrogates, line and paragraph separators. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
/** The same, but line breaks and tabs stay: for text that is shown over several lines. */
const UNSAFE_IN_BLOCK = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

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

const PLAIN_ASCII = /^[\x20-\x7e]*$/;

/** Columns that a string takes on the screen, colour codes aside. */
export function width(text: string): number {
  return PLAIN_ASCII.test(text) ? text.length : stringWidth(text);
}

/** Cuts to a number of columns, with an ellipsis where something is lost. */
export function cut(text: string, columns: number, position: "start" | "middle" | "end" = "end"): string {
  return width(text) <= columns ? text : cliTruncate(text, Math.max(1, columns), { position });
}

export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - width(text)));
}

export function padStart(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - width(text))) + text;
}

/** Breaks plain words into lines of at most so many columns. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
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
