/**
 * GGUF files -> `Checkpoint`: the parts of a split set are joined, and compared with what they say of each other.
 */
import type { CheckpointError, Finding } from "../errors.ts";
import type { GgufFile } from "../gguf/read.ts";
import { splitKeys } from "../gguf/shards.ts";
import type { ByteSource } from "../source/byte-source.ts";
import { checkQuantizationVersion, checkSet } from "./check-gguf-set.ts";
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
  if (!error) findings.push(...checkQuantizationVersion(first, tensors));
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
