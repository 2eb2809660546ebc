/** Mutations of chat templates, wherever they stand: in a file of their own, in JSON, or in GGUF metadata. */

const PIECES: readonly string[] = [
  "{{",
  "}}",
  "{%",
  "%}",
  "{#",
  "#}",
  "{%-",
  "-%}",
  "{% for m in messages %}",
  "{% endfor %}",
  "{% if x %}",
  "{% endif %}",
  "{% macro f(x) %}",
  "{% endmacro %}",
  "{% set x = x + x %}",
  "{% raw %}",
  "{{ x.__class__.__mro__ }}",
  "{{ ''|attr('__class__') }}",
  "{{ cycler.__init__.__globals__ }}",
  "((((((((",
  "))))))))",
  "[[[[[[[[",
  "{{ 'a' ~ 'b' * 9 }}",
  "{{ x[::-1] }}",
  "{% else %}",
  "{% elif %}",
  "\u200b",
  "\u202e",
  "\u0000",
  "'",
  "| tojson | tojson",
  "{{ 1 if 2 else 3 if 4 }}",
  "{% include 'x' %}",
  "{% call f() %}",
  "{% generation %}",
  "not not not ",
  "- - - ",
  "a.b.c.d",
];

/** Where a template may begin: the first piece of its syntax. */
const SYNTAX = /\{[{%#]/g;

const LATIN = new TextDecoder("latin1");

/**
 * Puts a piece of syntax, once or many times over, where there is syntax already. Where a length stands before the text it gets
 * wrong; files of text have none, and there the change is whole.
 */
export function mutateTemplate(bytes: Uint8Array, a: number, b: number, c: number): Uint8Array {
  const places = [...LATIN.decode(bytes).matchAll(SYNTAX)].map(({ index }) => index);
  const at = places[a % Math.max(1, places.length)];
  if (at === undefined) return bytes;
  const piece = PIECES[b % PIECES.length] as string;
  // Sometimes as much as the largest templates have.
  const times = c % 16 === 0 ? Math.ceil(256_000 / piece.length) : 1 + (c % 40);
  const insert = new TextEncoder().encode(piece.repeat(times));
  // Text in JSON stays text: quotes and controls would end it.
  const safe =
    bytes[0] === 0x7b ? insert.map((byte) => (byte < 0x20 || byte === 0x22 || byte === 0x5c ? 0x20 : byte)) : insert;
  // GGUF keeps its lengths where the new text replaces as many bytes.
  const isBinary = bytes[0] === 0x47;
  const cut = isBinary ? safe.subarray(0, bytes.length - at) : safe;
  const result = new Uint8Array(bytes.length + (isBinary ? 0 : cut.length));
  result.set(bytes.subarray(0, at));
  result.set(cut, at);
  result.set(bytes.subarray(isBinary ? at + cut.length : at), at + cut.length);
  return result;
}
