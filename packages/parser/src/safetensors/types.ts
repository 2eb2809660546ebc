/** What a safetensors file and its index are, faithful to the format: order, names and offsets as written. */
import type { JsonObject, Tensor } from "../checkpoint/checkpoint.ts";
import type { CheckpointError, Finding } from "../errors.ts";

/**
 * A tensor with what only safetensors knows of it. It is the checkpoint's tensor too: one object serves both.
 *
 * `type` is the dtype as written, known to the format or not. A dimension above 2^53 is the nearest double and `elements`
 * is 0 where the product can't be held exactly; a `safetensors/size-overflow` finding says so. `sizeBytes` is `end - begin`.
 */
export interface SafetensorsTensor extends Tensor {
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
