/**
 * Opens a GGUF file and, when it is one part of a split set, the other parts: through whichever of them was named.
 */
import pLimit from "p-limit";

import { CheckpointError, type Finding } from "../errors.ts";
import { type GgufFile, readGguf } from "../gguf/read.ts";
import { parseSplitName, splitFileName, splitKeys } from "../gguf/shards.ts";
import type { ByteSource, FileSet, ReadOptions } from "../source/byte-source.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { checkpointFromGguf } from "./from-gguf.ts";

/** Headers read side by side: enough to hide latency, few enough for any file-handle limit. */
const PARALLEL_PARTS = 8;

/** A file's part number may disagree with its name; ordering goes by the name, which is how loaders find parts. */
interface OpenPart {
  readonly source: ByteSource;
  readonly file: GgufFile;
}

/**
 * @param entry name of the file in the set that the user asked for
 * @param options.source the entry, when it is open already
 * @throws {CheckpointError} when the entry itself can't be read at all
 */
export async function readGgufSet(
  files: FileSet,
  entry: string,
  options: ReadOptions & { source?: ByteSource } = {},
): Promise<Checkpoint> {
  const source = options.source ?? (await files.open(entry));
  let file: GgufFile;
  try {
    file = await readGguf(source, options);
  } catch (error) {
    await source.close();
    throw error;
  }
  const name = parseSplitName(entry);
  const keys = splitKeys(file);
  const findings: Finding[] = [];
  if (!name) {
    if ((keys.count ?? 1) > 1) findings.push(lonePart(entry, keys.count as number, keys.no));
    return checkpointFromGguf({ label: entry, files: [file], findings, close: () => source.close() });
  }

  const { prefix, count } = name;
  const present = new Set((await files.list()).map((listed) => listed.name));
  const limit = pLimit(PARALLEL_PARTS);
  const missing: string[] = [];
  const opened = await Promise.all(
    Array.from({ length: count }, (_, i) => splitFileName(prefix, i + 1, count)).map((part, i) =>
      limit(async (): Promise<OpenPart | undefined> => {
        if (part === entry) return { source, file };
        if (!present.has(part)) {
          missing.push(part);
          return undefined;
        }
        return openPart(files, part, i, findings, options);
      }),
    ),
  );
  const parts = opened.filter((part) => part !== undefined);
  for (const [i, part] of opened.entries()) {
    const { no } = part ? splitKeys(part.file) : {};
    if (part && no !== undefined && no !== i) {
      findings.push({
        rule: "gguf/split-number",
        severity: "error",
        message: `${part.file.name} says split.no = ${no}; its name makes it ${i}`,
        why: "llama.cpp refuses the set",
        fix: "the parts were renamed; restore their names",
        part: part.file.name,
      });
    }
  }
  // The closing function holds on to the sources alone: the files' own tables may go.
  const sources = parts.map((part) => part.source);
  return checkpointFromGguf({
    label: count > 1 ? prefix : entry,
    files: parts.map((part) => part.file),
    missing: missing.sort(),
    findings,
    declaredParts: count,
    close: async () => {
      await Promise.all(sources.map((part) => part.close()));
    },
  });
}

async function openPart(
  files: FileSet,
  name: string,
  index: number,
  findings: Finding[],
  options: ReadOptions,
): Promise<OpenPart | undefined> {
  const source = await files.open(name);
  try {
    return { source, file: await readGguf(source, options) };
  } catch (error) {
    await source.close();
    if (!(error instanceof CheckpointError)) throw error;
    findings.push({
      rule: "gguf/unreadable-part",
      severity: "error",
      message: `part ${index + 1} can't be read: ${error.message}`,
      why: "the counts below lack what it holds",
      fix: `download ${name} again`,
      part: name,
      ...(error.offset !== undefined && { offset: error.offset }),
    });
    return undefined;
  }
}

function lonePart(entry: string, count: number, no: number | undefined): Finding {
  return {
    rule: "gguf/split-name",
    severity: "warning",
    message: `this file is part ${no === undefined ? "?" : no + 1} of ${count}, but its name is not of the form <prefix>-00001-of-${String(count).padStart(5, "0")}.gguf`,
    why: "the other parts can't be found, and llama.cpp refuses such a name",
    fix: "give the parts their names back",
    part: entry,
  };
}
