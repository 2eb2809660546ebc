/**
 * A byte source over a local file, and a file set over a local folder. The only code of this package that touches the disk.
 */
import type { Dirent, Stats } from "node:fs";
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";

import { CheckpointError } from "../errors.ts";
import { type ByteSource, checkChildName, type FileEntry, type FileSet } from "./byte-source.ts";

/**
 * Opens a file for ranged reads; the handle is held until `close`.
 * @param name how messages call it; its base name unless told
 * @throws {CheckpointError} `not-found` when it can't be opened, `unsupported` for a folder, a pipe or a device
 */
export async function fileSource(path: string, name = basename(path)): Promise<ByteSource> {
  let handle: FileHandle | undefined;
  let sizeBytes: number;
  try {
    // Asked before it is opened: opening a named pipe would wait for somebody to write.
    const stats = await stat(path);
    if (!stats.isFile()) {
      const message = `${path} is ${kindOf(stats)}, not a regular file; only files are read`;
      throw new CheckpointError("unsupported", message, { file: name });
    }
    handle = await open(path, "r");
    sizeBytes = (await handle.stat()).size;
  } catch (cause) {
    await handle?.close();
    throw cause instanceof CheckpointError ? cause : cannotOpen(path, cause, name);
  }
  return {
    name,
    sizeBytes,
    async read(offset, length, options) {
      options?.signal?.throwIfAborted();
      if (!handle) throw new CheckpointError("not-found", `${name} is closed already`, { file: name });
      const wanted = Math.max(0, Math.min(length, sizeBytes - offset));
      const { into } = options ?? {};
      const bytes = into && into.length >= wanted ? into.subarray(0, wanted) : new Uint8Array(wanted);
      let done = 0;
      while (done < wanted) {
        const { bytesRead } = await handle.read(bytes, done, wanted - done, offset + done);
        if (bytesRead === 0) break; // the file got shorter after it was opened; the reader words it
        done += bytesRead;
      }
      return done === wanted ? bytes : bytes.subarray(0, done);
    },
    async close() {
      const closing = handle;
      handle = undefined;
      await closing?.close();
    },
  };
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "a folder";
  if (stats.isFIFO()) return "a pipe";
  return stats.isSocket() ? "a socket" : "a device";
}

/** Plain words for the errors of the file system that people meet. */
const OPEN_FAILURES: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "it is a folder",
  ELOOP: "its links go in a circle",
  ENOTDIR: "a part of the path is a file, not a folder",
  ENAMETOOLONG: "the name is too long",
  EMFILE: "too many files are open; raise the limit (ulimit -n)",
};

/** The error for a path that can't be opened, in one line. */
export function cannotOpen(path: string, cause: unknown, file = path): CheckpointError {
  const code = (cause as NodeJS.ErrnoException)?.code ?? "";
  const why = OPEN_FAILURES[code] ?? (code || String(cause));
  return new CheckpointError("not-found", `cannot open ${path}: ${why}`, { file, cause });
}

/** Files of a folder that are asked about side by side. */
const STATS_AT_ONCE = 256;

/** The files of one local folder. */
export function localFolder(path: string): FileSet {
  return {
    label: path,
    async list() {
      const entries = await readdir(path, { withFileTypes: true }).catch((cause: unknown) => {
        throw cannotOpen(path, cause);
      });
      const stated = async (entry: Dirent): Promise<FileEntry[]> => {
        const file = join(path, entry.name);
        const stats = await stat(file).catch((cause: unknown) => {
          // A link may lead nowhere (an incomplete cache snapshot) or where we may not look; then it is no file of ours.
          if (entry.isSymbolicLink()) return undefined;
          throw cannotOpen(file, cause);
        });
        return stats?.isFile() ? [{ name: entry.name, sizeBytes: stats.size }] : [];
      };
      const sized: FileEntry[][] = [];
      const files = entries.filter((entry) => entry.isFile() || entry.isSymbolicLink());
      // In turns, so that a folder of a million files doesn't hold a million open questions.
      for (let i = 0; i < files.length; i += STATS_AT_ONCE) {
        sized.push(...(await Promise.all(files.slice(i, i + STATS_AT_ONCE).map(stated))));
      }
      return sized.flat().sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    open: (name) => fileSource(join(path, name), name),
    folder(name) {
      checkChildName(name, path);
      return localFolder(join(path, name));
    },
  };
}
