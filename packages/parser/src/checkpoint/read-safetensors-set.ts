/**
 * Opens a safetensors checkpoint in a file set: one file, or all the shards of a set by its index or by their names.
 * A shard that is missing or broken is a finding, and the rest is still shown.
 */
import pLimit from "p-limit";
import { CheckpointError, type Finding } from "../errors.ts";
import { found } from "../rules/rules.ts";
import { INDEX_NAME, indexTooLarge, naturalOrder, parseIndexJson } from "../safetensors/index-json.ts";
import {
  FIRST_WINDOW_BYTES,
  MAX_INDEX_BYTES,
  MAX_SHARDS,
  REMOTE_SHARDS_AT_ONCE,
  SHARDS_AT_ONCE,
} from "../safetensors/limits.ts";
import { readSafetensors, type SafetensorsReadOptions } from "../safetensors/read.ts";
import type { SafetensorsFile, SafetensorsIndex } from "../safetensors/types.ts";
import type { ByteSource, FileSet, ReadOptions } from "../source/byte-source.ts";
import { describeForeign, SNIFF_BYTES, sniff } from "../source/sniff.ts";
import { grouped, quoted } from "../words.ts";
import { compareNames, heldBy, SHARD_NAME } from "./check-index.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { checkpointFromSafetensors, unreadableShard } from "./from-safetensors.ts";
import { readConfig } from "./read-config.ts";
import { faultOfFile, isAbsent, type SetOptions } from "./set-options.ts";

export { SHARD_NAME } from "./check-index.ts";

/** Repos have about a dozen JSON files; a folder of data may have millions. */
const MAX_SIDECARS = 1000;

/** Which files to open, and what is known of them before. */
interface Plan {
  readonly label: string;
  readonly names: readonly string[];
  readonly missing: readonly string[];
  readonly index?: SafetensorsIndex | undefined;
  readonly declaredParts?: number | undefined;
  readonly findings: readonly Finding[];
}

/**
 * Reads the checkpoint that `entry` belongs to: a `*.safetensors` (alone, or any shard of a set) or a
 * `*.safetensors.index.json`, by its name in the set. `config.json` and
 * `adapter_config.json` beside it are read too.
 * @throws {CheckpointError} `not-found` when the set has no such file; what {@link readSafetensors} throws when a lone
 * file, or every file of a set, can't be read
 */
export async function readSafetensorsSet(files: FileSet, entry: string, options: SetOptions = {}): Promise<Checkpoint> {
  try {
    return await readPlanned(files, entry, options);
  } finally {
    // Closed with its part, as a rule; not where nothing came of it.
    await options.source?.close();
  }
}

async function readPlanned(files: FileSet, entry: string, options: SetOptions): Promise<Checkpoint> {
  const present = (await files.list()).map(({ name }) => name);
  const plan = await planFor(files, entry, present, options);
  const [shards, config, adapter] = await Promise.all([
    readShards(files, plan, { ...options, entry }),
    readConfig(files, "config.json", present, options),
    readConfig(files, "adapter_config.json", present, options),
  ]);
  const { read, missing, failed } = shards;
  const first = failed[0];
  const alone = !plan.index && plan.declaredParts === undefined;
  if (read.length === 0) {
    if (first) throw alone ? first.error : noneReadable(entry, first, shards, plan);
    const what = nothingThere(plan.missing.length + missing.length, alone);
    throw new CheckpointError("not-found", `nothing to read: ${what}`, { file: entry });
  }
  const failedNames = failed.map(({ name }) => name);
  const held = plan.index && heldBy(plan.index, failedNames);
  return checkpointFromSafetensors({
    label: plan.label,
    files: read,
    index: plan.index,
    missing: [...plan.missing, ...missing].sort(naturalOrder),
    declaredParts: alone ? undefined : (plan.declaredParts ?? plan.index?.shards.length),
    config: config.config,
    adapterConfig: adapter.config,
    sidecars: present.filter((name) => name.endsWith(".json") && !INDEX_NAME.test(name)).slice(0, MAX_SIDECARS),
    open: (name) => files.open(name),
    extraFindings: [
      ...plan.findings,
      ...(plan.index ? compareNames(plan.index, present) : []),
      ...wrongEnding(entry),
      ...failed.map(({ name, error }) => unreadableShard(name, error, held?.get(name))),
      ...config.findings,
      ...adapter.findings,
    ],
  });
}

/** A file that was opened by its first bytes, under another name than its kind has. */
function wrongEnding(entry: string): Finding[] {
  if (!entry.endsWith(".gguf")) return [];
  const message = `${quoted(entry)} is a safetensors file by its first bytes`;
  return [found("source/wrong-ending", { message, fix: "rename it to *.safetensors", part: entry })];
}

function nothingThere(absent: number, alone: boolean): string {
  if (absent === 0) return "it names no file that may be opened";
  if (absent > 1) return `none of its ${grouped(absent)} files is there`;
  return alone ? "it isn't there" : "the one file that it names isn't there";
}

/** A set of which nothing can be read: the first reason, and what else is wrong with it. */
function noneReadable(
  entry: string,
  { name, error }: ShardsRead["failed"][number],
  { failed, missing }: ShardsRead,
  { missing: absent, findings }: Plan,
): CheckpointError {
  const others = [
    failed.length > 1 ? `${grouped(failed.length - 1)} more can't be read` : "",
    missing.length + absent.length > 0 ? `${grouped(missing.length + absent.length)} are missing` : "",
    ...findings.map((finding) => finding.message),
  ].filter((text) => text !== "");
  const rest = others.length > 0 ? ` (${others.slice(0, 3).join("; ")})` : "";
  return new CheckpointError(error.code, `no file of the set can be read: ${quoted(name)}: ${error.message}${rest}`, {
    file: entry,
    cause: error,
  });
}

/** The file to open in a folder with these names: an index, else a whole model, else a lone file or the first shard of a set. */
export function chooseSafetensorsEntry(names: readonly string[]): string | undefined {
  const sorted = [...names].sort(naturalOrder);
  const indexes = sorted.filter((name) => INDEX_NAME.test(name));
  const all = sorted.filter((name) => name.endsWith(".safetensors"));
  // Mistral's consolidated*.safetensors hold the whole model a second time.
  const usual = all.filter((name) => !name.startsWith("consolidated"));
  const known = ["model.safetensors", "diffusion_pytorch_model.safetensors", "adapter_model.safetensors"];
  return (
    indexes.find((name) => name === "model.safetensors.index.json") ??
    indexes.find((name) => !name.startsWith("consolidated")) ??
    known.find((name) => usual.includes(name)) ??
    (usual.length === 1 ? usual[0] : undefined) ??
    usual.find((name) => SHARD_NAME.test(name)) ??
    usual[0] ??
    indexes[0] ??
    all[0]
  );
}

async function planFor(files: FileSet, entry: string, present: readonly string[], options: ReadOptions): Promise<Plan> {
  if (INDEX_NAME.test(entry)) return planFromIndex(await readIndex(files, entry, options), files, present);
  const shard = SHARD_NAME.exec(entry);
  const findings: Finding[] = [];
  for (const name of indexesFor(entry, present)) {
    try {
      const index = await readIndex(files, name, options);
      if (index.shards.includes(entry)) return planFromIndex(index, files, present);
    } catch (error) {
      const { message } = faultOfFile(error, options);
      const severity = shard ? "error" : "warning";
      findings.push(found("safetensors/bad-index", { severity, message, part: name }));
    }
  }
  if (!shard) return { label: entry, names: [entry], missing: [], findings };
  return planFromNames(entry, shard, files.unlisted ? undefined : new Set(present), findings);
}

function planFromIndex(index: SafetensorsIndex, { unlisted }: FileSet, present: readonly string[]): Plan {
  const here = new Set(unlisted ? index.shards : present);
  // Shards in sub-folders are not in the list of the set; they are tried.
  const gone = index.shards.filter((name) => !name.includes("/") && !here.has(name));
  const missing = new Set(gone);
  return {
    label: index.name,
    names: index.shards.filter((name) => !missing.has(name)),
    missing: gone,
    index,
    findings: [],
  };
}

function planFromNames(
  entry: string,
  shard: RegExpExecArray,
  /** Undefined where that can't be known: then all are tried. */
  here: ReadonlySet<string> | undefined,
  findings: readonly Finding[],
): Plan {
  const [, prefix = "", number = "", total = "", suffix = ""] = shard;
  const count = Number(total);
  const nameOf = (i: number): string => `${prefix}${String(i).padStart(number.length, "0")}-of-${total}${suffix}`;
  // Some writers count from 0.
  const first = entry === nameOf(0) || here?.has(nameOf(0)) ? 0 : 1;
  if (count > MAX_SHARDS || Number(number) < first || Number(number) > first + count - 1) {
    const message = `${quoted(entry)} calls itself part ${number} of ${total}; the file is shown alone`;
    return {
      label: entry,
      names: [entry],
      missing: [],
      findings: [...findings, found("safetensors/shard-number", { message, part: entry })],
    };
  }
  const names = Array.from({ length: count }, (_, i) => nameOf(first + i));
  return {
    label: entry,
    names: names.filter((name) => name === entry || (here?.has(name) ?? true)),
    missing: names.filter((name) => name !== entry && !(here?.has(name) ?? true)),
    declaredParts: count,
    findings,
  };
}

/** Indexes that may list `entry`, the likeliest first: the one with its prefix. */
function indexesFor(entry: string, present: readonly string[]): string[] {
  const stem = entry.replace(SHARD_NAME, "$1").replace(/[_-]$/, "");
  const indexes = present.filter((name) => INDEX_NAME.test(name));
  return indexes.sort((a, b) => Number(b.startsWith(`${stem}.`)) - Number(a.startsWith(`${stem}.`)));
}

/** What lies in the place of an index where a download went wrong. */
const NO_INDEX: ReadonlySet<string> = new Set(["git-lfs-pointer", "html", "empty", "zeros"]);

async function readIndex(files: FileSet, name: string, options: ReadOptions): Promise<SafetensorsIndex> {
  const source = await files.open(name);
  try {
    if (source.sizeBytes > MAX_INDEX_BYTES) throw indexTooLarge(name, source.sizeBytes);
    const bytes = await source.read(0, source.sizeBytes, options);
    const what = sniff(bytes.subarray(0, SNIFF_BYTES), name);
    if (NO_INDEX.has(what.kind)) throw describeForeign(what, name);
    return parseIndexJson(bytes, name);
  } finally {
    await source.close();
  }
}

interface ShardsRead {
  readonly read: SafetensorsFile[];
  readonly missing: string[];
  readonly failed: { readonly name: string; readonly error: CheckpointError }[];
}

/** Reads the files of the plan, a few at a time; the answer is in the order of its names. */
async function readShards(
  files: FileSet,
  { names, index }: Plan,
  { source, entry, onPart, ...options }: SetOptions & { readonly entry: string },
): Promise<ShardsRead> {
  const limit = pLimit(files.remote ? REMOTE_SHARDS_AT_ONCE : SHARDS_AT_ONCE);
  const windows = files.remote && index ? likelyHeaders(index) : undefined;
  let done = 0;
  const outcomes = await Promise.all(
    names.map((name) =>
      limit(async () => {
        options.signal?.throwIfAborted();
        try {
          const open = name === entry && source ? source : await files.open(name);
          const firstWindowBytes = windows?.get(name);
          return await readPart(open, name, { ...options, ...(firstWindowBytes && { firstWindowBytes }) });
        } catch (error) {
          return { name, error: faultOfFile(error, options) };
        } finally {
          onPart?.(++done, names.length);
        }
      }),
    ),
  ).finally(() => limit.clearQueue());
  const read: SafetensorsFile[] = [];
  const missing: string[] = [];
  const failed: { name: string; error: CheckpointError }[] = [];
  for (const outcome of outcomes) {
    if ("format" in outcome) read.push(outcome);
    else if (isAbsent(outcome.error) && names.length > 1) missing.push(outcome.name);
    else failed.push(outcome);
  }
  return { read, missing, failed };
}

/** Beside its name: dtype, dimensions and offsets of a tensor take 70 to 110 bytes in a header. */
const ENTRY_BYTES = 120;
/** `__metadata__`, padding, and the least that is worth a request. */
const LEAST_WINDOW_BYTES = 8 * 1024;

/** By file: bytes that its header will hardly exceed, from the names of the tensors that the index places in it. */
function likelyHeaders({ weightMap }: SafetensorsIndex): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  for (const [tensor, shard] of weightMap) {
    bytes.set(shard, (bytes.get(shard) ?? LEAST_WINDOW_BYTES) + tensor.length + ENTRY_BYTES);
  }
  for (const [shard, likely] of bytes) bytes.set(shard, Math.min(likely, 8 * FIRST_WINDOW_BYTES));
  return bytes;
}

async function readPart(source: ByteSource, name: string, options: SafetensorsReadOptions): Promise<SafetensorsFile> {
  try {
    // Under the name that the index uses, whatever the source calls itself.
    return await readSafetensors({ ...bound(source), name }, options);
  } finally {
    await source.close();
  }
}

function bound(source: ByteSource): ByteSource {
  const { name, sizeBytes, remote = false } = source;
  return { name, sizeBytes, remote, read: (...args) => source.read(...args), close: () => source.close() };
}
