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

/** @param most UTF-16 units that it may have */
export function parseTemplate(text: string, most: number): Parsed {
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
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
