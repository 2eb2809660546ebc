/**
 * Looks a repo up in the cache that huggingface_hub, transformers and their kin share. Reads names, links and one small listing;
 * no checkpoint is opened. `scanCacheDir` of @huggingface/hub doesn't see sub-folders, nested refs, repos without refs, and repos
 * with one dangling link.
 *
 * Layout: huggingface_hub, "Understand caching": `models--org--name/{refs,snapshots,blobs,.no_exist,trees}`.
 */
import type { Dirent } from "node:fs";
import { readdir, readlink, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { type FileSet, localFolder, type RepositoryFile } from "@checkpoint-inspect/parser";

import { isPath, isRepoName, isRevision } from "./names.ts";
import { readSmallFile } from "./small-file.ts";
import type { HubTarget } from "./target.ts";

/** What the cache has of a repo at one commit. Paths are relative to the repo's root, with forward slashes, and sorted. */
export interface CachedRepo {
  readonly repo: string;
  readonly commit: string;
  /** What was asked for: a branch, a tag, a commit. */
  readonly revision?: string;
  /**
   * No revision was asked for, and nothing says that this commit is the default branch: it is the only one that is there, as after
   * a download of one commit.
   */
  readonly assumed?: boolean;
  readonly snapshotFolder: string;
  /** The files that are there, in sub-folders too. A hash is what the name of the blob promises. */
  readonly files: readonly RepositoryFile[];
  /** All files of the repo, where a listing of this commit was kept. */
  readonly listed?: readonly RepositoryFile[];
  /** What the listing or a link names and the snapshot doesn't have. */
  readonly absent: readonly string[];
  /** What was asked of the Hub before, and isn't in the repo. */
  readonly noExist: readonly string[];
  /** Downloads of any file of the repo that were begun and not ended. */
  readonly partial: number;
  /** There are more files than were looked at. */
  readonly cut: boolean;
  /** When the revision was last asked of the Hub. */
  readonly refDate?: Date;
}

const MAX_FILES = 20_000;
const MAX_DEPTH = 32;
const MAX_TREE_BYTES = 64 * 1024 * 1024;
const MAX_REF_BYTES = 256;
/** Files that are asked about side by side. */
const STATS_AT_ONCE = 256;

const COMMIT = /^[0-9a-f]{40}$/;
/** As short as git and the Hub's pages write commits. */
const SHORT_COMMIT = /^[0-9a-f]{7,39}$/;
const SHA256 = /^[0-9a-f]{64}$/;
/** Listings of another version may mean something else by the same words. */
const TREE_VERSION = 1;
const DEFAULT_BRANCH = "main";

/**
 * Undefined when the revision isn't there, or when it can't be told which of several commits is meant. Damage is never an error:
 * what can't be read isn't there.
 * @param folder the `hub` folder
 */
export async function findInHubCache(folder: string, target: HubTarget): Promise<CachedRepo | undefined> {
  const { repo, revision } = target;
  if (!isRepoName(repo) || (revision !== undefined && !isRevision(revision))) return undefined;
  const home = join(folder, `models--${repo.replace("/", "--")}`);
  const resolved = await resolveCommit(home, revision);
  if (!resolved) return undefined;
  const { commit } = resolved;
  const snapshotFolder = join(home, "snapshots", commit);
  if (!(await isFolder(snapshotFolder))) return undefined;
  const [snapshot, markers, listed, blobs] = await Promise.all([
    walk(snapshotFolder),
    walk(join(home, ".no_exist", commit)),
    readTree(join(home, "trees", `${commit}.json`)),
    entriesOf(join(home, "blobs")),
  ]);
  const there = new Set(snapshot.files.map(({ path }) => path));
  const absent = new Set(
    [...snapshot.dangling, ...(listed ?? []).map(({ path }) => path)].filter((p) => !there.has(p)),
  );
  return {
    repo,
    ...resolved,
    ...(revision !== undefined && { revision }),
    snapshotFolder,
    files: snapshot.files,
    ...(listed && { listed }),
    absent: [...absent].sort(),
    noExist: markers.files.map(({ path }) => path),
    partial: blobs.filter(({ name }) => name.endsWith(".incomplete")).length,
    cut: snapshot.cut,
  };
}

/**
 * The files of a snapshot, or of a folder in it, under the repo's name.
 * @param folder relative to the repo's root, `""` for that
 * @throws {RangeError} for a folder that leads elsewhere
 */
export function snapshotFileSet({ repo, snapshotFolder }: CachedRepo, folder = ""): FileSet {
  if (folder !== "" && !isPath(folder)) throw new RangeError(`no folder of a repo: ${JSON.stringify(folder)}`);
  const called = (files: FileSet, label: string): FileSet => ({
    ...files,
    label,
    ...(files.folder && {
      folder: (name) => called((files.folder as (name: string) => FileSet)(name), `${label}/${name}`),
    }),
  });
  return folder === ""
    ? called(localFolder(snapshotFolder), repo)
    : called(localFolder(join(snapshotFolder, folder)), `${repo}/${folder}`);
}

type Resolved = Pick<CachedRepo, "commit" | "refDate" | "assumed">;

async function resolveCommit(home: string, revision: string | undefined): Promise<Resolved | undefined> {
  if (revision !== undefined && COMMIT.test(revision)) return { commit: revision };
  const fromRef = await readRef(join(home, "refs", revision ?? DEFAULT_BRANCH));
  if (fromRef) return fromRef;
  if (revision !== undefined && !SHORT_COMMIT.test(revision)) return undefined;
  const snapshots = (await entriesOf(join(home, "snapshots")))
    .map(({ name }) => name)
    .filter((name) => COMMIT.test(name));
  const meant = snapshots.filter((name) => name.startsWith(revision ?? ""));
  if (meant.length !== 1) return undefined;
  return { commit: meant[0] as string, ...(revision === undefined && { assumed: true }) };
}

async function readRef(path: string): Promise<Resolved | undefined> {
  const bytes = await readSmallFile(path, MAX_REF_BYTES).catch(() => undefined);
  const commit = bytes && new TextDecoder().decode(bytes).trim();
  if (commit === undefined || !COMMIT.test(commit)) return undefined;
  const stats = await stat(path).catch(() => undefined);
  return { commit, ...(stats && { refDate: stats.mtime }) };
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch(() => []);
}

interface Walked {
  readonly files: readonly RepositoryFile[];
  /** Links that lead nowhere. */
  readonly dangling: readonly string[];
  readonly cut: boolean;
}

/** Every file below a folder. Links to folders aren't followed: the cache makes none, and they may go in a circle. */
async function walk(root: string): Promise<Walked> {
  const files: RepositoryFile[] = [];
  const dangling: string[] = [];
  const folders = [{ path: "", depth: 0 }];
  let seen = 0;
  let cut = false;
  for (let folder = folders.pop(); folder; folder = folders.pop()) {
    const { path: at, depth } = folder;
    const inner: { path: string; isLink: boolean }[] = [];
    for (const entry of await entriesOf(join(root, at))) {
      const path = at === "" ? entry.name : `${at}/${entry.name}`;
      if (!isPath(path) || !(entry.isDirectory() || entry.isFile() || entry.isSymbolicLink())) continue;
      if (seen === MAX_FILES || (entry.isDirectory() && depth === MAX_DEPTH)) {
        cut = true;
        continue;
      }
      seen += 1;
      if (entry.isDirectory()) folders.push({ path, depth: depth + 1 });
      else inner.push({ path, isLink: entry.isSymbolicLink() });
    }
    // In turns, so that there is a limit on open questions.
    for (let i = 0; i < inner.length; i += STATS_AT_ONCE) {
      const some = inner.slice(i, i + STATS_AT_ONCE);
      const looked = await Promise.all(some.map(({ path, isLink }) => lookAt(root, path, isLink)));
      for (const [n, found] of looked.entries()) {
        if (found === "dangling") dangling.push((some[n] as { path: string }).path);
        else if (found) files.push(found);
      }
    }
  }
  return { files: files.sort(byPath), dangling, cut };
}

async function lookAt(root: string, path: string, isLink: boolean): Promise<RepositoryFile | "dangling" | undefined> {
  const file = join(root, path);
  const stats = await stat(file).catch(() => undefined);
  if (!stats) return isLink ? "dangling" : undefined;
  if (!stats.isFile()) return undefined;
  const target = isLink ? await readlink(file).catch(() => "") : "";
  return { path, sizeBytes: stats.size, ...hashesOfBlob(target) };
}

/** Blobs are called by their ETag: the SHA-256 of a large file, git's SHA-1 of a small one. */
function hashesOfBlob(target: string): Pick<RepositoryFile, "sha256" | "oid"> {
  const name = basename(target);
  if (basename(dirname(target)) !== "blobs") return {};
  if (SHA256.test(name)) return { sha256: name };
  return COMMIT.test(name) ? { oid: name } : {};
}

/** All files of a commit, as kept in `trees/`. Undefined when there is no such listing, or none that can be trusted to be whole. */
async function readTree(path: string): Promise<readonly RepositoryFile[] | undefined> {
  try {
    const tree: unknown = JSON.parse(new TextDecoder().decode(await readSmallFile(path, MAX_TREE_BYTES)));
    if (!isObject(tree) || tree.format_version !== TREE_VERSION || !isObject(tree.files)) return undefined;
    const files = Object.entries(tree.files);
    if (files.length > MAX_FILES) return undefined;
    return files.flatMap(([name, entry]) => fileOfTree(name, entry)).sort(byPath);
  } catch {
    return undefined;
  }
}

function fileOfTree(path: string, entry: unknown): RepositoryFile[] {
  if (!isPath(path) || !isObject(entry)) return [];
  const { size, lfs_size, lfs_sha256, blob_id } = entry;
  const sizeBytes = lfs_size ?? size;
  if (!Number.isSafeInteger(sizeBytes) || (sizeBytes as number) < 0) return [];
  return [
    {
      path,
      sizeBytes: sizeBytes as number,
      ...(typeof lfs_sha256 === "string" && SHA256.test(lfs_sha256) && { sha256: lfs_sha256 }),
      ...(typeof blob_id === "string" && COMMIT.test(blob_id) && { oid: blob_id }),
    },
  ];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function byPath(a: RepositoryFile, b: RepositoryFile): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}
