/** `inspect check` for people: findings by severity, each rule once; of several checkpoints a line each. */
import { formatBytes, formatExact, kindTitle, plural, RULES } from "@checkpoint-inspect/analysis";
import type { Finding, Severity } from "@checkpoint-inspect/parser";

import type { CheckedReport } from "../check/check-one.ts";
import type { Summary } from "../check/summary.ts";
import { countBySeverity, countWords, fails, SEVERITIES, worstOf } from "../severities.ts";
import type { Style } from "../terminal.ts";
import { severityColor } from "./palette.ts";
import { heading, title } from "./parts.ts";
import { cut, padEnd, safe, width, wrap } from "./text.ts";

/** Findings of one rule that are shown one by one: beyond, a person reads no list. */
const CASES_SHOWN = 8;
/** Findings of one checkpoint among several. */
const SHOWN_IN_SUMMARY = 4;

const TITLES = { error: "Errors", warning: "Warnings", note: "Notes" } as const satisfies Record<Severity, string>;

/** One checkpoint, with everything that was found. */
export function checkView(checked: CheckedReport, failOn: Severity, style: Style): string {
  const { report, target, findings } = checked;
  const sections = [
    report ? title(report, style) : [style.color.bold(cut(safe(target), style.width, "middle", style.glyphs.ellipsis))],
    ...SEVERITIES.map((severity) => severitySection(severity, checked, style)),
    factLines(checked, style),
    [verdictLine(findings, failOn, style), ...scopeLines(checked, style)],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

/**
 * Findings of one severity, each rule once.
 * @param source where there is one file alone, it needn't be said which
 */
export function severitySection(
  severity: Severity,
  { findings, source }: Pick<CheckedReport, "findings" | "source">,
  style: Style,
): string[] {
  const own = findings.filter((finding) => finding.severity === severity);
  if (own.length === 0) return [];
  const only = source?.parts.length === 1 ? source.parts[0]?.name : undefined;
  const byRule = grouped(own, ({ rule }) => rule);
  return [
    heading(`${TITLES[severity]}: ${formatExact(own.length)}`, style),
    ...[...byRule].flatMap(([rule, cases]) => ruleLines(rule, cases, only, style)),
  ];
}

/** Items by key, in the order of their first ones. (Map.groupBy came with Node 21.) */
function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

/**
 * The rule's name, its cases, and once what they have in common: why it matters and what to do.
 * @param only the name of the one file, which needn't be said
 */
function ruleLines(rule: string, cases: readonly Finding[], only: string | undefined, style: Style): string[] {
  const shown = cases.slice(0, CASES_SHOWN);
  const lines = [`  ${severityColor(style, cases[0]?.severity ?? "note")(rule)}`];
  for (const [i, finding] of shown.entries()) {
    lines.push(...wrap(safe(finding.message), style.width - 4).map((line) => `    ${line}`));
    lines.push(...asideLines(placeWords(finding, only), style));
    const next = shown[i + 1];
    if (next && next.why === finding.why && next.fix === finding.fix) continue;
    lines.push(...asideLines(finding.why, style), ...asideLines(finding.fix && `fix: ${finding.fix}`, style));
  }
  const more = cases.length - shown.length;
  if (more > 0) lines.push(style.color.dim(`    and ${formatExact(more)} more: see --json`));
  return lines;
}

function asideLines(text: string | undefined, style: Style): string[] {
  return text ? wrap(safe(text), style.width - 6).map((line) => style.color.dim(`      ${line}`)) : [];
}

/** Where it is, as far as the message doesn't say so itself. */
function placeWords({ message, part, offset }: Finding, only: string | undefined): string {
  const words = [
    part !== undefined && part !== only && !message.includes(part) ? `in ${part}` : "",
    offset !== undefined && !message.includes(`byte ${formatExact(offset)}`) ? `at byte ${formatExact(offset)}` : "",
  ];
  return words.filter((word) => word !== "").join(" ");
}

/** What was asked for besides the header, and what came of it. */
function factLines({ weights, secondOpinion }: CheckedReport, style: Style): string[] {
  const words = [...(weights?.words ?? []), ...(secondOpinion ? [secondOpinion.summary] : [])];
  return words.flatMap((text) => wrap(safe(text), style.width));
}

function verdictLine(findings: readonly Finding[], failOn: Severity, style: Style): string {
  const counts = countBySeverity(findings);
  return `${verdictWord(findings, failOn, style)}  ${countWords(counts)}`;
}

/** In capitals where it fails, so that it is seen without colour. */
function verdictWord(findings: readonly Finding[], failOn: Severity, style: Style): string {
  const counts = countBySeverity(findings);
  if (fails(counts, failOn)) return style.color.bold(severityColor(style, worstOf(counts) ?? "error")("FAIL"));
  const worst = worstOf(counts);
  return worst === undefined ? style.color.green("ok") : severityColor(style, worst)("ok");
}

/** What the verdict rests on. */
function scopeLines({ report, filesBeside, weights, secondOpinion, remote }: CheckedReport, style: Style): string[] {
  if (!report) return [];
  const notRun = ["repo/", ...(weights ? [] : ["weights/"]), ...(secondOpinion ? [] : ["opinion/"])];
  const run = RULES.filter(({ id }) => !notRun.some((family) => id.startsWith(family)));
  const beside = filesBeside > 0 ? ` and ${plural(filesBeside, "file")} beside it` : "";
  const unread = weights
    ? ""
    : `; the weights' values weren't read (--weights reads them${remote ? " once it is downloaded" : ""})`;
  const words = `${formatExact(run.length)} rules, on the header${beside}${unread}`;
  return wrap(words, style.width).map((line) => style.color.dim(line));
}

/** One checkpoint of several: a line, and the worst of what was found. */
export function checkedLines(checked: CheckedReport, failOn: Severity, style: Style): string {
  const { target, findings, report } = checked;
  const counts = countBySeverity(findings);
  const mark = padEnd(verdictWord(findings, failOn, style), 4);
  const words = countWords(counts);
  const room = style.width - 6 - 2 - width(words);
  const name = cut(safe(target), Math.max(20, room), "middle", style.glyphs.ellipsis);
  const kind = report && counts.error === 0 ? kindTitle(report) : "";
  const first = `${mark}  ${padEnd(name, Math.min(room, 40))}  ${style.color.dim(words)}`;
  const fits = kind !== "" && width(first) + 2 + width(kind) <= style.width;
  return [
    fits ? `${first}  ${style.color.dim(kind)}` : first,
    ...worstLines(findings, `inspect check ${name}`, style),
  ].join("\n");
}

/**
 * Below the line of one of several: the worst of what was found, notes aside.
 * @param command what shows the others
 */
export function worstLines(findings: readonly Finding[], command: string, style: Style): string[] {
  const worst = SEVERITIES.filter((severity) => severity !== "note").flatMap((severity) =>
    findings.filter((finding) => finding.severity === severity),
  );
  const more = worst.length - SHOWN_IN_SUMMARY;
  return [
    ...worst.slice(0, SHOWN_IN_SUMMARY).flatMap((finding) => {
      const text = `${finding.rule}: ${safe(finding.message)}`;
      const [head = "", ...rest] = wrap(text, style.width - 8);
      const id = finding.rule.length + 1;
      return [
        `      ${severityColor(style, finding.severity)(head.slice(0, id))}${head.slice(id)}`,
        ...rest.map((line) => `        ${line}`),
      ];
    }),
    ...(more > 0 ? [style.color.dim(`      and ${formatExact(more)} more: ${command}`)] : []),
  ];
}

/** The last lines of a run over several. */
export function summaryLines({ checkpoints, failed, counts, weightBytes }: Summary, style: Style): string {
  const verdict = failed > 0 ? style.color.bold.red("FAIL") : style.color.green("ok");
  const read = weightBytes > 0 ? `; ${formatBytes(weightBytes)} of weights read` : "";
  const words = `${plural(checkpoints, "checkpoint")}: ${formatExact(failed)} failed, ${formatExact(checkpoints - failed)} passed; ${countWords(counts)}${read}`;
  const [first = "", ...more] = wrap(words, style.width - 6);
  return [`${verdict}  ${first}`, ...more.map((line) => `      ${line}`)].join("\n");
}

/** `inspect check --list`: every rule by its family. */
export function ruleListView(style: Style): string {
  const families = grouped(RULES, ({ id }) => id.slice(0, id.indexOf("/")));
  const sections = [...families].map(([family, rules]) => [
    heading(`${family}: ${plural(rules.length, "rule")}`, style),
    ...rules.flatMap(({ id, severity, means, why, fix }) => [
      `  ${severityColor(style, severity)(id)}  ${style.color.dim(severity)}`,
      ...wrap(means, style.width - 4).map((line) => `    ${line}`),
      ...asideLines(why, style),
      ...asideLines(`fix: ${fix}`, style),
    ]),
  ]);
  return sections.map((lines) => lines.join("\n")).join("\n\n");
}
