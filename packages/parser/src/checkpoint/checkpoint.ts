/**
 * The neutral model of a checkpoint: what GGUF and safetensors have in common, and all that analysis sees.
 *
 * Shapes are row-major in logical order, as PyTorch prints them: `[out, in]` for a linear layer. GGUF writes the
 * reverse (`ne`, fastest dimension first); its adapter turns them round.
 */
import type { CheckpointError, Finding } from "../errors.ts";
import type { ReadOptions } from "../source/byte-source.ts";
import type { Sniffed } from "../source/sniff.ts";

export type CheckpointFormat = "gguf" | "safetensors";

/** One file of a checkpoint. */
export interface Part {
  readonly name: string;
  readonly sizeBytes: number;
  /** Bytes before the tensor data: magic, metadata, tensor table, padding. */
  readonly headerBytes: number;
  readonly tensorCount: number;
}

/**
 * A storage type by its standard name: `F16`, `BF16`, `Q4_K`, `F8_E4M3`, `I32`.
 * An id that no table knows is written `type 99`.
 */
export type TensorType = string;

export interface Tensor {
  readonly name: string;
  /** Row-major, logical order. Empty for a scalar. */
  readonly shape: readonly number[];
  readonly type: TensorType;
  /** Product of the shape, as the container declares it (packed containers count their words). */
  readonly elements: number;
  /** Bytes of its data in the file, without padding. */
  readonly sizeBytes: number;
  /** Index into `Checkpoint.parts`. */
  readonly part: number;
  /** Absolute byte offset of its data in the part. */
  readonly offset: number;
}

export type MetadataScalar = string | number | bigint | boolean;

/** A run of bytes in a part. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * An array in the metadata: counted and skipped when the header is read, decoded only when asked for.
 * Arrays of at most a thousand elements or so are decoded at once and stand in `values` too.
 */
export interface LazyArray {
  /** `string`, `u32`, `f32`, `bool`, `array` … */
  readonly elementType: string;
  readonly length: number;
  readonly byteRange: ByteRange;
  readonly values?: readonly MetadataElement[];
  at(index: number): Promise<MetadataElement | undefined>;
  /** Elements `[start, end)`, cut at the array's end; a negative index counts as 0. Reads only the bytes that it needs. */
  slice(start?: number, end?: number): Promise<MetadataElement[]>;
}

export type MetadataElement = MetadataScalar | readonly MetadataElement[];

export interface MetadataEntry {
  readonly key: string;
  /** The type in the file: `string`, `u32`, `f32`, `bool`, `array` … (safetensors: always `string`). */
  readonly type: string;
  readonly value: MetadataScalar | LazyArray;
  /** Index into `Checkpoint.parts`. */
  readonly part: number;
}

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** `config.json` (or its like) beside the weights, as written. */
export interface ModelConfig {
  /** File it was read from. */
  readonly file: string;
  readonly json: JsonObject;
}

/** What the set of files says of itself: how many there should be, and which of them are missing. */
export interface ShardSet {
  readonly declaredParts: number;
  readonly missing: readonly string[];
  /** Tensor count that the set declares (split.tensors.count, or the index's weight_map), when it does. */
  readonly declaredTensors?: number;
}

/**
 * One model of a pipeline: a sub-folder of a diffusers folder, with a config and files of its own. Its tensors stand side by
 * side in `Checkpoint.tensors`, under names that begin with its own: `unet/conv_in.weight`.
 */
export interface Component {
  /** Name of the sub-folder: `unet`. */
  readonly name: string;
  /** The class that loads it, as `model_index.json` says: `UNet2DConditionModel`. */
  readonly className: string;
  /** Where that class is from: `diffusers`, `transformers`, or the pipeline's own module. */
  readonly library: string;
  /** Its own `config.json`; `file` is relative to the pipeline's folder. */
  readonly config?: ModelConfig;
  /** Index into `Checkpoint.tensors`. */
  readonly firstTensor: number;
  readonly tensorCount: number;
  /** Index into `Checkpoint.parts`. */
  readonly firstPart: number;
  readonly partCount: number;
}

/** A file beside the weights. */
export interface BesideFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** What its first bytes are, where its name says weights or archive: `a zip archive`, `a pickle`. */
  readonly what?: string;
  /** The same as a word that code can compare. */
  readonly kind?: Sniffed["kind"];
}

/** A text beside the weights, or in a JSON file there. */
export interface BesideText {
  /** Where it is from, as a person would say it: `chat_template.jinja`, `tokenizer_config.json chat_template`. */
  readonly from: string;
  readonly text: string;
}

/** What lies in the folder with the weights: read on request, for the audit. */
export interface Beside {
  /** Files directly in the folder, sorted by name; the checkpoint's own parts too. Of a large folder the first ones. */
  readonly files: readonly BesideFile[];
  /** Files of the folder, where it is large and `files` are only the first. */
  readonly fileCount?: number;
  /** Small JSON objects by file name: `tokenizer_config.json`, `generation_config.json` ... */
  readonly json: ReadonlyMap<string, JsonObject>;
  /** Chat templates. */
  readonly templates: readonly BesideText[];
  /** Names that `tokenizer.json` gives ids to, counted: the highest id + 1. Absent where there is no such file, or it is too large. */
  readonly tokenizerVocabulary?: number;
  /** Files that should have been read, and why they weren't: `it is not JSON: ...`. */
  readonly unreadable: readonly { readonly name: string; readonly why: string }[];
}

export interface Checkpoint {
  readonly format: CheckpointFormat;
  /** What the user asked for, in short: a file name, or the folder's name. */
  readonly label: string;
  /** `GGUF v3, big-endian`, `safetensors`: the container in words. */
  readonly container: string;
  readonly parts: readonly Part[];
  readonly tensors: readonly Tensor[];
  readonly metadata: readonly MetadataEntry[];
  /** `config.json`, or `model_index.json` of a pipeline. */
  readonly config?: ModelConfig;
  /** `adapter_config.json`: what was trained, and on which base. */
  readonly adapterConfig?: ModelConfig;
  /** JSON files beside the weights, by name, sorted: some tell by being there what the weights are for (`modules.json`). */
  readonly sidecars?: readonly string[];
  /** The models of a pipeline, in the order that it lists them. Absent for anything else. */
  readonly components?: readonly Component[];
  readonly shards?: ShardSet;
  /** What lies in its folder; only where it was asked for. */
  readonly beside?: Beside;
  readonly findings: readonly Finding[];
  /** Reading stopped here; what stands above was read before. */
  readonly error?: CheckpointError;
  /**
   * Bytes of a few small tensors, in the order asked for and in the file's byte order: values that a header lacks. Each part is
   * opened once. Empty for a tensor whose data the file doesn't hold whole.
   * @throws {RangeError} for a tensor above 4,096 bytes, or one of another checkpoint
   * @throws {CheckpointError} `not-found` when a part is gone
   */
  readData(tensors: readonly Tensor[], options?: ReadOptions): Promise<Uint8Array[]>;
  /** Releases the files behind lazy arrays. Safe to call twice. */
  close(): Promise<void>;
}
