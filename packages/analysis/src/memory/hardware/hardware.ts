/** GPUs and other machines that models run on: memory, speed of that memory, arithmetic. */

/** The share of a peak that programs reach, as a range. */
export interface Efficiency {
  readonly low: number;
  readonly high: number;
  /** Where the range is from. */
  readonly from: string;
}

export interface Hardware {
  /** As its maker calls it: "RTX 4090", "Apple M4 Max". */
  readonly name: string;
  readonly kind: "gpu" | "apple" | "cpu" | "size";
  /** "cuda" keeps a context of its own in the GPU's memory. A plain size is taken for an NVIDIA GPU, which needs the most. */
  readonly backend: "cuda" | "metal" | "other";
  /** Bytes of memory; where a model comes in several sizes, the one that was asked for. */
  readonly memoryBytes: number;
  /** What a GPU may take of memory that it shares with the system. Undefined: all of it. */
  readonly usableBytes?: number;
  /** Why `usableBytes` is less, in words. */
  readonly usableReason?: string;
  /** Bytes a second; undefined where we have no source for it. */
  readonly bandwidth?: number;
  readonly bandwidthSource?: string;
  /** FP16 operations a second, as @huggingface/tasks lists them (approximate; of NVIDIA's, mostly without tensor cores). */
  readonly flops?: number;
  /** FP16 operations a second of its matrix units, which prefill runs on. */
  readonly matrixFlops?: number;
  readonly matrixFlopsSource?: string;
  readonly decodeEfficiency?: Efficiency;
  readonly prefillEfficiency?: Efficiency;
  /** Sizes that the model is sold with, bytes, where there are several. */
  readonly sizes?: readonly number[];
}
