/** Files that are read whole because they must be small. */
import { open, stat } from "node:fs/promises";

/** A regular file that is larger than it may be; its size in bytes. */
export class TooLarge extends Error {
  override readonly name = "TooLarge";
}

/**
 * The bytes of a regular file.
 * @throws {TooLarge} above `mostBytes`; the file system's own errors, `EINVAL` for what is no regular file
 */
export async function readSmallFile(path: string, mostBytes: number): Promise<Uint8Array> {
  // Asked before it is opened: opening a named pipe would wait for somebody to write.
  const stats = await stat(path);
  if (!stats.isFile()) throw Object.assign(new Error(`${path} is no regular file`), { code: "EINVAL" });
  if (stats.size > mostBytes) throw new TooLarge(`${path} has ${stats.size} bytes; ${mostBytes} is the limit`);
  const handle = await open(path);
  try {
    const bytes = new Uint8Array(stats.size);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return bytes.subarray(0, length);
  } finally {
    await handle.close();
  }
}
