/**
 * Joins the files of a safetensors checkpoint into one neutral `Checkpoint`, and checks them against their index.
 * Pure: nothing is opened. Sizes in bytes.
 */
import type { CheckpointError, Finding } from "../errors.ts";
import { addFinding, type FindingList, findingList, listedFindings } from "../findings.ts";
import { found, report } from "../rules/rules.ts";
import type { SafetensorsFile, SafetensorsIndex } from "../safetensors/types.ts";
import type { ByteSource } from "../source/byte-source.ts";
import { grouped, plural, quoted } from "../words.ts";
import { compareWithIndex, heldBy, reportOthers } from "./check-index.ts";
import type { Checkpoint, MetadataEntry, ModelConfig, Part, Tensor } from "./checkpoint.ts";
import { dataReader, noData } from "./read-data.ts";
import { addTensor, groupsOf, namesOf, subjectOf, type TensorGroups, tensorGroups } from "./tensor-groups.ts";

export interface SafetensorsParts {
  readonly label: string;
  /** In shard order; their names are those that the index uses. */
  readonly files: readonly SafetensorsFile[];
  readonly index?: SafetensorsIndex | undefined;
  /** Names of shards that should be there and are not. */
  readonly missing?: readonly string[] | undefined;
  /** How many files the set says it has; counted from the index, `files` and `missing` when absent. */
  readonly declaredParts?: number | undefined;
  readonly config?: ModelConfig | undefined;
  readonly adapterConfig?: ModelConfig | undefined;
  readonly sidecars?: readonly string[] | undefined;
  /** Opens one of `files` by its name, for `readData`; without it, no data can be read. */
  readonly open?: ((name: string) => Promise<ByteSource>) | undefined;
  readonly extraFindings?: readonly Finding[] | undefined;
  /** What ended the reading early, when something did. */
  readonly error?: CheckpointError | undefined;
}

/** The checkpoint that the files make together. A tensor that stands in two of them is counted once: the first. */
export function checkpointFromSafetensors(input: SafetensorsParts): Checkpoint {
  const { label, files, index, missing = [], config, adapterConfig, sidecars = [], open } = input;
  const findings = findingList();
  // The first file of each tensor name.
  const holders = new Map<string, number>();
  // A lone file's tensors are the checkpoint's; in a set they get the number of their part, each name once.
  const [only] = files.length === 1 && !index ? files : [];
  const twice = tensorGroups();
  const tensors: readonly Tensor[] = only ? only.tensors : joinTensors(files, holders, twice);
  reportTwice(twice, files, findings);
  const counts = files.map(() => 0);
  for (const { part } of tensors) counts[part] = (counts[part] ?? 0) + 1;
  const parts: readonly Part[] = files.map(({ name, sizeBytes, headerBytes }, part) => ({
    name,
    sizeBytes,
    headerBytes,
    tensorCount: counts[part] ?? 0,
  }));
  const metadata: readonly MetadataEntry[] = files.flatMap((file, part) =>
    file.metadata.map(({ key, value }) => ({ key, type: "string", value, part })),
  );

  const alone = files.length === 1 && !index && missing.length === 0 && (input.declaredParts ?? 1) === 1;
  const broken = alone ? [] : files.filter((file) => file.error);
  const held = index && heldBy(index, [...missing, ...broken.map((file) => file.name)]);
  for (const { name, error, tensors: shown } of broken) {
    if (error) addFinding(findings, unreadableShard(name, error, held?.get(name), shown.length));
  }
  for (const name of missing) {
    const holds = held?.get(name);
    const message = `the file ${quoted(name)} of the set is not there${holds === undefined ? "" : `: ${holds}`}`;
    report(findings, "safetensors/missing-shard", { message, part: name });
  }
  if (index) compareWithIndex(index, input, holders, twice, findings);
  checkFormats(files, findings);

  const error = input.error ?? (alone ? files[0]?.error : undefined);
  const declaredParts = input.declaredParts ?? index?.shards.length ?? files.length + missing.length;
  return {
    format: "safetensors",
    label,
    container: "safetensors",
    parts,
    tensors,
    metadata,
    ...(config && { config }),
    ...(adapterConfig && { adapterConfig }),
    ...(sidecars.length > 0 && { sidecars }),
    ...(!alone && {
      shards: { declaredParts, missing, ...(index && { declaredTensors: index.weightMap.size }) },
    }),
    findings: [
      ...files.flatMap((file) => file.findings.map((finding) => ({ ...finding, part: file.name }))),
      ...(index ? index.findings.map((finding) => ({ ...finding, part: index.name })) : []),
      ...(input.extraFindings ?? []),
      ...listedFindings(findings),
    ],
    ...(error && { error }),
    readData: open ? dataReader(parts, (part) => open((parts[part] as Part).name)) : noData,
    async close() {},
  };
}

/** What writers put into `__metadata__.format`; transformers loads the first four (modeling_utils.py, load_state_dict). */
const FORMATS: ReadonlySet<string> = new Set(["pt", "tf", "flax", "mlx", "np", "numpy", "paddle"]);

/** One finding for the whole set: every file of it is written alike. */
function checkFormats(files: readonly SafetensorsFile[], findings: FindingList): void {
  let first: { readonly name: string; readonly value: string } | undefined;
  let count = 0;
  for (const { name, metadata } of files) {
    const value = metadata.find(({ key }) => key === "format")?.value;
    if (value === undefined || FORMATS.has(value)) continue;
    first ??= { name, value };
    count++;
  }
  if (!first) return;
  const others = count > 1 ? ` in ${grouped(count)} of ${grouped(files.length)} files` : "";
  const message = `__metadata__.format is ${quoted(first.value)}${others}`;
  report(findings, "safetensors/metadata-format", { message, part: first.name });
}

/** @param holders filled with the first file of each name */
function joinTensors(files: readonly SafetensorsFile[], holders: Map<string, number>, twice: TensorGroups): Tensor[] {
  const tensors: Tensor[] = [];
  for (const [part, file] of files.entries()) {
    for (const tensor of file.tensors) {
      const holder = holders.get(tensor.name);
      if (holder === undefined) {
        holders.set(tensor.name, part);
        tensors.push(part === 0 ? tensor : { ...tensor, part });
      } else {
        addTensor(twice, tensor.name, files[holder]?.name ?? "", file.name);
      }
    }
  }
  return tensors;
}

/**
 * The finding for a shard that can't be read, or only in part.
 * @param holds what the index says that it holds
 * @param shown how many of its tensors were read
 */
export function unreadableShard(part: string, error: CheckpointError, holds?: string, shown = 0): Finding {
  return found("safetensors/unreadable-shard", {
    message: holds === undefined ? error.message : `${error.message}; ${holds}`,
    ...(shown > 0 && {
      why: `${plural(shown, "tensor")} of it ${shown === 1 ? "was" : "were"} read; those after the cut are missing from every count here`,
    }),
    part,
    ...(error.offset !== undefined && { offset: error.offset }),
  });
}

function reportTwice(twice: TensorGroups, files: readonly SafetensorsFile[], list: FindingList): void {
  const rule = "safetensors/tensor-in-two-shards";
  const byName = new Map(twice.kept > 0 ? files.map((file) => [file.name, file]) : []);
  for (const group of groupsOf(twice)) {
    const { from, to, count, names } = group;
    const [tensor = ""] = names;
    const held = byName.get(to)?.tensors ?? [];
    const offset = held.find(({ name }) => name === tensor)?.headerOffset;
    const which =
      count > 1 && count === held.length
        ? `all ${plural(count, "tensor")} of ${quoted(to)} stand in ${quoted(from)}, too`
        : `${subjectOf(group)} ${count === 1 ? "stands" : "stand"} in ${quoted(from)} and in ${quoted(to)}`;
    report(list, rule, {
      message: `${which}; ${count === 1 ? "it is" : "they are"} counted once, from the first${namesOf(group)}`,
      part: to,
      tensor,
      ...(offset !== undefined && { offset }),
    });
  }
  reportOthers(twice, rule, "in two files", undefined, list);
}
