/**
 * What a URL leads to, for messages: the repo, revision and file of a Hub's URL (reference: "Hub protocol"), or the URL without
 * its query, since the query of a signed URL is a secret.
 */
import { oneLine } from "@checkpoint-inspect/parser";

export interface Place {
  /** The URL without query, fragment, name and password; cut when long. */
  readonly url: string;
  readonly host: string;
  /** At the endpoint of the settings. */
  readonly hub: boolean;
  readonly repo?: string;
  readonly revision?: string;
  readonly path?: string;
}

/** Characters of a URL that a message shows. */
const MAX_URL = 200;

/** What stands between a repo's name and a revision. */
const VERBS: ReadonlySet<string> = new Set([
  "resolve",
  "raw",
  "blob",
  "tree",
  "revision",
  "paths-info",
  "commits",
  "refs",
]);
/** Other things below a repo of the API. */
const LEAVES: ReadonlySet<string> = new Set(["auth-check", "refs", "scan", "discussions"]);
const KINDS: ReadonlySet<string> = new Set(["models", "datasets", "spaces"]);

/** @param endpoint of the settings, without a slash at the end; it may have a path */
export function placeOf(url: URL, endpoint: string): Place {
  const place = { url: shownUrl(url), host: url.host, hub: isHub(url, endpoint) };
  return place.hub ? { ...place, ...repoPlace(segmentsAfter(url, endpoint)) } : place;
}

/** A URL as messages show it. */
export function shownUrl(url: URL): string {
  const shown = oneLine(`${url.protocol}//${url.host}${url.pathname}`);
  return shown.length > MAX_URL ? `${shown.slice(0, MAX_URL)}\u2026` : shown;
}

function isHub(url: URL, endpoint: string): boolean {
  const base = new URL(endpoint);
  const below = base.pathname.replace(/\/$/, "");
  return url.origin === base.origin && (url.pathname === below || url.pathname.startsWith(`${below}/`));
}

function segmentsAfter(url: URL, endpoint: string): string[] {
  const below = new URL(endpoint).pathname.replace(/\/$/, "").length;
  return url.pathname.slice(below).split("/").filter(Boolean).map(decoded);
}

function repoPlace(segments: string[]): Pick<Place, "repo" | "revision" | "path"> {
  const inApi = segments[0] === "api";
  if (inApi) segments.shift();
  if (inApi && segments[0] === "resolve-cache") return cachedPlace(segments);
  if (inApi && !KINDS.has(segments[0] ?? "")) return {};
  if (KINDS.has(segments[0] ?? "")) segments.shift();
  const [first, second] = segments;
  if (first === undefined) return {};
  const single = second === undefined || VERBS.has(second) || LEAVES.has(second);
  const repo = single ? first : `${first}/${second}`;
  const [verb, ...rest] = segments.slice(single ? 1 : 2);
  if (verb === undefined || !VERBS.has(verb) || rest.length === 0) return inApi ? { repo } : {};
  // `refs/pr/1` and its like come with their slashes as well as without.
  const parts = rest[0] === "refs" && rest.length >= 3 ? 3 : 1;
  const path = rest.slice(parts).join("/");
  return { repo, revision: rest.slice(0, parts).join("/"), ...(path ? { path } : {}) };
}

/** `/api/resolve-cache/models/org/name/commit/path`: where small files are answered from. */
function cachedPlace(segments: readonly string[]): Pick<Place, "repo" | "revision" | "path"> {
  const [, , org, name, revision, ...path] = segments;
  return org && name && revision ? { repo: `${org}/${name}`, revision, path: path.join("/") } : {};
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
