/** From a target that isn't a local path to the checkpoint that it means. The local caches are looked into before the Hub is asked. */
import {
  type Checkpoint,
  CheckpointError,
  checkpointsIn,
  type FileSet,
  type ListedCheckpoint,
  type OpenOptions,
  openFileSet,
  pickCheckpoint,
  quoted,
} from "@checkpoint-inspect/parser";

import { type CachedRepo, findInHubCache, snapshotFileSet } from "./hf-cache.ts";
import { DEFAULT_REVISION, hubRepository, type Remote } from "./hub-repository.ts";
import { findInOllama } from "./ollama.ts";
import type { Repository } from "./repository.ts";
import { type HubTarget, hubTargetText, type Target } from "./target.ts";
import { urlFiles } from "./url.ts";

/** What a target leads to; nothing of the checkpoint itself has been read. */
export interface Found {
  /** Of a Hub target. */
  readonly repository?: Repository;
  /** All that the repository holds. */
  readonly checkpoints: readonly ListedCheckpoint[];
  /** The one that is meant, where it is a listed one. */
  readonly shown?: ListedCheckpoint;
  /** Why it is this one, where nothing said so. */
  readonly why?: string;
  /** @throws {CheckpointError} what the reader says; `not-found` where it isn't clear which one is meant */
  open(options?: OpenOptions): Promise<Checkpoint>;
}

export interface FindOptions {
  /** Ask the Hub, also where a cache of this machine has what is wanted. */
  readonly fresh?: boolean;
}

/**
 * @throws {CheckpointError} `network`, `auth`, `not-on-server`, `not-found`
 */
export async function findTarget(
  target: Exclude<Target, { kind: "local" }>,
  remote: Remote,
  options: FindOptions = {},
): Promise<Found> {
  switch (target.kind) {
    case "url": {
      const { files, entry, folderName } = urlFiles(target.url, remote);
      return { checkpoints: [], open: (how) => openFileSet(files, { ...how, entry, folderName }) };
    }
    case "ollama": {
      const { files, entry, label } = await findInOllama(remote.transport.settings.ollamaModels, target.model);
      return { checkpoints: [], open: (how) => openFileSet(files, { ...how, entry, folderName: label }) };
    }
    case "hub":
      return findInRepository(await findRepository(target, remote, options), target);
  }
}

/** The repo of a target: in the cache of huggingface_hub where what is asked for is there and whole, else on the Hub. */
export async function findRepository(
  target: HubTarget,
  remote: Remote,
  { fresh = false }: FindOptions = {},
): Promise<Repository> {
  const { settings } = remote.transport;
  const cached = fresh && !settings.offline ? undefined : await findInHubCache(settings.hubCache, target);
  if (cached && (settings.offline || holdsAll(cached, target))) {
    return cachedRepository(cached, target, target.endpoint ?? settings.endpoint);
  }
  try {
    return await hubRepository(target, remote);
  } catch (error) {
    throw target.maybeLocal && error instanceof CheckpointError ? notLocalEither(error, target) : error;
  }
}

/** Whether the snapshot has all files of the checkpoint that is meant. */
function holdsAll({ files, listed, assumed }: CachedRepo, target: HubTarget): boolean {
  // A snapshot that no branch points to may be of any age.
  if (assumed) return false;
  const pick = pickCheckpoint(checkpointsIn(files), target);
  if (!("picked" in pick) || pick.picked.missing.length > 0) return false;
  if (!listed) return true;
  const whole = checkpointsIn(listed).find(({ entry }) => entry === pick.picked.entry);
  return whole !== undefined && whole.files.length === pick.picked.files.length;
}

function cachedRepository(cached: CachedRepo, target: HubTarget, endpoint: string): Repository {
  const { commit, files, refDate, cut } = cached;
  return {
    id: target.repo,
    endpoint,
    revision: target.revision ?? DEFAULT_REVISION,
    commit,
    from: "hf-cache",
    ...(refDate && { when: refDate }),
    files,
    cut,
    folder: (path) => snapshotFileSet(cached, path),
  };
}

/** What was typed has the form of a path too. */
function notLocalEither(error: CheckpointError, target: HubTarget): CheckpointError {
  if (error.code !== "not-on-server" && error.code !== "auth") return error;
  const message = `there is no local file or folder ${quoted(hubTargetText(target))}; on the Hub: ${error.message}`;
  return new CheckpointError(error.code, message, { file: error.file, cause: error });
}

/** The checkpoint in the repo that a target means. */
function findInRepository(repository: Repository, target: HubTarget): Found {
  const checkpoints = checkpointsIn(repository.files);
  const { path } = target;
  const { files } = repository;
  const folderName = repository.id.slice(repository.id.indexOf("/") + 1);
  const openFile = (file: string) => (how?: OpenOptions) =>
    openFileSet(repository.folder(folderOf(file)), { ...how, entry: nameOf(file), folderName });

  const pick = pickCheckpoint(checkpoints, target);
  if (path !== undefined && files.some((file) => file.path === path)) {
    // Also one that isn't listed as a checkpoint: its reader says what it is.
    return {
      repository,
      checkpoints,
      ...("picked" in pick && { shown: pick.picked }),
      open: openFile(path),
    };
  }
  if ("picked" in pick) {
    const { picked, why } = pick;
    return {
      repository,
      checkpoints,
      shown: picked,
      ...(why !== undefined && { why }),
      open: (how) => openListed(repository, picked, how),
    };
  }
  return {
    repository,
    checkpoints,
    async open() {
      throw new CheckpointError("not-found", pick.problem, { file: hubTargetText(target) });
    },
  };
}

/** Opens a checkpoint of a repository. */
export function openListed(
  repository: Repository,
  { entry, kind }: ListedCheckpoint,
  options: OpenOptions = {},
): Promise<Checkpoint> {
  const folderName = repository.id.slice(repository.id.indexOf("/") + 1);
  if (kind === "pipeline") {
    const files: FileSet = repository.folder(entry);
    return openFileSet(files, { ...options, entry: "model_index.json", folderName });
  }
  return openFileSet(repository.folder(folderOf(entry)), { ...options, entry: nameOf(entry), folderName });
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
