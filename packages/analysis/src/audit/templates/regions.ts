/**
 * A template cut into text, code and comments without parsing it: for templates that don't parse, and to say in which line
 * something stands. Linear; brackets that never close reach to the end.
 */
import { nextOpening } from "./lexer.ts";

export interface Region {
  readonly kind: "text" | "code" | "comment";
  readonly start: number;
  readonly end: number;
}

export function regionsOf(text: string): Region[] {
  const regions: Region[] = [];
  let at = 0;
  while (at < text.length) {
    const open = nextOpening(text, at);
    if (open > at) regions.push({ kind: "text", start: at, end: open });
    if (open === text.length) break;
    const mark = text[open + 1];
    const closing = mark === "#" ? text.indexOf("#}", open + 2) : endOfCode(text, open + 2, mark === "%" ? "%}" : "}}");
    const end = closing < 0 ? text.length : closing + 2;
    regions.push({ kind: mark === "#" ? "comment" : "code", start: open, end });
    at = end;
  }
  return regions;
}

/** Where the code closes: not inside of a string, and not with a bracket of its own. */
function endOfCode(text: string, from: number, close: string): number {
  let open = 0;
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === "'" || char === '"') {
      at = endOfString(text, at + 1, char);
    } else if (char === "{") open++;
    else if (char === "}" && open > 0) open--;
    else if (char === close[0] && text[at + 1] === "}") return at;
  }
  return -1;
}

function endOfString(text: string, from: number, quote: string): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === quote) return at;
  }
  return text.length;
}

/** All code of a template, each piece in a line of its own. */
export function codeOf(text: string, regions: readonly Region[]): string {
  return regions
    .filter(({ kind }) => kind === "code")
    .map(({ start, end }) => text.slice(start, end))
    .join("\n");
}

/** The template with its comments crossed out: what may reach the model. Everything else keeps its place. */
export function withoutComments(text: string, regions: readonly Region[]): string {
  if (!regions.some(({ kind }) => kind === "comment")) return text;
  return regions
    .map(({ kind, start, end }) => {
      const piece = text.slice(start, end);
      return kind === "comment" ? piece.replace(/[^\n]/g, "#") : piece;
    })
    .join("");
}

/** Line of a position, from 1. */
export function lineAt(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < position; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

/** The line in which a piece of code first stands, as words that go before what was found; nothing where it can't be found. */
export function lineOf(text: string, pieces: readonly string[]): string {
  for (const piece of pieces) {
    const at = piece === "" ? -1 : text.indexOf(piece);
    if (at >= 0) return `line ${lineAt(text, at)}: `;
  }
  return "";
}
