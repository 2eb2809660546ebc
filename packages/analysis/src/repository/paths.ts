/** Files of a repository by folder, how a message names them, and which of them the rules on a checkpoint spoke of already. */
import { inShort, type ListedCheckpoint, quoted, type RepositoryFile } from "@checkpoint-inspect/parser";

import { formatBytes } from "../units.ts";
import type { LookedCheckpoint, RepositorySubject } from "./subject.ts";

/** The folder of a path; empty for the root. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function joined(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** Folder that the parts of a checkpoint's findings are named from. */
export function checkpointFolder({ kind, entry }: ListedCheckpoint): string {
  return kind === "pipeline" ? entry : folderOf(entry);
}

export function byFolder(files: readonly RepositoryFile[]): ReadonlyMap<string, readonly RepositoryFile[]> {
  const folders = new Map<string, RepositoryFile[]>();
  for (const file of files) {
    const folder = folderOf(file.path);
    const list = folders.get(folder);
    if (list) list.push(file);
    else folders.set(folder, [file]);
  }
  return folders;
}

/** `a/model.bin, b/model.bin and 4 more`. */
export function shown(files: readonly { readonly path: string }[]): string {
  return inShort(
    files.slice(0, 3).map(({ path }) => plainly(path)),
    files.length,
  );
}

/** Without quotes, cut when long, with everything escaped that isn't plainly visible. */
export function plainly(name: string): string {
  return quoted(name).slice(1, -1);
}

export function sumBytes(files: readonly RepositoryFile[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

export function sizeOf(files: readonly RepositoryFile[]): string {
  return formatBytes(sumBytes(files));
}

/** The file that a finding is of, where it is one file alone. */
export function partOf(files: readonly RepositoryFile[]): { readonly part?: string } {
  const [first] = files;
  return first && files.length === 1 ? { part: first.path } : {};
}

/** Messages of one rule on checkpoints, by the folder that they speak of. */
export function saidInFolders(
  looked: readonly LookedCheckpoint[],
  rule: string,
): ReadonlyMap<string, readonly string[]> {
  const said = new Map<string, string[]>();
  for (const { listed, findings } of looked) {
    for (const finding of findings) {
      if (finding.rule !== rule) continue;
      const folder = checkpointFolder(listed);
      const messages = said.get(folder);
      if (messages) messages.push(finding.message);
      else said.set(folder, [finding.message]);
    }
  }
  return said;
}

export function isSaid({ looked }: RepositorySubject, rule: string): boolean {
  return looked.some(({ findings }) => findings.some((finding) => finding.rule === rule));
}

/** The paths of all files; what is looked for by name is looked for here. */
export function pathSet({ files }: RepositorySubject): ReadonlySet<string> {
  return new Set(files.map(({ path }) => path));
}
