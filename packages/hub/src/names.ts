/** What names of repos, revisions, files and Ollama models can be. Whatever passes is safe in a link and below a folder. */

const MAX_REVISION = 250;

/** The Hub's rules for each part of a repo id (huggingface_hub, `validate_repo_id`). */
const MAX_NAME_PART = 96;
const NAME_PART = /^\w(?:[\w.-]*\w)?$/;
/** What names can't hold that git refuses in a ref (git check-ref-format). */
const NOT_IN_REVISION = /[\p{Cc}\p{Cs} ~^:?*[\\]|\.\.|\/[/.]|@\{|^[/.-]|[/.]$/u;
const NOT_IN_PATH = /[\p{Cc}\p{Cs}\\]/u;

/** Whether the Hub could have a repo of that name, with or without an organisation. */
export function isRepoName(repo: string): boolean {
  const parts = repo.split("/", 3);
  return parts.length <= 2 && !repo.includes("--") && !repo.includes("..") && !repo.endsWith(".git")
    ? parts.every((part) => part.length <= MAX_NAME_PART && NAME_PART.test(part))
    : false;
}

/** Whether git could have a revision of that name. */
export function isRevision(revision: string): boolean {
  return revision !== "" && revision.length <= MAX_REVISION && !NOT_IN_REVISION.test(revision);
}

/** Whether it can only mean something below the folder it is relative to. */
export function isPath(path: string): boolean {
  if (NOT_IN_PATH.test(path)) return false;
  return path.split("/").every((name) => name !== "" && name !== "." && name !== "..");
}

/** A model of Ollama by the parts of its name, with what Ollama puts in for those that are left out. */
export interface OllamaName {
  readonly host: string;
  readonly namespace: string;
  readonly name: string;
  readonly tag: string;
}

/** Lengths and characters of Ollama's own rules for the parts of a model's name (its `types/model/name.go`). */
const OLLAMA_HOST = /^\w[\w.:-]{0,349}$/;
const OLLAMA_PART = /^\w[\w.-]{0,79}$/;

/** `[[host/]namespace/]name[:tag]`; undefined for what can't be one. */
export function ollamaName(model: string): OllamaName | undefined {
  const parts = model.split("/", 4);
  const [name = "", tag = "latest", ...more] = (parts.pop() as string).split(":", 3);
  const namespace = parts.pop() ?? "library";
  const host = parts.pop() ?? "registry.ollama.ai";
  const fine = parts.length === 0 && more.length === 0 && OLLAMA_HOST.test(host);
  const safe = [namespace, name, tag].every((part) => OLLAMA_PART.test(part) && !part.includes(".."));
  return fine && safe && !host.includes("..") ? { host, namespace, name, tag } : undefined;
}
