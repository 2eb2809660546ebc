/** A repository at one revision, wherever its files lie: what is in it, and how to read it. */
import { CheckpointError, type FileEntry, type FileSet, quoted, type RepositoryFile } from "@checkpoint-inspect/parser";

export interface Repository {
  /** `org/name`. */
  readonly id: string;
  /** The Hub that it is on. */
  readonly endpoint: string;
  /** As asked for: a branch, a tag, a commit. */
  readonly revision: string;
  /** The commit that is read. On the Hub it is known with the first file that was fetched. */
  readonly commit: string | undefined;
  /** `hub`; `hf-cache`: the cache of huggingface_hub; `own-cache`: listing and headers that were fetched before. */
  readonly from: "hub" | "hf-cache" | "own-cache";
  /** When what a cache says was asked of the Hub. */
  readonly when?: Date;
  /** All files, by path. In a cache, those that lie there. */
  readonly files: readonly RepositoryFile[];
  /** The list is longer than what was taken of it. */
  readonly cut: boolean;
  /** The files of a folder; `""` for the root. */
  folder(path: string): FileSet;
}

/** File sets over a list of paths: a folder holds what lies directly in it. */
export function fileSetsOf(
  files: readonly RepositoryFile[],
  label: string,
  open: (file: RepositoryFile, name: string) => ReturnType<FileSet["open"]>,
): (folder: string) => FileSet {
  const byFolder = new Map<string, Map<string, RepositoryFile>>();
  for (const file of files) {
    const slash = file.path.lastIndexOf("/");
    const folder = file.path.slice(0, Math.max(0, slash));
    const names = byFolder.get(folder) ?? new Map<string, RepositoryFile>();
    names.set(file.path.slice(slash + 1), file);
    byFolder.set(folder, names);
  }
  const setOf = (folder: string): FileSet => {
    const names = byFolder.get(folder);
    const called = folder === "" ? label : `${label}/${folder}`;
    const entries = [...(names ?? [])].map(([name, { sizeBytes }]): FileEntry => ({ name, sizeBytes }));
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    return {
      label: called,
      remote: true,
      async list() {
        if (names || folder === "") return entries;
        throw new CheckpointError("not-on-server", `${label} has no folder ${quoted(folder)}`, { file: called });
      },
      async open(name) {
        // Shards may stand in sub-folders of their index.
        const file = names?.get(name) ?? find(folder, name);
        if (file) return open(file, name);
        throw new CheckpointError("not-found", `${called} holds no file ${quoted(name)}`, { file: name });
      },
      folder: (name) => setOf(folder === "" ? name : `${folder}/${name}`),
    };
  };
  const find = (folder: string, name: string): RepositoryFile | undefined => {
    const path = folder === "" ? name : `${folder}/${name}`;
    const slash = path.lastIndexOf("/");
    return byFolder.get(path.slice(0, Math.max(0, slash)))?.get(path.slice(slash + 1));
  };
  return setOf;
}
