/** Files of which the first bytes are kept and the rest reads as zeros: real headers at full size, in little memory. */
import { CheckpointError, type FileSet, memorySource } from "@checkpoint-inspect/parser";

export interface SparseFile {
  readonly head: Uint8Array;
  /** At least that of `head`. */
  readonly sizeBytes: number;
}

export type SparseFiles = Readonly<Record<string, SparseFile>>;

/** Bytes that are really there: what memory is measured against. */
export function bytesOf(files: SparseFiles): number {
  return Object.values(files).reduce((sum, { head }) => sum + head.length, 0);
}

/** Names with slashes stand in sub-folders. */
export function sparseFileSet(label: string, files: SparseFiles): FileSet {
  return {
    label,
    async list() {
      return Object.keys(files)
        .filter((name) => !name.includes("/"))
        .sort()
        .map((name) => ({ name, sizeBytes: files[name]?.sizeBytes ?? 0 }));
    },
    async open(name) {
      const file = Object.hasOwn(files, name) ? files[name] : undefined;
      if (!file) throw new CheckpointError("not-found", `${label} holds no file "${name}"`, { file: name });
      const { head, sizeBytes } = file;
      return {
        ...memorySource(name, head),
        sizeBytes,
        async read(offset, length) {
          const end = Math.min(offset + length, sizeBytes);
          if (end <= head.length) return head.subarray(offset, end);
          const bytes = new Uint8Array(Math.max(0, end - offset));
          if (offset < head.length) bytes.set(head.subarray(offset));
          return bytes;
        },
      };
    },
    folder(name) {
      const prefix = `${name}/`;
      const inner = Object.entries(files).filter(([path]) => path.startsWith(prefix));
      if (inner.length === 0) {
        const missing = () => Promise.reject(new CheckpointError("not-found", `no folder ${name}`, { file: name }));
        return { label: name, list: missing, open: missing };
      }
      return sparseFileSet(name, Object.fromEntries(inner.map(([path, file]) => [path.slice(prefix.length), file])));
    },
  };
}
