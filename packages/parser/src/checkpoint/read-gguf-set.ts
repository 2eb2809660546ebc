/**
 * Opens a GGUF file and, when it is one part of a split set, the other parts: through whichever of them was named.
 */
import pLimit from "p-limit";

import type { Finding } from "../errors.ts";
import { type GgufFile, readGguf } from "../gguf/read.ts";
import { parseSplitName, splitFileName, splitKeys } from "../gguf/shards.ts";
import { found } from "../rules/rules.ts";
import type { ByteSource, FileSet } from "../source/byte-source.ts";
import { grouped, quoted } from "../words.ts";
import { checkPart } from "./check-gguf-set.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { checkpointFromGguf } from "./from-gguf.ts";
import { faultOfFile, isAbsent, type SetOptions } from "./set-options.ts";

/** Headers read side by side: enough to hide latency, few enough for any file-handle limit. */
const PARALLEL_PARTS = 8;

/** The largest published sets have a few hundred parts; five digits in a name can claim 99,999. */
const MAX_PARTS = 10_000;

/** A file's part number may disagree with its name; ordering goes by the name, which is how loaders find parts. */
interface OpenPart {
  /** Its name in the file set. */
  readonly name: string;
  readonly source: ByteSource;
  readonly file: GgufFile;
}

/**
 * @param entry name of the file in the set that the user asked for
 * @param options.source the entry, when it is open already
 * @throws {CheckpointError} when the entry itself can't be read at all
 */
export async function readGgufSet(files: FileSet, entry: string, options: SetOptions = {}): Promise<Checkpoint> {
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
  const findings: Finding[] = wrongEnding(entry);
  // Data are read from a source of their own: this one is closed when the checkpoint is.
  const alone = { open: () => files.open(entry), close: () => source.close() };
  if (!name) {
    if ((keys.count ?? 1) > 1) findings.push(lonePart(entry, keys.count as number, keys.no));
    findings.push(...checkPart(file, undefined, 1));
    return checkpointFromGguf({ label: entry, files: [file], findings, ...alone });
  }

  const { prefix, count } = name;
  if (count > MAX_PARTS) {
    const finding = found("gguf/split-name", {
      severity: "warning",
      message: `its name claims ${grouped(count)} parts; more than ${grouped(MAX_PARTS)} are not looked for, and the file is shown alone`,
      part: entry,
    });
    return checkpointFromGguf({ label: entry, files: [file], findings: [finding], ...alone });
  }
  const listed = await files.list().catch(async (error: unknown) => {
    await source.close();
    throw error;
  });
  const limit = pLimit(PARALLEL_PARTS);
  const names = Array.from({ length: count }, (_, i) => splitFileName(prefix, i + 1, count));
  const present = new Set(files.unlisted ? names : listed.map((part) => part.name));
  const missing = names.filter((part) => part !== entry && !present.has(part));
  const held: ByteSource[] = [source];
  const opened = await Promise.all(
    names.map((part, i) =>
      limit(async (): Promise<OpenPart | undefined> => {
        if (part === entry) return { name: part, source, file };
        if (!present.has(part)) return undefined;
        const other = await openPart(files, part, i, options);
        if (other === "absent") missing.push(part);
        else if ("finding" in other) findings.push(other.finding);
        if (typeof other === "string" || "finding" in other) return undefined;
        held.push(other.source);
        options.onPart?.(held.length, names.length);
        return other;
      }),
    ),
  ).catch(async (error: unknown) => {
    // Aborted, or a mistake of ours: nothing stays open behind it.
    limit.clearQueue();
    await Promise.all(held.map((open) => open.close()));
    throw error;
  });
  for (const [i, part] of opened.entries()) {
    if (part) findings.push(...checkPart(part.file, i, count));
  }
  const parts = opened.filter((part) => part !== undefined);
  // Only arrays that aren't decoded yet read from their file later: every other one is closed now.
  const sources = await closeUnread(parts);
  return checkpointFromGguf({
    label: count > 1 ? prefix : entry,
    files: parts.map((part) => part.file),
    missing: missing.sort(),
    findings,
    declaredParts: count,
    open: (i) => files.open((parts[i] as OpenPart).name),
    close: async () => {
      await Promise.all(sources.map((part) => part.close()));
    },
  });
}

/** Closes the parts that nothing will be read from any more, and returns the sources of the others. */
async function closeUnread(parts: readonly OpenPart[]): Promise<ByteSource[]> {
  const lazy = ({ file }: OpenPart) => file.metadata.some(({ value }) => typeof value === "object" && !value.values);
  await Promise.all(parts.filter((part) => !lazy(part)).map((part) => part.source.close()));
  return parts.filter(lazy).map((part) => part.source);
}

async function openPart(
  files: FileSet,
  name: string,
  index: number,
  { signal }: SetOptions,
): Promise<OpenPart | { readonly finding: Finding } | "absent"> {
  let source: ByteSource | undefined;
  const options = signal ? { signal } : {};
  signal?.throwIfAborted();
  try {
    source = await files.open(name);
    return { name, source, file: await readGguf(source, options) };
  } catch (error) {
    await source?.close();
    const fault = faultOfFile(error, options);
    if (files.unlisted && isAbsent(fault)) return "absent";
    const { message, offset } = fault;
    return {
      finding: found("gguf/unreadable-part", {
        message: `part ${index + 1} can't be read: ${message}`,
        fix: `download ${name} again`,
        part: name,
        ...(offset !== undefined && { offset }),
      }),
    };
  }
}

/** A file that was opened by its first bytes, under another name than its kind has. */
function wrongEnding(entry: string): Finding[] {
  if (!entry.endsWith(".safetensors")) return [];
  const message = `${quoted(entry)} is a GGUF file by its first bytes`;
  return [found("source/wrong-ending", { message, fix: "rename it to *.gguf", part: entry })];
}

function lonePart(entry: string, count: number, no: number | undefined): Finding {
  return found("gguf/split-name", {
    message: `this file is part ${no === undefined ? "?" : no + 1} of ${count}, but its name is not of the form <prefix>-00001-of-${String(count).padStart(5, "0")}.gguf`,
    part: entry,
  });
}
