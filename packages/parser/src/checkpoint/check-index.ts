/**
 * The files of a safetensors set against its index: tensors in the wrong file or in none, sizes, files that are missing or too
 * many. Names come from the files.
 */

import type { Finding } from "../errors.ts";
import { type FindingList, findingList, listedFindings } from "../findings.ts";
import { layersOf } from "../layer-words.ts";
import { report } from "../rules/rules.ts";
import type { SafetensorsFile, SafetensorsIndex } from "../safetensors/types.ts";
import { grouped, quoted } from "../words.ts";

/** `model-00001-of-00003.safetensors`, and `model_00002-of-00072.safetensors` as BLOOM has it. */
export const SHARD_NAME = /^(.*[_-])(\d{5,6})-of-(\d{5,6})(\.safetensors)$/;

/** What mlx-lm loads beside `model.safetensors.index.json`; a dot in the middle marks a variant (`model.fp16.safetensors`). */
const MLX_GLOB = /^model[^.]*\.safetensors$/;

interface IndexedFiles {
  readonly files: readonly SafetensorsFile[];
  readonly missing?: readonly string[] | undefined;
}

/** @param holders the first file of each name */
export function compareWithIndex(
  index: SafetensorsIndex,
  { files, missing = [] }: IndexedFiles,
  holders: ReadonlyMap<string, number>,
  findings: FindingList,
): void {
  const read = new Map(files.filter((file) => !file.error).map((file) => [file.name, file]));
  const named = new Set(index.shards);
  const part = index.name;
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
  for (const [tensor, shard] of index.weightMap) {
    const holder = holders.get(tensor);
    if (holder === undefined) {
      // Of a shard that couldn't be read whole, what it holds isn't known.
      if (!read.has(shard)) continue;
      report(findings, "safetensors/not-in-shards", {
        message: `the index places tensor ${quoted(tensor)} in ${quoted(shard)}, which doesn't hold it; nor does another file`,
        part,
        tensor,
      });
    } else if (files[holder]?.name !== shard && !holds(read.get(shard), tensor)) {
      report(findings, "safetensors/wrong-shard", {
        message: `the index places tensor ${quoted(tensor)} in ${quoted(shard)}, but it stands in ${quoted(files[holder]?.name ?? "")}`,
        part,
        tensor,
      });
    }
  }
  for (const [tensor, holder] of holders) {
    if (index.weightMap.has(tensor)) continue;
    report(findings, "safetensors/not-in-index", {
      message: `tensor ${quoted(tensor)} of ${quoted(files[holder]?.name ?? "")} is not in the index`,
      part: files[holder]?.name ?? part,
      tensor,
    });
  }
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
      part,
    });
  }
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
