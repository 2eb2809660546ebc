/** JSON for scripts: one document, integers above 2^53 as decimal strings. */

/**
 * JSON itself escapes the controls below U+0020; the others, bidirectional and invisible marks would reach a terminal raw.
 * Escaped, they are the same string to every parser. Line feeds are the document's own.
 */
const UNSAFE = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

function escapeUnits(character: string): string {
  let escaped = "";
  for (let i = 0; i < character.length; i++) escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
  return escaped;
}

export function jsonText(value: unknown): string {
  const text = JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? inner.toString() : inner), 2);
  return text.replace(UNSAFE, escapeUnits);
}
