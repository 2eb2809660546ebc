/** What is known of a repository when it is shown: put together from where it was found and what was read, and as JSON. */
import type { Report } from "@checkpoint-inspect/analysis";
import type { ListedCheckpoint, RepositoryFile } from "@checkpoint-inspect/parser";

import type { RemotePlace } from "../remote/open-remote.ts";
import { bitsOf, type ReadFigures } from "../repository-bits.ts";

export interface RepositoryOverview {
  /** `org/name`, or a folder's name. */
  readonly id: string;
  readonly revision?: string;
  readonly commit?: string;
  readonly from: "hub" | "hf-cache" | "own-cache" | "folder";
  /** When a cached listing was fetched. */
  readonly when?: Date;
  readonly files: readonly RepositoryFile[];
  readonly checkpoints: readonly ListedCheckpoint[];
  /** The list is longer than what was taken of it. */
  readonly cut?: boolean;
  readonly shown?: ListedCheckpoint;
  /** Why it is this one, where it wasn't asked for. */
  readonly why?: string;
  /** Of the one shown, where it was read. */
  readonly read?: ReadFigures;
}

/** @returns undefined for what lies in no repository */
export function overviewOf(place: RemotePlace, report?: Report): RepositoryOverview | undefined {
  const { repository, checkpoints, shown, why } = place;
  if (!repository) return undefined;
  const { id, revision, commit, from, when, files, cut } = repository;
  const read = report && figuresOf(report);
  return {
    id,
    revision,
    ...(commit !== undefined && { commit }),
    from,
    ...(when && { when }),
    files,
    checkpoints,
    cut,
    ...(shown && { shown }),
    ...(why !== undefined && { why }),
    ...(read && { read }),
  };
}

/** Of a checkpoint that was read to its end, and all of whose parameters are known. */
function figuresOf({ source, parameters, quantization, error }: Report): ReadFigures | undefined {
  const { bitsPerWeight } = quantization;
  const whole = !error && source.parts.length === source.declaredParts && parameters.logicalKnown;
  if (!whole || bitsPerWeight === null || parameters.total === 0) return undefined;
  return { parameters: parameters.total, headerBytes: source.headerBytes, bitsPerWeight };
}

/** Whether it is the one whose anatomy is shown. */
export function isShown({ shown }: RepositoryOverview, { entry, kind }: ListedCheckpoint): boolean {
  return shown !== undefined && shown.entry === entry && shown.kind === kind;
}

/** Files that are part of no checkpoint. An index is part of the one that it opens. */
export function otherFiles({ files, checkpoints }: RepositoryOverview): {
  readonly files: readonly RepositoryFile[];
  readonly count: number;
  readonly sizeBytes: number;
} {
  const taken = new Set(checkpoints.flatMap(({ entry, files: own }) => [entry, ...own.map(({ path }) => path)]));
  const others = files.filter(({ path }) => !taken.has(path));
  return { files: others, count: others.length, sizeBytes: sizeOf(others) };
}

function sizeOf(files: readonly RepositoryFile[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** The `repository` of a JSON answer: all of it, with nothing left out and nothing rounded. */
export function repositoryDocument(repo: RepositoryOverview): object {
  const { id, revision, commit, from, when, files, checkpoints, shown, read } = repo;
  const bits = bitsOf(checkpoints, shown, read);
  const others = otherFiles(repo);
  return {
    id,
    revision: revision ?? null,
    commit: commit ?? null,
    from,
    listedAt: when && !Number.isNaN(when.getTime()) ? when.toISOString() : null,
    files: files.length,
    sizeBytes: sizeOf(files),
    checkpoints: checkpoints.map((checkpoint) => {
      const own = bits.get(checkpoint);
      const { entry, kind, use, label, quant, variant, sizeBytes, declaredParts, missing, components } = checkpoint;
      return {
        entry,
        kind,
        use,
        label,
        quant: quant ?? null,
        variant: variant ?? null,
        sizeBytes,
        parts: checkpoint.files.length,
        declaredParts,
        missing,
        bitsPerWeight: own?.bitsPerWeight ?? null,
        bitsPerWeightExact: own?.exact ?? false,
        shown: isShown(repo, checkpoint),
        ...(components && { components }),
      };
    }),
    otherFiles: { count: others.count, sizeBytes: others.sizeBytes },
    filesCut: repo.cut ?? false,
  };
}
