/**
 * Cuts a template into the tokens that the parser of `@huggingface/jinja` takes, and into the same ones as its own lexer: that one
 * looks at every character through several regexes and takes the square of a run of blanks, and a template is looked at whenever
 * a model is opened.
 */
import type { Token } from "./nodes.ts";

/** Blanks that a `{% generation %}` mark may stand in; the regex that removes the marks takes the square of their number. */
const MAX_BLANKS = 200;

const OPERATORS: Readonly<Record<string, string>> = {
  "{%": "OpenStatement",
  "%}": "CloseStatement",
  "{{": "OpenExpression",
  "}}": "CloseExpression",
  "(": "OpenParen",
  ")": "CloseParen",
  "{": "OpenCurlyBracket",
  "}": "CloseCurlyBracket",
  "[": "OpenSquareBracket",
  "]": "CloseSquareBracket",
  ",": "Comma",
  ".": "Dot",
  ":": "Colon",
  "|": "Pipe",
  "<=": "ComparisonBinaryOperator",
  ">=": "ComparisonBinaryOperator",
  "==": "ComparisonBinaryOperator",
  "!=": "ComparisonBinaryOperator",
  "<": "ComparisonBinaryOperator",
  ">": "ComparisonBinaryOperator",
  "+": "AdditiveBinaryOperator",
  "-": "AdditiveBinaryOperator",
  "~": "AdditiveBinaryOperator",
  "**": "ExponentiationBinaryOperator",
  "*": "MultiplicativeBinaryOperator",
  "//": "MultiplicativeBinaryOperator",
  "/": "MultiplicativeBinaryOperator",
  "%": "MultiplicativeBinaryOperator",
  "=": "Equals",
};
const OPERATOR = new Map(Object.entries(OPERATORS));

const ESCAPES = new Map(
  Object.entries({ n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", "'": "'", '"': '"', "\\": "\\" }),
);

/** After these a sign is an operator; after others it belongs to a number. */
const OPERANDS: ReadonlySet<string> = new Set([
  "Identifier",
  "NumericLiteral",
  "StringLiteral",
  "CloseParen",
  "CloseSquareBracket",
]);

/** @throws {SyntaxError} with the words of the library's lexer */
export function tokensOf(template: string): Token[] {
  const source = prepared(template);
  const tokens: { value: string; type: string }[] = [];
  let at = 0;
  let curly = 0;
  let last: string | undefined;

  const push = (type: string, value: string): void => {
    tokens.push({ value, type });
    last = type;
  };
  const trimLastText = (): void => {
    const token = tokens.at(-1);
    if (token?.type !== "Text") return;
    token.value = token.value.trimEnd();
    if (token.value === "") {
      tokens.pop();
      last = tokens.at(-1)?.type;
    }
  };
  const end = (pattern: RegExp, from: number): number => {
    pattern.lastIndex = from;
    return pattern.test(source) ? pattern.lastIndex : from;
  };
  /** What a pattern matches here; in code nothing may end with the template. */
  const take = (pattern: RegExp): string => {
    const from = at;
    at = end(pattern, from);
    if (at > from && at >= source.length) throw endOfInput();
    return source.slice(from, at);
  };
  const number = (fraction: boolean): string => {
    const whole = take(DIGITS);
    if (whole === "" || !fraction || source[at] !== "." || !isDigit(source.charCodeAt(at + 1))) return whole;
    at++;
    return `${whole}.${take(DIGITS)}`;
  };
  const text = (quote: string): string => {
    let value = "";
    for (let from = ++at; ; at++) {
      if (at >= source.length) throw endOfInput();
      const char = source[at] as string;
      if (char === quote) {
        value += source.slice(from, at++);
        return value;
      }
      if (char !== "\\") continue;
      value += source.slice(from, at);
      const [decoded, length] = escapeAt(source, at + 1);
      value += decoded;
      from = at + 1 + length;
      at = from - 1;
    }
  };

  while (at < source.length) {
    if (last === undefined || last === "CloseStatement" || last === "CloseExpression" || last === "Comment") {
      const open = nextOpening(source, at);
      if (open > at) {
        push("Text", source.slice(at, open));
        at = open;
        continue;
      }
    }
    if (source.startsWith("{#", at)) {
      at += 2;
      const before = source[at] === "-";
      if (before) at++;
      const close = source.indexOf("#}", at);
      if (close < 0) throw new SyntaxError("Missing end of comment tag");
      const comment = source.slice(at, close);
      const after = comment.endsWith("-");
      if (before) trimLastText();
      push("Comment", after ? comment.slice(0, -1) : comment);
      at = close + 2;
      if (after) at = end(BLANKS, at);
      continue;
    }
    if (source.startsWith("{%-", at) || source.startsWith("{{-", at)) {
      trimLastText();
      const statement = source[at + 1] === "%";
      push(statement ? "OpenStatement" : "OpenExpression", statement ? "{%" : "{{");
      if (!statement) curly = 0;
      at += 3;
      continue;
    }
    take(BLANKS);
    if (source.startsWith("-%}", at) || source.startsWith("-}}", at)) {
      const statement = source[at + 1] === "%";
      push(statement ? "CloseStatement" : "CloseExpression", statement ? "%}" : "}}");
      at = end(BLANKS, at + 3);
      continue;
    }
    const char = source[at] as string;
    if (char === "-" || char === "+") {
      if (last === "Text" || last === undefined) throw new SyntaxError(`Unexpected character: ${char}`);
      if (!OPERANDS.has(last)) {
        at++;
        const digits = number(true);
        push(digits === "" ? "UnaryOperator" : "NumericLiteral", char + digits);
        continue;
      }
    }
    const two = source.slice(at, at + 2);
    const operator = OPERATOR.has(two) && !(two === "}}" && curly > 0) ? two : char;
    const type = OPERATOR.get(operator);
    if (type !== undefined) {
      push(type, operator);
      if (type === "OpenExpression") curly = 0;
      else if (type === "OpenCurlyBracket") curly++;
      else if (type === "CloseCurlyBracket") curly--;
      at += operator.length;
    } else if (char === "'" || char === '"') push("StringLiteral", text(char));
    else if (isDigit(char.charCodeAt(0))) push("NumericLiteral", number(last !== "Dot"));
    else {
      const word = take(WORD);
      if (word === "") throw new SyntaxError(`Unexpected character: ${char}`);
      push("Identifier", word);
    }
  }
  return tokens;
}

const BLANKS = /\s+/y;
const DIGITS = /[0-9]+/y;
const WORD = /\w+/y;

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

function endOfInput(): SyntaxError {
  return new SyntaxError("Unexpected end of input");
}

/** What an escape stands for, and how many characters follow its backslash. */
function escapeAt(source: string, at: number): [text: string, length: number] {
  const letter = source[at];
  if (letter === undefined) throw endOfInput();
  if (letter === "x" || letter === "u") {
    const digits = letter === "x" ? 2 : 4;
    const hex = source.slice(at + 1, at + 1 + digits);
    if (hex.length !== digits || /[^0-9a-f]/i.test(hex)) {
      throw new SyntaxError(`Invalid hexadecimal escape sequence: \\${letter}${hex}`);
    }
    return [String.fromCharCode(Number.parseInt(hex, 16)), 1 + digits];
  }
  const decoded = ESCAPES.get(letter);
  if (decoded === undefined) throw new SyntaxError(`Unexpected escaped character: ${letter}`);
  return [decoded, 1];
}

/** Index of the next `{{`, `{%` or `{#`, or the end. */
export function nextOpening(source: string, from: number): number {
  for (let at = source.indexOf("{", from); at >= 0; at = source.indexOf("{", at + 1)) {
    const next = source[at + 1];
    if (next === "{" || next === "%" || next === "#") return at;
  }
  return source.length;
}

/** Blanks around blocks as transformers has them removed (lstrip_blocks, trim_blocks), and without the marks of what is generated. */
function prepared(template: string): string {
  const text = (template.endsWith("\n") ? template.slice(0, -1) : template)
    .replace(/^[ \t]*(\{[#%-])/gm, "$1")
    .replace(/([#%-]\})\n/g, "$1");
  if (!text.includes("generation")) return text;
  return cutBlanks(text).replace(
    /(\s*)\{%(-?)\s*(?:end)?generation\s*(-?)%\}(\s*)/g,
    (_, before: string, lstrip: string, rstrip: string, after: string) =>
      (lstrip ? "" : before) + (rstrip ? "" : after),
  );
}

function cutBlanks(text: string): string {
  const pieces: string[] = [];
  let from = 0;
  for (let at = 0, run = 0; at <= text.length; at++) {
    if (at < text.length && isBlank(text.charCodeAt(at))) {
      run++;
      continue;
    }
    if (run > MAX_BLANKS) {
      pieces.push(text.slice(from, at - run + MAX_BLANKS));
      from = at;
    }
    run = 0;
  }
  return from === 0 ? text : pieces.join("") + text.slice(from);
}

/** What `\s` matches. */
function isBlank(code: number): boolean {
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  return code === 0xa0 || (code >= 0x1680 && /\s/.test(String.fromCharCode(code)));
}
