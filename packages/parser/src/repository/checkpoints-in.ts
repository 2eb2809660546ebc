/** Which checkpoints a repository holds, told from the names of its files alone. */
import { chooseComponentEntry } from "../checkpoint/component-files.ts";
import { PIPELINE_INDEX } from "../checkpoint/read-pipeline.ts";
import { labelFromFileName } from "../gguf/file-types.ts";
import { naturalOrder } from "../safetensors/index-json.ts";
import type { CheckpointUse, ListedCheckpoint, RepositoryFile } from "./repository.ts";
import { ggufSets, type MissingBudget, type SetNames, safetensorsSets } from "./set-names.ts";
import { ggufUse, safetensorsUse } from "./uses.ts";

/** Missing parts that are named in all; `declaredParts` tells of the others. */
const MAX_MISSING = 20_000;

/** Components are arguments of a Python function; `checkpoint-500` beside them is none. */
const COMPONENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

interface Folder {
  /** From the root, empty for it. */
  readonly path: string;
  /** The files directly in it, by name. */
  readonly files: Map<string, RepositoryFile>;
  readonly folders: string[];
}

/**
 * The checkpoints of a repository, those that stand for it first: models before adapters, copies and what goes with a model;
 * the root before folders; pipelines, then safetensors, then GGUF from small to large. A pipeline's components are not listed
 * on their own, only what they hold a second time; other forms (pickles, ONNX) aren't. Hidden folders are no part of a repository.
 * @param files all of them, in any order
 */
export function checkpointsIn(files: readonly RepositoryFile[]): ListedCheckpoint[] {
  const folders = foldersOf(files);
  const budget: MissingBudget = { left: MAX_MISSING };
  const listed: ListedCheckpoint[] = [];
  // The weights of a pipeline by the folders of its components.
  const inPipelines = new Map<string, ReadonlySet<string>>();
  for (const folder of folders.values()) {
    const pipeline = pipelineIn(folder, folders, budget);
    if (!pipeline) continue;
    listed.push(pipeline);
    const weights = new Set(pipeline.files.map(({ path }) => path));
    for (const { name } of pipeline.components ?? []) inPipelines.set(inside(folder.path, name), weights);
  }
  const pipelines = new Set(listed.map(({ entry }) => entry));
  const withModel = new Set(pipelines);
  // From the root down: what a sub-folder holds may be a copy of what lies above it.
  for (const folder of [...folders.values()].sort((a, b) => depth(a.path) - depth(b.path))) {
    const names = [...folder.files.keys()];
    const sets = safetensorsSets(names, budget);
    const component = inPipelines.get(folder.path);
    if (component) {
      // Its other variants, and the same weights whole or in parts.
      const others = sets.filter(
        ({ names: [first] }) => first !== undefined && !component.has(inside(folder.path, first)),
      );
      for (const set of others) listed.push(listedSet("safetensors", "copy", folder, set));
    } else {
      const plain = plainStems(sets);
      for (const set of sets) {
        const use = safetensorsUse({
          stem: set.stem,
          variant: set.variant,
          folder: folder.path,
          adapterConfig: folder.files.has("adapter_config.json"),
          besidePipeline: pipelines.has(folder.path),
          plain,
          sharded: set.declaredParts > 1 || set.indexed,
          modelAbove: folder.path !== "" && (withModel.has(parent(folder.path)) || withModel.has("")),
        });
        if (use === "model") withModel.add(folder.path);
        listed.push(listedSet("safetensors", use, folder, set));
      }
    }
    for (const set of ggufSets(names, budget))
      listed.push(listedSet("gguf", ggufUse(set.stem, folder.path), folder, set));
  }
  return inOrder(draftsAlone(listed));
}

function foldersOf(files: readonly RepositoryFile[]): Map<string, Folder> {
  const folders = new Map<string, Folder>();
  for (const file of files) {
    const path = parent(file.path);
    if (/(?:^|\/)\./.test(path)) continue;
    let folder = folders.get(path);
    if (!folder) {
      folder = { path, files: new Map(), folders: [] };
      folders.set(path, folder);
    }
    folder.files.set(file.path.slice(path === "" ? 0 : path.length + 1), file);
  }
  for (const path of folders.keys()) if (path !== "") folders.get(parent(path))?.folders.push(path);
  return folders;
}

function parent(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function inside(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

function depth(path: string): number {
  return path === "" ? 0 : path.split("/").length;
}

/** Stems that have plain weights, and whether these are in parts. */
function plainStems(sets: readonly SetNames[]): Map<string, boolean> {
  const plain = new Map<string, boolean>();
  for (const { stem, variant, declaredParts, names } of sets) {
    if (variant !== "" || names.length === 0 || stem.startsWith("consolidated") || stem.startsWith("adapter")) continue;
    plain.set(stem, (plain.get(stem) ?? false) || declaredParts > 1);
  }
  return plain;
}

function listedSet(kind: "gguf" | "safetensors", use: CheckpointUse, folder: Folder, set: SetNames): ListedCheckpoint {
  const files = filesOf(folder, set.names);
  const quant = labelFromFileName(set.stem) ?? labelFromFileName(folder.path);
  return {
    entry: inside(folder.path, set.entry),
    kind,
    use,
    label: set.stem,
    ...(quant !== undefined && { quant }),
    ...(set.variant !== "" && { variant: set.variant }),
    files,
    sizeBytes: sizeOf(files),
    declaredParts: set.declaredParts,
    missing: set.missing.map((name) => inside(folder.path, name)),
  };
}

function filesOf(folder: Folder, names: readonly string[]): RepositoryFile[] {
  return names.flatMap((name) => folder.files.get(name) ?? []);
}

function sizeOf(files: readonly RepositoryFile[]): number {
  return files.reduce((sum, file) => sum + file.sizeBytes, 0);
}

/** The pipeline that a folder opens as, where one of its sub-folders has weights that can be read. */
function pipelineIn(
  folder: Folder,
  folders: ReadonlyMap<string, Folder>,
  budget: MissingBudget,
): ListedCheckpoint | undefined {
  if (!folder.files.has(PIPELINE_INDEX)) return undefined;
  const components = folder.folders.flatMap((path) => {
    const name = path.slice(folder.path === "" ? 0 : folder.path.length + 1);
    const own = folders.get(path);
    const names = own && COMPONENT_NAME.test(name) ? [...own.files.keys()] : [];
    const chosen = chooseComponentEntry(names);
    if (!own || !chosen) return [];
    const set = safetensorsSets(names, budget).find(
      ({ entry, names: parts }) => entry === chosen.entry || parts.includes(chosen.entry),
    );
    return set && set.names.length > 0 ? [{ name, own, set, files: filesOf(own, set.names) }] : [];
  });
  if (components.length === 0) return undefined;
  components.sort((a, b) => naturalOrder(a.name, b.name));
  const files = components.flatMap((component) => component.files);
  return {
    entry: folder.path,
    kind: "pipeline",
    use: "model",
    label: folder.path.slice(folder.path.lastIndexOf("/") + 1),
    files,
    sizeBytes: sizeOf(files),
    declaredParts: components.reduce((sum, { set }) => sum + set.declaredParts, 0),
    missing: components.flatMap(({ own, set }) => set.missing.map((name) => inside(own.path, name))),
    components: components.map((component) => ({
      name: component.name,
      sizeBytes: sizeOf(component.files),
      files: component.files.length,
    })),
  };
}

/** Where a repository holds nothing but draft models, they are what it is there for. */
function draftsAlone(listed: readonly ListedCheckpoint[]): ListedCheckpoint[] {
  if (listed.some(({ use }) => use === "model")) return [...listed];
  return listed.map((checkpoint) => (checkpoint.use === "draft" ? { ...checkpoint, use: "model" } : checkpoint));
}

const USES: readonly CheckpointUse[] = ["model", "adapter", "copy", "projector", "draft", "imatrix"];
const KINDS: readonly ListedCheckpoint["kind"][] = ["pipeline", "safetensors", "gguf"];

function inOrder(listed: readonly ListedCheckpoint[]): ListedCheckpoint[] {
  const keyed = listed.map((checkpoint) => ({
    checkpoint,
    home: homeOf(checkpoint),
    rank: USES.indexOf(checkpoint.use) * KINDS.length + KINDS.indexOf(checkpoint.kind),
    whole: checkpoint.kind === "gguf" ? wholeSize(checkpoint) : 0,
  }));
  keyed.sort(
    (a, b) =>
      USES.indexOf(a.checkpoint.use) - USES.indexOf(b.checkpoint.use) ||
      depth(a.home) - depth(b.home) ||
      naturalOrder(a.home, b.home) ||
      a.rank - b.rank ||
      a.whole - b.whole ||
      naturalOrder(a.checkpoint.entry, b.checkpoint.entry),
  );
  return keyed.map(({ checkpoint }) => checkpoint);
}

/** The folder that a checkpoint stands in for a reader: quants in folders of their own (`Q8_0/`) belong beside the others. */
export function homeOf({ entry, kind, quant }: ListedCheckpoint): string {
  if (kind === "pipeline") return entry;
  const folder = parent(entry);
  return kind === "gguf" && quant !== undefined && labelFromFileName(folder) === quant ? parent(folder) : folder;
}

/** What a set would take with the parts that aren't there: its place among the others doesn't hang on a download. */
function wholeSize({ sizeBytes, files, declaredParts }: ListedCheckpoint): number {
  return files.length === 0 ? 0 : (sizeBytes / files.length) * Math.max(declaredParts, files.length);
}
