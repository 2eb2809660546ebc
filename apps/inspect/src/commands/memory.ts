/** `inspect memory <target..>`: what a model takes to run, what fits, how fast it would be. */
import { type FoundHardware, type Hardware, RAM, type RamRow } from "@checkpoint-inspect/analysis";
import type { CheckpointError } from "@checkpoint-inspect/parser";

import { memoryDocument } from "../memory/document.ts";
import { findHardware } from "../memory/gpus.ts";
import { type Looked, type LookFlags, look } from "../memory/look.ts";
import { print, type Style, terminalStyle } from "../terminal.ts";
import { jsonText } from "../views/json.ts";
import { compareView } from "../views/memory/compare.ts";
import { memoryView } from "../views/memory/view.ts";
import { whyView } from "../views/memory/why.ts";
import { title } from "../views/parts.ts";
import { safe, withWideText, wrap } from "../views/text.ts";
import { type CommonFlags, complain, NO_TARGET, UsageError } from "./command.ts";

export interface MemoryFlags extends Omit<CommonFlags, "target">, Omit<LookFlags, keyof CommonFlags> {
  readonly targets: readonly string[];
  readonly gpu?: string | undefined;
  readonly ram?: string | undefined;
  /** A subject, or "" for all. */
  readonly why?: string | undefined;
}

export async function runMemory(flags: MemoryFlags): Promise<void> {
  const { targets } = flags;
  if (targets.length === 0 || targets.includes("")) throw new UsageError(NO_TARGET);
  if (targets.length > 1 && flags.why !== undefined) throw new UsageError("--why explains one target at a time");
  if (flags.price !== undefined && flags.gpu === undefined)
    throw new UsageError("--price takes a GPU to reckon with: --gpu");
  checkNumbers(flags);
  const hardware = readHardware(flags.gpu);
  const ram = readRam(flags.ram);
  const style = terminalStyle(flags);
  const looked: Looked[] = [];
  // One after the other: each takes what its header takes, and no more.
  for (const target of targets) looked.push(await look(target, flags, hardware, ram));
  if (flags.json) await print(jsonText(document(looked)));
  else await print(await withWideText(() => text(looked, flags, style)));
  for (const { error } of looked) if (error) complain(error, flags);
}

function text(looked: readonly Looked[], flags: MemoryFlags, style: Style): string {
  const views = looked.flatMap(({ view }) => view ?? []);
  const [first] = views;
  const others = looked.flatMap(({ notRun }) => (notRun ? [notRunText(notRun, style)] : []));
  if (looked.length > 1) return [...(first ? [compareView(views, style)] : []), ...others].join("\n\n");
  if (first) return flags.why === undefined ? memoryView(first, style) : whyView(first, flags.why, style);
  return others.join("\n\n");
}

function notRunText(report: NonNullable<Looked["notRun"]>, style: Style): string {
  const words = "Nothing here is run by itself: it holds no model, or a change to one.";
  return [...title(report, style), "", ...wrap(words, style.width)].join("\n");
}

function document(looked: readonly Looked[]): object {
  const each = looked.map(({ target, view, notRun, error }) => {
    if (view) return memoryDocument(view);
    if (notRun) return { schemaVersion: 1, source: notRun.source, memory: null };
    return { schemaVersion: 1, target, error: errorOf(error) };
  });
  return each.length === 1 ? (each[0] as object) : { schemaVersion: 1, targets: each };
}

function errorOf(error: CheckpointError | undefined): object {
  const { code = "internal", message = "", file = null, offset = null } = error ?? {};
  return { code, message, file, offset };
}

/** Numbers that yargs takes for granted: it makes NaN of "abc". */
function checkNumbers({ price, utilization, rank }: MemoryFlags): void {
  if (price !== undefined && !(Number.isFinite(price) && price > 0))
    throw new UsageError("--price takes a number above 0, the price of an hour of all GPUs");
  if (utilization !== undefined && !(utilization > 0 && utilization <= 1))
    throw new UsageError("--utilization takes a share above 0, up to 1");
  if (!(Number.isInteger(rank) && rank >= 1 && rank <= MOST_RANK))
    throw new UsageError(`--rank takes a whole number from 1 to ${MOST_RANK}`);
}

/** Wider than any adapter is made. */
const MOST_RANK = 65_536;

/** Each GPU as often as it is there. */
function readHardware(words: string | undefined): readonly Hardware[] {
  if (words === undefined) return [];
  const answer = findHardware(words);
  if ("problem" in answer) {
    const near = answer.near.length > 0 ? `; near are ${answer.near.map((name) => `"${safe(name)}"`).join(", ")}` : "";
    throw new UsageError(`--gpu: ${safe(answer.problem)}${near}`);
  }
  return answer.hardware.flatMap(({ hardware, count }: FoundHardware) => Array.from({ length: count }, () => hardware));
}

/** "DDR5-5600" with two channels, "DDR5-4800 x8" with eight; or a speed, "90GB/s". */
function readRam(words: string | undefined): RamRow | undefined {
  if (words === undefined) return undefined;
  const [, speed] = /^(\d+(?:\.\d+)?)\s*GB\/s$/i.exec(words.trim()) ?? [];
  if (speed && Number(speed) > 0) return { name: "RAM", bytesPerSecond: Number(speed) * 1e9, source: "--ram" };
  const [, kind = "", channels = "2"] = /^(ddr\d-\d+)(?:\s*x\s*(\d+))?$/i.exec(words.trim()) ?? [];
  const row = RAM.find(({ name }) => name.toLowerCase() === `${kind.toLowerCase()}, ${channels} channels`);
  if (!row)
    throw new UsageError(
      `--ram takes a speed such as 90GB/s, or a kind such as DDR5-5600 or "DDR5-4800 x8"; got '${safe(words)}'`,
    );
  return row;
}
