/**
 * A chat template as a tree. Templates are programs of strangers: their size and depth are bounded before anything walks them.
 */
import { grouped } from "@checkpoint-inspect/parser";
import { parse } from "@huggingface/jinja";

import { tokensOf } from "./lexer.ts";
import { depthOf, type Program } from "./nodes.ts";

/** UTF-16 units of a template that is parsed, or of all of a model. The longest of released models have a tenth of that. */
export const MAX_PARSED = 128 * 1024;
/** Nodes inside each other. Real templates stay below 40. */
const MAX_DEPTH = 400;

export type Parsed = { readonly program: Program } | { readonly problem: string };

/** @param most UTF-16 units that it may have, comments aside */
export function parseTemplate(whole: string, most: number): Parsed {
  const text = whole.length > most ? uncommented(whole) : whole;
  if (text.length > most) {
    const limit = most < MAX_PARSED ? "with the templates before it " : "";
    return {
      problem: `it has ${grouped(text.length)} characters, ${limit}more than the ${grouped(MAX_PARSED)} that are parsed`,
    };
  }
  try {
    const program = parse(tokensOf(text) as Parameters<typeof parse>[0]) as unknown as Program;
    const depth = depthOf(program);
    if (depth > MAX_DEPTH)
      return { problem: `it nests ${depth} levels deep, more than the ${MAX_DEPTH} that are followed` };
    return { program };
  } catch (error) {
    // The parser runs off the end of its tokens, and of the stack.
    if (error instanceof RangeError) return { problem: "it nests too deep to be parsed" };
    if (error instanceof TypeError) return { problem: "it ends inside an expression or a block" };
    return { problem: inWords(error instanceof Error ? error.message : String(error)) };
  }
}

/** Comments reach as far as their first end, whatever they hold: room to hide a template behind. Line feeds stay, for the numbers of lines. */
function uncommented(text: string): string {
  const kept: string[] = [];
  let at = 0;
  for (let from = text.indexOf("{#"); from >= 0; from = text.indexOf("{#", at)) {
    const end = text.indexOf("#}", from + 2);
    if (end < 0) break;
    kept.push(text.slice(at, from), text.slice(from, end).replace(/[^\n]+/g, ""));
    at = end + 2;
  }
  return kept.join("") + text.slice(at);
}

/** The parser's names of what stands in a template, as a person would write them. */
const TOKENS: Readonly<Record<string, string>> = {
  Text: "text",
  NumericLiteral: "a number",
  StringLiteral: "a string",
  Identifier: "a name",
  Equals: '"="',
  OpenParen: '"("',
  CloseParen: '")"',
  OpenStatement: '"{%"',
  CloseStatement: '"%}"',
  OpenExpression: '"{{"',
  CloseExpression: '"}}"',
  OpenSquareBracket: '"["',
  CloseSquareBracket: '"]"',
  OpenCurlyBracket: '"{"',
  CloseCurlyBracket: '"}"',
  Comma: '","',
  Dot: '"."',
  Colon: '":"',
  Pipe: '"|"',
  AdditiveBinaryOperator: "an operator",
  MultiplicativeBinaryOperator: "an operator",
  ExponentiationBinaryOperator: '"**"',
  ComparisonBinaryOperator: "a comparison",
  UnaryOperator: '"not"',
  Comment: "a comment",
};

/** The parser's message without the names of its own parts: `it has "}" where "}}" should be`. */
function inWords(message: string): string {
  const [, found, wanted] = /(\w+) !== (\w+)\.?$/.exec(message) ?? [];
  const [has, due] = [TOKENS[found ?? ""], TOKENS[wanted ?? ""]];
  if (has && due) return `it has ${has} where ${due} should be`;
  const [, odd = ""] = /^(?:Unexpected token(?: type)?:|Unknown statement, got) (\w+)$/.exec(message) ?? [];
  if (TOKENS[odd]) return `it has ${TOKENS[odd]} in a place where it can't be`;
  const plain = message.replace(/\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b/g, (name) => TOKENS[name] ?? "an expression");
  return plain.charAt(0).toLowerCase() + plain.slice(1);
}
