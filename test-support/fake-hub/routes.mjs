/** From a request's path to its answer: who may see what, and where a file's bytes come from. */

import { failure, fileAnswer, json, redirect, refusal, text } from "./answers.mjs";
import { API_VERBS, answerApi, splitRevision } from "./api.mjs";
import { revisionsOf, sha1 } from "./repos.mjs";

/** @typedef {import("./answers.mjs").Answer} Answer */
/** @typedef {import("./repos.mjs").HubFile} HubFile */
/** @typedef {import("./repos.mjs").Repo} Repo */
/**
 * @typedef {object} World
 * @property {Map<string, Repo>} repos
 * @property {readonly string[]} tokens that the Hub knows
 * @property {boolean} redirectLarge
 * @property {boolean} redirectSmall
 * @property {number} pageSize
 * @property {string} cdnUrl
 */
/**
 * @typedef {object} Request
 * @property {string} method
 * @property {URL} url
 * @property {string} path decoded
 * @property {import("node:http").IncomingHttpHeaders} headers
 * @property {string} body
 */

/** Stands between a repo's name and the way of a file: how it is given out. */
const FILE_VERBS = new Set(["resolve", "raw"]);
const SIGNATURE = "X-Amz-Signature";

/**
 * @param {World} world
 * @param {Request} request
 * @returns {Answer}
 */
export function answerHub(world, request) {
  const { authorization } = request.headers;
  const token = authorization?.replace(/^Bearer /i, "");
  if (authorization !== undefined && !world.tokens.includes(token ?? "")) {
    return failure(401, "Invalid credentials in Authorization header");
  }
  const parts = request.path.slice(1).split("/");
  if (parts[0] === "api") return apiOf(world, request, parts.slice(1), token);
  const at = FILE_VERBS.has(parts[2] ?? "") ? 2 : 1;
  if (!FILE_VERBS.has(parts[at] ?? "")) return text(404, "text/html", "<!doctype html><title>404</title>");
  const id = parts.slice(0, at).join("/");
  const repo = world.repos.get(id);
  if (!repo || !maySee(world, repo, token)) return refusal("RepoNotFound", { token });
  if (repo.options.disabled) return failure(403, "Access to this resource is disabled.");
  const { revision, name, path } = splitRevision(repo, parts.slice(at + 1).join("/"));
  if (!mayRead(world, repo, token)) return refusal("GatedRepo", { token });
  if (!revision) return refusal("RevisionNotFound", { token, about: name });
  const file = revision.files.get(path);
  if (!file) return refusal("EntryNotFound", { token, about: path });
  return parts[at] === "raw"
    ? rawOf(file, revision.commit)
    : resolved(world, request, { id, commit: revision.commit, file });
}

/**
 * @param {World} world
 * @param {Request} request
 * @param {readonly string[]} parts behind `/api/`
 * @param {string | undefined} token
 * @returns {Answer}
 */
function apiOf(world, request, parts, token) {
  if (parts[0] === "whoami-v2") {
    return token === undefined ? failure(401, "Invalid username or password.") : json({ type: "user", name: "acme" });
  }
  if (parts[0] === "resolve-cache") return cached(world, parts.slice(2), token);
  if (parts[0] !== "models" || parts.length < 2) return failure(404, "no such call");
  // A repo without an organisation has its verb one part earlier.
  const at = API_VERBS.has(parts[2] ?? "") ? 2 : 3;
  const id = parts.slice(1, at).join("/");
  const repo = world.repos.get(id);
  if (!repo || !maySee(world, repo, token)) return refusal("RepoNotFound", { token });
  if (repo.options.disabled) return failure(403, "Access to this resource is disabled.");
  return answerApi({
    id,
    repo,
    method: request.method,
    url: request.url,
    verb: parts[at] ?? "",
    rest: parts.slice(at + 1).join("/"),
    ...(token !== undefined && { token }),
    mayRead: mayRead(world, repo, token),
    body: request.body,
    pageSize: world.pageSize,
  });
}

/**
 * @param {World} world
 * @param {Repo} repo
 * @param {string | undefined} token
 */
function isAccepted(world, repo, token) {
  return token !== undefined && (repo.options.accepted ?? world.tokens).includes(token);
}

/**
 * @param {World} world
 * @param {Repo} repo
 * @param {string | undefined} token
 */
function maySee(world, repo, token) {
  return !repo.options.private || isAccepted(world, repo, token);
}

/**
 * @param {World} world
 * @param {Repo} repo
 * @param {string | undefined} token
 */
function mayRead(world, repo, token) {
  return !repo.options.gated || isAccepted(world, repo, token);
}

/**
 * A file as git holds it: of a large one, the pointer.
 * @param {HubFile} file
 * @param {string} commit
 */
function rawOf(file, commit) {
  const bytes = Buffer.from(file.pointer ?? "");
  const held =
    file.pointer === undefined ? file : { path: `${file.path}.txt`, size: bytes.length, bytes, oid: file.oid };
  return fileAnswer(held, { ETag: `"${file.oid}"`, "X-Repo-Commit": commit });
}

/**
 * @param {World} world
 * @param {Request} request
 * @param {{ readonly id: string, readonly commit: string, readonly file: HubFile }} what
 * @returns {Answer}
 */
function resolved(world, request, { id, commit, file }) {
  const etag = `"${file.sha256 ?? file.oid}"`;
  const headers = {
    ETag: etag,
    "X-Repo-Commit": commit,
    "X-Linked-Size": file.size,
    "X-Linked-ETag": etag,
    ...(file.xetHash && {
      "X-Xet-Hash": file.xetHash,
      Link: [
        `<${request.url.origin}/api/models/${id}/xet-read-token/${commit}>; rel="xet-auth"`,
        `<${world.cdnUrl}/v2/reconstructions/${file.xetHash}>; rel="xet-reconstruction-info"`,
      ].join(", "),
    }),
  };
  if (file.sha256 !== undefined && world.redirectLarge) {
    const path = `/lfs/${id}/${file.sha256}/${file.path}`;
    return redirect(
      302,
      `${world.cdnUrl}${encodePath(path)}?X-Amz-Expires=3600&${SIGNATURE}=${signature(path)}`,
      headers,
    );
  }
  if (file.sha256 === undefined && world.redirectSmall) {
    const path = `/api/resolve-cache/models/${id}/${commit}/${file.path}`;
    return redirect(307, `${encodePath(path)}?etag=${encodeURIComponent(etag)}`, headers);
  }
  return fileAnswer(file, headers);
}

/**
 * Small files, where the relative redirect leads.
 * @param {World} world
 * @param {readonly string[]} parts `org/name/commit/path…`
 * @param {string | undefined} token
 * @returns {Answer}
 */
function cached(world, parts, token) {
  const at = world.repos.has(parts.slice(0, 2).join("/")) ? 2 : 1;
  const repo = world.repos.get(parts.slice(0, at).join("/"));
  if (!repo || !maySee(world, repo, token)) return refusal("RepoNotFound", { token });
  if (!mayRead(world, repo, token)) return refusal("GatedRepo", { token });
  const revision = revisionsOf(repo).find(({ commit }) => commit === parts[at]);
  const file = revision?.files.get(parts.slice(at + 1).join("/"));
  if (!revision || !file) return refusal("EntryNotFound", { token });
  return fileAnswer(file, { ETag: `"${file.oid}"`, "X-Repo-Commit": revision.commit });
}

/**
 * The other origin: signed addresses of large files, which take no token.
 * @param {World} world
 * @param {Request} request
 * @returns {Answer}
 */
export function answerCdn(world, request) {
  const xml = (/** @type {number} */ status, /** @type {string} */ code) =>
    text(status, "application/xml", `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code></Error>`);
  if (request.headers.authorization !== undefined) return xml(400, "InvalidArgument");
  if (request.url.searchParams.get(SIGNATURE) !== signature(request.path)) return xml(403, "SignatureDoesNotMatch");
  for (const repo of world.repos.values()) {
    for (const { files } of revisionsOf(repo)) {
      for (const file of files.values()) {
        if (file.sha256 === undefined || !request.path.endsWith(`/${file.sha256}/${file.path}`)) continue;
        // A store of its own, with ETags of its own.
        return fileAnswer(file, { ETag: `"${sha1(file.sha256)}"` });
      }
    }
  }
  return xml(404, "NoSuchKey");
}

/** @param {string} path decoded */
function encodePath(path) {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** @param {string} path */
function signature(path) {
  return sha1(`signed ${path}`);
}
