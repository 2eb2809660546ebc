/** Rows that say the same of several layers, in one: what a person reads of a comparison of 399 tensors. */
import { BUCKETS, type Role } from "../roles/role.ts";
import type { DiffCount, DiffHalf, DiffKind, DiffRow } from "./types.ts";

export interface DiffGroup {
  readonly kind: DiffKind;
  readonly role: Pick<Role, "stack" | "bucket" | "part" | "bias">;
  readonly typeA: string;
  readonly typeB: string;
  readonly words?: string;
  readonly rows: number;
  readonly a: DiffCount;
  readonly b: DiffCount;
  /** Ranges `[first, last]`, ascending; empty for what stands outside of the layers. */
  readonly layers: readonly (readonly [number, number])[];
  readonly layerCount: number;
  /** Name of the weight, with `*` for numbers that differ from row to row. null where the side has none. */
  readonly nameA: string | null;
  readonly nameB: string | null;
}

interface OpenHalf {
  tensors: number;
  parameters: number;
  bytes: number;
  /** Words and numbers of the names in turn; undefined where there is no name yet. */
  name: string[] | undefined;
}

interface OpenGroup {
  readonly first: DiffRow;
  readonly a: OpenHalf;
  readonly b: OpenHalf;
  readonly layers: Set<number>;
  rows: number;
}

/** In the order of buckets, then of the rows; groups of one part stand together. */
export function diffGroups(rows: readonly DiffRow[]): readonly DiffGroup[] {
  const groups = new Map<string, OpenGroup>();
  for (const row of rows) {
    const { kind, role, a, b, words } = row;
    const key = [kind, role.stack, role.bucket, role.part, role.bias, a.type, b.type, words].join("\u0000");
    let group = groups.get(key);
    if (!group) {
      group = { first: row, a: openHalf(), b: openHalf(), layers: new Set(), rows: 0 };
      groups.set(key, group);
    }
    group.rows++;
    if (role.layer !== undefined) group.layers.add(role.layer);
    addHalf(group.a, a);
    addHalf(group.b, b);
  }
  const order = new Map<string, number>();
  const partOf = ({ role }: DiffGroup) => [role.stack, role.bucket, role.part, role.bias].join("\u0000");
  const list = [...groups.values()].map(closed);
  for (const [i, group] of list.entries()) if (!order.has(partOf(group))) order.set(partOf(group), i);
  const place = (group: DiffGroup) => order.get(partOf(group)) ?? 0;
  return list.sort(
    (one, other) => BUCKETS.indexOf(one.role.bucket) - BUCKETS.indexOf(other.role.bucket) || place(one) - place(other),
  );
}

const openHalf = (): OpenHalf => ({ tensors: 0, parameters: 0, bytes: 0, name: undefined });

function addHalf(sum: OpenHalf, { tensors, parameters, bytes }: DiffHalf): void {
  sum.tensors += tensors.length;
  sum.parameters += parameters;
  sum.bytes += bytes;
  for (const { name, side } of tensors) {
    if (side) continue;
    const pieces = takenApart(name);
    if (!sum.name) sum.name = pieces;
    else if (sum.name.length === pieces.length)
      for (const [i, piece] of pieces.entries()) if (i % 2 === 1 && sum.name[i] !== piece) sum.name[i] = "*";
  }
}

/** More of a name than any line shows; a file may have one of a million characters. */
const NAME_LOOKED_AT = 400;

/** Words and numbers in turn, a word first. */
function takenApart(name: string): string[] {
  return (name.length > NAME_LOOKED_AT ? `${name.slice(0, NAME_LOOKED_AT)}...` : name).split(/(\d+)/);
}

function closed({ first, a, b, layers, rows }: OpenGroup): DiffGroup {
  const { kind, role, words } = first;
  const { stack, bucket, part, bias } = role;
  return {
    kind,
    role: { stack, bucket, part, bias },
    typeA: first.a.type,
    typeB: first.b.type,
    ...(words !== undefined && { words }),
    rows,
    a: count(a),
    b: count(b),
    layers: rangesOf(layers),
    layerCount: layers.size,
    nameA: a.name?.join("") ?? null,
    nameB: b.name?.join("") ?? null,
  };
}

const count = ({ tensors, parameters, bytes }: OpenHalf): DiffCount => ({ tensors, parameters, bytes });

function rangesOf(layers: ReadonlySet<number>): (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  for (const layer of [...layers].sort((x, y) => x - y)) {
    const last = ranges.at(-1);
    if (last && last[1] + 1 === layer) last[1] = layer;
    else ranges.push([layer, layer]);
  }
  return ranges;
}
