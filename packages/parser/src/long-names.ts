/**
 * Names that are too long to be names. Tables everywhere are keyed by names, and V8 hashes only strings of up to 16,383 units by what
 * they hold (String::kMaxHashCalcLength); longer ones by their length alone. A thousand names of one such length would all meet in
 * one place of a table, and a table of n of them would cost n * n comparisons.
 */
import { grouped } from "./words.ts";

/** UTF-16 units of a name that stays as it is. ggml allows 63 bytes; the longest names of tensors that are known have below 200. */
const MAX_NAME_UNITS = 16_000;
/** Units of a longer one that are kept. */
const KEPT_UNITS = 1_000;

/** A name as it is, or the beginning of one that is too long, with its length and a digest that tells it from others. */
export function asName(text: string): string {
  if (text.length <= MAX_NAME_UNITS) return text;
  return `${text.slice(0, KEPT_UNITS)}\u2026 (${grouped(text.length)} characters, ${digest(text)})`;
}

/** Two 32-bit FNV-1a hashes, as hexadecimal digits. Source: RFC 9923; the second from another offset basis. */
function digest(text: string): string {
  let [a, b] = [0x811c9dc5, 0x01000193];
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x01000193);
  }
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}
