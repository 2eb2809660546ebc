/**
 * Opens a checkpoint: decides by the first bytes which reader it is for, and lets that reader find the other parts.
 */
import { stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";

import { CheckpointError } from "../errors.ts";
import { parseSplitName } from "../gguf/shards.ts";
import type { FileSet, ReadOptions } from "../source/byte-source.ts";
import { localFolder } from "../source/file.ts";
import { describeForeign, SNIFF_BYTES, sniff } from "../source/sniff.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { readGgufSet } from "./read-gguf-set.ts";
import { chooseSafetensorsEntry, readSafetensorsSet } from "./read-safetensors-set.ts";

/**
 * Opens a local checkpoint: a file, any part of a set, an index, or the folder that holds one.
 * @throws {CheckpointError} `not-found`, `bad-magic`, or what the reader says
 */
export async function openCheckpoint(path: string, options: ReadOptions = {}): Promise<Checkpoint> {
  const absolute = resolve(path);
  const stats = await stat(absolute).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === "ENOENT" ? "no such file or folder" : cause.message;
    throw new CheckpointError("not-found", `cannot open ${path}: ${why}`, { file: path, cause });
  });
  if (stats.isDirectory()) {
    const checkpoint = await openFileSet(localFolder(absolute), options);
    return { ...checkpoint, label: basename(absolute) };
  }
  const checkpoint = await readFrom(localFolder(dirname(absolute)), basename(absolute), options);
  return GENERIC_NAME.test(checkpoint.label)
    ? { ...checkpoint, label: `${basename(dirname(absolute))}/${checkpoint.label}` }
    : checkpoint;
}

/** Names that every repo uses: they say nothing without their folder. */
const GENERIC_NAME = /^(?:model|pytorch_model|diffusion_pytorch_model|adapter_model|consolidated|ggml-model)\b/;

/** Opens the checkpoint that a file set holds, when it is clear which one is meant. */
export async function openFileSet(files: FileSet, options: ReadOptions = {}): Promise<Checkpoint> {
  const names = (await files.list()).map((file) => file.name);
  const safetensors = chooseSafetensorsEntry(names);
  if (safetensors) return readFrom(files, safetensors, options);
  const checkpoints = names
    .filter((name) => name.endsWith(".gguf"))
    .filter((name) => (parseSplitName(name)?.number ?? 1) === 1);
  const models = checkpoints.filter((name) => !/^mmproj[-.]/i.test(name));
  const only = models.length === 1 ? models[0] : checkpoints.length === 1 ? checkpoints[0] : undefined;
  if (only) return readFrom(files, only, options);
  if (checkpoints.length > 1) {
    const shown = checkpoints.slice(0, 4).join(", ") + (checkpoints.length > 4 ? ", ..." : "");
    throw new CheckpointError(
      "not-found",
      `${files.label} holds ${checkpoints.length} GGUF models; name one of them: ${shown}`,
      {
        file: files.label,
      },
    );
  }
  // A lone later part still leads to its set.
  const part = names.find((name) => parseSplitName(name));
  if (part) return readFrom(files, part, options);
  throw new CheckpointError("not-found", `${files.label} holds no .gguf and no .safetensors file`, {
    file: files.label,
  });
}

async function readFrom(files: FileSet, entry: string, options: ReadOptions): Promise<Checkpoint> {
  if (entry.endsWith(".json")) return readSafetensorsSet(files, entry, options);
  const source = await files.open(entry);
  let kind: ReturnType<typeof sniff>;
  try {
    kind = sniff(await source.read(0, SNIFF_BYTES, options), entry);
  } catch (error) {
    await source.close();
    throw error;
  }
  if (kind.kind === "gguf") return readGgufSet(files, entry, { ...options, source });
  await source.close();
  if (kind.kind === "safetensors") return readSafetensorsSet(files, entry, options);
  throw describeForeign(kind, entry);
}
