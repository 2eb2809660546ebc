/**
 * A repo of the Hub, read without downloading it: one request lists its files with sizes and hashes, and each header is fetched
 * by ranges. The hashes pin what is read: a file that isn't the listed one any more is an error, and a header that was fetched
 * before is found again by its hash.
 *
 * Source: Hub API, `GET /api/models/{id}/tree/{revision}` through @huggingface/hub's `listFiles`.
 */
import { CheckpointError, quoted, type RepositoryFile } from "@checkpoint-inspect/parser";
import { listFiles } from "@huggingface/hub";

import type { HeaderCache } from "./cache/header-cache.ts";
import { remembering } from "./cache/remembering.ts";
import { resolveUrl } from "./hub-urls.ts";
import { isPath } from "./names.ts";
import { fileSetsOf, type Repository } from "./repository.ts";
import type { HubTarget } from "./target.ts";
import { remoteSource } from "./transport/remote-source.ts";
import type { Transport } from "./transport/transport.ts";

/** What every look at something remote needs. */
export interface Remote {
  readonly transport: Transport;
  /** Headers and listings that were fetched before; absent where none may be kept. */
  readonly cache?: HeaderCache | undefined;
}

/** Model repos have dozens of files, the largest some thousand. A page has 1,000 of them. */
const MAX_FILES = 20_000;
/** A page may be empty and still lead to another one. */
const MAX_PAGES = 100;

/** The branch that stands for a repo when none is named. */
export const DEFAULT_REVISION = "main";

const COMMIT = /^[0-9a-f]{40}$/;

interface Listing {
  readonly files: readonly RepositoryFile[];
  readonly cut: boolean;
  /** Where a file that was fetched has told it. */
  readonly commit?: string;
}

/**
 * @throws {CheckpointError} `not-on-server`, `auth` or `network` where the files can't be listed
 */
export async function hubRepository(target: HubTarget, { transport, cache }: Remote): Promise<Repository> {
  const { settings } = transport;
  const { repo: id, revision = DEFAULT_REVISION, endpoint = settings.endpoint } = target;
  const key = JSON.stringify([endpoint, id, revision]);
  let commit = COMMIT.test(revision) ? revision : undefined;
  // What a commit holds doesn't change.
  const kept = settings.offline || commit ? await keptListing(cache, key) : undefined;
  if (!kept && settings.offline) throw notCached(id, revision, settings.offlineFrom);
  const listing = kept?.listing ?? (await listed(id, revision, endpoint, transport));
  commit ??= listing.commit;
  const learnt = (seen: string): void => {
    if (commit === seen) return;
    commit = seen;
    if (!kept) void cache?.putJson("listing", key, { ...listing, commit });
  };
  if (!kept) await cache?.putJson("listing", key, listing);
  const folder = fileSetsOf(listing.files, id, async (file, name) => {
    // A path with `..` in it would be another address.
    if (!isPath(file.path)) throw new CheckpointError("invalid", `${quoted(file.path)} is no path of a file in a repo`);
    const hash = file.sha256 ?? file.oid;
    const source = await remoteSource(
      {
        url: resolveUrl(endpoint, id, commit ?? revision, file.path),
        name,
        sizeBytes: file.sizeBytes,
        ...(hash !== undefined && { etag: hash }),
        onCommit: learnt,
      },
      transport,
    );
    return remembering(source, hash === undefined ? {} : { cache, key: hash });
  });
  return {
    id,
    endpoint,
    revision,
    get commit() {
      return commit;
    },
    from: kept ? "own-cache" : "hub",
    ...(kept && { when: kept.stored }),
    files: listing.files,
    cut: listing.cut,
    folder,
  };
}

async function keptListing(
  cache: Remote["cache"],
  key: string,
): Promise<{ listing: Listing; stored: Date } | undefined> {
  const kept = await cache?.getJson("listing", key);
  // Of another version of this tool, perhaps.
  const listing = kept?.value as Partial<Listing> | null | undefined;
  if (!kept || !Array.isArray(listing?.files)) return undefined;
  const { files, cut = false, commit } = listing;
  return { listing: { files, cut, ...(commit !== undefined && { commit }) }, stored: kept.stored };
}

async function listed(id: string, revision: string, endpoint: string, transport: Transport): Promise<Listing> {
  const files: RepositoryFile[] = [];
  const entries = listFiles({
    repo: { type: "model", name: id },
    recursive: true,
    revision: encodeURIComponent(revision),
    hubUrl: endpoint,
    fetch: pagesFrom(transport),
  });
  try {
    for await (const { type, path, size, oid, lfs } of entries) {
      if (type !== "file" || typeof path !== "string" || !Number.isSafeInteger(size) || size < 0) continue;
      if (files.length === MAX_FILES) return { files, cut: true };
      files.push({
        path,
        sizeBytes: lfs?.size ?? size,
        ...(lfs && { sha256: lfs.oid }),
        ...(oid !== undefined && { oid }),
      });
    }
  } catch (error) {
    throw error instanceof CheckpointError ? error : notAHub(endpoint, error);
  }
  return { files, cut: false };
}

/**
 * The `fetch` for `listFiles`: whole pages, which are asked for again where they break off; and absolute links to the next page, as
 * what a relative one leads to would be left out without a word.
 */
function pagesFrom(way: Transport): typeof fetch {
  let pages = 0;
  return (input, init) => {
    if (++pages > MAX_PAGES) throw endless(String(input));
    return way.request(
      String(input),
      { headers: Object.fromEntries(new Headers(init?.headers)) },
      async ({ response }) => {
        const headers = new Headers(response.headers);
        const link = headers
          .get("link")
          ?.replace(/<([^>]*)>/g, (_, next: string) => `<${new URL(next, String(input))}>`);
        if (link !== undefined) headers.set("link", link);
        return new Response(await response.arrayBuffer(), { status: response.status, headers });
      },
    );
  };
}

function endless(url: string): CheckpointError {
  const { host } = new URL(url);
  const message = `${host} goes on listing files beyond ${MAX_PAGES} pages; look at HF_ENDPOINT, or name a file of the repo by its URL`;
  return new CheckpointError("network", message, { file: host });
}

function notAHub(endpoint: string, cause: unknown): CheckpointError {
  const why =
    cause instanceof SyntaxError || cause instanceof TypeError
      ? "it isn't the JSON of a file list"
      : "it can't be understood";
  const message = `${endpoint} answered the list of files with something else: ${why}; look at HF_ENDPOINT, or whether a login page stands between`;
  return new CheckpointError("network", message, { file: endpoint, cause });
}

function notCached(id: string, revision: string, why = "the settings"): CheckpointError {
  const message = `${id} at ${revision} is in no cache of this machine, and ${why} forbids asking the Hub; run it once online, or download it`;
  return new CheckpointError("network", message, { file: id });
}
