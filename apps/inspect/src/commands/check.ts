/** `inspect check <target...>`: every rule on every checkpoint named. */
import { resolve } from "node:path";

import { RULES, SCHEMA_VERSION } from "@checkpoint-inspect/analysis";
import type { Severity } from "@checkpoint-inspect/parser";

import { checkDocument } from "../check/check-json.ts";
import { type Checked, type CheckedReport, checkOne } from "../check/check-one.ts";
import { sarifLog } from "../check/sarif.ts";
import { summarise } from "../check/summary.ts";
import { expandTargets } from "../check/targets.ts";
import { print, terminalStyle } from "../terminal.ts";
import { checkedLines, checkView, ruleListView, summaryLines } from "../views/check.ts";
import { jsonText } from "../views/json.ts";
import { withWideText } from "../views/text.ts";
import { type CommonFlags, EXIT, exitCodeOf, NO_TARGET, UsageError } from "./command.ts";

export interface CheckFlags extends Omit<CommonFlags, "target"> {
  readonly targets: readonly string[];
  readonly failOn: Severity;
  readonly weights: boolean;
  readonly secondOpinion: boolean;
  readonly sarif: boolean;
  readonly list: boolean;
}

export const CHECK_DEFAULTS = {
  failOn: "error",
  weights: false,
  secondOpinion: false,
  sarif: false,
  list: false,
} as const;

export async function runCheck(flags: CheckFlags): Promise<void> {
  const style = terminalStyle(flags);
  if (flags.json && flags.sarif) throw new UsageError("--json and --sarif are two answers; name one");
  if (flags.list && flags.sarif) throw new UsageError("--list has no form as SARIF; a log of --sarif names every rule");
  if (flags.list) {
    await print(flags.json ? jsonText(ruleDocument()) : ruleListView(style));
    return;
  }
  if (flags.targets.length === 0 || flags.targets.includes("")) throw new UsageError(NO_TARGET);
  const streamed = !flags.json && !flags.sarif;
  const all = await checkAll(flags, async (checked, several) => {
    if (!streamed) return;
    const lines = several
      ? () => checkedLines(checked, flags.failOn, style)
      : () => checkView(checked, flags.failOn, style);
    await print(await withWideText(lines));
  });
  const summary = summarise(all, flags.failOn);
  process.exitCode = exitCodeFor(all, summary);
  if (flags.json) await print(jsonText(checkDocument(all, flags.failOn)));
  else if (flags.sarif) await print(jsonText(sarifLog(all, process.exitCode)));
  else if (all.length > 1) await print(await withWideText(() => `\n${summaryLines(summary, style)}`));
}

/** Where there was nothing to check at all, what that says of the file (3) or the way to it (4); else 1 where something is at or above `--fail-on`. */
function exitCodeFor(
  all: readonly Checked[],
  { checkpoints, unreadable, failed }: ReturnType<typeof summarise>,
): number {
  if (unreadable === checkpoints)
    return Math.max(...all.map(({ error }) => (error ? exitCodeOf(error) : EXIT.unreadable)));
  return failed > 0 ? EXIT.findings : 0;
}

/** One after the other, so that a folder of any size takes the memory of its largest checkpoint. */
async function checkAll(
  flags: CheckFlags,
  visit: (checked: CheckedReport, several: boolean) => Promise<void>,
): Promise<Checked[]> {
  const options = { ...flags, progress: !flags.quiet && process.stderr.isTTY === true };
  const targets = await expandTargets(flags.targets);
  const all: Checked[] = [];
  // A set stands for its parts: those that were named or found too aren't checked again.
  const read = new Set<string>();
  const isNew = (target: string): boolean => !read.has(resolve(target));
  for (const target of targets) {
    if (!isNew(target)) continue;
    const { report, ...checked } = await checkOne(target, options);
    read.add(resolve(target));
    for (const name of looked(checked)) read.add(resolve(checked.folder ?? "", name));
    all.push(checked);
    await visit(report ? { ...checked, report } : checked, all.length > 1 || targets.some(isNew));
  }
  return all;
}

/** Files that need no look of their own: parts, and what lies beside an index that doesn't name it, which is a finding already. */
function looked({ source, findings }: Checked): string[] {
  const orphans = findings.flatMap(({ rule, part }) => (rule === "safetensors/orphan-shard" && part ? [part] : []));
  return [...(source?.parts ?? []).map(({ name }) => name), ...orphans];
}

/** Every rule, for scripts. */
function ruleDocument() {
  return {
    schemaVersion: SCHEMA_VERSION,
    rules: RULES.map(({ id, severity, severities = [], means, why, fix }) => ({
      id,
      severity,
      otherSeverities: severities,
      means,
      why,
      fix,
    })),
  };
}
