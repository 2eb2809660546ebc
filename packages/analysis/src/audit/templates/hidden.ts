/** What a template's own words hide from a person, or from whoever reads the template: encoded runs, blanks, comments, orders. */

import { quoted } from "@checkpoint-inspect/parser";
import { base64Runs } from "../text/code.ts";

export interface Hidden {
  readonly what: string;
  readonly at: number;
}

/** Blanks in a row that push what follows out of sight. Indentation and empty lines of real templates are below 100. */
const MANY_BLANKS = 400;
/** Letters of base64 in a row; a hash has 64. */
const MANY_LETTERS = 200;

/** Words by which a text asks the model to hide something from the person it talks to, or to drop what it was told. */
const ORDERS =
  /\b(?:ignore|disregard|forget)\s(?:all\s|any\s)?(?:of\s)?(?:the\s|your\s)?(?:previous|prior|above|earlier)\s(?:instructions?|messages?|prompts?|rules?)|\b(?:do\snot|don't|never)\s(?:tell|inform|alert|notify|warn)\sthe\suser\s(?:that|why|about\s(?:this|these|it))\b|\bwithout\s(?:telling|informing|alerting|notifying|warning)\sthe\suser\b|\b(?:do\snot|don't|never)\s(?:mention|reveal|disclose)\s(?:this|these|that\syou\swere)\s(?:hidden\s|secret\s)?(?:instructions?|told|rules?)|\b(?:keep|hide)\s(?:this|it)\s(?:secret\s|hidden\s)?from\sthe\suser\b/i;

/** Without one of these there is no order, and most templates have none: looking for them is much cheaper. */
const ORDER_WORDS = ["ignore ", "disregard ", "forget ", "the user", "mention th", "reveal th", "disclose th"];

function mayOrder(text: string): boolean {
  const lower = text.toLowerCase().replace(/\s/g, " ");
  return ORDER_WORDS.some((word) => lower.includes(word));
}

/** @param text the template without its comments */
export function hiddenIn(text: string): Hidden[] {
  const found: Hidden[] = [];
  // A line end that is written as an escape would join two words; what takes its place keeps the positions.
  const order = mayOrder(text) ? ORDERS.exec(text.replace(/\\[nrt]/g, "  ")) : null;
  if (order) found.push({ what: `an order to act behind the user's back: ${quoted(order[0])}`, at: order.index });
  const comment = text.indexOf("<!--");
  if (comment >= 0) found.push({ what: "an HTML comment, which a page doesn't show", at: comment });
  const blanks = longRun(text, MANY_BLANKS, (code) => code === 0x20 || (code >= 0x09 && code <= 0x0d) || code === 0xa0);
  if (blanks && text.slice(blanks.at + blanks.length).trim() !== "") {
    found.push({ what: `${blanks.length} blanks in a row, with more after them`, at: blanks.at });
  }
  return found;
}

/** Long runs of base64, and plain letters written as escapes. */
export function encodedIn(text: string): Hidden[] {
  const found: Hidden[] = [];
  const run = longRun(text, MANY_LETTERS, isBase64);
  if (run) {
    const piece = text.slice(run.at, run.at + run.length);
    // A row of dashes or of one letter is decoration.
    if (/[a-z]/.test(piece) && /[A-Z]/.test(piece) && /[0-9]/.test(piece)) {
      found.push({ what: `${run.length} characters in a row that look like base64`, at: run.at });
    }
  }
  for (const { decoded, at } of base64Runs(text)) {
    if (!/:\/\/|[A-Za-z]{2} [A-Za-z]+ [A-Za-z]/.test(decoded)) continue;
    found.push({ what: `base64 of ${quoted(decoded)}`, at });
    break;
  }
  const escapes = /(?:\\x[2-7][0-9a-f]|\\u00[2-7][0-9a-f]|\\1[0-7]{2}){4}/i.exec(text);
  if (escapes)
    found.push({ what: `plain letters written as escapes: ${JSON.stringify(escapes[0])}`, at: escapes.index });
  return found;
}

function isBase64(code: number): boolean {
  return (
    (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a) || (code >= 0x2f && code <= 0x39) || code === 0x2b
  );
}

/** The first run of at least `least` such characters. */
function longRun(
  text: string,
  least: number,
  belongs: (code: number) => boolean,
): { at: number; length: number } | undefined {
  let from = 0;
  for (let at = 0; at <= text.length; at++) {
    if (at < text.length && belongs(text.charCodeAt(at))) continue;
    if (at - from >= least) return { at: from, length: at - from };
    from = at + 1;
  }
  return undefined;
}

export interface Address {
  readonly host: string;
  readonly at: number;
  /** What the chat says is put behind it: reading the answer sends it away. */
  readonly carries: boolean;
}

/** Web addresses in the words of a template, one a host. */
export function addressesIn(text: string): Address[] {
  const found = new Map<string, Address>();
  for (const match of text.matchAll(/\b(?:https?|wss?|ftp):\/\/([\w.:@[\]-]{1,253})([^\s"'<>]{0,300})/gi)) {
    const [whole, host = "", rest = ""] = match;
    const after = text.slice(match.index + whole.length, match.index + whole.length + 12);
    const carries = /[?=/&]\s*\{\{/.test(rest) || /^["']?\s*(?:\{\{|[~+|])/.test(after);
    const seen = found.get(host);
    if (!seen || (carries && !seen.carries)) found.set(host, { host, at: match.index, carries });
    if (found.size >= 50) break;
  }
  return [...found.values()];
}
