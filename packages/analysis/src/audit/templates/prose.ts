/** The text that a branch of a template writes, and what of it is words. */
import type { Folder } from "./fold.ts";
import { children, type Node, nameOf } from "./nodes.ts";
import { asks, COMPARES } from "./triggers.ts";

/** Characters of one branch that are read. */
const MAX_PROSE = 20_000;

/** Macros that are followed from one branch. */
const MAX_CALLS = 20;

/** Functions whose words go to the person, not to the model. */
const RAISES: ReadonlySet<string> = new Set(["raise_exception", "raise", "warn", "print"]);

/**
 * Reads what branches write, or keep in a variable to be written: text, constants, and what the macros write that they call.
 * @param macros bodies by name
 */
export function proseReader(
  { fold }: Folder,
  macros: ReadonlyMap<string, readonly Node[]>,
): (nodes: readonly Node[]) => string {
  return function proseOf(nodes: readonly Node[]): string {
    const pieces: string[] = [];
    let left = MAX_PROSE;
    const calls = new Set<string>();
    const write = (text: string): void => {
      pieces.push(text.slice(0, left));
      left -= text.length;
    };
    const walk = (node: Node): void => {
      if (left <= 0) return;
      switch (node.type) {
        case "StringLiteral":
          write(node.value);
          return;
        case "If":
          node.body.forEach(walk);
          node.alternate.forEach(walk);
          return;
        case "For":
          node.body.forEach(walk);
          return;
        case "Set":
          if (node.value) walk(node.value);
          node.body.forEach(walk);
          return;
        case "Ternary":
          walk(node.trueExpr);
          walk(node.falseExpr);
          return;
        case "SelectExpression":
          walk(node.lhs);
          return;
        case "BinaryExpression":
          // Sides of a comparison aren't written.
          if (!COMPARES.test(node.operator.value)) children(node).forEach(walk);
          return;
        case "CallExpression": {
          const name = nameOf(node.callee) ?? "";
          if (RAISES.has(name)) return;
          const macro = macros.get(name);
          if (macro && !calls.has(name) && calls.size < MAX_CALLS) {
            calls.add(name);
            macro.forEach(walk);
          }
          if (node.callee.type === "MemberExpression") {
            if (asks(nameOf(node.callee.property))) return;
            walk(node.callee.object);
          }
          node.args.forEach(walk);
          return;
        }
        case "FilterExpression":
          walk(node.operand);
          return;
        case "MemberExpression": {
          const value = fold(node);
          if (typeof value === "string") write(value);
          else walk(node.object);
          return;
        }
        case "Identifier": {
          const value = fold(node);
          if (typeof value === "string") write(value);
          return;
        }
        case "ObjectLiteral":
          [...node.value.values()].forEach(walk);
          return;
        case "Macro":
        case "TestExpression":
        case "SliceExpression":
          return;
        default:
          children(node).forEach(walk);
      }
    };
    for (const node of nodes) walk(node);
    return pieces.join(" ");
  };
}

/** What only one of two branches writes. */
export interface OwnProse {
  readonly words: number;
  /** As it is written, from the first of its words to the last. */
  readonly text: string;
}

/** What of `text` is in words that `other` doesn't have; markup doesn't count. */
export function ownProse(text: string, other: string): OwnProse {
  const theirs = new Set(wordsOf(other).map(([word]) => word));
  const own = wordsOf(text).filter(([word]) => !theirs.has(word));
  const [first, last] = [own[0], own.at(-1)];
  if (!first || !last) return { words: 0, text: "" };
  return { words: own.length, text: text.slice(first.index, last.index + last[0].length) };
}

/** Words, at their places. */
function wordsOf(text: string): RegExpExecArray[] {
  const bare = text.replace(/<[^<>]{0,80}>|\[[^[\]]{0,40}\]/g, (markup) => " ".repeat(markup.length));
  return [...bare.matchAll(/\p{L}[\p{L}'\u2019-]+/gu)];
}
