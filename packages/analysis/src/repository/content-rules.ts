/** What is there and what isn't: sets, files of no bytes, copies, checkpoints at all; and how much of it could be looked at. */
import { type Evidence, inShort, type RepositoryFile } from "@checkpoint-inspect/parser";

import { formatBytes, plural } from "../units.ts";
import { byFolder, checkpointFolder, joined, partOf, plainly, shown, sizeOf, sumBytes } from "./paths.ts";
import { pickleKinds } from "./pickle-names.ts";
import type { RepositoryRule } from "./rule.ts";
import type { LookedCheckpoint, RepositorySubject } from "./subject.ts";

export const CONTENT_RULES: readonly RepositoryRule[] = [
  {
    id: "repo/partial",
    severity: "warning",
    means: "the repo could be looked at only in part",
    why: "what wasn't read may hold anything, so that no findings are no all-clear",
    fix: "accept the terms on the model's page, and give a token that has access (HF_TOKEN)",
    check: partial,
  },
  {
    id: "repo/no-checkpoint",
    severity: "warning",
    severities: ["note"],
    means: "the repo holds no GGUF or safetensors checkpoint; a note where it has weights in other formats",
    why: "nothing of it was looked into",
    fix: "look for the model's other repos, or for a revision that has its weights",
    check: noCheckpoint,
  },
  {
    id: "repo/incomplete-set",
    severity: "error",
    means: "files of a set are missing, by the names of the others",
    why: "loaders need every file of a set",
    fix: "take another checkpoint of the repo, or look whether the upload is still going on",
    check: incompleteSets,
  },
  {
    id: "repo/empty-file",
    severity: "error",
    severities: ["warning"],
    means: "a file of weights or settings has no bytes; an error where it is GGUF or safetensors",
    why: "an upload failed; loaders fail on the file",
    fix: "tell the repo's owner, and take an earlier revision that has the file",
    check: emptyFiles,
  },
  {
    id: "repo/copies",
    severity: "note",
    means: "large files are there twice, byte for byte",
    why: "a download of the whole repo takes them all",
    fix: "download by name or pattern, and leave the copies out",
    check: copies,
  },
  {
    id: "repo/storage",
    severity: "note",
    means: "the repo's history takes much more room than the files of this revision",
    why: "a clone with its whole history fetches earlier weights, too, and they stay open to everyone",
    fix: "download the files of one revision in place of a clone",
    check: storage,
  },
];

function* partial({ files, filesCut, closed, info }: RepositorySubject): Generator<Evidence> {
  if (closed) {
    const manual = info?.gated === "manual";
    yield {
      message: `the repo is gated${manual ? ", and its owner decides on each request" : ""}: names and sizes of ${plural(files.length, "file")} are all that is known`,
      ...(manual && {
        fix: "ask for access on the model's page; when it is granted, give a token that has it (HF_TOKEN)",
      }),
    };
  }
  if (filesCut)
    yield {
      message: `the repo has more files than the ${plural(files.length, "name")} that were listed`,
      fix: "name the folder or the file that you need",
    };
}

const CHECKPOINT_FILE = /\.(?:safetensors|gguf)$/i;

/** What may stand in place of a checkpoint, by its ending; pickles are told by rules of their own. */
const OTHER_FORMATS: readonly (readonly [format: string, pattern: RegExp])[] = [
  ["ONNX", /\.onnx$/i],
  ["Keras", /\.(?:h5|hdf5|keras)$/i],
  ["Flax", /\.msgpack$/i],
  ["TensorFlow", /(?:\.pb|\.ckpt\.index|\.tflite)$/i],
  ["Core ML", /(?:\.mlmodel|\.mlpackage\/Manifest\.json|\.mil)$/i],
  ["old ggml", /(?:^|\/)ggml[-_.][^/]*\.bin$|\.(?:ggml|ggjt)$/i],
  ["llamafile", /\.llamafile$/i],
  ["NumPy", /\.(?:npz|npy)$/i],
  ["TensorRT", /\.(?:engine|plan)$/i],
  ["DDUF", /\.dduf$/i],
  ["binary", /\.(?:bin|dat|ot|weights|params|model)$/i],
  ["archive", /\.(?:zip|tar|tgz|gz|xz|zst|bz2|7z|rar)$/i],
];

function* noCheckpoint({ files, filesCut, checkpoints, looked }: RepositorySubject): Generator<Evidence> {
  if (checkpoints.length > 0 || looked.length > 0 || filesCut) return;
  const unused = files.filter(({ path }) => CHECKPOINT_FILE.test(path));
  if (unused.length > 0) {
    yield {
      message: `no checkpoint that was asked for is among ${plural(unused.length, "GGUF or safetensors file")}: ${shown(unused)}`,
      fix: "look at the spelling of what was asked for, or name one of the files",
    };
    return;
  }
  const formats = new Map<string, RepositoryFile[]>();
  for (const list of byFolder(files).values()) {
    const pickle = pickleKinds(list);
    for (const file of list) {
      const format = pickle(file) ? "pickle" : OTHER_FORMATS.find(([, pattern]) => pattern.test(file.path))?.[0];
      if (format === undefined) continue;
      const same = formats.get(format);
      if (same) same.push(file);
      else formats.set(format, [file]);
    }
  }
  if (formats.size > 0) {
    const there = [...formats].map(([format, list]) => `${plural(list.length, `${format} file`)} (${sizeOf(list)})`);
    yield {
      severity: "note",
      message: `there is no GGUF or safetensors file, but ${inShort(there, there.length, 5)}`,
      fix: "look for a repo that has the model as safetensors or GGUF; other formats aren't read here",
    };
  } else if (files.length === 0) yield { message: "the repo has no files" };
  else yield { message: `none of ${plural(files.length, "file")} holds weights: ${shown(files)}` };
}

/** Rules of readers that say the same of a set that was opened. */
const SAID_OF_SETS: ReadonlySet<string> = new Set(["gguf/missing-part", "safetensors/missing-shard"]);

function* incompleteSets({ checkpoints, looked, filesCut }: RepositorySubject): Generator<Evidence> {
  if (filesCut) return;
  const said = new Set(
    looked.flatMap(({ listed, findings }) =>
      findings.some(({ rule }) => SAID_OF_SETS.has(rule)) ? [listed.entry] : [],
    ),
  );
  for (const { entry, label, files, declaredParts, missing } of checkpoints) {
    if (missing.length === 0 || said.has(entry)) continue;
    const paths = missing.map((path) => ({ path }));
    yield {
      message: `${plainly(label)} has ${files.length} of ${plural(declaredParts, "file")}: ${shown(paths)} ${missing.length === 1 ? "is" : "are"} missing`,
      part: entry,
    };
  }
}

const WORTH_BYTES = /\.(?:bin|pt|pth|ckpt|onnx|h5|msgpack|pkl|json|model)$/i;

/** Paths of which a checkpoint's own findings say something grave. */
function troubled(looked: readonly LookedCheckpoint[]): ReadonlySet<string> {
  const paths = new Set<string>();
  for (const { listed, findings, error } of looked) {
    if (error) for (const { path } of listed.files) paths.add(path);
    for (const { part, severity } of findings)
      if (part !== undefined && severity !== "note") paths.add(joined(checkpointFolder(listed), part));
  }
  return paths;
}

function* emptyFiles({ files, looked }: RepositorySubject): Generator<Evidence> {
  const said = troubled(looked);
  const empty = files.filter(({ path, sizeBytes }) => sizeBytes === 0 && !said.has(path));
  for (const [severity, pattern] of [
    ["error", CHECKPOINT_FILE],
    ["warning", WORTH_BYTES],
  ] as const) {
    const found = empty.filter(({ path }) => pattern.test(path));
    if (found.length > 0)
      yield { severity, message: `${plural(found.length, "file")} of 0 bytes: ${shown(found)}`, ...partOf(found) };
  }
}

/** Smaller ones (tokenizers of a pipeline's parts) are nothing to a download. */
const LEAST_COPY_BYTES = 16 * 1024 * 1024;

function* copies({ files }: RepositorySubject): Generator<Evidence> {
  const first = new Map<string, RepositoryFile>();
  const found: { readonly copy: RepositoryFile; readonly of: RepositoryFile }[] = [];
  for (const file of files) {
    if (file.sha256 === undefined || file.sizeBytes < LEAST_COPY_BYTES) continue;
    const of = first.get(file.sha256);
    if (of) found.push({ copy: file, of });
    else first.set(file.sha256, file);
  }
  if (found.length === 0) return;
  const pairs = found.slice(0, 3).map(({ copy, of }) => `${plainly(copy.path)} = ${plainly(of.path)}`);
  const wasted = sizeOf(found.map(({ copy }) => copy));
  yield {
    message: `${plural(found.length, "file is a copy of another", "files are copies of others")} (${wasted}): ${inShort(pairs, found.length)}`,
    ...partOf(found.map(({ copy }) => copy)),
  };
}

/** A few commits of a README cost nothing, and one replaced checkpoint is no surprise. */
const STORAGE_FACTOR = 2.5;
const LEAST_STORAGE_BYTES = 5e9;

function* storage({ files, filesCut, info }: RepositorySubject): Generator<Evidence> {
  const used = info?.usedStorageBytes;
  if (used === undefined || filesCut || files.length === 0) return;
  const here = sumBytes(files);
  if (used < STORAGE_FACTOR * here || used - here < LEAST_STORAGE_BYTES) return;
  yield {
    message: `the repo takes ${formatBytes(used)} with all that it ever held, the ${plural(files.length, "file")} of this revision ${formatBytes(here)}`,
  };
}
