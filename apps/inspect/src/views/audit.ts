/** `inspect audit` for people: one repo with everything that was found; of several a line each. */
import { formatBytes, formatExact, plural } from "@checkpoint-inspect/analysis";
import type { Severity } from "@checkpoint-inspect/parser";

import type { AuditedCheckpoint, AuditRow } from "../audit/row.ts";
import type { AuditSummary } from "../audit/summary.ts";
import {
  checkpointSize,
  factWords,
  parameterWords,
  pinnedAs,
  quantWords,
  shortCommit,
  shortWords,
  trafficWords,
  troubleOf,
} from "../audit/words.ts";
import { countWords, SEVERITIES, worstOf } from "../severities.ts";
import type { Style } from "../terminal.ts";
import { severitySection, worstLines } from "./check.ts";
import { severityColor } from "./palette.ts";
import { heading } from "./parts.ts";
import { table } from "./table.ts";
import { cut, padEnd, safe, width, wrap } from "./text.ts";

/** A repo may hold hundreds; a person reads a screen. */
const CHECKPOINTS_SHOWN = 30;

/** One repo, with everything that was found. */
export function auditView(row: AuditRow, style: Style): string {
  const sections = [
    titleLines(row, style),
    troubleLines(row, style.width).map((line) => style.color.yellow(line)),
    checkpointLines(row, style),
    factLines(row, style),
    ...SEVERITIES.map((severity: Severity) => severitySection(severity, { findings: row.findings }, style)),
    [`${verdictWord(row, style)}  ${countWords(row.counts)}`, style.color.dim(trafficWords([row]))],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

function titleLines(row: AuditRow, style: Style): string[] {
  const { id, target, revision, commit } = row;
  const name = cut(safe(id ?? target), style.width, "middle", style.glyphs.ellipsis);
  const at = [revision, commit === null || commit === revision ? null : shortCommit(commit)]
    .filter((word) => word !== null)
    .map((word) => safe(word))
    .join(` ${style.glyphs.dot} `);
  const pin = pinnedAs(row);
  const fits = width(name) + 2 + width(at) <= style.width;
  return [
    fits ? `${style.color.bold(name)}  ${style.color.dim(at)}`.trimEnd() : style.color.bold(name),
    ...(fits || at === "" ? [] : wrap(at, style.width).map((line) => style.color.dim(line))),
    ...(pin ? wrap(`pin it: ${safe(pin)}`, style.width).map((line) => style.color.dim(line)) : []),
  ];
}

/** What couldn't be looked at, first of all, so that nobody takes a part for the whole. */
function troubleLines(row: AuditRow, columns: number): string[] {
  return troubleOf(row).flatMap(([inPart, why]) =>
    wrap(`${inPart ? "In part" : "Not looked at"}: ${safe(why)}`, columns),
  );
}

function checkpointLines({ checkpoints }: AuditRow, style: Style): string[] {
  if (checkpoints.length === 0) return [];
  const shown = checkpoints.slice(0, CHECKPOINTS_SHOWN);
  const kinds = new Set(checkpoints.filter(({ opened }) => opened).map(whatWords));
  // Quantizations of one model: what it is needs saying once.
  const common = kinds.size === 1 ? [...kinds][0] : undefined;
  const lines = table<AuditedCheckpoint>(
    shown,
    [
      { title: "", cell: ({ entry, label }) => safe(entry || label), stretch: true, cutAt: "middle" },
      { title: "", cell: (one) => safe(one.architecture ?? ""), optional: 1 },
      {
        title: "",
        cell: (one) => (one.opened && common ? "" : whatWords(one)),
        optional: 2,
        paint: (text) => style.color.dim(text),
      },
      { title: "parameters", cell: parameterWords, align: "right" },
      { title: "stored as", cell: (one) => safe(quantWords(one)) },
      { title: "size", cell: checkpointSize, align: "right" },
    ],
    style,
    { stretchMin: 24 },
  );
  const more = checkpoints.length - shown.length;
  if (more > 0) lines.push(style.color.dim(`  and ${formatExact(more)} more: see --json`));
  return [heading(`Checkpoints: ${formatExact(checkpoints.length)}`, style, common), ...lines];
}

/** What it is; of one whose header wasn't read, what it is there for, and that it wasn't. */
function whatWords({ kind, use, opened, error }: AuditedCheckpoint): string {
  if (opened) return use === "model" || use === "adapter" ? (kind ?? "") : use;
  return error ? `${use}, not readable` : `${use}, not opened`;
}

function factLines(row: AuditRow, style: Style): string[] {
  const facts = factWords(row);
  if (facts.length === 0) return [];
  const names = Math.max(...facts.map(([name]) => width(name)));
  return facts.flatMap(([name, value]) =>
    wrap(safe(value), style.width - names - 4).map((line, i) => {
      const label = padEnd(i === 0 ? name : "", names);
      return `  ${style.color.dim(label)}  ${line}`;
    }),
  );
}

/** In capitals where it fails or can't be told, so that it is seen without colour. */
function verdictWord(row: AuditRow, style: Style): string {
  const worst = worstOf(row.counts);
  if (row.failed) return style.color.bold(severityColor(style, worst ?? "error")("FAIL"));
  if (row.id === null) return style.color.bold.yellow("NONE");
  if (row.partial) return style.color.yellow("part");
  return worst === undefined ? style.color.green("ok") : severityColor(style, worst)("ok");
}

/** One repo of several: a line, what couldn't be looked at, and the worst of what was found. */
export function auditLines(row: AuditRow, style: Style): string {
  const { id, target, counts, findings } = row;
  const words = row.error ? "" : countWords(counts);
  const room = style.width - 6 - 2 - width(words);
  const name = cut(safe(id ?? target), Math.max(20, room), "middle", style.glyphs.ellipsis);
  const what = safe(shortWords(row));
  const first = `${padEnd(verdictWord(row, style), 4)}  ${padEnd(name, Math.min(room, 40))}  ${style.color.dim(words)}`;
  const fits = what !== "" && width(first) + 2 + width(what) <= style.width;
  return [
    fits ? `${first}  ${style.color.dim(what)}` : first.trimEnd(),
    ...troubleLines(row, style.width - 6).map((line) => style.color.yellow(`      ${line}`)),
    ...worstLines(findings, `inspect audit ${safe(target)}`, style),
  ].join("\n");
}

/** The last lines of a run over several. */
export function auditSummaryLines(summary: AuditSummary, style: Style): string {
  const { repositories, failed, hubFailures, partial, resumed, counts, requests, bytes } = summary;
  const passed = partial > 0 ? style.color.yellow("part") : style.color.green("ok");
  const word = failed > 0 ? style.color.bold.red("FAIL") : passed;
  const words = [
    `${plural(repositories, "repo")}: ${formatExact(failed)} failed`,
    ...(hubFailures > 0 ? [`${formatExact(hubFailures)} not looked at or not whole`] : []),
    ...(partial > hubFailures ? [`${formatExact(partial - hubFailures)} in part`] : []),
    ...(resumed > 0 ? [`${formatExact(resumed)} done before`] : []),
  ];
  const [first = "", ...more] = wrap(`${words.join(", ")}; ${countWords(counts)}`, style.width - 6);
  return [
    `${padEnd(word, 4)}  ${first}`,
    ...more.map((line) => `      ${line}`),
    style.color.dim(`      ${plural(requests, "request")}, ${formatBytes(bytes)}`),
  ].join("\n");
}
