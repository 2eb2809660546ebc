/**
 * What `inspect check` is given: files, folders and globs, as a list of checkpoints to open. A folder stands for every
 * checkpoint in it and below it; parts of one set may stand there more than once.
 */
import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { checkpointNames } from "@checkpoint-inspect/parser";
import { glob, isDynamicPattern } from "tinyglobby";

import { UsageError } from "../commands/command.ts";

/** Checkpoints of one run. A folder of a whole hub mirror has some thousand; more is a slip of the hand. */
const MAX_TARGETS = 100_000;

/** Files that are looked for in folders, and kept of what a glob matches where it matches any. */
const CHECKPOINT_FILE = /\.(?:gguf|safetensors|safetensors\.index(?:\.[\w-]+)?\.json)$/;
/** `https:`, `hf:`, `ollama:`; not a drive's letter. */
const ADDRESS = /^[a-z][a-z0-9+.-]+:/i;
const PIPELINE_INDEX = "model_index.json";

/**
 * The paths to open, in the order given; within a folder or glob by name, with numbers as numbers. A path or folder that leads
 * to nothing stays in: opening it says what is wrong.
 * @throws {UsageError} for a glob that matches nothing, and for too many
 */
export async function expandTargets(targets: readonly string[]): Promise<string[]> {
  const paths: string[] = [];
  for (const target of targets) {
    const stats = await stat(target).catch(() => undefined);
    // A question mark is part of an address.
    if (!stats && ADDRESS.test(target)) paths.push(target);
    else if (stats?.isDirectory()) paths.push(...(await checkpointsBelow(target)));
    else if (stats || !isDynamicPattern(target)) paths.push(target);
    else paths.push(...(await matching(target)));
  }
  const unique = [...new Set(paths)];
  if (unique.length > MAX_TARGETS) {
    throw new UsageError(
      `${unique.length} checkpoints to check; at most ${MAX_TARGETS} are taken at a time: name fewer`,
    );
  }
  return unique;
}

async function matching(pattern: string): Promise<string[]> {
  const found = await glob(pattern, { absolute: false, expandDirectories: false, dot: true });
  if (found.length === 0) throw new UsageError(`no file matches ${pattern}`);
  const checkpoints = found.filter((path) => CHECKPOINT_FILE.test(path));
  return naturally(checkpoints.length > 0 ? checkpoints : found);
}

/**
 * Checkpoints in a folder and below it. A folder with safetensors weights stands for itself, so that what lies beside them is
 * looked at too; so does a diffusers pipeline, whose sub-folders are its own.
 */
async function checkpointsBelow(folder: string): Promise<string[]> {
  const files = await glob(["**/*.gguf", "**/*.safetensors", "**/*.safetensors.index*.json", `**/${PIPELINE_INDEX}`], {
    cwd: folder,
    expandDirectories: false,
    followSymbolicLinks: false,
    onlyFiles: false,
  });
  const byFolder = new Map<string, string[]>();
  for (const file of naturally(files)) {
    // Links to files count; folders may be called like a file.
    if ((await stat(join(folder, file)).catch(() => undefined))?.isDirectory()) continue;
    const at = dirname(file);
    const names = byFolder.get(at);
    if (names) names.push(basename(file));
    else byFolder.set(at, [basename(file)]);
  }
  const pipelines = [...byFolder].filter(([, names]) => names.includes(PIPELINE_INDEX)).map(([at]) => at);
  const inPipeline = (at: string): boolean =>
    pipelines.some((outer) => at !== outer && (outer === "." || at.startsWith(`${outer}/`)));
  const paths: string[] = [];
  for (const [at, names] of byFolder) {
    if (inPipeline(at)) continue;
    const { whole, others } = checkpointNames(names);
    if (whole) paths.push(join(folder, at));
    paths.push(...others.map((name) => join(folder, at, name)));
  }
  // The error names what was looked for.
  return paths.length > 0 ? paths : [folder];
}

function naturally(paths: readonly string[]): string[] {
  const order = new Intl.Collator("en", { numeric: true });
  return [...paths].sort((a, b) => order.compare(a, b));
}

/** The folder that the names of a checkpoint's parts are relative to. */
export async function folderOf(target: string): Promise<string> {
  const stats = await stat(target).catch(() => undefined);
  return stats?.isDirectory() ? target : dirname(target);
}
