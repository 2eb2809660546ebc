/**
 * GGUF files -> `Checkpoint`: the parts of a split set are joined, and compared with what they say of each other.
 */
import type { CheckpointError, Finding } from "../errors.ts";
import { addFinding, findingList, listedFindings } from "../findings.ts";
import type { GgufFile } from "../gguf/read.ts";
import { splitKeys } from "../gguf/shards.ts";
import type { ByteSource } from "../source/byte-source.ts";
import { quoted } from "../words.ts";
import type { Checkpoint, MetadataEntry, Part, Tensor } from "./checkpoint.ts";
import { dataReader, noData } from "./read-data.ts";

export interface GgufSet {
  readonly label: string;
  /** In the order of their part numbers. */
  readonly files: readonly GgufFile[];
  /** Parts that the set names and that aren't there. */
  readonly missing?: readonly string[];
  /** Findings of the opening itself: a part that can't be read. */
  readonly findings?: readonly Finding[];
  /** Number of parts that names or keys claim. */
  readonly declaredParts?: number;
  /** Opens one of `files` by its index, for `readData`; without it, no data can be read. */
  readonly open?: (file: number) => Promise<ByteSource>;
  readonly close?: () => Promise<void>;
}

/** The keys that only say which part of a set a file is. */
const SPLIT_KEY = /^split\./;

/** One checkpoint of the files of a set, or of the only one. */
export function checkpointFromGguf(set: GgufSet): Checkpoint {
  const { files, missing = [] } = set;
  const first = files[0] as GgufFile;
  const findings: Finding[] = [...(set.findings ?? []), ...files.flatMap((file) => file.findings)];
  const error: CheckpointError | undefined = files.find((file) => file.error)?.error;
  const metadata: MetadataEntry[] = files.flatMap((file, part) =>
    file.metadata
      .filter(({ key }) => part === 0 || !SPLIT_KEY.test(key))
      .map(({ key, type, value }) => ({ key, type, value, part })),
  );
  // A file's tensors are the checkpoint's, but for the number of their part.
  const tensors: readonly Tensor[] =
    files.length === 1
      ? first.tensors
      : files.flatMap((file, part) => file.tensors.map((tensor) => ({ ...tensor, part })));
  const declared = splitKeys(first);
  const isSet = files.length > 1 || missing.length > 0;
  if (isSet) findings.push(...checkSet(set, tensors));
  const parts: readonly Part[] = files.map((file) => ({
    name: file.name,
    sizeBytes: file.sizeBytes,
    headerBytes: Math.min(file.dataOffset, file.sizeBytes),
    tensorCount: file.tensors.length,
  }));
  return {
    format: "gguf",
    label: set.label,
    container: `GGUF v${first.version}${first.byteOrder === "big" ? ", big-endian" : ""}`,
    parts,
    tensors,
    metadata,
    ...(isSet && {
      shards: {
        declaredParts: set.declaredParts ?? files.length + missing.length,
        missing,
        ...(declared.tensors !== undefined && { declaredTensors: declared.tensors }),
      },
    }),
    findings,
    ...(error && { error }),
    readData: set.open ? dataReader(parts, set.open) : noData,
    close: set.close ?? (async () => {}),
  };
}

/** The parts against each other: numbers, counts, tensors that stand twice, tensors that are missing. */
function checkSet(set: GgufSet, tensors: readonly Tensor[]): readonly Finding[] {
  const findings = findingList();
  const { files, missing = [], declaredParts = files.length + missing.length } = set;
  for (const name of missing) {
    addFinding(findings, {
      rule: "gguf/missing-part",
      severity: "error",
      message: `part ${name} is missing; ${files.length} of ${declaredParts} parts are here`,
      why: "llama.cpp needs every part, and the counts below lack what it holds",
      fix: `download ${name} beside the others`,
      part: name,
    });
  }
  const byName = new Map<string, number>();
  for (const { name, part } of tensors) {
    const before = byName.get(name);
    if (before !== undefined && before !== part) {
      addFinding(findings, {
        rule: "gguf/duplicate-tensor",
        severity: "error",
        message: `tensor ${quoted(name)} stands in ${files[before]?.name} and in ${files[part]?.name}`,
        why: "llama.cpp refuses the set",
        tensor: name,
        part: files[part]?.name ?? "",
      });
    }
    byName.set(name, part);
  }
  for (const file of files) {
    const { count } = splitKeys(file);
    if (count !== undefined && count !== declaredParts) {
      addFinding(findings, {
        rule: "gguf/split-count",
        severity: "error",
        message: `${file.name} says split.count = ${count}, but the set has ${declaredParts} parts`,
        part: file.name,
      });
    }
  }
  const declared = splitKeys(files[0] as GgufFile).tensors;
  // Parts that are missing or unreadable explain a difference, and are findings of their own.
  if (declared !== undefined && declared !== tensors.length && files.length === declaredParts) {
    addFinding(findings, {
      rule: "gguf/split-tensors",
      severity: "error",
      message: `split.tensors.count is ${declared}, but the parts hold ${tensors.length} tensors`,
      why: "llama.cpp refuses the set",
    });
  }
  return listedFindings(findings);
}
