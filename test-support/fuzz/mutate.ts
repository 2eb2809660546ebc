/**
 * Mutations of files: what a broken download, a wrong tool or an attacker does to a header. Each is a few numbers, read as a place,
 * a length and a choice, so that fast-check can make and shrink them and a case can be written down.
 */
import * as fc from "fast-check";

import { mutateJson } from "./mutate-json.ts";
import { mutateTemplate } from "./mutate-template.ts";
import type { Seed } from "./seeds.ts";
import type { SparseFile, SparseFiles } from "./sparse-files.ts";

interface Mutation {
  readonly kind: MutationKind;
  /** Which file, counted round. */
  readonly file: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

export interface Case {
  /** Which seed, counted round. */
  readonly seed: number;
  readonly mutations: readonly Mutation[];
}

/** Lengths and counts at which readers go wrong. */
const LENGTHS: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  4n,
  7n,
  8n,
  9n,
  31n,
  32n,
  63n,
  64n,
  127n,
  255n,
  256n,
  4095n,
  65535n,
  65536n,
  99_999n,
  100_001n,
  1_000_000n,
  1_000_001n,
  2n ** 20n,
  2n ** 24n,
  2n ** 28n,
  2n ** 30n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 40n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 61n,
  2n ** 62n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 8n,
  2n ** 64n - 2n,
  2n ** 64n - 1n,
];

const pick = <T>(values: readonly T[], choice: number): T => values[choice % values.length] as T;

/** A place in the bytes; every second one near the start, where the counts and lengths are. */
function place(bytes: Uint8Array, a: number): number {
  if (bytes.length === 0) return 0;
  return a % 2 === 0 ? (a >> 1) % bytes.length : (a >> 1) % Math.min(bytes.length, 256);
}

/** Up to 64 bytes, or up to all of them. */
function range(bytes: Uint8Array, a: number, b: number): readonly [start: number, end: number] {
  const start = place(bytes, a);
  const length = b % 4 === 0 ? b >> 2 : (b >> 2) % 64;
  return [start, Math.min(bytes.length, start + 1 + (length % Math.max(1, bytes.length)))];
}

function spliced(bytes: Uint8Array, start: number, end: number, insert: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes.length - (end - start) + insert.length);
  result.set(bytes.subarray(0, start));
  result.set(insert, start);
  result.set(bytes.subarray(end), start + insert.length);
  return result;
}

function edited(bytes: Uint8Array, edit: (view: DataView, copy: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice();
  edit(new DataView(copy.buffer), copy);
  return copy;
}

/**
 * Places where a length or a count of GGUF stands: u64 values of the size of what follows. Found by their looks, as a header that
 * has been mutated before can't be read any more: below 2^16 as a u64, and its text behind it printable.
 */
function lengthFields(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found = [8, 16].filter((at) => at + 8 <= bytes.length);
  for (let at = 24; at + 12 <= bytes.length; at++) {
    const length = bytes[at] as number;
    if (length === 0 || view.getUint32(at + 1, true) !== 0 || view.getUint16(at + 5, true) !== 0) continue;
    const letter = bytes[at + 8] as number;
    if (letter >= 0x61 && letter <= 0x7a) found.push(at);
  }
  return found;
}

type Edit = (bytes: Uint8Array, mutation: Mutation, others: () => Uint8Array) => Uint8Array;

const EDITS = {
  "flip bits": (bytes, { a, b }) =>
    edited(bytes, (_, copy) => {
      const at = place(bytes, a);
      if (at < copy.length) copy[at] = (copy[at] as number) ^ (1 + (b % 255));
    }),
  "set a u32": (bytes, { a, b, c }) =>
    edited(bytes, (view) => {
      const at = place(bytes, a);
      if (at + 4 <= bytes.length) view.setUint32(at, Number(BigInt.asUintN(32, pick(LENGTHS, b))), c % 4 !== 0);
    }),
  "set a u64": (bytes, { a, b, c }) =>
    edited(bytes, (view) => {
      const at = place(bytes, a);
      if (at + 8 <= bytes.length) view.setBigUint64(at, pick(LENGTHS, b), c % 4 !== 0);
    }),
  "edit a length": (bytes, { a, b, c }) =>
    edited(bytes, (view) => {
      const at = pick(lengthFields(bytes), a) ?? 0;
      if (at + 8 > bytes.length) return;
      const near = BigInt.asUintN(64, view.getBigUint64(at, true) + BigInt((b % 17) - 8));
      view.setBigUint64(at, c % 2 === 0 ? near : pick(LENGTHS, b), true);
    }),
  "cut off": (bytes, { a }) => bytes.slice(0, place(bytes, a)),
  "take out": (bytes, { a, b }) => spliced(bytes, ...range(bytes, a, b), new Uint8Array()),
  "put in": (bytes, { a, b, c }) => {
    const at = place(bytes, a);
    return spliced(bytes, at, at, new Uint8Array(1 + (b % (c % 8 === 0 ? 100_000 : 64))).fill(c));
  },
  overwrite: (bytes, { a, b, c }) => edited(bytes, (_, copy) => copy.fill(c, ...range(bytes, a, b))),
  "copy elsewhere": (bytes, { a, b, c }) => {
    const at = place(bytes, c);
    return spliced(bytes, at, at, bytes.slice(...range(bytes, a, b)));
  },
  "swap two ranges": (bytes, { a, b, c }) => {
    const [start, end] = range(bytes, Math.min(a, c), b);
    const other = Math.min(end + (place(bytes, Math.max(a, c)) % Math.max(1, bytes.length - end)), bytes.length);
    const otherEnd = Math.min(bytes.length, other + end - start);
    return edited(bytes, (_, copy) => {
      copy.set(bytes.subarray(other, otherEnd), start);
      copy.set(bytes.subarray(start, start + otherEnd - other), other);
    });
  },
  "repeat an entry": (bytes, { a, b }) => {
    const fields = lengthFields(bytes);
    const i = a % fields.length;
    const [start = 0, end = bytes.length] = [fields[i], fields[i + 1]];
    const at = pick(fields, b) ?? 0;
    return counted(spliced(bytes, at, at, bytes.slice(start, end)), 1 + (b % 2));
  },
  "swap entries": (bytes, { a }) => {
    const fields = lengthFields(bytes);
    const i = a % Math.max(1, fields.length - 2);
    const [first, second, end] = [fields[i], fields[i + 1], fields[i + 2]];
    if (first === undefined || second === undefined || end === undefined) return bytes;
    return edited(bytes, (_, copy) => {
      copy.set(bytes.subarray(second, end), first);
      copy.set(bytes.subarray(first, second), first + end - second);
    });
  },
  "splice with another": (bytes, { a, b }, others) => {
    const other = others();
    return spliced(bytes, place(bytes, a), bytes.length, other.slice(place(other, b)));
  },
  "change the JSON": (bytes, { a, b, c }) => mutateJson(bytes, a, b, c),
  "change a template": (bytes, { a, b, c }) => mutateTemplate(bytes, a, b, c),
} satisfies Record<string, Edit>;

type EditKind = keyof typeof EDITS;

/** Mutations of the set of files itself. */
const SET_KINDS = ["leave a file out", "swap two files", "resize a file"] as const;

type MutationKind = EditKind | (typeof SET_KINDS)[number];

const MUTATION_KINDS = [...(Object.keys(EDITS) as EditKind[]), ...SET_KINDS];

/** Counts one entry more, of the metadata or of the tensors. */
function counted(bytes: Uint8Array, which: number): Uint8Array {
  const at = which === 1 ? 16 : 8;
  if (at + 8 > bytes.length) return bytes;
  return edited(bytes, (view) => view.setBigUint64(at, BigInt.asUintN(64, view.getBigUint64(at, true) + 1n), true));
}

/** The files of a case. The sizes grow and shrink with what is put in and taken out. */
export function filesOf({ seed, mutations }: Case, seeds: readonly Seed[]): SparseFiles {
  const files: Record<string, SparseFile> = { ...pick(seeds, seed).files };
  for (const mutation of mutations) {
    const names = Object.keys(files);
    if (names.length === 0) break;
    const name = pick(names, mutation.file);
    const { kind, a, b } = mutation;
    const { head, sizeBytes } = files[name] as SparseFile;
    if (kind === "leave a file out") delete files[name];
    else if (kind === "swap two files") {
      const other = pick(names, a);
      [files[name], files[other]] = [files[other] as SparseFile, files[name] as SparseFile];
    } else if (kind === "resize a file") {
      files[name] = { head, sizeBytes: head.length + (b % 2 === 0 ? a % 100_000 : a) };
    } else {
      const others = () => Object.values(pick(seeds, mutation.c).files)[0]?.head ?? head;
      const changed = (EDITS[kind] as Edit)(head, mutation, others);
      const after = sizeBytes + changed.length - head.length;
      files[name] = { head: changed, sizeBytes: kind === "cut off" ? changed.length : Math.max(changed.length, after) };
    }
  }
  return files;
}

/** Cases of one to four mutations. Every number is as likely as any other: small ones mean nothing here. */
export function caseArbitrary(seeds: number): fc.Arbitrary<Case> {
  const number = fc.noBias(fc.nat(2 ** 31 - 1));
  const mutation = fc.record({
    kind: fc.constantFrom(...MUTATION_KINDS),
    file: fc.nat(9),
    a: number,
    b: number,
    c: number,
  });
  const mutations = fc.noBias(fc.array(mutation, { minLength: 1, maxLength: 4 }));
  return fc.record({ seed: fc.noBias(fc.nat(seeds - 1)), mutations });
}
