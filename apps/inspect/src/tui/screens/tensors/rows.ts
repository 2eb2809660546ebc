/** Which tensors the table shows, in which order, and the tree of their names. Worked out when a filter or an order changes. */
import type { Bucket, PlacedTensor } from "@checkpoint-inspect/analysis";

import { UsageError } from "../../../commands/usage.ts";
import { parseTerm, SORTS, type Test } from "../../../tensor-filter.ts";
import type { Subject } from "../../subject.ts";

/** Orders in the turn in which `s` takes them. */
export const ORDERS = ["file", "size", "elements", "name", "type", "layer", "role"] as const;
export type Order = (typeof ORDERS)[number];

export interface Selected {
  /** Places in the checkpoint's tensors. */
  readonly rows: readonly number[];
  readonly bytes: number;
  readonly parameters: number;
  /** The longest name, in characters. */
  readonly longest: number;
}

/** Tests of a filter's terms; of one that is wrong (half of one is, as it is typed) why, and it tests nothing. */
export function readFilter(filter: string): { readonly tests: readonly Test[]; readonly problem: string | null } {
  const tests: Test[] = [];
  let problem: string | null = null;
  for (const term of filter.split(/\s+/).filter((word) => word !== "")) {
    try {
      tests.push(term.startsWith("~") ? fuzzy(term.slice(1)) : parseTerm(term));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problem = error.message;
    }
  }
  return { tests, problem };
}

/** The characters in this order, with anything between them. */
function fuzzy(text: string): Test {
  const wanted = text.toLowerCase();
  return ({ tensor }) => {
    let at = 0;
    for (const character of tensor.name.toLowerCase()) if (character === wanted[at]) at++;
    return at >= wanted.length;
  };
}

/** The rows that pass all tests. */
export function select(
  subject: Subject,
  tests: readonly Test[],
  bucket: Bucket | null,
  order: Order,
  reverse: boolean,
): Selected {
  const { tensors } = subject;
  const rows: number[] = [];
  let bytes = 0;
  let parameters = 0;
  let longest = 0;
  for (const i of ordered(subject, order)) {
    const placed = tensors[i] as PlacedTensor;
    if (bucket !== null && placed.role.bucket !== bucket) continue;
    if (!tests.every((test) => test(placed))) continue;
    rows.push(i);
    bytes += placed.tensor.sizeBytes;
    parameters += placed.parameters;
    longest = Math.max(longest, placed.tensor.name.length);
  }
  if (reverse) rows.reverse();
  return { rows, bytes, parameters, longest };
}

const orders = new WeakMap<Subject, Map<Order, readonly number[]>>();

/** All tensors in an order: sorted once, filtered often. */
function ordered(subject: Subject, order: Order): readonly number[] {
  let known = orders.get(subject);
  if (!known) {
    known = new Map();
    orders.set(subject, known);
  }
  let all = known.get(order);
  if (!all) {
    const { tensors } = subject;
    const compare = SORTS[order];
    const places = tensors.map((_, i) => i);
    all =
      order === "file" || !compare
        ? places
        : places.sort((a, b) => compare(tensors[a] as PlacedTensor, tensors[b] as PlacedTensor) || a - b);
    known.set(order, all);
  }
  return all;
}

/** A line of the tree: a branch that can be opened, or a tensor. */
export interface Entry {
  readonly label: string;
  readonly depth: number;
  /** Dotted path of a branch; null for a tensor. */
  readonly path: string | null;
  readonly isOpen: boolean;
  /** Place of the tensor, or of a branch's first one. */
  readonly row: number;
  readonly tensors: number;
  readonly bytes: number;
  readonly parameters: number;
}

interface Node {
  readonly label: string;
  readonly path: string;
  readonly children: Map<string, Node>;
  /** A tensor that ends here. */
  leaf: number | null;
  first: number;
  tensors: number;
  bytes: number;
  parameters: number;
}

const trees = new WeakMap<readonly number[], Node>();

/** The lines of the tree where these branches are open. */
export function treeEntries({ tensors }: Subject, rows: readonly number[], open: ReadonlySet<string>): Entry[] {
  let root = trees.get(rows);
  if (!root) {
    root = plant(tensors, rows);
    trees.set(rows, root);
  }
  const entries: Entry[] = [];
  const visit = (node: Node, depth: number): void => {
    for (const first of node.children.values()) {
      // A branch of one branch is one line: `model.layers`.
      let child = first;
      let label = child.label;
      for (;;) {
        const only = child.children.size === 1 && child.leaf === null ? [...child.children.values()][0] : undefined;
        if (!only) break;
        child = only;
        label += `.${child.label}`;
      }
      const { bytes, parameters, tensors, path } = child;
      const figures = { label, depth, bytes, parameters, tensors };
      if (child.leaf !== null) entries.push({ ...figures, path: null, isOpen: false, row: child.leaf });
      if (child.children.size === 0) continue;
      const isOpen = open.has(path);
      entries.push({ ...figures, path, isOpen, row: child.first });
      if (isOpen) visit(child, depth + 1);
    }
  };
  visit(root, 0);
  return entries;
}

function plant(tensors: Subject["tensors"], rows: readonly number[]): Node {
  const make = (label: string, path: string, first: number): Node => ({
    label,
    path,
    children: new Map(),
    leaf: null,
    first,
    tensors: 0,
    bytes: 0,
    parameters: 0,
  });
  const root = make("", "", 0);
  for (const row of rows) {
    const { tensor, parameters } = tensors[row] as PlacedTensor;
    let node = root;
    const segments = tensor.name.split(".");
    // A hostile name may be nothing but dots.
    const shown =
      segments.length > DEEPEST ? [...segments.slice(0, DEEPEST - 1), segments.slice(DEEPEST - 1).join(".")] : segments;
    for (const segment of shown) {
      let child = node.children.get(segment);
      if (!child) {
        child = make(segment, node.path === "" ? segment : `${node.path}.${segment}`, row);
        node.children.set(segment, child);
      }
      child.tensors++;
      child.bytes += tensor.sizeBytes;
      child.parameters += parameters;
      node = child;
    }
    node.leaf = row;
  }
  return root;
}

const DEEPEST = 16;
