/** What else may do harm: what the Hub's scans found, code of the repo's own, Keras files, names of files. */
import type { Evidence, JsonObject, JsonValue, RepositoryFile } from "@checkpoint-inspect/parser";
import { inShort, quoted } from "@checkpoint-inspect/parser";

import { isObject } from "../json.ts";
import { plural } from "../units.ts";
import { checkpointFolder, folderOf, joined, partOf, pathSet, saidInFolders, shown } from "./paths.ts";
import type { RepositoryRule } from "./rule.ts";
import type { RepositorySubject } from "./subject.ts";

export const SAFETY_RULES: readonly RepositoryRule[] = [
  {
    id: "repo/scan",
    severity: "error",
    severities: ["warning"],
    means: "the Hub's scans call a file unsafe; a warning where they call it suspicious or ask for caution",
    why: "scanners found what attacks use: imports of a pickle that run programs, or a known virus",
    fix: "don't download or load it; the file's page on the Hub names what was found",
    check: scans,
  },
  {
    id: "repo/not-scanned",
    severity: "note",
    means: "the Hub's scans of the files aren't done, or failed",
    why: "that nothing was found doesn't mean that there is nothing: not scanned is not safe",
    fix: "ask again later, or scan the pickles yourself before you load them",
    check: notScanned,
  },
  {
    id: "repo/custom-code",
    severity: "warning",
    severities: ["note"],
    means: "the repo brings code of its own; a note where no configuration asks for it",
    why: "loading it with trust_remote_code=True runs that code with your rights",
    fix: "read the code first, pin the revision, or use a version of the library that knows the model",
    check: customCode,
  },
  {
    id: "repo/keras",
    severity: "note",
    means: "Keras or TensorFlow models lie in the repo",
    why: "a Keras model may have Lambda layers, which run code, and a TensorFlow graph may read and write files",
    fix: "load other weights of the repo where there are any, or load Keras files with safe_mode=True",
    check: keras,
  },
  {
    id: "repo/file-name",
    severity: "warning",
    means: "a file's name leads out of its folder, or holds characters that nobody sees",
    why: "a program that makes files by these names writes elsewhere, and what a terminal or a page shows isn't what is there",
    fix: "don't download the repo with a program that trusts its names; report it to the Hub",
    check: fileNames,
  },
];

type Level = "error" | "warning" | "unknown" | "fine";

/** Hub API, `securityRepoStatus.filesWithIssues[].level`, and `securityFileStatus.status`. */
const LEVELS: Readonly<Record<string, Level>> = {
  safe: "fine",
  unscanned: "unknown",
  queued: "unknown",
  error: "unknown",
  caution: "warning",
  suspicious: "warning",
  unsafe: "error",
  infected: "error",
};

/** A level that isn't known is one that the Hub thought worth a word. */
function levelOf(level: string): Level {
  return (Object.hasOwn(LEVELS, level) ? LEVELS[level] : undefined) ?? "warning";
}

type Scanned = { readonly path: string; readonly level: string };

function* scans({ info }: RepositorySubject): Generator<Evidence> {
  const byLevel = new Map<string, Scanned[]>();
  for (const file of info?.scans?.files ?? []) {
    const same = byLevel.get(file.level);
    if (same) same.push(file);
    else byLevel.set(file.level, [file]);
  }
  for (const [level, files] of byLevel) {
    const severity = levelOf(level);
    const [first] = files;
    if (!first || (severity !== "error" && severity !== "warning")) continue;
    const calls = Object.hasOwn(LEVELS, level) ? level : quoted(level);
    yield {
      severity,
      message: `the Hub's scans mark ${plural(files.length, "file")} as ${calls}: ${shown(files)}`,
      ...(files.length === 1 && { part: first.path }),
    };
  }
}

function* notScanned({ info }: RepositorySubject): Generator<Evidence> {
  if (!info?.scans) return;
  const open = info.scans.files.filter(({ level }) => levelOf(level) === "unknown");
  if (open.length > 0) yield { message: `the Hub has no verdict on ${plural(open.length, "file")}: ${shown(open)}` };
  else if (!info.scans.done) yield { message: "the Hub hasn't scanned all files of this repo yet" };
}

const PYTHON = /\.py[cdwx]?$/i;
/** Entries of a list in JSON that are looked at; real ones have a dozen. */
const MOST = 100;

/** What a file of the root asks to be loaded from the repo's own code. */
interface Asked {
  readonly file: string;
  readonly what: string;
}

function* customCode(subject: RepositorySubject): Generator<Evidence> {
  const said = saidInFolders(subject.looked, "file/custom-code");
  const paths = pathSet(subject);
  const asked = [...askedCode(subject, paths, isRootSaid(subject))];
  if (asked.length > 0) {
    const files = [...new Set(asked.map(({ file }) => file))];
    const what = [...new Set(asked.map((one) => one.what))];
    yield {
      message: `${inShort(files)} ${files.length === 1 ? "asks" : "ask"} for code of the repo's own: ${inShort(what.map((one) => quoted(one)))}`,
      ...(files.length === 1 && files[0] !== undefined && { part: files[0] }),
    };
  }
  const scripts = subject.files.filter(({ path }) => PYTHON.test(path) && !said.has(folderOf(path)));
  if (scripts.length === 0 || asked.length > 0) return;
  const compiled = scripts.some(({ path }) => /\.py[cd]$/i.test(path));
  yield {
    severity: compiled ? "warning" : "note",
    message: `${plural(scripts.length, "Python file")} in the repo: ${shown(scripts)}`,
    why: compiled
      ? "compiled code can't be read before it is run"
      : "no configuration that was read asks for them, so loading the model should run none of it",
    fix: "read them before you run them",
    ...partOf(scripts),
  };
}

/** That Python files lie about is a note there; that the configuration maps to them, a warning. */
function isRootSaid({ looked }: RepositorySubject): boolean {
  return looked.some(
    ({ listed, findings }) =>
      checkpointFolder(listed) === "" &&
      findings.some(({ rule, severity }) => rule === "file/custom-code" && severity === "warning"),
  );
}

/** @param rootSaid the findings of a checkpoint in the root speak of `auto_map` */
function* askedCode(subject: RepositorySubject, paths: ReadonlySet<string>, rootSaid: boolean): Generator<Asked> {
  if (!rootSaid) {
    for (const [file, value] of subject.json) {
      const map = objectOf(value)?.auto_map;
      for (const target of Object.values(objectOf(map) ?? {})
        .slice(0, MOST)
        .flat()
        .slice(0, MOST))
        if (typeof target === "string") yield { file, what: target };
    }
  }
  // mlx-lm loads a model's class from the file that is named here.
  const modelFile = objectOf(subject.json.get("config.json"))?.model_file;
  if (typeof modelFile === "string" && PYTHON.test(modelFile)) yield { file: "config.json", what: modelFile };
  yield* sentenceTransformerModules(subject, paths);
  yield* diffusersComponents(subject, paths);
}

/** `{"type": "custom_st.Transformer"}`: a module of the library, or of a file of this repo or another. */
function* sentenceTransformerModules({ json }: RepositorySubject, paths: ReadonlySet<string>): Generator<Asked> {
  const modules = json.get("modules.json");
  if (!Array.isArray(modules)) return;
  for (const entry of modules.slice(0, MOST)) {
    const type = objectOf(entry)?.type;
    if (typeof type !== "string" || type.startsWith("sentence_transformers.")) continue;
    if (type.includes("--") || paths.has(`${type.split(".")[0]}.py`)) yield { file: "modules.json", what: type };
  }
}

/** `"unet": ["my_unet", "MyUNet"]` takes the class from `unet/my_unet.py`, `"_class_name": ["my_pipeline", "MyPipeline"]` from the root. */
function* diffusersComponents({ json }: RepositorySubject, paths: ReadonlySet<string>): Generator<Asked> {
  const file = "model_index.json";
  for (const [name, value] of Object.entries(objectOf(json.get(file)) ?? {}).slice(0, MOST)) {
    const [module, className] = Array.isArray(value) ? value : [];
    if (typeof module !== "string" || typeof className !== "string") continue;
    if (paths.has(`${module}.py`) || paths.has(joined(name, `${module}.py`)))
      yield { file, what: `${module}.${className}` };
  }
}

function objectOf(value: unknown): JsonObject | undefined {
  return isObject(value as JsonValue | undefined) ? (value as JsonObject) : undefined;
}

const KERAS = /(?:\.(?:h5|hdf5|keras)|(?:^|\/)saved_model\.pb)$/i;

function* keras({ files, looked }: RepositorySubject): Generator<Evidence> {
  const said = saidInFolders(looked, "file/keras");
  const found = files.filter(({ path }) => KERAS.test(path) && !said.has(folderOf(path)));
  if (found.length > 0)
    yield { message: `${plural(found.length, "Keras or TensorFlow file")}: ${shown(found)}`, ...partOf(found) };
}

/** Controls, separators of lines, and what turns the direction of text or can't be seen. Joiners and variants of emoji are no harm. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]/u;

const NAME_FAULTS: readonly (readonly [words: (files: number) => string, test: (path: string) => boolean])[] = [
  [
    (files) => `${plural(files, "name leads", "names lead")} out of the repo`,
    (path) => /^(?:[/\\]|[a-z]:[/\\])|(?:^|[/\\])\.\.(?:[/\\]|$)/i.test(path),
  ],
  [
    (files) => `${plural(files, "name has", "names have")} a backslash, which is a folder on Windows`,
    (path) => path.includes("\\"),
  ],
  [
    (files) => `${plural(files, "name holds", "names hold")} control or invisible characters`,
    (path) => UNSEEN.test(path),
  ],
];

function* fileNames({ files }: RepositorySubject): Generator<Evidence> {
  const found = NAME_FAULTS.map((): RepositoryFile[] => []);
  for (const file of files) {
    const fault = NAME_FAULTS.findIndex(([, test]) => test(file.path));
    if (fault >= 0) found[fault]?.push(file);
  }
  for (const [i, [words]] of NAME_FAULTS.entries()) {
    const list = found[i] ?? [];
    if (list.length > 0) yield { message: `${words(list.length)}: ${shown(list)}`, ...partOf(list) };
  }
}
