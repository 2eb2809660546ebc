/** Files that lie beside the weights. */
import {
  type BesideFile,
  type Evidence,
  inShort,
  type JsonObject,
  type JsonValue,
  quoted,
} from "@checkpoint-inspect/parser";
import { formatBytes, plural } from "../units.ts";
import type { AuditRule } from "./rule.ts";
import type { Subject } from "./subject.ts";

type Kind = NonNullable<BesideFile["kind"]>;

/** What loads by unpickling, by its bytes. */
const PICKLE_KINDS: ReadonlySet<Kind> = new Set(["pickle", "pytorch-zip"]);
/** Endings that mean a pickle whatever the bytes look like: it may be packed, or lie in an archive. */
const PICKLE_NAME = /\.(?:pkl|pickle|dill|joblib|nemo|mar)$/i;
/** What Keras and its like load: settings of a network, which may hold code. */
const KERAS_NAME = /\.(?:h5|hdf5|keras)$/i;
/** What trainers leave behind; nothing loads it to run the model. */
const LEFTOVER =
  /^(?:training_args\.bin|(?:optimizer|scheduler|scaler|lr_scheduler)(?:_\d+)?\.(?:pt|pth|bin)|rng_state\w*\.pth|random_states_\d+\.pkl|(?:bf16_|fp16_)?zero_pp_rank_\w+\.pt|mp_rank_\d+_model_states\.pt|trainer_state\.pt)$/i;
const WEIGHTS_NAME = /\.(?:safetensors|gguf|bin|pt|pth|ckpt|onnx|h5|msgpack|npz|pb|tflite)$/i;
const PARTIAL_NAME = /\.(?:incomplete|part|partial|crdownload|aria2|download|opdownload|!ut|filepart)$/i;
const PROGRAM_NAME =
  /\.(?:exe|dll|com|scr|msi|so|dylib|sh|bash|zsh|bat|cmd|ps1|vbs|js|mjs|jar|app|apk|deb|rpm|wasm|reg|lnk)$|\.so\.\d/i;
/** What stands where a file should be. */
const STAND_INS: ReadonlySet<Kind> = new Set(["git-lfs-pointer", "html", "xml", "zeros"]);
/** What a name promises, where its bytes can keep or break the promise. */
const PROMISES: readonly (readonly [name: RegExp, kinds: ReadonlySet<Kind>])[] = [
  [/\.safetensors$/i, new Set<Kind>(["safetensors"])],
  [/\.gguf$/i, new Set<Kind>(["gguf", "gguf-reversed"])],
];

/** Files beside the weights; the checkpoint's own parts, and what a reader complained of already, are left out. */
function othersOf({ checkpoint }: Subject): BesideFile[] {
  const { beside, parts, findings } = checkpoint;
  if (!beside) return [];
  const said = new Set([...parts.map(({ name }) => name)]);
  for (const { part, severity } of findings) if (part !== undefined && severity === "error") said.add(part);
  return beside.files.filter(({ name }) => !said.has(name));
}

const shown = (files: readonly { name: string }[]): string =>
  inShort(files.map(({ name }) => quoted(name).slice(1, -1)));

function sizeOf(files: readonly BesideFile[]): string {
  return formatBytes(files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
}

function* pickles(subject: Subject): Generator<Evidence> {
  const found = othersOf(subject).filter(
    ({ name, kind }) => isPickle(name, kind) && !LEFTOVER.test(name) && !isPromised(name),
  );
  if (found.length === 0) return;
  const { checkpoint } = subject;
  const beside = checkpoint.format === "safetensors" && found.some(({ name }) => WEIGHTS_NAME.test(name));
  const one = found.length === 1;
  yield {
    message: `${plural(found.length, "pickle file")} beside the weights: ${shown(found)} (${sizeOf(found)})`,
    ...(beside && {
      fix: `the weights are here as safetensors, so ${one ? "it needn't" : "they needn't"} be loaded; load with use_safetensors=True, or delete ${one ? "it" : "them"}`,
    }),
  };
}

function isPickle(name: string, kind: Kind | undefined): boolean {
  if (kind !== undefined && PICKLE_KINDS.has(kind)) return true;
  return PICKLE_NAME.test(name) && !(kind !== undefined && (STAND_INS.has(kind) || kind === "empty"));
}

function isPromised(name: string): boolean {
  return PROMISES.some(([pattern]) => pattern.test(name));
}

function* leftovers(subject: Subject): Generator<Evidence> {
  const found = othersOf(subject).filter(({ name, kind }) => LEFTOVER.test(name) && kind !== "git-lfs-pointer");
  if (found.length > 0)
    yield { message: `${plural(found.length, "file")} of training: ${shown(found)} (${sizeOf(found)})` };
}

function* keras(subject: Subject): Generator<Evidence> {
  const found = othersOf(subject).filter(
    ({ name, kind }) => KERAS_NAME.test(name) && (kind === "hdf5" || kind === "zip" || kind === undefined),
  );
  if (found.length > 0) yield { message: `${plural(found.length, "Keras file")} beside the weights: ${shown(found)}` };
}

function* brokenPromises(subject: Subject): Generator<Evidence> {
  for (const { name, kind, what } of othersOf(subject)) {
    if (kind === undefined || kind === "empty" || STAND_INS.has(kind)) continue;
    const promise = PROMISES.find(([pattern]) => pattern.test(name));
    const program = kind === "program" && WEIGHTS_NAME.test(name);
    if (!program && (!promise || promise[1].has(kind))) continue;
    yield {
      message: `${quoted(name).slice(1, -1)} is ${what}`,
      part: name,
      ...(kind === "unknown" && { severity: "warning" as const }),
    };
  }
}

function isStandIn({ kind, sizeBytes }: BesideFile): boolean {
  return kind !== undefined && (STAND_INS.has(kind) || (kind === "empty" && sizeBytes === 0));
}

function* standIns(subject: Subject): Generator<Evidence> {
  for (const file of othersOf(subject)) {
    if (!isStandIn(file)) continue;
    const { name, what } = file;
    // Another kind of weights isn't what is loaded here.
    const severity = isPromised(name) ? "error" : "warning";
    yield { severity, message: `${quoted(name).slice(1, -1)} is ${what}`, part: name };
  }
}

function* partials(subject: Subject): Generator<Evidence> {
  const found = othersOf(subject).filter(({ name }) => PARTIAL_NAME.test(name));
  if (found.length === 0) return;
  yield { message: `${plural(found.length, "download")} that didn't finish: ${shown(found)} (${sizeOf(found)})` };
}

function* programs(subject: Subject): Generator<Evidence> {
  const found = othersOf(subject).filter(
    ({ name, kind }) => PROGRAM_NAME.test(name) || (kind === "program" && !WEIGHTS_NAME.test(name)),
  );
  if (found.length > 0)
    yield {
      message: `${plural(found.length, "program or script", "programs or scripts")} beside the weights: ${shown(found)}`,
    };
}

function* customCode(subject: Subject): Generator<Evidence> {
  const { checkpoint } = subject;
  const { beside, config } = checkpoint;
  const named = new Map<string, string>();
  const sources: [string, JsonObject][] = [...(beside?.json ?? [])];
  if (config) sources.unshift([config.file, config.json]);
  for (const [file, json] of sources) {
    for (const target of autoMapTargets(json.auto_map))
      if (named.size < 1000 && !named.has(target)) named.set(target, file);
  }
  if (named.size > 0) {
    const targets = [...named.keys()];
    const files = [...new Set(named.values())];
    const foreign = targets.filter((target) => target.includes("--")).map((target) => target.split("--")[0] as string);
    const from = foreign.length > 0 ? `, from ${inShort([...new Set(foreign)].map((repo) => quoted(repo)))}` : "";
    yield {
      message: `${inShort(files)} ${files.length === 1 ? "maps" : "map"} to classes of the model's own: ${inShort(targets.map((target) => quoted(target)))}${from}`,
      ...(foreign.length > 0 && {
        why: "loading with trust_remote_code=True runs code of another repo, which may change at any time",
      }),
    };
    return;
  }
  const scripts = (beside?.files ?? []).filter(({ name }) => /\.py[cdwx]?$/i.test(name));
  if (scripts.length > 0) {
    const compiled = scripts.some(({ name }) => /\.py[cd]$/i.test(name));
    yield {
      severity: compiled ? "warning" : "note",
      message: `${plural(scripts.length, "Python file")} beside the weights: ${shown(scripts)}`,
      why: compiled
        ? "compiled code can't be read before it is run"
        : "no configuration asks for them, so loading the model runs none of it",
      fix: "read them before you run them",
    };
  }
}

/** `{"AutoModel": "modeling_x.XModel", "AutoTokenizer": ["tokenization_x.XTokenizer", null]}`. */
function* autoMapTargets(map: JsonValue | undefined): Generator<string> {
  if (typeof map !== "object" || map === null || Array.isArray(map)) return;
  for (const target of Object.values(map as JsonObject).slice(0, 100)) {
    for (const name of Array.isArray(target) ? target.slice(0, 10) : [target]) if (typeof name === "string") yield name;
  }
}

function* unreadable({ checkpoint }: Subject): Generator<Evidence> {
  const { files = [], fileCount, unreadable: list = [] } = checkpoint.beside ?? {};
  // A stand-in is said already.
  const said = new Set(files.filter(isStandIn).map(({ name }) => name));
  for (const { name, why } of list) {
    if (said.has(name)) continue;
    yield { message: `${quoted(name).slice(1, -1)} can't be read: ${quoted(why, 200).slice(1, -1)}`, part: name };
  }
  if (fileCount !== undefined)
    yield {
      message: `the folder has ${plural(fileCount, "file")}; the first ${plural(files.length, "name")} are looked at`,
    };
}

export const FILE_RULES: readonly AuditRule[] = [
  {
    id: "file/pickle",
    severity: "warning",
    means: "pickle files lie with the weights",
    why: "a pickle can run code when it is loaded",
    fix: "don't load it; if only the pickle has what you need, convert it to safetensors in a sandbox",
    check: pickles,
  },
  {
    id: "file/training-leftovers",
    severity: "note",
    means: "files of the training lie with the weights",
    why: "they are pickles too, and often larger than the weights; running the model needs none of them",
    fix: "leave them out of a download, unless you go on training",
    check: leftovers,
  },
  {
    id: "file/keras",
    severity: "note",
    means: "Keras files lie with the weights",
    why: "a Keras model may have Lambda layers, which run code when they are loaded",
    fix: "load the weights that were shown here, or load Keras files with safe_mode=True",
    check: keras,
  },
  {
    id: "file/not-its-name",
    severity: "error",
    severities: ["warning"],
    means: "a file is something else than its name says",
    why: "a loader that trusts the name fails; one that trusts the bytes may run what nobody expected",
    fix: "don't load it; find out where it came from",
    check: brokenPromises,
  },
  {
    id: "file/stand-in",
    severity: "error",
    severities: ["warning"],
    means: "a pointer, a web page or nothing at all stands where a file should be",
    why: "the download or the checkout didn't bring the file itself",
    fix: 'run "git lfs pull", or download the file again',
    check: standIns,
  },
  {
    id: "file/partial-download",
    severity: "warning",
    means: "a download didn't finish",
    why: "a file may be missing, or the one that is there may be older",
    fix: "finish the download, or delete what is left of it",
    check: partials,
  },
  {
    id: "file/custom-code",
    severity: "warning",
    severities: ["note"],
    means: "the model comes with code of its own",
    why: "it loads only with trust_remote_code=True, which runs that code with your rights",
    fix: "read the code first, pin the revision, or use a version of the library that knows the architecture",
    check: customCode,
  },
  {
    id: "file/program",
    severity: "warning",
    means: "programs or scripts lie with the weights",
    why: "weights need none: whoever starts them runs code of strangers",
    fix: "don't start them; delete them if nobody knows what they are for",
    check: programs,
  },
  {
    id: "file/unreadable",
    severity: "note",
    means: "a file beside the weights can't be read",
    why: "what it says is left out of the check",
    fix: "look at the file, or download it again",
    check: unreadable,
  },
];
