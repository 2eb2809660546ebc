/**
 * What the loopback Hub serves: repos as plain data, made of bytes or of files on disk. Hashes follow the Hub: a git blob's
 * SHA-1 for small files, SHA-256 for those kept by LFS, whose git blob is the pointer.
 */
import { createHash } from "node:crypto";
import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { basename, join } from "node:path";

/**
 * @typedef {string | Uint8Array | { readonly file: string }} Content text, bytes, or a file on disk that is read by ranges
 * @typedef {Readonly<Record<string, Content>>} Files by path in the repo
 */
/**
 * @typedef {object} HubFile
 * @property {string} path
 * @property {number} size
 * @property {Uint8Array} [bytes] absent for a file on disk
 * @property {string} [file]
 * @property {string} oid SHA-1 of the git blob
 * @property {string} [sha256] of a file kept by LFS
 * @property {string} [pointer] what git holds of a file kept by LFS
 * @property {string} [xetHash]
 */
/** @typedef {{ readonly commit: string, readonly files: ReadonlyMap<string, HubFile> }} Revision */
/**
 * @typedef {object} RepoOptions
 * @property {false | "auto" | "manual"} [gated]
 * @property {boolean} [private] not to be seen without an accepted token
 * @property {boolean} [disabled]
 * @property {readonly string[]} [accepted] tokens with access to a gated or private repo; all that the Hub knows if absent
 * @property {Readonly<Record<string, unknown>>} [info] fields of `/api/models/{id}`: they win over those made up here
 * @property {Readonly<Record<string, Files | string>>} [revisions] branches, `refs/pr/1`, `refs/convert/…`: files, or another's name
 * @property {Readonly<Record<string, Files | string>>} [tags]
 * @property {readonly Files[]} [history] older commits of main, newest first
 * @property {Readonly<Record<string, unknown>>} [security] by path: a status ("unsafe") or the whole `securityFileStatus`
 * @property {boolean} [xet] large files have a hash of the Xet storage, too; true if absent
 * @property {(path: string, size: number) => boolean} [large] which files LFS keeps
 */
/**
 * @typedef {object} Repo
 * @property {ReadonlyMap<string, Revision>} branches `main` first; refs of other kinds, too
 * @property {ReadonlyMap<string, Revision>} tags
 * @property {readonly Revision[]} history main's commit and older ones
 * @property {RepoOptions} options
 */

const MAIN = "main";
/** Files above are kept by LFS whatever their name. */
const LARGE_BYTES = 10 * 1024 * 1024;
const LARGE_NAMES = /\.(?:safetensors|gguf|bin)$/;
/** Above, SHA-256 is of name, size and head: files are sparse, and their zeros are many. */
const HASHED_BYTES = 16 * 1024 * 1024;
const HEAD_BYTES = 64 * 1024;
/** Folders that a repo's folder on disk may hold and the repo doesn't. */
const NOT_SERVED = new Set([".git", ".cache", "node_modules"]);

/**
 * A repo of the given files.
 * @param {Files} files
 * @param {RepoOptions} [options]
 * @returns {Repo}
 */
export function repoOf(files, options = {}) {
  const main = revisionOf(files, options);
  /** @type {Map<string, Revision>} */
  const branches = new Map([[MAIN, main]]);
  /** @type {Map<string, Revision>} */
  const tags = new Map();
  for (const [given, into] of /** @type {const} */ ([
    [options.revisions, branches],
    [options.tags, tags],
  ])) {
    for (const [name, what] of Object.entries(given ?? {})) {
      const revision = typeof what === "string" ? (branches.get(what) ?? tags.get(what)) : revisionOf(what, options);
      if (!revision) throw new Error(`revision ${name} is ${what}, which isn't there`);
      into.set(name, revision);
    }
  }
  return {
    branches,
    tags,
    history: [main, ...(options.history ?? []).map((old) => revisionOf(old, options))],
    options,
  };
}

/**
 * A repo of a folder on disk, or of a single file.
 * @param {string} path
 * @param {RepoOptions} [options]
 */
export function repoOfFolder(path, options = {}) {
  return repoOf(statSync(path).isDirectory() ? filesIn(path) : { [basename(path)]: { file: path } }, options);
}

/**
 * The files of a folder by their path in it, links followed.
 * @param {string} folder
 * @returns {Files}
 */
function filesIn(folder) {
  /** @type {Record<string, Content>} */
  const files = {};
  const walk = (/** @type {string} */ dir, /** @type {string} */ prefix) => {
    for (const name of readdirSync(dir).sort()) {
      const path = join(dir, name);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (stat?.isDirectory() && !NOT_SERVED.has(name)) walk(path, `${prefix}${name}/`);
      else if (stat?.isFile()) files[prefix + name] = { file: path };
    }
  };
  walk(folder, "");
  return files;
}

/**
 * @param {Repo} repo
 * @param {string} name a branch, a tag, a commit, or HEAD
 * @returns {Revision | undefined}
 */
export function findRevision(repo, name) {
  return (
    repo.branches.get(name === "HEAD" ? MAIN : name.replace(/^refs\/heads\//, "")) ??
    repo.tags.get(name.replace(/^refs\/tags\//, "")) ??
    revisionsOf(repo).find((revision) => revision.commit === name)
  );
}

/** @param {Repo} repo */
export function revisionsOf(repo) {
  return [...repo.branches.values(), ...repo.tags.values(), ...repo.history];
}

/**
 * The bytes from `start` up to `end`, in pieces.
 * @param {HubFile} file
 * @param {number} start
 * @param {number} end
 * @param {number} [piece] bytes
 * @returns {Generator<Uint8Array>}
 */
export function* readPieces(file, start, end, piece = HEAD_BYTES) {
  const { bytes } = file;
  if (bytes) {
    for (let at = start; at < end; at += piece) yield bytes.subarray(at, Math.min(end, at + piece));
    return;
  }
  const handle = openSync(/** @type {string} */ (file.file), "r");
  try {
    for (let at = start; at < end; ) {
      const buffer = Buffer.allocUnsafe(Math.min(piece, end - at));
      const got = readSync(handle, buffer, 0, buffer.length, at);
      if (got === 0) throw new Error(`${file.file} has become shorter`);
      yield buffer.subarray(0, got);
      at += got;
    }
  } finally {
    closeSync(handle);
  }
}

/**
 * @param {Files} files
 * @param {RepoOptions} options
 * @returns {Revision}
 */
function revisionOf(files, options) {
  const made = Object.entries(files)
    .map(([path, content]) => fileOf(path, content, options))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const commit = sha1(`commit\n${made.map((file) => `${file.oid} ${file.path}`).join("\n")}`);
  return { commit, files: new Map(made.map((file) => [file.path, file])) };
}

/**
 * @param {string} path
 * @param {Content} content
 * @param {RepoOptions} options
 * @returns {HubFile}
 */
function fileOf(path, content, options) {
  const base = sourceOf(path, content);
  const large = options.large?.(path, base.size) ?? (LARGE_NAMES.test(path) || base.size > LARGE_BYTES);
  if (!large) return { ...base, oid: blobId(base) };
  const sha256 = sha256Of(base);
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${base.size}\n`;
  const git = { path, size: pointer.length, bytes: Buffer.from(pointer), oid: "" };
  const xet = options.xet === false ? {} : { xetHash: createHash("sha256").update(`xet ${sha256}`).digest("hex") };
  return { ...base, oid: blobId(git), sha256, pointer, ...xet };
}

/**
 * @param {string} path
 * @param {Content} content
 * @returns {HubFile}
 */
function sourceOf(path, content) {
  if (typeof content === "object" && "file" in content) {
    return { path, size: statSync(content.file).size, file: content.file, oid: "" };
  }
  const bytes = Buffer.from(/** @type {Uint8Array} */ (content));
  return { path, size: bytes.length, bytes, oid: "" };
}

/** @param {HubFile} file */
function sha256Of(file) {
  const hash = createHash("sha256");
  const whole = file.size <= HASHED_BYTES;
  if (!whole) hash.update(`${file.path}\n${file.size}\n`);
  for (const piece of readPieces(file, 0, whole ? file.size : HEAD_BYTES)) hash.update(piece);
  return hash.digest("hex");
}

/** @param {HubFile} file */
function blobId(file) {
  const hash = createHash("sha1").update(`blob ${file.size}\0`);
  for (const piece of readPieces(file, 0, file.size)) hash.update(piece);
  return hash.digest("hex");
}

/** A stable identifier of 40 hexadecimal digits. @param {string} text */
export function sha1(text) {
  return createHash("sha1").update(text).digest("hex");
}
