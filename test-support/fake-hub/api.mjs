/** The JSON side of the Hub: `/api/models/{id}` and what is below it. */
import { failure, json, refusal, text } from "./answers.mjs";
import { findRevision, sha1 } from "./repos.mjs";

/** @typedef {import("./answers.mjs").Answer} Answer */
/** @typedef {import("./repos.mjs").HubFile} HubFile */
/** @typedef {import("./repos.mjs").Repo} Repo */
/** @typedef {import("./repos.mjs").Revision} Revision */
/**
 * A call about one repo that may be seen.
 * @typedef {object} Call
 * @property {string} id
 * @property {Repo} repo
 * @property {string} method
 * @property {URL} url absolute, as the client knows it
 * @property {string} rest the decoded path behind the verb
 * @property {string} verb "revision", "tree" …
 * @property {string} [token]
 * @property {boolean} mayRead the files, too
 * @property {string} body what was posted
 * @property {number} pageSize
 */

const DATE = "2024-05-01T12:00:00.000Z";
/** Entries of a page when more is told of each (reference: huggingface_hub's documentation). */
const EXPANDED_PAGE = 50;
/** Fields that only come when they are asked for by name. */
const ASKED_ONLY = new Set([
  "baseModels",
  "childrenModelCount",
  "inferenceProviderMapping",
  "trendingScore",
  "gitalyUid",
]);

/** @type {Readonly<Record<string, (call: Call) => Answer>>} */
const VERBS = {
  "": info,
  revision: info,
  tree,
  "paths-info": pathsInfo,
  refs,
  commits,
  "auth-check": (call) => (call.mayRead ? text(200, "text/plain", "OK") : refusal("GatedRepo", { token: call.token })),
};

export const API_VERBS = new Set(Object.keys(VERBS).filter(Boolean));

/**
 * @param {Call} call
 * @returns {Answer}
 */
export function answerApi(call) {
  return VERBS[call.verb]?.(call) ?? failure(404, "no such call");
}

/** @param {Call} call */
function revisionOf({ repo, rest }) {
  return findRevision(repo, rest);
}

/**
 * The revision at the front of a path: the longest name that is one, as names may hold slashes.
 * @param {Repo} repo
 * @param {string} rest decoded: `refs/pr/1/folder/file`
 * @returns {{ revision: Revision | undefined, name: string, path: string }}
 */
export function splitRevision(repo, rest) {
  const parts = rest.split("/");
  for (let length = Math.min(parts.length, 6); length > 0; length--) {
    const name = parts.slice(0, length).join("/");
    const revision = findRevision(repo, name);
    if (revision) return { revision, name, path: parts.slice(length).join("/") };
  }
  return { revision: undefined, name: parts[0] ?? "", path: parts.slice(1).join("/") };
}

/**
 * @param {Call} call
 * @returns {Answer}
 */
function info(call) {
  const { id, repo, url, verb } = call;
  const { searchParams } = url;
  const revision = verb === "" ? findRevision(repo, "main") : revisionOf(call);
  if (!revision) return refusal("RevisionNotFound", { token: call.token, about: call.rest });
  const { options } = repo;
  const files = [...revision.files.values()];
  /** @type {Record<string, unknown>} */
  const all = {
    _id: sha1(id).slice(0, 24),
    id,
    modelId: id,
    author: id.includes("/") ? id.split("/")[0] : undefined,
    sha: revision.commit,
    createdAt: DATE,
    lastModified: DATE,
    private: options.private ?? false,
    gated: options.gated ?? false,
    disabled: options.disabled ?? false,
    downloads: 0,
    downloadsAllTime: 0,
    likes: 0,
    tags: [],
    spaces: [],
    usedStorage: files.reduce((sum, file) => sum + file.size, 0),
    siblings: files.map((file) => (isSet(searchParams, "blobs") ? sibling(file) : { rfilename: file.path })),
    ...options.info,
    securityRepoStatus: options.info?.securityRepoStatus ?? securityOf(files, repo),
  };
  if (!isSet(searchParams, "securityStatus")) delete all.securityRepoStatus;
  const wanted = new Set([...searchParams.getAll("expand"), ...searchParams.getAll("expand[]")]);
  if (wanted.size > 0) {
    const kept = new Set(["_id", "id", "securityRepoStatus", ...wanted]);
    return json(Object.fromEntries(Object.entries(all).filter(([key]) => kept.has(key))));
  }
  return json(Object.fromEntries(Object.entries(all).filter(([key]) => !ASKED_ONLY.has(key))));
}

/** @param {HubFile} file */
function sibling(file) {
  return {
    rfilename: file.path,
    size: file.size,
    blobId: file.oid,
    ...(file.pointer && { lfs: { sha256: file.sha256, size: file.size, pointerSize: file.pointer.length } }),
  };
}

/**
 * @param {readonly HubFile[]} files
 * @param {Repo} repo
 */
function securityOf(files, repo) {
  const found = files.map((file) => ({ path: file.path, level: statusOf(file, repo).status }));
  return { scansDone: true, filesWithIssues: found.filter(({ level }) => level !== "safe") };
}

/**
 * @param {HubFile} file
 * @param {Repo} repo
 * @returns {{ status: unknown }}
 */
function statusOf(file, repo) {
  const given = repo.options.security?.[file.path] ?? "safe";
  return typeof given === "object" && given !== null && "status" in given ? given : { status: given };
}

/**
 * @param {HubFile | { readonly path: string, readonly folder: true }} what
 * @param {Repo} repo
 * @param {Revision} revision
 * @param {boolean} expand
 */
function entryOf(what, repo, revision, expand) {
  const lastCommit = { id: revision.commit, title: "Upload files", date: DATE };
  if ("folder" in what) {
    return {
      type: "directory",
      oid: sha1(`tree ${what.path}`),
      size: 0,
      path: what.path,
      ...(expand && { lastCommit }),
    };
  }
  return {
    type: "file",
    oid: what.oid,
    size: what.size,
    ...(what.pointer && { lfs: { oid: what.sha256, size: what.size, pointerSize: what.pointer.length } }),
    ...(what.xetHash && { xetHash: what.xetHash }),
    path: what.path,
    ...(expand && { lastCommit, securityFileStatus: statusOf(what, repo) }),
  };
}

/**
 * Files and folders below a folder, folders first on each level.
 * @param {Revision} revision
 * @param {string} folder
 * @param {boolean} recursive
 */
function below(revision, folder, recursive) {
  const prefix = folder === "" ? "" : `${folder}/`;
  /** @type {Map<string, { readonly path: string, readonly folder: true }>} */
  const folders = new Map();
  /** @type {HubFile[]} */
  const files = [];
  for (const file of revision.files.values()) {
    if (!file.path.startsWith(prefix)) continue;
    const parts = file.path.slice(prefix.length).split("/");
    for (let depth = 1; depth < parts.length && (recursive || depth === 1); depth++) {
      const path = prefix + parts.slice(0, depth).join("/");
      folders.set(path, { path, folder: true });
    }
    if (recursive || parts.length === 1) files.push(file);
  }
  return [...folders.values(), ...files];
}

/**
 * @param {Call} call
 * @returns {Answer}
 */
function tree(call) {
  const { repo, url, rest, token } = call;
  const { revision, name, path } = splitRevision(repo, rest);
  if (!revision) return refusal("RevisionNotFound", { token, about: name });
  const { searchParams } = url;
  const folder = path.replace(/\/+$/, "");
  const expand = isSet(searchParams, "expand");
  const entries = below(revision, folder, isSet(searchParams, "recursive"));
  if (entries.length === 0 && folder !== "") return refusal("EntryNotFound", { token, about: folder });
  const page = Math.min(
    call.pageSize,
    expand ? EXPANDED_PAGE : call.pageSize,
    Number(searchParams.get("limit") ?? call.pageSize) || call.pageSize,
  );
  const from = Number(Buffer.from(searchParams.get("cursor") ?? "", "base64url").toString()) || 0;
  const next = new URL(url);
  next.searchParams.set("cursor", Buffer.from(String(from + page)).toString("base64url"));
  return json(
    entries.slice(from, from + page).map((entry) => entryOf(entry, repo, revision, expand)),
    from + page < entries.length ? { Link: `<${next}>; rel="next"` } : {},
  );
}

/**
 * @param {URLSearchParams} params
 * @param {string} name
 */
function isSet(params, name) {
  return /^(?:true|1)$/i.test(params.get(name) ?? "");
}

/**
 * @param {Call} call
 * @returns {Answer}
 */
function pathsInfo(call) {
  const { repo, token, method } = call;
  if (method !== "POST") return failure(405, "POST it");
  const revision = revisionOf(call);
  if (!revision) return refusal("RevisionNotFound", { token, about: call.rest });
  const asked = askedPaths(call.body);
  if (!asked) return failure(400, "paths is a list of words");
  const folders = below(revision, "", true).filter((entry) => "folder" in entry);
  const found = asked.paths.flatMap((path) => {
    const what = revision.files.get(path) ?? folders.find((folder) => folder.path === path);
    return what ? [entryOf(what, repo, revision, asked.expand)] : [];
  });
  return json(found);
}

/**
 * JSON as the JavaScript client posts it, or a form as the Python one does.
 * @param {string} body
 * @returns {{ paths: string[], expand: boolean } | undefined}
 */
function askedPaths(body) {
  try {
    const { paths, expand } = JSON.parse(body);
    return Array.isArray(paths) ? { paths: paths.map(String), expand: expand === true } : undefined;
  } catch {
    const form = new URLSearchParams(body);
    return { paths: form.getAll("paths"), expand: isSet(form, "expand") };
  }
}

/**
 * @param {Call} call
 * @returns {Answer}
 */
function refs({ repo, url }) {
  const list = (
    /** @type {ReadonlyMap<string, Revision>} */ from,
    /** @type {string} */ prefix,
    /** @type {RegExp} */ only,
  ) =>
    [...from]
      .filter(([name]) => only.test(name))
      .map(([name, { commit }]) => ({
        name: name.replace(/^refs\/convert\//, ""),
        ref: prefix + name,
        targetCommit: commit,
      }));
  return json({
    tags: list(repo.tags, "refs/tags/", /^/),
    branches: list(repo.branches, "refs/heads/", /^(?!refs\/)/),
    converts: list(repo.branches, "", /^refs\/convert\//),
    ...(isSet(url.searchParams, "include_prs") && { pullRequests: list(repo.branches, "", /^refs\/pr\//) }),
  });
}

/**
 * @param {Call} call
 * @returns {Answer}
 */
function commits(call) {
  const { repo, token, rest } = call;
  const revision = findRevision(repo, rest);
  if (!revision) return refusal("RevisionNotFound", { token, about: rest });
  const at = repo.history.indexOf(revision);
  const line = at < 0 ? [revision] : repo.history.slice(at);
  return json(
    line.map(({ commit }) => ({
      id: commit,
      title: "Upload files",
      message: "",
      authors: [{ user: "acme", avatar: "" }],
      date: DATE,
    })),
  );
}
