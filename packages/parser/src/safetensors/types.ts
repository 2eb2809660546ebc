/** What a safetensors file and its index are, faithful to the format: order, names and offsets as written. */
import type { JsonObject } from "../checkpoint/checkpoint.ts";
import type { CheckpointError, Finding } from "../errors.ts";

export interface SafetensorsTensor {
  readonly name: string;
  /** As written, known to the format or not. */
  readonly dtype: string;
  /** Row-major. A dimension above 2^53 is the nearest double, and a finding says so. */
  readonly shape: readonly number[];
  /** Product of the shape; 0 when it can't be held exactly (a `safetensors/size-overflow` finding says so). */
  readonly elements: number;
  /** `end - begin` of its data_offsets. */
  readonly sizeBytes: number;
  /** Absolute byte offset of its data in the file. */
  readonly offset: number;
  /** Absolute byte offset of its key in the header. */
  readonly headerOffset: number;
}

export interface SafetensorsMetadata {
  readonly key: string;
  readonly value: string;
}

export interface SafetensorsFile {
  readonly format: "safetensors";
  readonly name: string;
  readonly sizeBytes: number;
  /** Bytes before the data: the 8-byte length and the header. */
  readonly headerBytes: number;
  /** `__metadata__`, in file order. */
  readonly metadata: readonly SafetensorsMetadata[];
  /** In header order. */
  readonly tensors: readonly SafetensorsTensor[];
  readonly findings: readonly Finding[];
  /** Reading stopped here; what stands above was read before. */
  readonly error?: CheckpointError;
}

/** A `*.safetensors.index.json`: which file of a set holds which tensor. */
export interface SafetensorsIndex {
  readonly name: string;
  /** Tensor name to shard name, in file order. */
  readonly weightMap: ReadonlyMap<string, string>;
  /** Shards that may be opened, in natural order of their names. */
  readonly shards: readonly string[];
  /** `metadata.total_size`: bytes of tensor data in all shards, without headers. */
  readonly totalSize?: number;
  /** `metadata.total_parameters`. */
  readonly totalParameters?: number;
  readonly metadata: JsonObject;
  readonly findings: readonly Finding[];
}
