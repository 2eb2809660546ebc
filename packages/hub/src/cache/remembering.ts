/** A source that keeps what was read of another one, in memory and for the next time in a cache. */
import { type ByteSource, CheckpointError } from "@checkpoint-inspect/parser";
import type { Extent, HeaderCache } from "./header-cache.ts";

export interface Memory {
  readonly cache?: HeaderCache | undefined;
  /** Of this version of the file: holds its ETag. Without one nothing is written to the cache. */
  readonly key?: string | undefined;
}

/** Longer reads are of weights, not of headers: they aren't kept. */
const MAX_KEPT_READ = 64 * 1024 ** 2;
/** Of one file in all. */
const MAX_KEPT = 256 * 1024 ** 2;

/** Bytes that were asked for and aren't there yet. */
interface Coming {
  readonly offset: number;
  readonly end: number;
  readonly arrived: Promise<unknown>;
}

/**
 * The same bytes, each asked for once: a read is served from what is there, and only what is missing between is asked for.
 * What it returns are views of what is kept.
 */
export function remembering(source: ByteSource, memory: Memory = {}): ByteSource {
  const { cache, key } = memory;
  /** Sorted, without overlaps. */
  const extents: Extent[] = [];
  const coming = new Set<Coming>();
  let keptBytes = 0;
  let isNew = false;
  let closed = false;
  let loaded: Promise<void> | undefined;

  const load = async () => {
    const header = cache && key !== undefined ? await cache.get(key) : undefined;
    if (header?.sizeBytes !== source.sizeBytes) return;
    for (const extent of header.extents) keep(extent);
    isNew = false;
  };
  const keep = (extent: Extent) => {
    extents.splice(firstAfter(extents, extent.offset), 0, extent);
    keptBytes += extent.bytes.length;
    isNew = true;
  };

  async function fetchGap(offset: number, end: number, signal: AbortSignal | undefined): Promise<boolean> {
    const reading = source.read(offset, end - offset, signal ? { signal } : {}).then((bytes) => {
      if (bytes.length > 0) keep({ offset, bytes });
      return bytes.length === end - offset;
    });
    const part = { offset, end, arrived: reading.catch(() => undefined) };
    coming.add(part);
    try {
      return await reading;
    } finally {
      coming.delete(part);
    }
  }

  return {
    ...source,
    async read(offset, length, options) {
      const { signal } = options ?? {};
      signal?.throwIfAborted();
      if (closed) throw new CheckpointError("not-found", `${source.name} is closed already`, { file: source.name });
      loaded ??= load();
      await loaded;
      const end = Math.min(offset + length, source.sizeBytes);
      for (;;) {
        const held = viewOf(extents, offset, end);
        if (held.length >= end - offset) return held;
        if (end - offset > MAX_KEPT_READ || keptBytes + end - offset > MAX_KEPT)
          return await source.read(offset, length, options);
        const others = [...coming].filter((part) => part.offset < end && part.end > offset);
        const there = [...extents.map((it) => ({ offset: it.offset, end: it.offset + it.bytes.length })), ...others];
        const mine = gapsOf(there, offset, end).map((gap) => fetchGap(gap.offset, gap.end, signal));
        const whole = await Promise.all(mine);
        // The source has become shorter: what there is has to do.
        if (whole.includes(false)) return viewOf(extents, offset, end);
        // Whoever asked for those may have given up; then the next round asks.
        await ending(Promise.all(others.map((part) => part.arrived)), signal);
      }
    },
    async close() {
      closed = true;
      await loaded;
      const known = extents.reduce((sum, extent) => sum + extent.bytes.length, 0);
      if (isNew && known > 0 && cache && key !== undefined)
        await cache.put(key, { sizeBytes: source.sizeBytes, extents });
      await source.close();
    },
  };
}

/** Waits, but not longer than the signal lets it. */
async function ending(waited: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) {
    await waited;
    return;
  }
  await new Promise<void>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    void waited.then(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
  });
}

/** Index of the first extent that begins after an offset. */
function firstAfter(extents: readonly Extent[], offset: number): number {
  let low = 0;
  let high = extents.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((extents[middle] as Extent).offset > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The bytes from an offset on, as far as they are there without a gap: a view where one extent has them, joined otherwise. */
function viewOf(extents: readonly Extent[], offset: number, end: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = offset;
  for (let i = Math.max(0, firstAfter(extents, offset) - 1); at < end && i < extents.length; i++) {
    const extent = extents[i] as Extent;
    if (extent.offset > at) break;
    const part = extent.bytes.subarray(at - extent.offset, end - extent.offset);
    if (part.length > 0) parts.push(part);
    at += part.length;
  }
  const [only] = parts;
  if (parts.length <= 1) return only ?? new Uint8Array(0);
  const joined = new Uint8Array(at - offset);
  let done = 0;
  for (const part of parts) {
    joined.set(part, done);
    done += part.length;
  }
  return joined;
}

/** What of a range is covered by none of the parts. */
function gapsOf(
  parts: readonly { readonly offset: number; readonly end: number }[],
  offset: number,
  end: number,
): { readonly offset: number; readonly end: number }[] {
  const gaps: { offset: number; end: number }[] = [];
  let at = offset;
  for (const part of parts.filter((it) => it.end > offset && it.offset < end).sort((a, b) => a.offset - b.offset)) {
    if (part.offset > at) gaps.push({ offset: at, end: part.offset });
    at = Math.max(at, part.end);
  }
  if (at < end) gaps.push({ offset: at, end });
  return gaps;
}
