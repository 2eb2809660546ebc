/** Which tensors, in which order: the terms and sorts of `inspect tensors` and of the browser's table. */
import { BUCKETS, type PlacedTensor } from "@checkpoint-inspect/analysis";

import { UsageError } from "./commands/usage.ts";

/** Orders, largest first for sizes. */
export const SORTS: Readonly<Record<string, (a: PlacedTensor, b: PlacedTensor) => number>> = {
  file: () => 0,
  name: (a, b) => byText(a.tensor.name, b.tensor.name),
  size: (a, b) => b.tensor.sizeBytes - a.tensor.sizeBytes,
  elements: (a, b) => b.tensor.elements - a.tensor.elements,
  type: (a, b) => byText(a.tensor.type, b.tensor.type) || b.tensor.sizeBytes - a.tensor.sizeBytes,
  layer: (a, b) => (a.role.layer ?? -1) - (b.role.layer ?? -1),
  role: (a, b) => BUCKETS.indexOf(a.role.bucket) - BUCKETS.indexOf(b.role.bucket) || byText(a.role.part, b.role.part),
};

export type Test = (placed: PlacedTensor) => boolean;

/** `key:value` terms; anything else is a part of the name, with `*` for any run of characters. */
const TERMS: Readonly<Record<string, (value: string) => Test>> = {
  layer: (value) => {
    const [first, last] = range(value);
    return ({ role }) => role.layer !== undefined && role.layer >= first && role.layer <= last;
  },
  expert: (value) => {
    const [first, last] = range(value);
    return ({ role }) => role.expert !== undefined && role.expert >= first && role.expert <= last;
  },
  bucket: (value) => {
    if (!(BUCKETS as readonly string[]).includes(value)) {
      throw new UsageError(`bucket:${value} is none of ${BUCKETS.join(", ")}`);
    }
    return ({ role }) => role.bucket === value;
  },
  part:
    (value) =>
    ({ role }) =>
      role.part === value,
  stack:
    (value) =>
    ({ role }) =>
      role.stack === value,
  type:
    (value) =>
    ({ tensor }) =>
      tensor.type.toLowerCase() === value.toLowerCase(),
  dtype:
    (value) =>
    ({ tensor }) =>
      tensor.type.toLowerCase() === value.toLowerCase(),
  bias: (value) => {
    if (value !== "yes" && value !== "no") throw new UsageError(`bias:${value} is neither bias:yes nor bias:no`);
    return ({ role }) => role.bias === (value === "yes");
  },
  size: (value) => {
    const match = /^([<>]?)=?(\d+(?:\.\d+)?)\s*([kmgt]?)b?$/i.exec(value);
    if (!match) throw new UsageError(`size:${value} is not a size; write size:>100MB or size:<1k`);
    const [, sign, digits = "0", unit = ""] = match;
    const bytes = Number(digits) * 1000 ** " kmgt".indexOf(unit.toLowerCase() || " ");
    return ({ tensor }) => (sign === "<" ? tensor.sizeBytes < bytes : tensor.sizeBytes >= bytes);
  },
};

function range(value: string): [number, number] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(value);
  if (!match) throw new UsageError(`${value} is neither a number nor a range like 3-7`);
  const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
  if (last < first) throw new UsageError(`${value} runs backwards; write ${last}-${first}`);
  return [first, last];
}

/**
 * One term as a test.
 * @throws {UsageError} for a key or a value that isn't one
 */
export function parseTerm(term: string): Test {
  const colon = term.indexOf(":");
  const make = colon > 0 && Object.hasOwn(TERMS, term.slice(0, colon)) ? TERMS[term.slice(0, colon)] : undefined;
  if (make) return make(term.slice(colon + 1));
  // Tensor names of torchao hold a colon, so only a plain word in front of one is taken for a mistyped key.
  if (colon > 0 && /^[a-z]+$/.test(term.slice(0, colon)) && !term.includes("*")) {
    throw new UsageError(`${term}: no such filter; there are ${Object.keys(TERMS).join(", ")}, and parts of names`);
  }
  const pieces = term.toLowerCase().split("*");
  return ({ tensor }) => {
    const name = tensor.name.toLowerCase();
    let at = 0;
    for (const piece of pieces) {
      const found = name.indexOf(piece, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return true;
  };
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
