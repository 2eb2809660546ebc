/**
 * What was read of remote files, kept on the disk: one file an entry, of a line of JSON and the bytes. A cache can't fail: what
 * can't be read is not there, what can't be written is not kept.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";

/** Bytes of a file, from an offset on. */
export interface Extent {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

interface CachedHeader {
  /** Of the whole file. */
  readonly sizeBytes: number;
  /** Sorted by offset, without overlaps. */
  readonly extents: readonly Extent[];
}

interface CachedJson {
  /** When it was put there. */
  readonly stored: Date;
  readonly value: unknown;
}

export interface HeaderCache {
  readonly get: (key: string) => Promise<CachedHeader | undefined>;
  /** Replaces what was there. */
  readonly put: (key: string, header: CachedHeader) => Promise<void>;
  /** @param kind of value: keys of different kinds don't meet */
  readonly getJson: (kind: string, key: string) => Promise<CachedJson | undefined>;
  readonly putJson: (kind: string, key: string, value: unknown) => Promise<void>;
}

interface HeaderCacheOptions {
  /** Of all entries together; the oldest are dropped above it. */
  readonly maxBytes?: number;
}

const FORMAT = "checkpoint-inspect header cache 1";

const MAX_BYTES = 1024 ** 3;
/** Bigger entries aren't kept: the largest known headers have some dozens of megabytes. */
const MAX_ENTRY_BYTES = 256 * 1024 ** 2;
/** The folder is looked through once for each such part of its limit that is written, on average. */
const CHECKS_PER_LIMIT = 16;
/** A temporary file as old as this was left by a process that ended. */
const STALE_MS = 3_600_000;

const ENTRY_NAME = /^[0-9a-f]{40}\.(head|json)$/;
const TEMPORARY_NAME = /^[0-9a-f]{40}\.(head|json)\.[0-9a-f]{12}\.tmp$/;

/** A cache in a folder, which is made when something is first put there. */
export function headerCache(folder: string, options: HeaderCacheOptions = {}): HeaderCache {
  const { maxBytes = MAX_BYTES } = options;

  const write = async (name: string, parts: readonly Uint8Array[]) => {
    const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0);
    if (sizeBytes > Math.min(MAX_ENTRY_BYTES, maxBytes)) return;
    await written(folder, name, parts).catch(() => undefined);
    // By chance and not by count: most processes write once.
    if (Math.random() * (maxBytes / CHECKS_PER_LIMIT) < sizeBytes) await trim(folder, maxBytes).catch(() => undefined);
  };

  return {
    get: async (key) => parsedHeader(await bytesAt(join(folder, fileName("head", key))), key),
    put: async (key, header) => await write(fileName("head", key), headerParts(key, header)),
    getJson: async (kind, key) => parsedJson(await bytesAt(join(folder, fileName("json", key, kind))), kind, key),
    async putJson(kind, key, value) {
      const text = JSON.stringify({ format: FORMAT, kind, key, stored: new Date().toISOString(), value });
      await write(fileName("json", key, kind), [Buffer.from(text)]);
    },
  };
}

/** A hash: nothing of what a server said gets into a file's name. */
function fileName(extension: "head" | "json", key: string, kind = ""): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([kind, key]))
    .digest("hex");
  return `${hash.slice(0, 40)}.${extension}`;
}

async function bytesAt(path: string): Promise<Buffer | undefined> {
  try {
    const stats = await stat(path);
    return stats.isFile() && stats.size <= MAX_ENTRY_BYTES ? await readFile(path) : undefined;
  } catch {
    return undefined;
  }
}

function headerParts(key: string, { sizeBytes, extents }: CachedHeader): Uint8Array[] {
  const fields = { key, sizeBytes, extents: extents.map(({ offset, bytes }) => [offset, bytes.length]) };
  const bytes = extents.map((extent) => extent.bytes);
  const sum = bytes.reduce((before, part) => crc32(part, before), crc32(JSON.stringify(fields)));
  return [Buffer.from(`${JSON.stringify({ format: FORMAT, sum, ...fields })}\n`), ...bytes];
}

/** Anything that isn't exactly what was written for this key counts as nothing. */
function parsedHeader(file: Buffer | undefined, key: string): CachedHeader | undefined {
  const lineEnd = file?.indexOf(0x0a) ?? -1;
  if (!file || lineEnd < 0) return undefined;
  const line = objectOf(file.toString("utf8", 0, lineEnd));
  if (line?.format !== FORMAT || line.key !== key || !isCount(line.sizeBytes)) return undefined;
  const sizeBytes = line.sizeBytes;
  if (!Array.isArray(line.extents)) return undefined;
  const extents: Extent[] = [];
  let at = lineEnd + 1;
  let after = 0;
  for (const item of line.extents as unknown[]) {
    if (!Array.isArray(item)) return undefined;
    const [offset, length] = item as unknown[];
    if (!isCount(offset) || !isCount(length) || offset < after || at + length > file.length) return undefined;
    // Not a Buffer, whose `slice` is another than a Uint8Array's.
    extents.push({ offset, bytes: new Uint8Array(file.buffer, file.byteOffset + at, length) });
    at += length;
    after = offset + length;
  }
  if (at !== file.length || after > sizeBytes) return undefined;
  const fields = JSON.stringify({ key, sizeBytes, extents: line.extents });
  return crc32(file.subarray(lineEnd + 1), crc32(fields)) === line.sum ? { sizeBytes, extents } : undefined;
}

function parsedJson(file: Buffer | undefined, kind: string, key: string): CachedJson | undefined {
  const entry = file && objectOf(file.toString("utf8"));
  if (entry?.format !== FORMAT || entry.kind !== kind || entry.key !== key) return undefined;
  const stored = new Date(String(entry.stored));
  return Number.isNaN(stored.getTime()) ? undefined : { stored, value: entry.value };
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Under a name of its own first: whoever reads at the same time sees the old entry or the new one whole. */
async function written(folder: string, name: string, parts: readonly Uint8Array[]): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `${name}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const handle = await open(path, "wx", 0o600);
    try {
      for (const part of parts) await writeFile(handle, part);
    } finally {
      await handle.close();
    }
    await rename(path, join(folder, name));
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

/** Drops the oldest entries of ours until the rest is small enough, and what ended processes left. Other files stay. */
async function trim(folder: string, maxBytes: number): Promise<void> {
  const entries: { readonly path: string; readonly size: number; readonly mtimeMs: number }[] = [];
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const stats =
      ENTRY_NAME.test(name) || TEMPORARY_NAME.test(name) ? await stat(path).catch(() => undefined) : undefined;
    if (!stats) continue;
    if (ENTRY_NAME.test(name)) entries.push({ path, size: stats.size, mtimeMs: stats.mtimeMs });
    else if (Date.now() - stats.mtimeMs > STALE_MS) await rm(path, { force: true });
  }
  let total = entries.reduce((sum, { size }) => sum + size, 0);
  for (const { path, size } of entries.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
    if (total <= maxBytes) break;
    await rm(path, { force: true });
    total -= size;
  }
}
