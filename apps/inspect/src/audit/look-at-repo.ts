/**
 * Looks at one repo for the audit: what the Hub's API says of it, its files, and the header of every checkpoint that it holds, with
 * the small files beside it. Nothing is taken from the cache of downloads, as the audit is about the repo as it is published.
 */
import { analyse, type LookedCheckpoint, type RepositorySubject, TEMPLATE_RULES } from "@checkpoint-inspect/analysis";
import {
  DEFAULT_REVISION,
  hubRepository,
  openListed,
  type Remote,
  type Repository,
  repositoryInfo,
  requestGate,
} from "@checkpoint-inspect/hub";
import {
  CheckpointError,
  checkpointsIn,
  findingOfError,
  type ListedCheckpoint,
  type RepositoryInfo,
} from "@checkpoint-inspect/parser";
import pLimit from "p-limit";

import type { AuditRoom } from "../commands/audit.ts";
import { smallValues } from "../commands/command.ts";
import type { RemoteFlags } from "../open-target.ts";
import { remoteOf, targetOf } from "../remote/open-remote.ts";
import type { LookAtRepo, LookedRepo, LookOptions } from "./look.ts";

/** A list of repos outlasts the Hub's limit of requests: its window is five minutes. */
const MOST_WAIT_MS = 300_000;

/** Checkpoints of one repo that are opened, and bytes of headers that are fetched for them; beyond, sizes have to do. */
const MOST_OPENED = 64;
const MOST_BYTES = 256 * 1024 * 1024;

/** Headers of one repo that are read side by side, after the first of its kind has told how large they are. */
const AT_ONCE = 4;

/** Small files of a repo without any checkpoint that opens. */
const SETTINGS = ["config.json", "tokenizer_config.json", "adapter_config.json", "modules.json", "model_index.json"];
const MOST_SETTINGS_BYTES = 8 * 1024 * 1024;

/** @param flags token, revision and offline mode, for all repos of the run */
function repoLooker(flags: RemoteFlags): LookAtRepo {
  const gate = requestGate();
  return async (target, options) => {
    const remote = await remoteOf(flags, { signal: options.signal, maxWaitMs: MOST_WAIT_MS, gate });
    const { traffic } = remote.transport;
    let seen: { subject?: RepositorySubject; error?: CheckpointError; endpoint?: string };
    try {
      seen = await look(target, remote, flags, options);
    } catch (error) {
      if (options.signal.aborted || !(error instanceof CheckpointError)) throw error;
      seen = { error };
    }
    return { target, ...seen, requests: traffic.requests, bytes: traffic.bytes };
  };
}

async function look(
  text: string,
  remote: Remote,
  flags: RemoteFlags,
  options: LookOptions,
): Promise<Pick<LookedRepo, "subject" | "error" | "endpoint">> {
  const { transport } = remote;
  const target = targetOf(text, remote, flags);
  if (target.kind !== "hub") {
    const message = `${text} is no repo of a Hub; \`inspect check\` takes files, folders and URLs`;
    throw new CheckpointError("unsupported", message, { file: text });
  }
  const { repo: id, revision = DEFAULT_REVISION, endpoint = transport.settings.endpoint } = target;
  // Offline, the listing that was kept is all that there is.
  const info = transport.settings.offline ? {} : await repositoryInfo(endpoint, id, revision, transport);
  // The commit, so that everything is read of one version, whatever is pushed meanwhile.
  const repository = await hubRepository({ ...target, revision: info.commit ?? revision }, remote);
  const subject = {
    id,
    revision,
    ...(repository.commit !== undefined && { commit: repository.commit }),
    files: repository.files,
    ...(repository.cut && { filesCut: true }),
    info,
    checkpoints: checkpointsIn(repository.files).filter((listed) => isMeant(listed, target)),
  };
  const looked = withoutOrphans(await lookIntoAll(repository, subject.checkpoints, info, remote, options));
  const json = await settingsOf(repository, looked.closed);
  const { closed, error, checkpoints, orphans } = looked;
  return {
    subject: {
      ...subject,
      ...(closed && { closed }),
      checkpoints: subject.checkpoints.filter((listed) => !orphans.has(listed)),
      looked: checkpoints,
      json,
    },
    ...(error && { error }),
    ...(endpoint !== transport.settings.endpoint && { endpoint }),
  };
}

/** `org/name:Q4_K_M` and `org/name/folder` are audits of a part. */
function isMeant(
  { entry, quant }: ListedCheckpoint,
  ask: { readonly quant?: string; readonly path?: string },
): boolean {
  const { quant: wanted, path } = ask;
  if (wanted !== undefined && quant?.toLowerCase() !== wanted.toLowerCase()) return false;
  return path === undefined || entry === path || entry.startsWith(`${path}/`);
}

interface LookedInto {
  readonly checkpoints: readonly LookedCheckpoint[];
  /** The files are not for this user. */
  readonly closed: boolean;
  /** What ended it before all were read. */
  readonly error?: CheckpointError;
}

async function lookIntoAll(
  repository: Repository,
  listed: readonly ListedCheckpoint[],
  info: RepositoryInfo,
  { transport }: Remote,
  options: LookOptions,
): Promise<LookedInto> {
  const wanted = listed.filter(({ files }) => files.length > 0).slice(0, MOST_OPENED);
  const looked = new Map<ListedCheckpoint, LookedCheckpoint>();
  const inOrder = (): LookedCheckpoint[] => wanted.flatMap((one) => looked.get(one) ?? []);
  const before = transport.traffic.bytes;
  let headerBytes = 0;
  const lookInto = async (one: ListedCheckpoint): Promise<void> => {
    if (transport.traffic.bytes - before > MOST_BYTES) return;
    options.progress?.(one.label);
    const answer = await lookIntoOne(repository, one, headerBytes, options);
    if (one.kind === "gguf" && one.use === "model") {
      headerBytes = Math.max(headerBytes, answer.report?.source.parts[0]?.headerBytes ?? 0);
    }
    looked.set(one, answer);
  };
  try {
    // The first one shows whether files may be read at all; the first GGUF, how large the headers of its siblings are.
    const firsts = new Set([wanted[0], wanted.find(({ kind, use }) => kind === "gguf" && use === "model")]);
    for (const first of firsts) if (first) await lookInto(first);
    const limit = pLimit(AT_ONCE);
    await Promise.all(wanted.filter((one) => !firsts.has(one)).map((one) => limit(() => lookInto(one)))).finally(() =>
      limit.clearQueue(),
    );
    return { checkpoints: inOrder(), closed: false };
  } catch (error) {
    if (options.signal.aborted || !(error instanceof CheckpointError)) throw error;
    const closed = error.code === "auth" && info.gated !== undefined && info.gated !== false;
    return { checkpoints: inOrder(), closed, ...(!closed && { error }) };
  }
}

/** Shards that lie beside an index which doesn't name them look like sets of their own; that they are there is a finding of its set. */
function withoutOrphans(looked: LookedInto): LookedInto & { readonly orphans: ReadonlySet<ListedCheckpoint> } {
  const paths = new Set<string>();
  for (const { listed, findings } of looked.checkpoints) {
    const folder = listed.entry.slice(0, listed.entry.lastIndexOf("/") + 1);
    for (const { rule, part } of findings) if (rule === ORPHAN && part !== undefined) paths.add(folder + part);
  }
  const isOrphan = ({ listed }: LookedCheckpoint): boolean => listed.files.every(({ path }) => paths.has(path));
  return {
    ...looked,
    checkpoints: looked.checkpoints.filter((one) => !isOrphan(one)),
    orphans: new Set(looked.checkpoints.filter(isOrphan).map(({ listed }) => listed)),
  };
}

const ORPHAN = "safetensors/orphan-shard";

/** Room for a sibling whose header is a little longer than the one that was read: another tensor type in a name, a longer key. */
const HEADER_SLACK = 8 * 1024;

/** @throws {CheckpointError} `network` and `auth`, with which nothing else can be read either */
async function lookIntoOne(
  repository: Repository,
  listed: ListedCheckpoint,
  headerBytes: number,
  { signal }: LookOptions,
): Promise<LookedCheckpoint> {
  const sibling = listed.kind === "gguf" && listed.use === "model" && headerBytes > 0;
  try {
    const checkpoint = await openListed(repository, listed, {
      beside: true,
      signal,
      ...(sibling && { likelyHeaderBytes: headerBytes + HEADER_SLACK }),
    });
    try {
      const report = analyse(checkpoint, {
        target: listed.entry,
        values: await smallValues(checkpoint),
        rules: TEMPLATE_RULES,
      });
      const { error } = checkpoint;
      return { listed, report, findings: report.findings, ...(error && { error }) };
    } finally {
      await checkpoint.close();
    }
  } catch (error) {
    if (!(error instanceof CheckpointError) || error.code === "network" || error.code === "auth") throw error;
    return { listed, findings: [findingOfError(error)], error };
  }
}

/** The small JSON files of the root. What a checkpoint read of them already is served from memory or the cache of headers. */
async function settingsOf(repository: Repository, closed: boolean): Promise<ReadonlyMap<string, unknown>> {
  const json = new Map<string, unknown>();
  if (closed) return json;
  const files = repository.folder("");
  for (const { path, sizeBytes } of repository.files) {
    if (!SETTINGS.includes(path) || sizeBytes > MOST_SETTINGS_BYTES) continue;
    try {
      const source = await files.open(path);
      try {
        json.set(path, JSON.parse(new TextDecoder().decode(await source.read(0, sizeBytes))));
      } finally {
        await source.close();
      }
    } catch (error) {
      // That it isn't JSON is a finding of the checkpoint beside it.
      if (!(error instanceof CheckpointError || error instanceof SyntaxError)) throw error;
    }
  }
  return json;
}

/** What a run of the audit is given, for the flags that were typed. */
export async function auditRoom(flags: RemoteFlags): Promise<AuditRoom> {
  const { transport } = await remoteOf(flags);
  return { lookAtRepo: repoLooker(flags), endpoint: transport.settings.endpoint };
}
