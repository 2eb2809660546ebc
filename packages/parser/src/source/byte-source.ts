/**
 * Where bytes come from: a file, a URL, a cache and memory all fit this interface.
 * Behaviour (cache, coalescing, counting, abort) is added by wrapping a source, never by subclassing.
 */

import { CheckpointError } from "../errors.ts";
import { quoted } from "../words.ts";

export interface ReadOptions {
  readonly signal?: AbortSignal;
  /**
   * Memory that the source may read into, and return a view of: for callers that go through a file window by window and
   * are done with the one before. Fresh memory costs more than the reading itself.
   */
  readonly into?: Uint8Array;
}

export interface ByteSource {
  /** As the user knows it: a file name or a URL, used in messages. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Each read is a request to a server: few and right-sized ones are wanted, where a disk takes many small ones. */
  readonly remote?: boolean;
  /**
   * The bytes `[offset, offset + length)`, cut at the end of the source. Shorter than that when the source has become
   * shorter than `sizeBytes` since it was opened: readers compare.
   * @throws {CheckpointError} `not-found` when it is closed or gone
   */
  read(offset: number, length: number, options?: ReadOptions): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A source over bytes that are already in memory. Reads are views, not copies. */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    sizeBytes: bytes.length,
    async read(offset, length) {
      return bytes.subarray(Math.min(offset, bytes.length), Math.min(offset + length, bytes.length));
    },
    async close() {},
  };
}

/** One file of a {@link FileSet}. */
export interface FileEntry {
  /** Path relative to the set, with forward slashes. */
  readonly name: string;
  readonly sizeBytes: number;
}

/** A place that holds files by relative name: a local folder, a repo at one revision, memory. */
export interface FileSet {
  /** As the user knows it: a folder path, a repo id. */
  readonly label: string;
  /** Each file that is opened and read costs requests to a server ({@link ByteSource.remote}). */
  readonly remote?: boolean;
  /** Files may be there that `list` doesn't name, as behind a URL: those that another file names are tried. */
  readonly unlisted?: boolean;
  /** Every file directly in the set (not in sub-folders), sorted by name. */
  list(): Promise<readonly FileEntry[]>;
  /** @throws {CheckpointError} `not-found` when the set has no such file. */
  open(name: string): Promise<ByteSource>;
  /**
   * The set of a sub-folder, directly below this one. Whether there is such a folder shows when it is listed. Absent where
   * there are no sub-folders to look into.
   * @throws {CheckpointError} `invalid` for a name that is no {@link isChildName}
   */
  folder?(name: string): FileSet;
}

/** Longest name that file systems allow, in bytes. */
const MAX_NAME_BYTES = 255;

/**
 * Whether a name can only mean something directly below a folder. Such names come out of files: no way up, no path, no drive,
 * no control characters.
 */
export function isChildName(name: string): boolean {
  if (name === "" || name === "." || name === ".." || new TextEncoder().encode(name).length > MAX_NAME_BYTES)
    return false;
  return !/[/\\:\u0000-\u001f\u007f]/.test(name);
}

/** For `folder`: refuses a name that leads elsewhere. */
export function checkChildName(name: string, label: string): void {
  if (isChildName(name)) return;
  const message = `${quoted(name)} is no name of a folder directly in ${label}`;
  throw new CheckpointError("invalid", message, { file: label });
}

/** A file set over bytes in memory: tests, browsers, archives. Names with slashes stand in sub-folders. */
export function memoryFileSet(label: string, files: Readonly<Record<string, Uint8Array>>): FileSet {
  return {
    label,
    async list() {
      return Object.keys(files)
        .filter((name) => !name.includes("/"))
        .sort()
        .map((name) => ({ name, sizeBytes: (files[name] as Uint8Array).length }));
    },
    async open(name) {
      const bytes = Object.hasOwn(files, name) ? files[name] : undefined;
      if (!bytes) throw new CheckpointError("not-found", `${label} holds no file "${name}"`, { file: name });
      return memorySource(name, bytes);
    },
    folder(name) {
      checkChildName(name, label);
      const inner = Object.entries(files).filter(([path]) => path.startsWith(`${name}/`));
      const below = memoryFileSet(
        `${label}/${name}`,
        Object.fromEntries(inner.map(([path, bytes]) => [path.slice(name.length + 1), bytes])),
      );
      if (inner.length > 0) return below;
      return {
        ...below,
        async list() {
          throw new CheckpointError("not-found", `${label} holds no folder ${quoted(name)}`, { file: name });
        },
      };
    },
  };
}
