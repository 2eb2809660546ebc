/** JSON for scripts: one document, integers above 2^53 as decimal strings. */

export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? inner.toString() : inner), 2);
}
