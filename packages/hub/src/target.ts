/** The grammar of targets (design: "Targets" of the command line's contract): what a word leads to. Nothing is looked up. */
import { fileURLToPath } from "node:url";

import { quoted } from "@checkpoint-inspect/parser";

import { blobUrl, encodedSegment, repoUrl, treeUrl } from "./hub-urls.ts";
import { isPath, isRepoName, isRevision, ollamaName } from "./names.ts";
import { PUBLIC_ENDPOINT } from "./settings.ts";

/** A Hugging Face repo, or something in it. */
export interface HubTarget {
  readonly kind: "hub";
  /** `org/name`, or `name` for the few old repos without an organisation. */
  readonly repo: string;
  /** A branch, a tag, a commit, `refs/pr/1`. Absent: the default branch. */
  readonly revision?: string;
  /** `Q4_K_M` of `org/name:Q4_K_M`, as typed. */
  readonly quant?: string;
  /** A file or folder in the repo, decoded, with forward slashes, none at its ends. */
  readonly path?: string;
  /** Another Hub than the one of the settings: the origin of a pasted link. */
  readonly endpoint?: string;
  /** It may have been meant as a path: `org/name` without `hf:` in front of it. */
  readonly maybeLocal?: boolean;
}

export type Target =
  /** A file, a folder, or a glob. */
  | { readonly kind: "local"; readonly path: string }
  | { readonly kind: "url"; readonly url: string }
  | HubTarget
  /** `name`, `name:tag`, `namespace/name:tag`, `host/namespace/name:tag`. */
  | { readonly kind: "ollama"; readonly model: string };

/** A word that is no target: a mistake of use. One line that says what the grammar is. */
export class TargetError extends Error {
  override readonly name = "TargetError";
}

export interface TargetOptions {
  /** The Hub of the settings. */
  readonly endpoint: string;
  /** Of `--revision`. */
  readonly revision?: string | undefined;
  /** Whether there is a file or folder of that name. */
  readonly isLocal: boolean;
}

const HUB_GRAMMAR = "a repo is written org/name, org/name@revision, org/name:quant or org/name@revision/path";
const OLLAMA_GRAMMAR = "an Ollama model is written ollama:name, ollama:name:tag or ollama:namespace/name:tag";

/** Longer than any path that systems take. */
const MAX_TARGET = 8192;
const QUANT = /^[A-Za-z0-9][\w.-]{0,79}$/;
/** Revisions that hold slashes and that people paste unencoded: pull requests, and what the Hub converts by itself. */
const SLASHED_REVISION = /^(refs\/(?:pr\/[0-9]+|convert\/[\w.-]+))(?![\w.-])/;

const CHECKPOINT_ENDING = /\.(?:gguf|safetensors|json)$/i;
/** Plainly a path of this machine: where it begins, or what only globs and Windows paths hold. */
const PATH_START = /^(?:[/~]|\.{1,2}(?:[/\\]|$)|[A-Za-z]:[/\\])/;
const PATH_SIGN = /[\\*?[\]{}]/;
const HUB_HOSTS = new Set(["huggingface.co", "www.huggingface.co", "hf.co"]);
const HUB_HOST_START = /^(?:(?:www\.)?huggingface\.co|hf\.co)(?:\/|$)/i;
/** Views of a repo whose links go on with a revision and maybe a path. */
const REVISION_VIEWS = new Set(["blob", "resolve", "tree", "raw", "blame", "commit", "commits"]);
/** First words of the public Hub's links that are no names of people or organisations. */
const OTHER_PAGES = new Set(
  "api blog chat collections datasets docs inference join learn login models new papers pricing search settings spaces tasks".split(
    " ",
  ),
);

/**
 * What a word is, by its form and by whether such a path exists: an existing path goes before everything.
 * @throws {TargetError}
 */
export function parseTarget(text: string, options: TargetOptions): Target {
  const target = formOf(text, options);
  const { revision } = options;
  if (revision === undefined) return target;
  if (target.kind !== "hub") {
    throw new TargetError(`--revision is for Hugging Face repos, and ${quoted(text)} is ${OTHER_KINDS[target.kind]}`);
  }
  checkRevision(revision, "--revision");
  if (target.revision !== undefined && target.revision !== revision) {
    throw new TargetError(
      `--revision ${quoted(revision)} and the revision of ${quoted(text)} are two different ones: give one of them`,
    );
  }
  return { ...target, revision };
}

const OTHER_KINDS = { local: "a local path", url: "a plain link", ollama: "a model of Ollama" } as const;

/** Each form by what it begins with. The rest is what follows that. */
const FORMS: readonly (readonly [RegExp, (rest: string, text: string, options: TargetOptions) => Target])[] = [
  [/^ollama:(?:\/\/)?/i, ollamaTarget],
  [/^hf:\/\/(?:models\/)?/i, hubTarget],
  [/^hf:/i, hubTarget],
  [/^(?=https?:\/\/)/i, (_, text, options) => linkTarget(text, options.endpoint)],
  [HUB_HOST_START, (_, text, options) => withoutEndpoint(linkTarget(`https://${text}`, options.endpoint))],
  [/^(?=file:\/\/)/i, fileTarget],
  [/^(?=[a-z][a-z0-9+.-]+:\/\/)/i, otherScheme],
];

function formOf(text: string, options: TargetOptions): Target {
  if (text.trim() === "") throw new TargetError(`a target is empty: give a path, a link or a repo; ${HUB_GRAMMAR}`);
  if (options.isLocal) return { kind: "local", path: text };
  if (text.length > MAX_TARGET) throw new TargetError(`${quoted(text, 40)} is too long for a target`);
  for (const [start, read] of FORMS) {
    const found = start.exec(text);
    if (found) return read(text.slice(found[0].length), text, options);
  }
  return bareTarget(text) ?? { kind: "local", path: text };
}

/** `org/name` and what may follow it, unless it looks like a path. */
function bareTarget(word: string): HubTarget | undefined {
  if (PATH_START.test(word) || PATH_SIGN.test(word) || HUB_HOST_START.test(word)) return undefined;
  const parts = splitName(word);
  // What can't be a repo is a path that isn't there, and that is for the one who looks to say.
  if (!parts.repo.includes("/") || !isRepoName(parts.repo) || !isPath(parts.path ?? "x")) return undefined;
  const alone = parts.revision === undefined && parts.quant === undefined && parts.path === undefined;
  if (alone && CHECKPOINT_ENDING.test(parts.repo)) return undefined;
  return { ...checked(parts, word), maybeLocal: true };
}

function hubTarget(rest: string, text: string): HubTarget {
  if (/^(?:datasets|spaces|buckets)\//.test(rest)) {
    throw new TargetError(`${quoted(text)} is no repo of a model, and only those are read: ${HUB_GRAMMAR}`);
  }
  return checked(splitName(rest), text);
}

interface NameParts {
  readonly repo: string;
  readonly revision?: string;
  readonly quant?: string;
  readonly path?: string;
}

/**
 * Cuts `org/name[@revision][:quant][/path]`. A colon or an @ in the path is part of its names. `name@revision` and
 * `name:quant` without a slash before them are repos without an organisation.
 */
function splitName(text: string): NameParts {
  const slashes = nameSlashes(text);
  const name = /^[^@:]*/.exec(text.slice(0, slashes)) as RegExpExecArray;
  const repo = name[0].replace(/\/$/, "");
  let rest = text.slice(name[0].length);
  let revision: string | undefined;
  if (rest.startsWith("@")) {
    const slashed = SLASHED_REVISION.exec(rest.slice(1));
    const raw = slashed?.[0] ?? (/^[^/:]*/.exec(rest.slice(1)) as RegExpExecArray)[0];
    revision = decoded(raw, text);
    rest = rest.slice(1 + raw.length);
  }
  let quant: string | undefined;
  if (rest.startsWith(":")) {
    quant = rest.slice(1);
    rest = "";
  }
  const path = trimSlashes(rest);
  return {
    repo,
    ...(revision !== undefined && { revision }),
    ...(quant !== undefined && { quant }),
    ...(path !== "" && { path }),
  };
}

/** Where the name of the repo ends at the latest: at the second slash. */
function nameSlashes(text: string): number {
  const first = text.indexOf("/");
  const second = first < 0 ? -1 : text.indexOf("/", first + 1);
  return second < 0 ? text.length : second;
}

function checked(parts: NameParts, text: string): HubTarget {
  const { repo, revision, quant, path } = parts;
  if (!isRepoName(repo)) {
    const rule = "names have up to 96 letters, digits, - _ and . each, no -- or .., and end in a letter or digit";
    throw new TargetError(`${quoted(text)} names no Hugging Face repo: ${rule}; ${HUB_GRAMMAR}`);
  }
  if (revision !== undefined) checkRevision(revision, quoted(text));
  if (quant !== undefined && !QUANT.test(quant)) {
    const rule = quant.includes("@")
      ? "the revision goes before the colon"
      : "after the colon stands a quant like Q4_K_M";
    throw new TargetError(`${quoted(text)} names no quant: ${rule}; ${HUB_GRAMMAR}`);
  }
  if (path !== undefined && !isPath(path)) {
    throw new TargetError(`the path in ${quoted(text)} leads out of the repo or is none: ${HUB_GRAMMAR}`);
  }
  return { kind: "hub", ...parts };
}

function checkRevision(revision: string, where: string): void {
  if (isRevision(revision)) return;
  const forms = "a revision is a branch, a tag, a commit or refs/pr/1";
  throw new TargetError(`${quoted(revision)} in ${where} is no revision: ${forms}; ${HUB_GRAMMAR}`);
}

function trimSlashes(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text[start] === "/") start += 1;
  while (end > start && text[end - 1] === "/") end -= 1;
  return text.slice(start, end);
}

function decoded(text: string, target: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TargetError(`${quoted(target)} holds a % that stands for no character: write %25 for the sign itself`);
  }
}

/** `hf.co/org/name` without a scheme is a name that people paste as they do `org/name`: of the Hub of the settings. */
function withoutEndpoint(target: Target): Target {
  if (target.kind !== "hub") return target;
  const { endpoint: _, ...own } = target;
  return own;
}

function linkTarget(text: string, endpoint: string): Target {
  if (/[\p{Cc}\p{Cs}]/u.test(text) || !URL.canParse(text)) {
    throw new TargetError(`${quoted(text)} is no link that can be read: paste it again`);
  }
  const url = new URL(text);
  if (url.username + url.password !== "") {
    throw new TargetError(
      "a link with a user name or a password in it isn't followed: give it without, and a token by HF_TOKEN",
    );
  }
  const isPublic = HUB_HOSTS.has(url.hostname) && url.port === "";
  const hub = isPublic ? PUBLIC_ENDPOINT : url.href.startsWith(`${endpoint}/`) ? endpoint : undefined;
  url.hash = "";
  if (hub === undefined) return { kind: "url", url: url.href };
  const path = isPublic ? url.pathname : url.pathname.slice(new URL(endpoint).pathname.replace(/\/$/, "").length);
  const target = pageTarget(trimSlashes(path), hub, url.href);
  return target.kind === "hub" && hub !== endpoint ? { ...target, endpoint: hub } : target;
}

/** A page or file of a Hub by its path, which is encoded still. */
function pageTarget(page: string, hub: string, link: string): Target {
  const segments = page.split("/");
  const first = segments[0] as string;
  if (first === "datasets" || first === "spaces") return siblingFile(segments, hub, link);
  const at = REVISION_VIEWS.has(segments[1] ?? "") ? 1 : 2;
  const view = segments[at];
  if (view === undefined || !REVISION_VIEWS.has(view)) {
    // A repo of the public Hub may be called model.gguf; at another server that is a file in a folder.
    const isFile = CHECKPOINT_ENDING.test(page) && (hub !== PUBLIC_ENDPOINT || view !== undefined);
    if (isFile) return { kind: "url", url: link };
    if (page === "" || view !== undefined || OTHER_PAGES.has(first)) throw noRepo(link);
    return checked(splitName(page), link);
  }
  const after = segments.slice(at + 1).join("/");
  const raw = SLASHED_REVISION.exec(after)?.[0] ?? (/^[^/]*/.exec(after) as RegExpExecArray)[0];
  const path = trimSlashes(decoded(after.slice(raw.length), link));
  return checked(
    {
      repo: decoded(segments.slice(0, at).join("/"), link),
      ...(raw !== "" && { revision: decoded(raw, link) }),
      ...(path !== "" && { path }),
    },
    link,
  );
}

/** Files in datasets and spaces are files at a link like any other; the page of one leads to its bytes. */
function siblingFile(segments: readonly string[], hub: string, link: string): Target {
  const at = segments.findIndex((segment) => segment === "resolve" || segment === "blob" || segment === "raw");
  if (at < 2 || at > 3 || segments.length < at + 3) throw noRepo(link);
  return { kind: "url", url: [hub, ...segments.slice(0, at), "resolve", ...segments.slice(at + 1)].join("/") };
}

function noRepo(link: string): TargetError {
  return new TargetError(`${quoted(link)} is no page of a model's repo or of a file in one; ${HUB_GRAMMAR}`);
}

function fileTarget(_: string, text: string): Target {
  let path = "";
  try {
    path = fileURLToPath(text);
  } catch {
    // Worded below, with the rest of what names no file.
  }
  if (path === "" || path.includes("\0")) {
    throw new TargetError(`${quoted(text)} names no file of this machine: give its path`);
  }
  return { kind: "local", path };
}

function otherScheme(_: string, text: string): Target {
  const scheme = text.slice(0, text.indexOf(":"));
  throw new TargetError(
    `${quoted(text)} can't be read: links of ${scheme}: aren't known, only http, https, hf and ollama`,
  );
}

function ollamaTarget(rest: string, text: string): Target {
  if (!ollamaName(rest)) throw new TargetError(`${quoted(text)} names no model: ${OLLAMA_GRAMMAR}`);
  return { kind: "ollama", model: rest };
}

/** A target as people write it, for messages: `org/name@revision:quant`, with `hf:` where it would be taken for a path. */
export function hubTargetText(target: HubTarget): string {
  const { repo, revision, quant, path, endpoint } = target;
  // Of the two a path says more.
  const after = path !== undefined ? `/${path}` : quant !== undefined ? `:${quant}` : "";
  if (endpoint !== undefined) {
    if (revision === undefined) return `${repoUrl(endpoint, repo)}${after}`;
    if (path !== undefined) return blobUrl(endpoint, repo, revision, path);
    return quant === undefined
      ? treeUrl(endpoint, repo, revision)
      : `${repoUrl(endpoint, repo)}@${encodedSegment(revision)}${after}`;
  }
  const isSlashed = revision !== undefined && SLASHED_REVISION.exec(revision)?.[0] === revision;
  const at = revision === undefined ? "" : `@${isSlashed ? revision : encodedSegment(revision)}`;
  const text = `${repo}${at}${after}`;
  return bareTarget(text) ? text : `hf:${text}`;
}
