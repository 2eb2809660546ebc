/** JSON for scripts: one document, integers above 2^53 as decimal strings. */

/**
 * JSON itself escapes the controls below U+0020; the others, bidirectional and invisible marks would reach a terminal raw.
 * Escaped, they are the same string to every parser. Line feeds are the document's own.
 */
const UNSAFE = /(?!\n|\ufe0e|\ufe0f)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

function escapeUnits(character: string): string {
  let escaped = "";
  for (let i = 0; i < character.length; i++) escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
  return escaped;
}

/** Above 2^53 a JSON number would lose its last digits in most parsers. */
function exact(value: unknown): unknown {
  const large = typeof value === "bigint" || (Number.isInteger(value) && !Number.isSafeInteger(value));
  return large ? BigInt(value as number).toString() : value;
}

export function jsonText(value: unknown): string {
  const text = JSON.stringify(value, (_, inner: unknown) => exact(inner), 2);
  return text.replace(UNSAFE, escapeUnits);
}
