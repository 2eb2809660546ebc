/** Templates that take hours or all memory to render. */
import type { Folder } from "./fold.ts";
import { argumentsOf, type Node, nameOf } from "./nodes.ts";

/** Turns of constant loops inside each other, and characters of padding. A chat has a few hundred messages. */
export const MANY_TURNS = 1_000_000;

/** How often a loop over constants turns; 1 where that isn't known. */
export function turnsOf(iterable: Node, { fold }: Folder): number {
  if (iterable.type === "SelectExpression") return turnsOf(iterable.lhs, { fold } as Folder);
  if (iterable.type === "FilterExpression") return turnsOf(iterable.operand, { fold } as Folder);
  if (iterable.type === "CallExpression" && nameOf(iterable.callee) === "range") {
    const [a, b, c] = iterable.args.map(fold);
    if (typeof a !== "number" || (b !== undefined && typeof b !== "number")) return 1;
    const step = typeof c === "number" && c !== 0 ? c : 1;
    return Math.max(1, Math.ceil((b === undefined ? a : b - a) / step));
  }
  const value = fold(iterable);
  return Array.isArray(value) ? Math.max(1, value.length) : 1;
}

const PADS: ReadonlySet<string> = new Set(["center", "ljust", "rjust", "zfill", "indent", "range"]);

/** Memory that one expression takes: `'a' * 10 ** 9`, `|center(10 ** 9)`. @returns the figure */
export function costOf(node: Node, { fold }: Folder): number | undefined {
  const large = (value: unknown): number | undefined =>
    typeof value === "number" && value > MANY_TURNS ? value : undefined;
  if (node.type === "BinaryExpression" && node.operator.value === "*") {
    const left = fold(node.left);
    const right = fold(node.right);
    // A product of two numbers is a number, and cheap.
    if (typeof left === "number" && typeof right === "number") return undefined;
    return large(left) ?? large(right);
  }
  if (node.type === "BinaryExpression" && node.operator.value === "**") {
    const exponent = fold(node.right);
    return typeof exponent === "number" && exponent > 10_000 ? exponent : undefined;
  }
  const filter = node.type === "FilterExpression" ? node.filter : undefined;
  const name = filter ? nameOf(filter) : node.type === "CallExpression" ? calledName(node.callee) : undefined;
  if (name === undefined || !PADS.has(name)) return undefined;
  for (const arg of filter ? argumentsOf(filter) : argumentsOf(node)) {
    const found = large(fold(arg));
    if (found) return found;
  }
  return undefined;
}

function calledName(callee: Node): string | undefined {
  return callee.type === "MemberExpression" ? nameOf(callee.property) : nameOf(callee);
}
