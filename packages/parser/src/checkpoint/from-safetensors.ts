/**
 * Joins the files of a safetensors checkpoint into one neutral `Checkpoint`, and checks them against their index.
 * Pure: nothing is opened. Sizes in bytes.
 */
import type { CheckpointError, Finding } from "../errors.ts";
import { addFinding, type FindingList, findingList, listedFindings } from "../findings.ts";
import type { SafetensorsFile, SafetensorsIndex, SafetensorsTensor } from "../safetensors/types.ts";
import type { ByteSource } from "../source/byte-source.ts";
import { grouped, quoted } from "../words.ts";
import type { Checkpoint, MetadataEntry, ModelConfig, Part, Tensor } from "./checkpoint.ts";
import { dataReader, noData } from "./read-data.ts";

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
  const tensors: readonly Tensor[] = only ? only.tensors : joinTensors(files, holders, findings);
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
  if (!alone) {
    for (const file of files) if (file.error) addFinding(findings, unreadableShard(file.name, file.error));
  }
  for (const name of missing) {
    addFinding(findings, {
      rule: "safetensors/missing-shard",
      severity: "error",
      message: `the file ${quoted(name)} of the set is not there`,
      why: "its tensors are missing from every count below",
      fix: "fetch it",
      part: name,
    });
  }
  if (index) compareWithIndex(index, input, holders, findings);

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

/** @param holders filled with the first file of each name */
function joinTensors(files: readonly SafetensorsFile[], holders: Map<string, number>, findings: FindingList): Tensor[] {
  const tensors: Tensor[] = [];
  for (const [part, file] of files.entries()) {
    for (const tensor of file.tensors) {
      const holder = holders.get(tensor.name);
      if (holder === undefined) {
        holders.set(tensor.name, part);
        tensors.push(part === 0 ? tensor : { ...tensor, part });
      } else {
        reportTwice(findings, tensor, file, files[holder]?.name ?? "");
      }
    }
  }
  return tensors;
}

/** The finding for a shard that can't be read, or only in part. */
export function unreadableShard(part: string, error: CheckpointError): Finding {
  return {
    rule: "safetensors/unreadable-shard",
    severity: "error",
    message: error.message,
    why: "tensors of this file are missing from every count below",
    part,
    ...(error.offset !== undefined && { offset: error.offset }),
  };
}

function reportTwice(list: FindingList, tensor: SafetensorsTensor, file: SafetensorsFile, holder: string): void {
  addFinding(list, {
    rule: "safetensors/tensor-in-two-shards",
    severity: "warning",
    message: `tensor ${quoted(tensor.name)} stands in ${quoted(holder)} and in ${quoted(file.name)}; it is counted once, from the first`,
    why: "loaders differ in which of them they take",
    part: file.name,
    tensor: tensor.name,
    offset: tensor.headerOffset,
  });
}

function compareWithIndex(
  index: SafetensorsIndex,
  { files, missing = [] }: SafetensorsParts,
  holders: ReadonlyMap<string, number>,
  findings: FindingList,
): void {
  const read = new Map(files.filter((file) => !file.error).map((file) => [file.name, file]));
  const named = new Set(index.shards);
  const part = index.name;
  for (const [tensor, shard] of index.weightMap) {
    const holder = holders.get(tensor);
    if (holder === undefined) {
      // Of a shard that couldn't be read whole, what it holds isn't known.
      if (!read.has(shard)) continue;
      addFinding(findings, {
        rule: "safetensors/not-in-shards",
        severity: "error",
        message: `the index places tensor ${quoted(tensor)} in ${quoted(shard)}, which doesn't hold it; nor does another file`,
        why: "loaders fail on it, or leave the tensor at random values",
        part,
        tensor,
      });
    } else if (files[holder]?.name !== shard && !(read.has(shard) && holds(read.get(shard), tensor))) {
      addFinding(findings, {
        rule: "safetensors/wrong-shard",
        severity: "error",
        message: `the index places tensor ${quoted(tensor)} in ${quoted(shard)}, but it stands in ${quoted(files[holder]?.name ?? "")}`,
        why: "loaders look for it where the index says",
        part,
        tensor,
      });
    }
  }
  for (const [tensor, holder] of holders) {
    if (index.weightMap.has(tensor)) continue;
    addFinding(findings, {
      rule: "safetensors/not-in-index",
      severity: "warning",
      message: `tensor ${quoted(tensor)} of ${quoted(files[holder]?.name ?? "")} is not in the index`,
      why: "loaders that follow the index don't load it, others do",
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
    addFinding(findings, {
      rule: "safetensors/total-size",
      severity: "warning",
      message: `the index says total_size ${grouped(index.totalSize)}, the tensors of its files take ${grouped(total)} bytes`,
      why: "tools that trust the index estimate memory wrongly",
      part,
    });
  }
}

/** Only asked for a tensor that stands in two shards, which is rare. */
function holds(file: SafetensorsFile | undefined, tensor: string): boolean {
  return file?.tensors.some(({ name }) => name === tensor) ?? false;
}
