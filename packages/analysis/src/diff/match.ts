/**
 * Which tensors of A are which of B. Passes from the surest sign to the weakest, each over what the ones before it left: the name; the
 * role; experts in one stack or each alone; parts that two formats call otherwise; fused matrices against their pieces; norms of which one
 * format doesn't say where in the layer they stand.
 *
 * Each pass sorts both sides into a map by a key, so the whole is linear in the number of tensors. Nothing depends on which side is
 * called A.
 */
import { familyOf, spelled } from "./spellings.ts";
import type { Unit } from "./units.ts";

/** Weights of A and of B that are the same thing, or of one side alone. */
export interface Match {
  readonly a: readonly Unit[];
  readonly b: readonly Unit[];
}

interface Pass {
  /** undefined for what the pass has nothing to say of. */
  key(unit: Unit): string | undefined;
  pair(a: readonly Unit[], b: readonly Unit[]): readonly Match[];
}

/** A character that no key is likely to hold, so that keys of several words don't run into each other. */
const SEPARATOR = "\u0000";

const key = (...words: readonly (string | number | boolean | undefined)[]): string => words.join(SEPARATOR);

function isKnown({ weight: { role } }: Unit): boolean {
  return role.part !== "unknown" && !role.part.endsWith(".unknown") && role.bucket !== "quant-side";
}

const PASSES: readonly Pass[] = [
  { key: ({ name }) => name, pair: pairAll },
  {
    key: (unit) => {
      const { stack, layer, expert, bucket, part, bias, buffer = false } = unit.weight.role;
      return isKnown(unit) ? key(stack, layer, expert, bucket, part, bias, buffer) : undefined;
    },
    pair: pairAlike,
  },
  {
    key: (unit) => {
      const { stack, layer, bucket, part, bias } = unit.weight.role;
      return isKnown(unit) && (bucket === "expert" || part.includes("routed"))
        ? key(stack, layer, bucket, part, bias)
        : undefined;
    },
    pair: pairWhole,
  },
  {
    key: (unit) => {
      const { stack, layer, expert, bucket, part, bias } = unit.weight.role;
      return isKnown(unit) ? key(stack, layer, expert, bucket, spelled(bucket, part), bias) : undefined;
    },
    pair: pairAlike,
  },
  {
    key: ({ weight: { role } }) => {
      const { stack, layer, bucket, part, bias } = role;
      const family = familyOf(bucket, part);
      return family === undefined ? undefined : key(stack, layer, bucket, family, bias);
    },
    pair: pairPieces,
  },
  {
    key: ({ weight: { role } }) =>
      role.bucket === "norm" && role.layer !== undefined ? key(role.stack, role.layer, role.bias) : undefined,
    pair: pairNorms,
  },
];

/** Every unit of either side in exactly one match, in the order of A, then what only B has. */
export function matchUnits(a: readonly Unit[], b: readonly Unit[]): readonly Match[] {
  let [restA, restB] = [a, b];
  let matches: readonly Match[] = [];
  for (const { key: keyOf, pair } of PASSES) {
    const inB = grouped(restB, keyOf);
    const inA = grouped(restA, (unit) => {
      const own = keyOf(unit);
      return own !== undefined && inB.has(own) ? own : undefined;
    });
    const found = [...inA].flatMap(([own, units]) => pair(units, inB.get(own) ?? []));
    if (found.length === 0) continue;
    matches = [...matches, ...found];
    const taken = new Set(found.flatMap((match) => [...match.a, ...match.b]));
    restA = restA.filter((unit) => !taken.has(unit));
    restB = restB.filter((unit) => !taken.has(unit));
  }
  const alone = restA.map((unit): Match => ({ a: [unit], b: [] }));
  const place = ({ a: [first] }: Match) => first?.index ?? 0;
  return [
    ...[...matches, ...alone].sort((one, other) => place(one) - place(other)),
    ...restB.map((unit): Match => ({ a: [], b: [unit] })),
  ];
}

function grouped(units: readonly Unit[], keyOf: Pass["key"]): Map<string, Unit[]> {
  const groups = new Map<string, Unit[]>();
  for (const unit of units) {
    const own = keyOf(unit);
    if (own === undefined) continue;
    const group = groups.get(own);
    if (group) group.push(unit);
    else groups.set(own, [unit]);
  }
  return groups;
}

const sum = (units: readonly Unit[]): number => units.reduce((total, { size }) => total + size, 0);

interface Paired {
  readonly matches: readonly Match[];
  readonly restA: readonly Unit[];
  readonly restB: readonly Unit[];
}

/** Those of equal size, one by one; what is left, where as many are left on both sides. */
function pairOneByOne(a: readonly Unit[], b: readonly Unit[]): Paired {
  if (a.length === 1 && b.length === 1) return { matches: [{ a, b }], restA: [], restB: [] };
  const bySize = new Map<number, Unit[]>();
  for (const unit of b) {
    const list = bySize.get(unit.size);
    if (list) list.push(unit);
    else bySize.set(unit.size, [unit]);
  }
  for (const list of bySize.values()) list.reverse();
  const matches: Match[] = [];
  const restA: Unit[] = [];
  for (const unit of a) {
    const other = bySize.get(unit.size)?.pop();
    if (other) matches.push({ a: [unit], b: [other] });
    else restA.push(unit);
  }
  const restB = [...bySize.values()].flat().sort((one, other) => one.index - other.index);
  if (restA.length !== restB.length) return { matches, restA, restB };
  const inOrder = restA.map((unit, i): Match => ({ a: [unit], b: [restB[i] as Unit] }));
  return { matches: [...matches, ...inOrder], restA: [], restB: [] };
}

/** They are the same thing, whatever became of it. */
function pairAll(a: readonly Unit[], b: readonly Unit[]): readonly Match[] {
  const { matches, restA, restB } = pairOneByOne(a, b);
  return restA.length > 0 && restB.length > 0 ? [...matches, { a: restA, b: restB }] : matches;
}

function pairAlike(a: readonly Unit[], b: readonly Unit[]): readonly Match[] {
  const { matches, restA, restB } = pairOneByOne(a, b);
  return restA.length > 0 && restB.length > 0 && sum(restA) === sum(restB)
    ? [...matches, { a: restA, b: restB }]
    : matches;
}

/** All experts of a layer against all of the other's. */
function pairWhole(a: readonly Unit[], b: readonly Unit[]): readonly Match[] {
  return [{ a, b }];
}

/** A fused matrix against its pieces: only where they add up, and are not as many on both sides. */
function pairPieces(a: readonly Unit[], b: readonly Unit[]): readonly Match[] {
  return a.length !== b.length && sum(a) === sum(b) ? [{ a, b }] : [];
}

/** T5 numbers its norms: they are those that the other side has left, in the order of the file. */
function pairNorms(a: readonly Unit[], b: readonly Unit[]): readonly Match[] {
  const unplaced = (units: readonly Unit[]) => units.every(({ weight }) => weight.role.part === "block");
  const sizes = new Set([...a, ...b].map(({ size }) => size));
  if (a.length !== b.length || sizes.size !== 1 || !(unplaced(a) || unplaced(b))) return [];
  return a.map((unit, i) => ({ a: [unit], b: [b[i] as Unit] }));
}
