/** Which checkpoints a folder holds, told from the names of its files. */
import { parseSplitName } from "../gguf/shards.ts";
import { INDEX_NAME } from "../safetensors/index-json.ts";
import { PIPELINE_INDEX } from "./read-pipeline.ts";
import { chooseSafetensorsEntry, SHARD_NAME } from "./read-safetensors-set.ts";

export interface FolderNames {
  /** The folder opens as one checkpoint: a pipeline, or safetensors weights. */
  readonly whole: boolean;
  /**
   * Files that may be checkpoints beside that one. Of a numbered set the first part that is there, even where the set is the
   * folder's own.
   */
  readonly others: readonly string[];
}

/** @param names of the files directly in the folder, in the order to open them */
export function checkpointNames(names: readonly string[]): FolderNames {
  const entry = names.includes(PIPELINE_INDEX) ? PIPELINE_INDEX : chooseSafetensorsEntry(names);
  const sets = new Set<string>();
  const others: string[] = [];
  for (const name of names) {
    if (name === entry || !/\.(?:gguf|safetensors)$|\.index(?:\.[^./]+)?\.json$/.test(name)) continue;
    if (name.endsWith(".json") && !INDEX_NAME.test(name)) continue;
    const set = setOf(name);
    if (set !== undefined && sets.has(set)) continue;
    if (set !== undefined) sets.add(set);
    others.push(name);
  }
  // Indexes first: they say which of the files belong together.
  others.sort((a, b) => Number(INDEX_NAME.test(b)) - Number(INDEX_NAME.test(a)));
  return { whole: entry !== undefined, others };
}

/** What the parts of one numbered set have in common. */
function setOf(name: string): string | undefined {
  const gguf = parseSplitName(name);
  if (gguf) return `${gguf.prefix} ${gguf.count}`;
  const shard = SHARD_NAME.exec(name);
  return shard ? `${shard[1]} ${shard[3]}` : undefined;
}
