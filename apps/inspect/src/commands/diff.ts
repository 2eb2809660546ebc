/** `inspect diff A B`: two checkpoints side by side, across formats; from their headers alone. */
import {
  analyse,
  type Diff,
  type DiffSide,
  diffCheckpoints,
  diffGroups,
  diffSide,
  reportError,
} from "@checkpoint-inspect/analysis";
import type { CheckpointError } from "@checkpoint-inspect/parser";

import { openTarget } from "../open-target.ts";
import { print, terminalStyle } from "../terminal.ts";
import { diffView } from "../views/diff.ts";
import { diffMarkdown } from "../views/diff-markdown.ts";
import { jsonText } from "../views/json.ts";
import { safe, withWideText } from "../views/text.ts";
import { type CommonFlags, complain, smallValues, UsageError } from "./command.ts";
import { TWO_TARGETS } from "./diff-flags.ts";

export interface DiffFlags extends Omit<CommonFlags, "target"> {
  readonly targets: readonly string[];
  /** A row for every tensor that differs. */
  readonly all: boolean;
  readonly markdown: boolean;
}

interface Looked {
  readonly target: string;
  readonly side?: DiffSide;
  readonly error?: CheckpointError;
}

/** What differs is the answer, not a failure: the exit code says only whether both could be read. */
export async function runDiff(flags: DiffFlags): Promise<void> {
  const [targetA = "", targetB = "", ...more] = flags.targets;
  if (targetA === "" || targetB === "" || more.length > 0) throw new UsageError(TWO_TARGETS);
  if (flags.json && flags.markdown) throw new UsageError("--json and --markdown are two answers; choose one");
  // One after the other: each takes what its header takes, and no more.
  const a = await look(targetA, flags);
  const b = await look(targetB, flags);
  const errors = [a, b].flatMap(({ target, error }) => (error ? [{ target, error }] : []));
  if (a.side && b.side) {
    const diff = diffCheckpoints(a.side, b.side);
    await print(flags.json ? jsonText(diffDocument(diff, flags, errors)) : await withWideText(() => text(diff, flags)));
  } else if (flags.json) {
    const [first] = errors;
    if (first) await print(jsonText({ schemaVersion: 1, target: first.target, error: reportError(first.error) }));
  }
  for (const { error } of errors) complain(error, flags);
}

async function look(target: string, flags: DiffFlags): Promise<Looked> {
  // Safetensors keep their chat template in a file beside the weights.
  const { checkpoint, error, place } = await openTarget(target, flags, { beside: true });
  if (!checkpoint) return { target, ...(error && { error }) };
  // Which of a repo's files was taken, where nobody said.
  if (place?.why !== undefined && !flags.quiet) process.stderr.write(`inspect: ${safe(place.why)}\n`);
  try {
    const values = await smallValues(checkpoint);
    const side = diffSide(checkpoint, analyse(checkpoint, { target, values }), values);
    return { target, side, ...(checkpoint.error && { error: checkpoint.error }) };
  } finally {
    await checkpoint.close();
  }
}

function text(diff: Diff, flags: DiffFlags): string {
  return flags.markdown ? diffMarkdown(diff, flags.all) : diffView(diff, terminalStyle(flags), flags.all);
}

/** What `--json` prints. Rows that are the same are the many that nobody asks for: `--all` has them. */
export function diffDocument(
  diff: Diff,
  { all }: Pick<DiffFlags, "all">,
  errors: readonly Required<Omit<Looked, "side">>[],
): object {
  const { rows, ...rest } = diff;
  const differing = rows.filter(({ kind }) => kind !== "same");
  return {
    schemaVersion: 1,
    ...rest,
    groups: diffGroups(differing),
    rows: all ? rows : differing,
    ...(errors.length > 0 && {
      errors: errors.map(({ target, error }) => ({ target, ...reportError(error) })),
    }),
  };
}
