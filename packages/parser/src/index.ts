/** Bytes -> Checkpoint: the readers and writers of GGUF and safetensors. */

export type {
  Beside,
  BesideFile,
  BesideText,
  ByteRange,
  Checkpoint,
  CheckpointFormat,
  JsonObject,
  JsonValue,
  LazyArray,
  MetadataElement,
  MetadataEntry,
  MetadataScalar,
  ModelConfig,
  Part,
  ShardSet,
  Tensor,
  TensorType,
} from "./checkpoint/checkpoint.ts";
export type { FolderNames } from "./checkpoint/folder-names.ts";
export { checkpointNames } from "./checkpoint/folder-names.ts";
export { checkpointFromGguf } from "./checkpoint/from-gguf.ts";
export { checkpointFromSafetensors } from "./checkpoint/from-safetensors.ts";
export type { OpenOptions, OpenSetOptions } from "./checkpoint/open.ts";
export { openCheckpoint, openFileSet } from "./checkpoint/open.ts";
export type { ErrorCode, ErrorDetails, Finding, Severity } from "./errors.ts";
export { CheckpointError } from "./errors.ts";
export type { FindingList } from "./findings.ts";
export { addFinding, findingList, listedFindings } from "./findings.ts";
export { fileTypeLabel, labelFromFileName } from "./gguf/file-types.ts";
export type { GgufFile, GgufMetadataEntry, GgufTensorInfo } from "./gguf/read.ts";
export { readGguf } from "./gguf/read.ts";
export { parseSplitName, splitFileName } from "./gguf/shards.ts";
export type { GgmlType } from "./gguf/types.ts";
export { GGML_TYPES, ggmlType } from "./gguf/types.ts";
export type { GgufInput, GgufWriteOptions, GgufWriteTensor } from "./gguf/write.ts";
export { ggufDataSize, writeGguf, writeGgufHeader } from "./gguf/write.ts";
export type { GgufSplit } from "./gguf/write-split.ts";
export { splitGguf } from "./gguf/write-split.ts";
export type { GgufWriteArray, GgufWriteEntry } from "./gguf/write-values.ts";
export { checkpointsIn } from "./repository/checkpoints-in.ts";
export type { CheckpointAsk, PickedCheckpoint } from "./repository/pick-checkpoint.ts";
export { pickCheckpoint } from "./repository/pick-checkpoint.ts";
export type { CheckpointUse, ListedCheckpoint, RepositoryFile, RepositoryInfo } from "./repository/repository.ts";
export { findingOfError, READ_ERROR_RULES } from "./rules/read-errors.ts";
export type { Evidence, Rule, RuleTable } from "./rules/rule.ts";
export { findingOf } from "./rules/rule.ts";
export { READER_RULES } from "./rules/rules.ts";
export { decodeNumbers } from "./safetensors/decode.ts";
export { DTYPES, dtypeBits } from "./safetensors/dtypes.ts";
export { readSafetensors } from "./safetensors/read.ts";
export type { SafetensorsFile, SafetensorsTensor } from "./safetensors/types.ts";
export type { TensorToDeclare, TensorToWrite } from "./safetensors/write.ts";
export { assembleSafetensors, writeIndexJson, writeSafetensors, writeSafetensorsHeader } from "./safetensors/write.ts";
export type { ByteSource, FileEntry, FileSet, ReadOptions } from "./source/byte-source.ts";
export { memoryFileSet, memorySource } from "./source/byte-source.ts";
export { fileSource, localFolder } from "./source/file.ts";
export { grouped, inShort, oneLine, quoted } from "./words.ts";
