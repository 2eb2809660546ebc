/**
 * The parts of a GGUF set against each other: numbers, counts, tensors that stand twice, tensors that are missing. What
 * llama.cpp's loader (src/llama-model-loader.cpp) asks of the split keys is asked here.
 */
import type { Finding } from "../errors.ts";
import { type FindingList, findingList, listedFindings } from "../findings.ts";
import type { GgufFile } from "../gguf/read.ts";
import { splitKeys } from "../gguf/shards.ts";
import { GGML_TYPES } from "../gguf/types.ts";
import { ranges } from "../layer-words.ts";
import { found, report } from "../rules/rules.ts";
import { grouped, plural, quoted } from "../words.ts";
import type { Tensor } from "./checkpoint.ts";
import { addTensor, groupsOf, namesOf, subjectOf, tensorGroups } from "./tensor-groups.ts";

interface CheckedSet {
  readonly files: readonly GgufFile[];
  readonly missing?: readonly string[];
  readonly declaredParts?: number;
}

/** The split keys, and the types that the loader reads them as. */
const SPLIT_KEY_TYPES = [
  ["split.no", "u16"],
  ["split.count", "u16"],
  ["split.tensors.count", "i32"],
] as const;

/**
 * What is wrong with a part by itself.
 * @param number its place by its name, from 0; undefined where its name is not that of a part
 * @param parts how many its name claims
 */
export function checkPart(file: GgufFile, number: number | undefined, parts: number): Finding[] {
  const { name: part, metadata } = file;
  const { no, count = 1 } = splitKeys(file);
  const findings: Finding[] = [];
  // What stands after the cut of a damaged header isn't known.
  if (file.error) return findings;
  const odd = SPLIT_KEY_TYPES.flatMap(([key, expected]) => {
    const type = metadata.find((entry) => entry.key === key)?.type;
    return type === undefined || type === expected ? [] : [`${key} is ${type} in place of ${expected}`];
  });
  if (odd.length > 0 && (parts > 1 || count > 1)) {
    findings.push(found("gguf/split-keys", { message: odd.join(", "), part }));
  }
  // The first part is loaded alone where it names no count; the others need their number.
  const lacks = number === undefined || parts < 2 ? undefined : number === 0 ? "split.count" : "split.no";
  if (lacks && !metadata.some(({ key }) => key === lacks)) {
    const message = `its name makes it part ${grouped((number ?? 0) + 1)} of ${grouped(parts)}, but it has no ${lacks}`;
    findings.push(found("gguf/split-keys", { message, part }));
  }
  if (no === undefined) return findings;
  if (number !== undefined && no !== number) {
    const message = `${part} says split.no = ${no}; its name makes it ${number}`;
    findings.push(found("gguf/split-number", { message, part }));
  } else if (count > 1 && no >= count) {
    const message = `split.no is ${no} and split.count ${count}; parts are numbered from 0`;
    findings.push(found("gguf/split-number", { message, fix: "get the set again", part }));
  }
  return findings;
}

/** More layers than any model has; the number is from the file. */
const MAX_LAYERS = 10_000;

/** The layers of which no tensor is here: `; nothing is here of layers 5-20`. The first part says how many there are. */
function layersWithout({ metadata }: GgufFile, tensors: readonly Tensor[]): string {
  const count = metadata.find(({ key }) => key.endsWith(".block_count"))?.value;
  if (typeof count !== "number" || count > MAX_LAYERS) return "";
  const here = new Set(tensors.flatMap(({ name }) => /^blk\.(\d{1,6})\./.exec(name)?.[1] ?? []).map(Number));
  const gone = Array.from({ length: count }, (_, i) => i).filter((i) => !here.has(i));
  if (gone.length === 0 || here.size === 0) return "";
  return `; nothing is here of ${gone.length === 1 ? "layer" : "layers"} ${ranges(gone)}`;
}

/** What is wrong with the set: parts that are missing, and parts that contradict each other. */
export function checkSet(set: CheckedSet, tensors: readonly Tensor[]): readonly Finding[] {
  const findings = findingList();
  const { files, missing = [], declaredParts = files.length + missing.length } = set;
  const declared = splitKeys(files[0] as GgufFile).tensors;
  // What one missing part holds, or all of them together.
  const lost = declared !== undefined && declared > tensors.length ? declared - tensors.length : undefined;
  const alone = missing.length === 1 && files.length === declaredParts - 1;
  const holds =
    lost === undefined || declared === undefined
      ? ""
      : `; ${alone ? "it holds" : "the parts that are not read hold"} ${grouped(lost)} of ${grouped(declared)} tensors`;
  const layers = missing.length > 0 ? layersWithout(files[0] as GgufFile, tensors) : "";
  for (const name of missing) {
    report(findings, "gguf/missing-part", {
      message: `part ${name} is missing; ${files.length} of ${declaredParts} parts are here${holds}${layers}`,
      fix: `download ${name} beside the others`,
      part: name,
    });
  }
  reportTwice(files, tensors, findings);
  for (const file of files) {
    const { count } = splitKeys(file);
    if (count === undefined || count === declaredParts) continue;
    const message = `${file.name} says split.count = ${count}, but the set has ${declaredParts} parts`;
    report(findings, "gguf/split-count", { message, part: file.name });
  }
  // Parts that are missing or unreadable explain a difference, and are findings of their own.
  if (declared !== undefined && declared !== tensors.length && files.length === declaredParts) {
    const message = `split.tensors.count is ${declared}, but the parts hold ${tensors.length} tensors`;
    report(findings, "gguf/split-tensors", { message });
  }
  return listedFindings(findings);
}

/** Tensors that stand in two parts, a finding for each pair of parts. */
function reportTwice(files: readonly GgufFile[], tensors: readonly Tensor[], findings: FindingList): void {
  const twice = tensorGroups();
  const holders = new Map<string, number>();
  for (const { name, part } of tensors) {
    const holder = holders.get(name);
    if (holder === undefined) holders.set(name, part);
    else if (holder !== part) addTensor(twice, name, files[holder]?.name ?? "", files[part]?.name);
  }
  const held = new Map(twice.kept > 0 ? files.map((file) => [file.name, file.tensors.length]) : []);
  for (const group of groupsOf(twice)) {
    const { from, to, count, names } = group;
    const copied = count > 1 && count === held.get(to);
    report(findings, "gguf/duplicate-tensor", {
      message: copied
        ? `all ${plural(count, "tensor")} of ${to} stand in ${from}, too: one of the two is not the part that its name says${namesOf(group)}`
        : `${subjectOf(group)} ${count === 1 ? "stands" : "stand"} in ${from} and in ${to}${namesOf(group)}`,
      why: "llama.cpp refuses the set",
      ...(copied && { fix: "download both parts again" }),
      tensor: names[0] ?? "",
      part: to,
    });
  }
  if (twice.others > 0) {
    const message = `${plural(twice.others, "more tensor")} in two parts`;
    report(findings, "gguf/duplicate-tensor", { message, why: "llama.cpp refuses the set" });
  }
}

/** GGML_QNT_VERSION of ggml.h, since May 2023. */
const QUANTIZATION_VERSION = 2;

/** The specification requires the version of the block formats where there are any (ggml docs/gguf.md, general.quantization_version). */
export function checkQuantizationVersion({ name, metadata }: GgufFile, tensors: readonly Tensor[]): Finding[] {
  const stated = metadata.find(({ key }) => key === "general.quantization_version");
  if (stated && (stated.type !== "u32" || stated.value !== QUANTIZATION_VERSION)) {
    const value = typeof stated.value === "string" ? quoted(stated.value) : `${stated.type} ${String(stated.value)}`;
    const message = `general.quantization_version is ${value}; today's block formats are version u32 ${QUANTIZATION_VERSION}`;
    return [found("gguf/quantization-version", { message, part: name, offset: stated.headerOffset })];
  }
  if (metadata.length === 0 || stated) return [];
  if (metadata.some(({ key }) => key === "split.no") && !metadata.some(({ key }) => key === "general.architecture"))
    return [];
  const first = tensors.find(({ type }) => QUANTIZED.has(type));
  if (!first) return [];
  const message = `${quoted(first.name)} is ${first.type}, and general.quantization_version is missing`;
  return [found("gguf/quantization-version", { message, part: name, tensor: first.name })];
}

/** Types that store a block of elements together. */
const QUANTIZED: ReadonlySet<string> = new Set(
  GGML_TYPES.filter(({ blockElements }) => blockElements > 1).map(({ name }) => name),
);
