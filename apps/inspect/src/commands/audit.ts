/** `inspect audit <repo...>`: every rule on repos of the Hub, from their headers and what the Hub says of them. */
import { auditRepository, type NamedRule, type RepositorySubject, RULES } from "@checkpoint-inspect/analysis";
import type { Finding, Severity } from "@checkpoint-inspect/parser";

import { eachAtOnce } from "../audit/at-once.ts";
import { auditDocument } from "../audit/audit-json.ts";
import { beforeInterrupt } from "../audit/interrupt.ts";
import type { LookAtRepo } from "../audit/look.ts";
import { auditMarkdown } from "../audit/markdown.ts";
import { type AuditProgress, auditProgress } from "../audit/progress.ts";
import { openResults, ResultsError, type ResultsFile } from "../audit/results-file.ts";
import { type AuditRow, auditRow, rowInRun } from "../audit/row.ts";
import { rowLine } from "../audit/row-line.ts";
import { auditSarif } from "../audit/sarif.ts";
import { type AuditSummary, exitCodeOf, openTally, type Tally } from "../audit/summary.ts";
import { listTargets } from "../audit/targets.ts";
import { print, type Style, terminalStyle } from "../terminal.ts";
import { auditLines, auditSummaryLines, auditView } from "../views/audit.ts";
import { jsonText } from "../views/json.ts";
import { safe, withWideText } from "../views/text.ts";
import { type AuditFlags, MAX_PARALLEL } from "./audit-flags.ts";
import { UsageError } from "./usage.ts";

export type { AuditFlags } from "./audit-flags.ts";
export { AUDIT_DEFAULTS } from "./audit-flags.ts";

/** What the audit is given: who looks at a repo, and where its answer goes. */
export interface AuditRoom {
  readonly lookAtRepo: LookAtRepo;
  /** Of the settings: pages of files are named by it. Without a slash at the end. */
  readonly endpoint: string;
  /** Who judges what was seen, and all that findings can come from: the rules of the analysis, unless told. */
  readonly judge?: (subject: RepositorySubject) => readonly Finding[];
  readonly rules?: readonly NamedRule[];
  readonly signal?: AbortSignal;
  /** Where the answer goes, and where lists named `-` come from. */
  readonly write?: (text: string) => Promise<void>;
  readonly stdin?: AsyncIterable<Uint8Array | string>;
}

/** EX_IOERR of sysexits.h, as for an answer that can't be written. */
const WRITE_FAILED = 74;

/** @throws {UsageError} for a mistake in what was typed, before anything is asked of a server */
export async function runAudit(flags: AuditFlags, room: AuditRoom): Promise<void> {
  try {
    process.exitCode = await audit(flags, room);
  } catch (error) {
    if (!(error instanceof ResultsError)) throw error;
    process.stderr.write(`inspect: ${safe(error.message)}\n`);
    process.exitCode = WRITE_FAILED;
  }
}

type Format = "text" | "json" | "ndjson" | "sarif" | "markdown";

const FORMATS = ["json", "ndjson", "sarif", "markdown"] as const satisfies readonly Format[];

/**
 * @returns the exit code
 * @throws {ResultsError} where the file of `--out` can't be written any more
 */
export async function audit(flags: AuditFlags, room: AuditRoom): Promise<number> {
  const format = formatOf(flags);
  checkFlags(flags);
  const { repos, from, failOn } = flags;
  const { write = print, endpoint, judge = auditRepository } = room;
  const targets = await listTargets({ repos, from, stdin: () => room.stdin ?? process.stdin });
  const places = new Map(targets.map((target, index) => [target, index]));
  const style = terminalStyle(flags);
  const tally = openTally();
  // What an answer is made from in the end. A list that is streamed needs none of its rows again.
  const isKept = format !== "ndjson" && (format !== "text" || targets.length === 1);
  const rows: AuditRow[] = [];
  const take = (row: AuditRow, resumed: boolean): void => {
    tally.add(row, resumed);
    if (isKept) rows.push(row);
  };
  const results = await takeUpResults(flags, places, (row) => take(row, true));
  const left = targets.filter((target) => places.has(target));
  const progress = await auditProgress({ stream: process.stderr, quiet: flags.quiet, total: targets.length });
  const off = beforeInterrupt(() => lastWord(flags, progress, tally, targets.length));
  try {
    await eachAtOnce(left, flags.parallel, room.signal, async (target, signal) => {
      const index = places.get(target) as number;
      const tell = targets.length === 1 ? { progress: progress.tell } : {};
      const looked = await room.lookAtRepo(target, { signal, ...tell });
      // A look that ended because of the abort says nothing of the repo.
      signal.throwIfAborted();
      const row = auditRow(looked, { index, failOn, endpoint, judge });
      results?.append(row);
      take(row, false);
      const streamed = await streamedText(row, format, isKept, style);
      progress.clear();
      if (streamed !== undefined) await write(streamed);
      const { repositories, withFindings, requests } = tally.summary();
      if (targets.length > 1) progress.count(repositories, withFindings, requests);
    });
  } finally {
    off();
    progress.clear();
    results?.close();
  }
  const summary = tally.summary();
  const exitCode = exitCodeOf(summary);
  const inOrder = rows.sort((a, b) => a.index - b.index);
  const answer = await ANSWERS[format]({ rows: inOrder, summary, exitCode, failOn, style, rules: room.rules ?? RULES });
  if (answer !== undefined) await write(answer);
  return exitCode;
}

interface Answered {
  /** In the order of what was asked for; none where they were streamed. */
  readonly rows: readonly AuditRow[];
  readonly summary: AuditSummary;
  readonly exitCode: number;
  readonly failOn: Severity;
  readonly style: Style;
  readonly rules: readonly NamedRule[];
}

/** What is written when all is done. */
const ANSWERS: Readonly<Record<Format, (answered: Answered) => string | undefined | Promise<string>>> = {
  text: ({ rows: [only], summary, style }) =>
    withWideText(() => (only ? auditView(only, style) : `\n${auditSummaryLines(summary, style)}`)),
  json: ({ rows, summary, failOn }) => jsonText(auditDocument(rows, summary, failOn)),
  ndjson: () => undefined,
  sarif: ({ rows, exitCode, rules }) => jsonText(auditSarif(rows, exitCode, rules)),
  markdown: ({ rows, summary }) => auditMarkdown(rows, summary),
};

/** What is written of a repo as soon as it is done. */
async function streamedText(row: AuditRow, format: Format, isKept: boolean, style: Style): Promise<string | undefined> {
  if (format === "ndjson") return rowLine(row);
  return format === "text" && !isKept ? withWideText(() => auditLines(row, style)) : undefined;
}

/** Opens the file of `--out`; what it has of this list is taken, and off the list of what is left to do. */
async function takeUpResults(
  { out, resume, failOn }: AuditFlags,
  places: Map<string, number>,
  take: (row: AuditRow) => void,
): Promise<ResultsFile | undefined> {
  if (out === undefined) return undefined;
  return openResults(out, {
    resume,
    visit(row) {
      const index = places.get(row.target);
      if (index === undefined) return;
      places.delete(row.target);
      take(rowInRun(row, index, failOn));
    },
  });
}

function lastWord({ out, quiet }: AuditFlags, progress: AuditProgress, tally: Tally, total: number): void {
  progress.clear();
  if (out === undefined || quiet) return;
  const { repositories } = tally.summary();
  process.stderr.write(
    `inspect: stopped; ${repositories} of ${total} repos are in ${safe(out)}, --resume does the others\n`,
  );
}

function formatOf(flags: AuditFlags): Format {
  const asked = FORMATS.filter((format) => flags[format]);
  if (asked.length <= 1) return asked[0] ?? "text";
  throw new UsageError(`${asked.map((format) => `--${format}`).join(" and ")} are ${asked.length} answers; name one`);
}

function checkFlags({ parallel, resume, out }: AuditFlags): void {
  if (!Number.isInteger(parallel) || parallel < 1 || parallel > MAX_PARALLEL) {
    throw new UsageError(`--parallel takes a whole number from 1 to ${MAX_PARALLEL}`);
  }
  if (out === "" || out === "-") throw new UsageError("--out takes a file; --ndjson writes the rows to stdout");
  if (resume && out === undefined) throw new UsageError("--resume goes on with the file of --out: name it");
}
