/** Opens a checkpoint that lies on the Hub, in its local cache, behind a URL or in the Ollama store. */
import {
  type Found,
  findTarget,
  headerCache,
  hubSettings,
  parseTarget,
  type Remote,
  SettingsError,
  TargetError,
  type Traffic,
  type TransportOptions,
  transport,
} from "@checkpoint-inspect/hub";
import { type Checkpoint, CheckpointError, type OpenOptions, openCheckpoint } from "@checkpoint-inspect/parser";

import { UsageError } from "../commands/usage.ts";
import type { OpenedTarget, RemoteFlags } from "../open-target.ts";
import { type StatusLine, showStatus } from "../status-line.ts";
import { safe } from "../views/text.ts";
import { trafficWords } from "./traffic-words.ts";

/** Where the checkpoint was found, and what it cost. */
export interface RemotePlace extends Omit<Found, "open"> {
  readonly traffic: Traffic;
  /** What the names of its parts are relative to, as a URL with a slash at its end; absent for what has none. */
  readonly baseUrl?: string;
}

/** Who wants to know how far it has come. */
export interface RemoteWatch {
  /** What is fetched, from the beginning on; it counts on. */
  traffic(traffic: Traffic): void;
  /** The place is found, before the checkpoint's header is read. */
  place(place: RemotePlace): void;
}

/** @throws {CheckpointError} where not even the place is found */
export async function openRemote(
  text: string,
  flags: RemoteFlags,
  options: OpenOptions,
  watch?: RemoteWatch,
): Promise<OpenedTarget> {
  const remote = await remoteOf(flags);
  const target = targetOf(text, remote, flags);
  if (target.kind === "local") return { checkpoint: await openCheckpoint(target.path, options) };
  const progress = { parts: "" };
  watch?.traffic(remote.transport.traffic);
  const line = await trafficLine(text, remote.transport.traffic, progress, flags);
  try {
    const found = await findTarget(target, remote, { fresh: flags.fresh ?? false });
    const place = placeOf(found, remote);
    watch?.place(place);
    try {
      const checkpoint: Checkpoint = await found.open({
        ...options,
        onPart: (done, total) => {
          progress.parts = total > 1 ? `${done} of ${total} files, ` : "";
          options.onPart?.(done, total);
        },
      });
      return { checkpoint, place };
    } catch (error) {
      if (error instanceof CheckpointError) return { error, place };
      throw error;
    }
  } finally {
    line?.stop();
  }
}

/** The way out of this machine, as the environment and the flags say. */
export async function remoteOf(flags: RemoteFlags, options: TransportOptions = {}): Promise<Remote> {
  const { token, offline } = flags;
  const settings = await hubSettings({
    ...(token !== undefined && { token }),
    ...(offline !== undefined && { offline }),
  }).catch((error: unknown) => {
    throw error instanceof SettingsError ? new UsageError(error.message) : error;
  });
  return { transport: transport(settings, options), cache: headerCache(settings.headerCache) };
}

/** @throws {UsageError} for what is no target */
export function targetOf(text: string, { transport: { settings } }: Remote, { revision }: RemoteFlags) {
  const { endpoint } = settings;
  try {
    return parseTarget(text, { endpoint, isLocal: false, ...(revision !== undefined && { revision }) });
  } catch (error) {
    throw error instanceof TargetError ? new UsageError(error.message) : error;
  }
}

function placeOf({ open: _, ...found }: Found, { transport: { traffic } }: Remote): RemotePlace {
  const { repository, shown } = found;
  if (!repository) return { ...found, traffic };
  const { endpoint, id, revision, commit } = repository;
  const folder = shown ? folderIn(shown.kind === "pipeline" ? `${shown.entry}/` : shown.entry) : "";
  const path = [id, "blob", commit ?? revision, ...folder.split("/")].filter((part) => part !== "");
  return { ...found, traffic, baseUrl: `${endpoint}/${path.map(encodeURIComponent).join("/").replace("%2F", "/")}/` };
}

function folderIn(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** Says on a terminal what is fetched. */
async function trafficLine(
  target: string,
  traffic: Traffic,
  progress: { readonly parts: string },
  { quiet }: RemoteFlags,
): Promise<StatusLine | undefined> {
  if (quiet || process.stderr.isTTY !== true) return undefined;
  return showStatus({
    format: "{what}",
    total: 1,
    value: () => 0,
    words: () => ({ what: `${safe(target)}: ${progress.parts}${trafficWords(traffic)}` }),
  });
}
