/** Pickles anywhere in the tree, but for those that a checkpoint's own findings name. */
import type { Evidence, RepositoryFile } from "@checkpoint-inspect/parser";

import { plural } from "../units.ts";
import { byFolder, nameOf, partOf, plainly, saidInFolders, shown, sizeOf } from "./paths.ts";
import { type PickleKind, pickleKinds } from "./pickle-names.ts";
import type { RepositoryRule } from "./rule.ts";
import type { RepositorySubject } from "./subject.ts";

const SAFE_WEIGHTS = /\.(?:safetensors|gguf)$/i;
const SAFETENSORS = /\.safetensors$/i;
/** Weights in other formats, which hold no pickles. */
const OTHER_WEIGHTS = /\.(?:onnx|tflite|h5|hdf5|keras|msgpack|pb|npz|mlmodel|ot)$/i;

export const PICKLE_RULES: readonly RepositoryRule[] = [
  {
    id: "repo/pickle",
    severity: "warning",
    means: "pickle files lie in the repo, and not everything that it has is one",
    why: "a pickle can run code when it is loaded, and loaders take it where they look for it first",
    fix: "don't load it; if only the pickle has what you need, convert it to safetensors in a sandbox",
    check: pickles,
  },
  {
    id: "repo/only-pickle",
    severity: "warning",
    means: "the repo has its weights as pickle files alone",
    why: "a pickle can run code when it is loaded, and there is no other way to load these weights",
    fix: "look for safetensors of the same model (in a pull request of the Hub's converter, or another repo), or convert in a sandbox",
    check: onlyPickles,
  },
  {
    id: "repo/training-leftovers",
    severity: "note",
    means: "files of the training lie in the repo",
    why: "they are pickles, and often larger than the weights; running the model needs none of them",
    fix: "leave them out of a download, unless you go on training",
    check: leftovers,
  },
];

interface Folder {
  readonly folder: string;
  readonly files: readonly RepositoryFile[];
  /** Pickles by kind. */
  readonly pickles: ReadonlyMap<PickleKind, readonly RepositoryFile[]>;
}

function picklesByFolder({ files }: RepositorySubject): readonly Folder[] {
  return [...byFolder(files)].map(([folder, list]) => {
    const kindOf = pickleKinds(list);
    const pickles = new Map<PickleKind, RepositoryFile[]>();
    for (const file of list) {
      const kind = kindOf(file);
      if (!kind) continue;
      const same = pickles.get(kind);
      if (same) same.push(file);
      else pickles.set(kind, [file]);
    }
    return { folder, files: list, pickles };
  });
}

function weights({ pickles: found }: Folder): readonly RepositoryFile[] {
  return [...(found.get("torch") ?? []), ...(found.get("archive") ?? [])];
}

/** The pickles that no checkpoint's findings speak of: those go by the bytes where they are at hand, else by the surest names. */
function unsaid(subject: RepositorySubject): (folder: Folder) => readonly RepositoryFile[] {
  const said = saidInFolders(subject.looked, "file/pickle");
  return (folder) => {
    const messages = said.get(folder.folder);
    if (!messages) return weights(folder);
    const torch = folder.pickles.get("torch") ?? [];
    return torch.some(({ path }) => messages.some((message) => message.includes(plainly(nameOf(path))))) ? [] : torch;
  };
}

function isAlone({ files, filesCut }: RepositorySubject): boolean {
  return !filesCut && !files.some(({ path }) => SAFE_WEIGHTS.test(path) || OTHER_WEIGHTS.test(path));
}

function* pickles(subject: RepositorySubject): Generator<Evidence> {
  if (isAlone(subject)) return;
  const left = unsaid(subject);
  const [beside, apart]: [RepositoryFile[], RepositoryFile[]] = [[], []];
  for (const folder of picklesByFolder(subject)) {
    const safe = folder.files.some(({ path, sizeBytes }) => SAFETENSORS.test(path) && sizeBytes > 0);
    for (const file of left(folder)) (safe ? beside : apart).push(file);
  }
  if (beside.length > 0) {
    const one = beside.length === 1;
    yield {
      message: `${plural(beside.length, "pickle file")} beside safetensors files: ${shown(beside)} (${sizeOf(beside)})`,
      fix: `the weights are there as safetensors too, so ${one ? "it needn't" : "they needn't"} be loaded; load with use_safetensors=True, and leave ${one ? "it" : "them"} out of a download`,
      ...partOf(beside),
    };
  }
  if (apart.length > 0) {
    yield {
      message: `${plural(apart.length, "pickle file")} with no safetensors file in the same folder: ${shown(apart)} (${sizeOf(apart)})`,
      ...partOf(apart),
    };
  }
}

function* onlyPickles(subject: RepositorySubject): Generator<Evidence> {
  if (!isAlone(subject)) return;
  const found = picklesByFolder(subject).flatMap(weights);
  if (found.length === 0) return;
  yield {
    message: `nothing but ${plural(found.length, "pickle file")} holds weights: ${shown(found)} (${sizeOf(found)})`,
    ...partOf(found),
  };
}

function* leftovers(subject: RepositorySubject): Generator<Evidence> {
  const said = saidInFolders(subject.looked, "file/training-leftovers");
  const found = picklesByFolder(subject).flatMap(({ folder, pickles: kinds }) =>
    said.has(folder) ? [] : (kinds.get("training") ?? []),
  );
  if (found.length === 0) return;
  yield {
    message: `${plural(found.length, "file")} of training: ${shown(found)} (${sizeOf(found)})`,
    ...partOf(found),
  };
}
