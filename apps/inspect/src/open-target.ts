/**
 * Opens what a target leads to. A local path goes straight to the reader; for everything else the code that knows the Hub is
 * loaded, so that a look at a local file never pays for it.
 */
import { stat } from "node:fs/promises";

import { type Checkpoint, CheckpointError, type OpenOptions, openCheckpoint } from "@checkpoint-inspect/parser";

import type { RemotePlace, RemoteWatch } from "./remote/open-remote.ts";

/** Flags about the way to a target that isn't local. */
export interface RemoteFlags {
  readonly token?: string | undefined;
  readonly offline?: boolean | undefined;
  readonly revision?: string | undefined;
  /** Ask the Hub, also where a cache has an answer. */
  readonly fresh?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

export interface OpenedTarget {
  readonly checkpoint?: Checkpoint;
  /** Why there is no checkpoint. */
  readonly error?: CheckpointError;
  /** Where it is, of a target that isn't local; also where the checkpoint couldn't be opened. */
  readonly place?: RemotePlace;
}

/** A problem of the checkpoint or of the way to it never throws. */
export async function openTarget(
  target: string,
  flags: RemoteFlags,
  options: OpenOptions = {},
  watch?: RemoteWatch,
): Promise<OpenedTarget> {
  try {
    if (await isLocal(target)) return { checkpoint: await openCheckpoint(target, options) };
    const { openRemote } = await import("./remote/open-remote.ts");
    return await openRemote(target, flags, options, watch);
  } catch (error) {
    if (error instanceof CheckpointError) return { error };
    throw error;
  }
}

/** Has the form of a path, or of a name in this folder. */
const PATH = /^(?:\.{0,2}[/\\]|\.{1,2}$|~|[A-Za-z]:[\\/]|[^/:]+$)/;

/** Whether a path is meant: one that leads somewhere, or one that can't be anything else. */
async function isLocal(target: string): Promise<boolean> {
  if (PATH.test(target)) return true;
  return stat(target).then(
    () => true,
    () => false,
  );
}
