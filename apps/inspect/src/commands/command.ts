/** What every command shares: its flags, opening the target, and where its answer goes. */
import {
  analyse,
  hasTellingTemplate,
  type Report,
  reportError,
  type TensorValues,
  valuesWanted,
} from "@checkpoint-inspect/analysis";
import { type Checkpoint, CheckpointError, decodeNumbers } from "@checkpoint-inspect/parser";

import { openTarget, type RemoteFlags } from "../open-target.ts";
import type { RemotePlace } from "../remote/open-remote.ts";
import { print, type Style, terminalStyle } from "../terminal.ts";
import { jsonText } from "../views/json.ts";
import { safe, withWideText } from "../views/text.ts";
import { UsageError } from "./usage.ts";

export interface CommonFlags extends RemoteFlags {
  readonly target: string;
  readonly json: boolean;
  readonly color?: boolean | undefined;
  readonly width?: number | undefined;
  readonly quiet: boolean;
}

export const COMMON_DEFAULTS = { json: false, quiet: false } as const;

/** What the process says of itself. 70 is EX_SOFTWARE of sysexits.h. */
export const EXIT = { findings: 1, usage: 2, unreadable: 3, network: 4, internal: 70 } as const;

export { UsageError } from "./usage.ts";

export const NO_TARGET = "name a target: a file, any part of a set, an index, or a folder";

export interface Opened {
  readonly checkpoint: Checkpoint;
  readonly style: Style;
  /** Where it is, of a target that isn't local. */
  readonly place?: RemotePlace;
  /** Made on demand: `meta` needs no analysis. */
  report(): Promise<Report>;
  /** What a header can't say, out of a few small tensors; empty for nearly every checkpoint. */
  values(): Promise<TensorValues>;
}

/** Reads what analysis asks for. A part that is gone by now leaves it without, and it says what it then doesn't know. */
export async function smallValues(checkpoint: Checkpoint): Promise<TensorValues> {
  const wanted = valuesWanted(checkpoint);
  if (wanted.length === 0) return new Map();
  const data = await checkpoint.readData(wanted).catch((error: unknown) => {
    if (error instanceof CheckpointError) return [];
    throw error;
  });
  const values = new Map<string, readonly number[]>();
  for (const [i, { name, type }] of wanted.entries()) {
    const numbers = decodeNumbers(type, data[i] ?? new Uint8Array());
    if (numbers) values.set(name, numbers);
  }
  return values;
}

/** What is shown of a place where the checkpoint itself couldn't be opened, before the error. */
export interface PlaceView {
  text(place: RemotePlace, style: Style): Promise<string>;
  json(place: RemotePlace): Promise<object>;
}

/**
 * Opens the target, runs the command on it, prints what it returns, and closes the files.
 * @param text the answer for people
 * @param json the answer for scripts
 */
export async function runOn(
  flags: CommonFlags,
  text: (opened: Opened) => string | Promise<string>,
  json: (opened: Opened) => unknown | Promise<unknown>,
  view?: PlaceView,
): Promise<void> {
  if (flags.target === "") throw new UsageError(NO_TARGET);
  const { checkpoint, error: failure, place } = await openTarget(flags.target, flags);
  if (!checkpoint) {
    if (!failure) return;
    const shown = view && place?.repository ? { view, place } : undefined;
    if (flags.json) {
      const more = await shown?.view.json(shown.place);
      await print(jsonText({ schemaVersion: 1, error: reportError(failure), ...more }));
    } else if (shown) await print(await withWideText(() => shown.view.text(shown.place, terminalStyle(flags))));
    complain(failure, flags);
    return;
  }
  if (!view && place?.why !== undefined && !flags.quiet) process.stderr.write(`inspect: ${safe(place.why)}\n`);
  try {
    let report: Promise<Report> | undefined;
    let values: Promise<TensorValues> | undefined;
    const opened: Opened = {
      checkpoint,
      style: terminalStyle(flags),
      ...(place && { place }),
      values: () => {
        values ??= smallValues(checkpoint);
        return values;
      },
      report: () => {
        report ??= opened.values().then(async (known) => {
          const rules = hasTellingTemplate(checkpoint) ? (await import("../template-rules.ts")).TEMPLATE_RULES : [];
          return analyse(checkpoint, { target: flags.target, values: known, rules });
        });
        return report;
      },
    };
    const { error } = checkpoint;
    if (error) complain(error, flags);
    await print(flags.json ? jsonText(await json(opened)) : await withWideText(() => text(opened)));
  } catch (error) {
    // An array that is read on demand may turn out to be cut off, or too large to show.
    if (!(error instanceof CheckpointError)) throw error;
    if (flags.json) await print(jsonText({ schemaVersion: 1, error: reportError(error) }));
    complain(error, flags);
  } finally {
    await checkpoint.close();
  }
}

/** One line on stderr: the file, the problem, what to do; and the exit code that goes with it. */
export function complain(error: CheckpointError, { quiet }: { readonly quiet: boolean }): void {
  const where = error.file && !error.message.includes(error.file) ? `${error.file}: ` : "";
  if (!quiet) process.stderr.write(`inspect: ${safe(where + error.message)}\n`);
  process.exitCode = exitCodeOf(error);
}

/** Errors of the way to a checkpoint, not of the checkpoint. */
const OF_THE_WAY: ReadonlySet<string> = new Set(["network", "auth", "not-on-server"]);

/** What the process says of an error that left nothing to show. */
export function exitCodeOf({ code }: CheckpointError): number {
  return OF_THE_WAY.has(code) ? EXIT.network : EXIT.unreadable;
}
