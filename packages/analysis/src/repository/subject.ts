/** What the rules on a repository look at: its files, what the Hub's API says of it, and the checkpoints that were looked into. */
import type {
  CheckpointError,
  Finding,
  ListedCheckpoint,
  RepositoryFile,
  RepositoryInfo,
} from "@checkpoint-inspect/parser";

import type { Report } from "../report.ts";

export type { RepositoryInfo };

/** A checkpoint of the repository that was opened, or that couldn't be. */
export interface LookedCheckpoint {
  readonly listed: ListedCheckpoint;
  readonly report?: Report;
  /** Of the report, or of what ended the reading. Parts are named relative to the folder of `listed.entry`. */
  readonly findings: readonly Finding[];
  readonly error?: CheckpointError;
}

export interface RepositorySubject {
  /** `org/name`. */
  readonly id: string;
  /** As asked for: `main`, `refs/pr/1`, a commit. */
  readonly revision: string;
  /** Whole commit hash, where it is known. */
  readonly commit?: string;
  /** All files, also those in sub-folders. */
  readonly files: readonly RepositoryFile[];
  /** The list of files is longer than what was fetched of it. */
  readonly filesCut?: boolean;
  readonly info?: RepositoryInfo;
  /** Files can be listed, but not read: the repo is gated, and no token with access was given. */
  readonly closed?: boolean;
  readonly checkpoints: readonly ListedCheckpoint[];
  readonly looked: readonly LookedCheckpoint[];
  /** Small JSON files of the root that were read: `config.json`, `tokenizer_config.json` ... */
  readonly json: ReadonlyMap<string, unknown>;
}
