/** The checkpoints that lie where a target leads to: beside a file, in a folder, in a repository. */
import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { formatBytes, plural, type Report } from "@checkpoint-inspect/analysis";
import { checkpointsIn, type ListedCheckpoint, type RepositoryFile } from "@checkpoint-inspect/parser";

import type { RemotePlace } from "../remote/open-remote.ts";
import { bitsOf } from "../repository-bits.ts";
import { otherFiles, overviewOf } from "../views/repository-overview.ts";
import type { Collection, CollectionRow } from "./collection.ts";

/** Files of a folder that are looked at; a folder of more isn't one of checkpoints. */
const MOST_FILES = 2_000;

/** @returns null where there is one checkpoint or none, or the target isn't a path */
export async function folderCollection(target: string): Promise<Collection | null> {
  const stats = await stat(target).catch(() => undefined);
  if (!stats) return null;
  const folder = stats.isDirectory() ? target : dirname(target);
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = entries.slice(0, MOST_FILES).flatMap((entry) => (entry.isDirectory() ? [] : [entry.name]));
  const files = (await Promise.all(names.map((name) => fileAt(folder, name)))).flatMap((file) => file ?? []);
  const listed = checkpointsIn(files);
  if (listed.length < 2) return null;
  return { title: folder, from: "folder", rows: listed.map((one) => rowOf(one, join(folder, one.entry))), notes: [] };
}

/** Only what may be part of a checkpoint is asked for its size. */
async function fileAt(folder: string, name: string): Promise<RepositoryFile | undefined> {
  if (!/\.(?:gguf|safetensors|json)$/i.test(name)) return undefined;
  const stats = await stat(join(folder, name)).catch(() => undefined);
  return stats?.isFile() ? { path: name, sizeBytes: stats.size } : undefined;
}

function rowOf(checkpoint: ListedCheckpoint, target: string, bits: CollectionRow["bits"] = null): CollectionRow {
  const { entry, label, quant, files, declaredParts, missing, sizeBytes, use, kind } = checkpoint;
  const words = [
    use === "model" ? "" : use,
    kind === "gguf" ? "" : kind,
    missing.length > 0 ? `${plural(missing.length, "part")} of ${declaredParts} missing` : "",
  ];
  return {
    name: label === "" ? entry : label,
    target,
    quant: quant ?? null,
    sizeBytes,
    parts: files.length,
    bits,
    words: words.filter((word) => word !== "").join(", "),
  };
}

/** @returns null for what lies in no repository */
export async function placeCollection(place: RemotePlace, report?: Report): Promise<Collection | null> {
  const repository = overviewOf(place, report);
  if (!repository) return null;
  const { hubTargetText } = await import("@checkpoint-inspect/hub");
  const { id, revision, checkpoints, files, shown, read } = repository;
  const bits = bitsOf(checkpoints, shown, read);
  const others = otherFiles(repository);
  const targetOf = (path: string): string =>
    hubTargetText({ kind: "hub", repo: id, ...(revision !== undefined && { revision }), ...(path !== "" && { path }) });
  return {
    title: revision === undefined ? id : `${id}@${revision}`,
    from: "hub",
    rows: checkpoints.map((checkpoint) => rowOf(checkpoint, targetOf(checkpoint.entry), bits.get(checkpoint) ?? null)),
    notes: [
      `${plural(files.length, "file")}, of which ${others.count} (${formatBytes(others.sizeBytes)}) are no checkpoints`,
      `whether to trust it: inspect audit ${id}`,
    ],
  };
}
