/**
 * Mutations of JSON text that leave most of it well formed: the header of a safetensors file, or a file beside it. Works on the
 * text and not on objects, which could hold neither a key twice nor a number as it is written.
 */

interface Span {
  readonly start: number;
  readonly end: number;
  readonly kind: "key" | "string" | "number" | "word" | "object" | "array";
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\]]/g;

/** Values and keys of the text, in the order in which they end. */
function spansOf(text: string): Span[] {
  const spans: Span[] = [];
  const open: { start: number; kind: "object" | "array" }[] = [];
  for (const { 0: token, index: start } of text.matchAll(TOKEN)) {
    const end = start + token.length;
    const first = token[0] as string;
    if (first === "{" || first === "[") open.push({ start, kind: first === "{" ? "object" : "array" });
    else if (first === "}" || first === "]") {
      const opened = open.pop();
      if (opened) spans.push({ ...opened, end });
    } else if (first === '"') {
      // White space before the colon is rare, and then a key is taken for a string.
      spans.push({ start, end, kind: text[end] === ":" ? "key" : "string" });
    } else spans.push({ start, end, kind: /[tfn]/.test(first) ? "word" : "number" });
  }
  return spans;
}

const VALUES: readonly string[] = [
  "0",
  "-1",
  "1",
  "2.0",
  "1e3",
  "1e999",
  "-0",
  "01",
  "9007199254740993",
  "18446744073709551615",
  "18446744073709551616",
  `1${"0".repeat(400)}`,
  "true",
  "null",
  '""',
  '"F32"',
  '"BF16"',
  '"F4"',
  '"I4"',
  '"\\u0000"',
  '"\\ud800"',
  '"\\u202e"',
  '"\\u001b[31m"',
  '"../../etc/passwd"',
  '"model.bin"',
  '"https://x.invalid/\\u200b"',
  "{}",
  "[]",
  "[[]]",
  "[0,0]",
  "[4294967296,4294967296]",
  `[${"1,".repeat(5000)}1]`,
  `${"[".repeat(300)}${"]".repeat(300)}`,
  `${'{"a":'.repeat(200)}1${"}".repeat(200)}`,
  `"${"a".repeat(20_000)}"`,
  "NaN",
  "Infinity",
  "'a'",
  "\uFEFF",
  "",
];

const KEYS: readonly string[] = [
  '"__proto__"',
  '"constructor"',
  '"__metadata__"',
  '"dtype"',
  '"shape"',
  '"data_offsets"',
  '"weight_map"',
  '"toString"',
  '""',
  '"0"',
  '"\\u0000"',
  '"\\ud800"',
  '"model.layers.99999.self_attn.q_proj.weight"',
  '"model.layers.-1.mlp.up_proj.weight"',
  '"quantization_config"',
  '"num_hidden_layers"',
  '"text_config"',
  `"${"x.".repeat(5000)}"`,
  '"a\\nb"',
  '"\u202eb"',
];

const pick = <T>(values: readonly T[], choice: number): T | undefined => values[choice % Math.max(1, values.length)];

function replaced(text: string, { start, end }: Pick<Span, "start" | "end">, by: string): string {
  return text.slice(0, start) + by + text.slice(end);
}

/** One of a few changes to text that is taken for JSON. */
function changed(text: string, a: number, b: number, c: number): string {
  const spans = spansOf(text);
  const keys = spans.filter(({ kind }) => kind === "key");
  const values = spans.filter(({ kind }) => kind !== "key");
  const key = pick(keys, a);
  const value = pick(values, a);
  if (!key || !value) return text;
  /** A member: its key and its value, which ends first among those that begin right behind the colon. */
  const memberOf = (span: Span): Span | undefined => {
    const own = spans.find(({ start, kind }) => start === span.end + 1 && kind !== "key");
    return own && { ...span, end: own.end };
  };
  switch (c % 9) {
    case 0:
      return replaced(text, value, pick(VALUES, b) ?? "");
    case 1:
      return replaced(text, key, pick(KEYS, b) ?? "");
    case 2: {
      const member = memberOf(key);
      return member
        ? replaced(text, { start: member.start, end: member.start }, `${text.slice(member.start, member.end)},`)
        : text;
    }
    case 3: {
      const [first, second] = [memberOf(key), memberOf(pick(keys, b) ?? key)];
      if (!first || !second || first.end > second.start) return text;
      const swapped = replaced(text, second, text.slice(first.start, first.end));
      return replaced(swapped, first, text.slice(second.start, second.end));
    }
    case 4: {
      const other = pick(values, b) ?? value;
      return replaced(text, value, text.slice(other.start, other.end));
    }
    case 5: {
      const depth = 1 + (b % 200);
      const [open, close] = b % 2 === 0 ? ["[", "]"] : ['{"a":', "}"];
      return replaced(text, value, open.repeat(depth) + text.slice(value.start, value.end) + close.repeat(depth));
    }
    case 6:
      return replaced(text, key, text.slice((pick(keys, b) ?? key).start, (pick(keys, b) ?? key).end));
    case 7: {
      const numbers = values.filter(({ kind }) => kind === "number");
      const number = pick(numbers, a) ?? value;
      const near = Number(text.slice(number.start, number.end)) + (b % 33) - 16;
      return replaced(text, number, String(near));
    }
    default: {
      const member = memberOf(key);
      return member ? replaced(text, member, "").replace(/,,|\{,/, (found) => found[0] as string) : text;
    }
  }
}

/** Changes a JSON file, or the JSON header of a safetensors file, whose length is set right again. Other bytes are left. */
export function mutateJson(bytes: Uint8Array, a: number, b: number, c: number): Uint8Array {
  const decode = (part: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(part);
  const encode = (text: string) => new TextEncoder().encode(text);
  if (bytes[0] === 0x7b || bytes[0] === 0x5b) return encode(changed(decode(bytes), a, b, c));
  if (bytes.length < 9 || bytes[8] !== 0x7b) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = 8 + Math.min(Number(view.getBigUint64(0, true)), bytes.length - 8);
  const header = encode(changed(decode(bytes.subarray(8, end)), a, b, c));
  const result = new Uint8Array(8 + header.length + bytes.length - end);
  new DataView(result.buffer).setBigUint64(0, BigInt(header.length), true);
  result.set(header, 8);
  result.set(bytes.subarray(end), 8 + header.length);
  return result;
}
