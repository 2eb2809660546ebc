/**
 * Opens a checkpoint: decides by the first bytes which reader it is for, and lets that reader find the other parts.
 */
import { stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";

import { CheckpointError } from "../errors.ts";
import { firstWindow as firstGgufWindow } from "../gguf/read.ts";
import { parseSplitName } from "../gguf/shards.ts";
import { found } from "../rules/rules.ts";
import { firstWindow as firstSafetensorsWindow } from "../safetensors/read.ts";
import type { ByteSource, FileSet } from "../source/byte-source.ts";
import { cannotOpen, localFolder } from "../source/file.ts";
import { describeForeign, SNIFF_BYTES, sniff } from "../source/sniff.ts";
import { grouped } from "../words.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { readBeside } from "./read-beside.ts";
import { readGgufSet } from "./read-gguf-set.ts";
import { PIPELINE_INDEX, readPipeline } from "./read-pipeline.ts";
import { chooseSafetensorsEntry, readSafetensorsSet } from "./read-safetensors-set.ts";
import type { SetOptions } from "./set-options.ts";

export interface OpenOptions extends Omit<SetOptions, "source"> {
  /** Look at what lies with the weights, too: `Checkpoint.beside`. */
  readonly beside?: boolean;
}

export interface OpenSetOptions extends OpenOptions {
  /** The file or index of the set that is meant, where it isn't the one that the set stands for. */
  readonly entry?: string;
  /** What to call it where the name of its file says nothing (`model.safetensors`): the folder's or the repo's name. */
  readonly folderName?: string;
}

/**
 * Opens a local checkpoint: a file, any part of a set, an index, or the folder that holds one. A diffusers folder is one
 * checkpoint; a file inside it is that file alone.
 * @throws {CheckpointError} `not-found`, `bad-magic`, or what the reader says
 */
export async function openCheckpoint(path: string, options: OpenOptions = {}): Promise<Checkpoint> {
  const stats = await stat(path).catch((cause: unknown) => {
    if (!REMOTE.test(path)) throw cannotOpen(path, cause);
    const message = `${path} is not a local path; only local files and folders can be opened`;
    throw new CheckpointError("unsupported", message, { file: path, cause });
  });
  const absolute = absolutePath(path);
  if (stats.isDirectory()) {
    return { ...(await openFileSet(localFolder(path), options)), label: basename(absolute) };
  }
  const files = localFolder(dirname(path));
  return openFileSet(files, { ...options, entry: basename(absolute), folderName: basename(dirname(absolute)) });
}

/** Targets that people know from other tools. */
const REMOTE = /^(?:https?|hf|ollama|s3|gs):/;

/** For the label alone, so a working directory that is gone is no reason to stop. */
function absolutePath(path: string): string {
  try {
    return resolve(path);
  } catch {
    return path;
  }
}

/** Names that every repo uses for its weights: their folder says which model it is. */
const GENERIC_NAME =
  /^(?:model|pytorch_model|diffusion_pytorch_model|adapter_model|consolidated|ggml-model)(?=[-._]|$)/;

/**
 * Opens the checkpoint that a file set holds, when it is clear which one is meant: safetensors before GGUF, as the second
 * is made from the first. What else lies there is named in a note. With `entry`, the one that this file belongs to.
 */
export async function openFileSet(
  files: FileSet,
  { entry, folderName, ...options }: OpenSetOptions = {},
): Promise<Checkpoint> {
  if (entry !== undefined) {
    const checkpoint = await withBeside(await readFrom(files, entry, options), files, false, options);
    const { components, label } = checkpoint;
    const named = folderName !== undefined && (components || GENERIC_NAME.test(label));
    return named ? { ...checkpoint, label: folderName } : checkpoint;
  }
  return withBeside(await readFolder(files, options), files, true, options);
}

/** @param folder all of the set was asked for, not a file in it */
async function withBeside(
  checkpoint: Checkpoint,
  files: FileSet,
  folder: boolean,
  { beside, ...options }: OpenOptions,
): Promise<Checkpoint> {
  if (!beside) return checkpoint;
  try {
    return { ...checkpoint, beside: await readBeside(files, checkpoint, folder || !!checkpoint.components, options) };
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

async function readFolder(files: FileSet, options: SetOptions): Promise<Checkpoint> {
  const names = (await files.list()).map((file) => file.name);
  if (names.includes(PIPELINE_INDEX) && files.folder) {
    return withOthers(await readPipelineOr(files, names, options), names);
  }
  const entry = chooseEntry(files, names);
  if (entry === undefined) {
    throw new CheckpointError("not-found", `${files.label} holds no .gguf and no .safetensors file`, {
      file: files.label,
    });
  }
  return withOthers(await readFrom(files, entry, options), names);
}

function chooseEntry(files: FileSet, names: readonly string[]): string | undefined {
  return chooseSafetensorsEntry(names) ?? chooseGgufEntry(names, files.label);
}

/** The pipeline of the folder; where nothing of it can be read, the file that lies beside its index. */
async function readPipelineOr(files: FileSet, names: readonly string[], options: SetOptions): Promise<Checkpoint> {
  try {
    return await readPipeline(files, options);
  } catch (error) {
    if (options.signal?.aborted || !(error instanceof CheckpointError)) throw error;
    // Repos of GGUF conversions keep the index of the pipeline that they were made from.
    const entry = chooseEntry(files, names);
    if (entry === undefined) throw error;
    const checkpoint = await readFrom(files, entry, options);
    const why = `${entry} is shown in place of the pipeline`;
    const finding = found("diffusers/unreadable", { message: error.message, why, part: PIPELINE_INDEX });
    return { ...checkpoint, findings: [...checkpoint.findings, finding] };
  }
}

/** Names in a note what else lies in the folder. */
function withOthers(checkpoint: Checkpoint, names: readonly string[]): Checkpoint {
  // A part that can't be read is no other checkpoint: a finding names it already.
  const opened = new Set([
    ...checkpoint.parts.map((part) => part.name),
    ...checkpoint.findings.map((finding) => finding.part),
  ]);
  const others = names.filter((name) => /\.(?:gguf|safetensors)$/.test(name) && !opened.has(name));
  if (others.length === 0) return checkpoint;
  const message = `the folder holds ${grouped(others.length)} more: ${listed(others)}`;
  return { ...checkpoint, findings: [...checkpoint.findings, found("source/other-checkpoints", { message })] };
}

/** The one model among the GGUF files; a projector beside it (mmproj) is not the model. */
function chooseGgufEntry(names: readonly string[], label: string): string | undefined {
  const all = names.filter((name) => name.endsWith(".gguf"));
  const firsts = all.filter((name) => (parseSplitName(name)?.number ?? 1) === 1);
  const models = firsts.filter((name) => !/^mmproj[-.]/i.test(name));
  if (models.length > 1) {
    throw new CheckpointError(
      "not-found",
      `${label} holds ${models.length} GGUF models; name one of them: ${listed(models)}`,
      { file: label },
    );
  }
  // A lone later part still leads to its set.
  return models[0] ?? firsts[0] ?? all[0];
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 4).join(", ");
  return names.length > 4 ? `${shown}, ...` : shown;
}

async function readFrom(files: FileSet, entry: string, options: SetOptions): Promise<Checkpoint> {
  if (entry === PIPELINE_INDEX) return readPipeline(files, options);
  if (entry.endsWith(".json")) return readSafetensorsSet(files, entry, options);
  const source = await files.open(entry);
  let kind: ReturnType<typeof sniff>;
  try {
    kind = sniff(await source.read(0, sniffBytes(source, entry, options), options), entry);
  } catch (error) {
    await source.close();
    throw error;
  }
  if (kind.kind === "gguf") return readGgufSet(files, entry, { ...options, source });
  if (kind.kind === "safetensors") return readSafetensorsSet(files, entry, { ...options, source });
  await source.close();
  throw describeForeign(kind, entry);
}

/** Of a remote file as much as its reader wants first: asking for less would be a request more. */
function sniffBytes(source: ByteSource, entry: string, options: SetOptions): number {
  if (!source.remote) return SNIFF_BYTES;
  return entry.endsWith(".gguf") ? firstGgufWindow(source, options) : firstSafetensorsWindow(source, {});
}
