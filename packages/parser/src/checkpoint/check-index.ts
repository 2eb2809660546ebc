/**
 * The files of a safetensors set against its index: tensors in the wrong file or in none, sizes, files that are missing or too
 * many. Names come from the files.
 */

import type { Finding } from "../errors.ts";
import { type FindingList, findingList, listedFindings } from "../findings.ts";
import { layersOf } from "../layer-words.ts";
import { type ReaderRule, report } from "../rules/rules.ts";
import type { SafetensorsFile, SafetensorsIndex } from "../safetensors/types.ts";
import { grouped, plural, quoted } from "../words.ts";
import {
  addTensor,
  groupsOf,
  namesOf,
  subjectOf,
  type TensorGroup,
  type TensorGroups,
  tensorGroups,
  tensorsIn,
} from "./tensor-groups.ts";

/** `model-00001-of-00003.safetensors`, and `model_00002-of-00072.safetensors` as BLOOM has it. */
export const SHARD_NAME = /^(.*[_-])(\d{5,6})-of-(\d{5,6})(\.safetensors)$/;

/** What mlx-lm loads beside `model.safetensors.index.json`; a dot in the middle marks a variant (`model.fp16.safetensors`). */
const MLX_GLOB = /^model[^.]*\.safetensors$/;

interface IndexedFiles {
  readonly files: readonly SafetensorsFile[];
  readonly missing?: readonly string[] | undefined;
}

/** What is wrong between the index and its files, by the files. */
interface Mismatch {
  readonly index: SafetensorsIndex;
  /** Those that were read whole. */
  readonly read: ReadonlyMap<string, SafetensorsFile>;
  /** How many tensors the index places in each file. */
  readonly placed: ReadonlyMap<string, number>;
  /** By the file that should hold them. */
  readonly nowhere: TensorGroups;
  /** By the file that should hold them, and the one that does. */
  readonly elsewhere: TensorGroups;
  /** By the file that holds them. */
  readonly unlisted: TensorGroups;
}

/**
 * @param holders the first file of each name
 * @param twice tensors that stand in two files: the first and a later one
 */
export function compareWithIndex(
  index: SafetensorsIndex,
  { files, missing = [] }: IndexedFiles,
  holders: ReadonlyMap<string, number>,
  twice: TensorGroups,
  findings: FindingList,
): void {
  const mismatch = mismatchOf(index, files, holders);
  const { read } = mismatch;
  reportElsewhere(mismatch, findings);
  if (!reportAbsent(mismatch, twice, findings)) return;
  const named = new Set(index.shards);
  // Shards with a name that may not be opened are in the map only.
  const openable = new Set(index.weightMap.values()).size === index.shards.length;
  const whole = openable && missing.length === 0 && index.shards.every((shard) => read.has(shard));
  if (index.totalSize === undefined || !whole) return;
  let total = 0;
  for (const file of files) {
    if (named.has(file.name)) for (const tensor of file.tensors) total += tensor.sizeBytes;
  }
  if (total !== index.totalSize) {
    report(findings, "safetensors/total-size", {
      message: `the index says total_size ${grouped(index.totalSize)}, the tensors of its files take ${grouped(total)} bytes`,
      part: index.name,
    });
  }
}

function mismatchOf(
  index: SafetensorsIndex,
  files: readonly SafetensorsFile[],
  holders: ReadonlyMap<string, number>,
): Mismatch {
  const read = new Map(files.filter((file) => !file.error).map((file) => [file.name, file]));
  const named = new Set(index.shards);
  const namesOf = new Map<SafetensorsFile, ReadonlySet<string>>();
  /** Whether the file holds it as well: only asked for a tensor that is first met in another. */
  const holds = (file: SafetensorsFile | undefined, tensor: string): boolean => {
    if (!file) return false;
    let names = namesOf.get(file);
    if (!names) {
      names = new Set(file.tensors.map(({ name }) => name));
      namesOf.set(file, names);
    }
    return names.has(tensor);
  };
  const placed = new Map<string, number>();
  const [nowhere, elsewhere, unlisted] = [tensorGroups(), tensorGroups(), tensorGroups()];
  for (const [tensor, shard] of index.weightMap) {
    // A name that may not be opened is a finding of its own.
    if (!named.has(shard)) continue;
    placed.set(shard, (placed.get(shard) ?? 0) + 1);
    const holder = holders.get(tensor);
    if (holder === undefined) {
      // Of a shard that couldn't be read whole, what it holds isn't known.
      if (read.has(shard)) addTensor(nowhere, tensor, shard);
    } else if (files[holder]?.name !== shard && !holds(read.get(shard), tensor)) {
      addTensor(elsewhere, tensor, shard, files[holder]?.name);
    }
  }
  for (const [tensor, holder] of holders) {
    if (!index.weightMap.has(tensor)) addTensor(unlisted, tensor, files[holder]?.name ?? index.name);
  }
  return { index, read, placed, nowhere, elsewhere, unlisted };
}

/** Tensors that stand in another file than the index says: two files that were exchanged, an index of other files, or single ones. */
function reportElsewhere({ index, placed, elsewhere }: Mismatch, findings: FindingList): void {
  const part = index.name;
  const all = [...placed.values()].reduce((sum, count) => sum + count, 0);
  const isWhole = ({ from, count }: TensorGroup): boolean => count === placed.get(from);
  let moved = tensorsIn(elsewhere);
  const [first] = groupsOf(elsewhere);
  for (const group of groupsOf(elsewhere)) if (isWhole(group)) moved -= group.count;
  if (first && 2 * moved > all) {
    const example = `${quoted(first.names[0] ?? "")} in ${quoted(first.to)} in place of ${quoted(first.from)}`;
    report(findings, "safetensors/wrong-shard", {
      message: `${grouped(tensorsIn(elsewhere))} of the ${plural(all, "tensor")} that the index places stand in other files, as ${example}: it is the index of another version of the set`,
      fix: "fetch the index again, from where its files are from",
      part,
      ...(first.names[0] !== undefined && { tensor: first.names[0] }),
    });
    return;
  }
  for (const group of groupsOf(elsewhere)) {
    const { from, to, count, names } = group;
    const back = elsewhere.byFile.get(to)?.get(from);
    const [tensor = ""] = names;
    if (back && isWhole(group) && isWhole(back)) {
      if (from > to) continue;
      report(findings, "safetensors/wrong-shard", {
        message: `the files ${quoted(from)} and ${quoted(to)} are exchanged: the first holds all ${plural(back.count, "tensor")} that the index places in the second, and the second all ${grouped(count)} of the first`,
        fix: "give each of the two files the name of the other",
        part,
        tensor,
      });
      continue;
    }
    const every = count > 1 && isWhole(group) ? "all " : "";
    report(findings, "safetensors/wrong-shard", {
      message: `${every}${subjectOf(group)} that the index places in ${quoted(from)} ${count === 1 ? "stands" : "stand"} in ${quoted(to)}${namesOf(group)}`,
      part,
      tensor,
    });
  }
  reportOthers(elsewhere, "safetensors/wrong-shard", "in other files than the index says", part, findings);
}

/**
 * Tensors of the index that are in no file, and those of files that are not in the index.
 * @returns false where the index or a file is of another model, so that the sum of the sizes says nothing more
 */
function reportAbsent(mismatch: Mismatch, twice: TensorGroups, findings: FindingList): boolean {
  const { index, read, placed, nowhere, unlisted } = mismatch;
  const part = index.name;
  const copies = new Map<TensorGroup, string>();
  const foreign = new Map<string, TensorGroup>();
  let checked = 0;
  for (const name of read.keys()) checked += placed.get(name) ?? 0;
  const gone = tensorsIn(nowhere);
  let unexplained = gone;
  let ofOthers = 0;
  for (const group of groupsOf(nowhere)) {
    const { from, count } = group;
    if (count !== placed.get(from)) continue;
    const held = read.get(from)?.tensors.length ?? 0;
    const original = copyOf(from, held, twice);
    if (original !== undefined) copies.set(group, original);
    else if (held > 0 && unlisted.byFile.get(from)?.get("")?.count === held) {
      foreign.set(from, group);
      ofOthers += count;
    } else continue;
    unexplained -= count;
  }
  if (gone > 0 && (2 * unexplained > checked || ofOthers === checked)) {
    const more = tensorsIn(unlisted);
    const unknown =
      more > 0 ? `, and ${plural(more, "tensor")} of the files ${more === 1 ? "is" : "are"} not in it` : "";
    const [first] = groupsOf(nowhere);
    report(findings, "safetensors/not-in-shards", {
      message: `${grouped(gone)} of the ${plural(checked, "tensor")} that the index places in these files ${gone === 1 ? "is" : "are"} in none of them${unknown}: it is the index of another model, or of another version`,
      fix: "fetch the index again, from where its files are from",
      part,
      ...(first?.names[0] !== undefined && { tensor: first.names[0] }),
    });
    return false;
  }
  for (const group of groupsOf(nowhere)) {
    const { from, count, names } = group;
    const original = copies.get(group);
    const held = read.get(from)?.tensors.length ?? 0;
    const message =
      original !== undefined
        ? `${quoted(from)} holds tensors of ${quoted(original)} in place of the ${grouped(count)} that the index places in it, which are in no file`
        : foreign.has(from)
          ? `${quoted(from)} is of another model, or of another version: it holds none of the ${plural(count, "tensor")} that the index places in it, and none of its ${grouped(held)} is in the index`
          : `${subjectOf(group)} that the index places in ${quoted(from)} ${count === 1 ? "is" : "are"} in no file${namesOf(group)}`;
    report(findings, "safetensors/not-in-shards", {
      message,
      ...((original !== undefined || foreign.has(from)) && { fix: `fetch ${quoted(from)} again` }),
      part,
      ...(names[0] !== undefined && { tensor: names[0] }),
    });
  }
  reportOthers(nowhere, "safetensors/not-in-shards", "of the index in no file", part, findings);
  for (const group of groupsOf(unlisted)) {
    const { from, count, names } = group;
    if (foreign.has(from)) continue;
    report(findings, "safetensors/not-in-index", {
      message: `${subjectOf(group)} of ${quoted(from)} ${count === 1 ? "is" : "are"} not in the index${namesOf(group)}`,
      part: from,
      ...(names[0] !== undefined && { tensor: names[0] }),
    });
  }
  reportOthers(unlisted, "safetensors/not-in-index", "of other files not in the index", part, findings);
  return copies.size === 0 && foreign.size === 0;
}

/** The file whose tensors are all that this one holds; undefined where it holds others, too. */
function copyOf(name: string, held: number, twice: TensorGroups): string | undefined {
  for (const { from, to, count } of groupsOf(twice)) {
    if (count === held && (from === name || to === name)) return from === name ? to : from;
  }
  return undefined;
}

/** One finding for the tensors of the files that are too many to be listed. */
export function reportOthers(
  { others }: TensorGroups,
  rule: ReaderRule,
  where: string,
  part: string | undefined,
  findings: FindingList,
): void {
  if (others === 0) return;
  report(findings, rule, { message: `${grouped(others)} more tensors ${where}`, ...(part !== undefined && { part }) });
}

/**
 * What the index says of files that can't be read: how many tensors each of them holds, and of which layers.
 * @returns by file name: `it holds 83 of 723 tensors, of layers 5-12`
 */
export function heldBy(index: SafetensorsIndex, names: readonly string[]): ReadonlyMap<string, string> {
  const wanted = new Map<string, string[]>(names.map((name) => [name, []]));
  if (wanted.size > 0) for (const [tensor, shard] of index.weightMap) wanted.get(shard)?.push(tensor);
  const words = new Map<string, string>();
  for (const [name, tensors] of wanted) {
    if (tensors.length === 0) continue;
    const layers = layersOf(tensors);
    const of = `${grouped(tensors.length)} of ${grouped(index.weightMap.size)} tensors`;
    words.set(name, `it holds ${of}${layers && `, of ${layers}`}`);
  }
  return words;
}

/**
 * Names in the folder against those in the index: files that look like its shards and are not in it, and names that claim
 * another number of files.
 */
export function compareNames(index: SafetensorsIndex, present: readonly string[]): readonly Finding[] {
  const findings = findingList();
  // With those that may not be opened: they are findings of their own, and make the count mean nothing.
  const listed = new Set(index.weightMap.values());
  const prefixes = new Set<string>();
  // How many of the files claim each total.
  const totals = new Map<string, number>();
  for (const name of listed) {
    const [, prefix, , total] = SHARD_NAME.exec(name) ?? [];
    if (prefix === undefined || total === undefined) continue;
    prefixes.add(prefix);
    const key = `${prefix} ${Number(total)}`;
    totals.set(key, (totals.get(key) ?? 0) + 1);
  }
  for (const [key, count] of totals) {
    const total = Number(key.slice(key.lastIndexOf(" ") + 1));
    if (total === count || listed.size > index.shards.length) continue;
    report(findings, "safetensors/shard-count", {
      message: `the index lists ${grouped(count)} ${count === 1 ? "file" : "files"} whose names say "of ${grouped(total)}"`,
      part: index.name,
    });
  }
  // The index of a variant (`model.safetensors.index.fp16.json`) says nothing of the plain files beside it.
  const [, stem] = /^(.*)\.safetensors\.index\.json$/.exec(index.name) ?? [];
  for (const name of present) {
    if (listed.has(name) || !name.endsWith(".safetensors")) continue;
    const prefix = SHARD_NAME.exec(name)?.[1];
    const alike = prefix === undefined ? stem !== undefined && name === `${stem}.safetensors` : prefixes.has(prefix);
    if (!alike && !(stem === "model" && MLX_GLOB.test(name))) continue;
    report(findings, "safetensors/orphan-shard", {
      message: `${quoted(name)} lies beside ${quoted(index.name)}, which doesn't name it`,
      part: name,
    });
  }
  return listedFindings(findings);
}
