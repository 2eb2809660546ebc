/**
 * Reads the data of a few small tensors: values that a header lacks, such as a LoRA's alpha or the true shape of a packed
 * weight. Everything else stays on the disk.
 */
import pLimit from "p-limit";

import type { ByteSource, ReadOptions } from "../source/byte-source.ts";
import { grouped, quoted } from "../words.ts";
import type { Checkpoint, Part, Tensor } from "./checkpoint.ts";

/**
 * Largest tensor that is read, in bytes. Scalars, shapes and the JSON notes of bitsandbytes take some hundred bytes at most; what
 * is larger is weights, and those are none of a header reader's business.
 */
export const MAX_DATA_BYTES = 4096;

/** Reads side by side in one part: enough to hide latency, few enough for a shared connection. */
const READS_AT_ONCE = 8;

/** @param open opens a part by its index; called once a part that is needed */
export function dataReader(
  parts: readonly Part[],
  open: (part: number) => Promise<ByteSource>,
): Checkpoint["readData"] {
  return async (tensors, options = {}) => {
    checkReadable(tensors, parts);
    const { signal } = options;
    const data: Uint8Array[] = tensors.map(() => new Uint8Array());
    const wanted = new Map<number, number[]>();
    for (const [i, { part }] of tensors.entries()) {
      const indices = wanted.get(part);
      if (indices) indices.push(i);
      else wanted.set(part, [i]);
    }
    for (const [part, indices] of [...wanted].sort(([a], [b]) => a - b)) {
      const source = await open(part);
      try {
        const limit = pLimit(READS_AT_ONCE);
        await Promise.all(
          indices.map((i) =>
            limit(async () => {
              data[i] = await wholeData(source, tensors[i] as Tensor, { ...(signal && { signal }) });
            }),
          ),
        ).finally(() => limit.clearQueue());
      } finally {
        await source.close();
      }
    }
    return data;
  };
}

/** Throws before anything is opened. */
export function checkReadable(tensors: readonly Tensor[], parts: readonly Part[]): void {
  for (const { name, sizeBytes, part } of tensors) {
    if (sizeBytes > MAX_DATA_BYTES) {
      throw new RangeError(
        `the data of ${quoted(name)} are ${grouped(sizeBytes)} bytes; no more than ${grouped(MAX_DATA_BYTES)} are read`,
      );
    }
    if (!parts[part])
      throw new RangeError(`${quoted(name)} is a tensor of another checkpoint: there is no part ${part}`);
  }
}

/** The bytes of a tensor, in memory of their own; none when the file ends before their end. */
async function wholeData(source: ByteSource, { offset, sizeBytes }: Tensor, options: ReadOptions): Promise<Uint8Array> {
  if (sizeBytes === 0 || offset + sizeBytes > source.sizeBytes) return new Uint8Array();
  const bytes = await source.read(offset, sizeBytes, options);
  return bytes.length === sizeBytes ? bytes.slice() : new Uint8Array();
}

/** For checkpoints that were made of headers alone: no file stands behind them. */
export const noData: Checkpoint["readData"] = async (tensors) => tensors.map(() => new Uint8Array());
