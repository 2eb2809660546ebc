/** Where the audit meets the room that looks at a repo: what it asks for, and what it gets. */
import type { RepositorySubject } from "@checkpoint-inspect/analysis";
import type { CheckpointError } from "@checkpoint-inspect/parser";

export interface LookOptions {
  readonly signal: AbortSignal;
  /** Told what is being read, in a few words. */
  readonly progress?: (what: string) => void;
}

/**
 * One repo, looked at: what the rules need. Never throws for a problem of the repo: `error` says it (code network, auth,
 * not-on-server ...). Aborts throw.
 */
export type LookAtRepo = (target: string, options: LookOptions) => Promise<LookedRepo>;

export interface LookedRepo {
  /** As it was named. */
  readonly target: string;
  /** What there is to see; beside an error, what was seen before it. */
  readonly subject?: RepositorySubject;
  readonly error?: CheckpointError;
  /** Requests that were sent, repeated ones included. */
  readonly requests: number;
  /** Bytes that were received. */
  readonly bytes: number;
  /** The Hub that it is on, without a slash at the end, where it is another than the one of the settings. */
  readonly endpoint?: string;
}
