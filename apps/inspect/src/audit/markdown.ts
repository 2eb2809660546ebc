/** The answer of `inspect audit` as markdown: a report for a pull request. */
import { formatExact, plural } from "@checkpoint-inspect/analysis";
import type { Finding } from "@checkpoint-inspect/parser";

import { countWords, SEVERITIES } from "../severities.ts";
import { markdownName, markdownTable, markdownText } from "./markdown-text.ts";
import type { AuditedCheckpoint, AuditRow } from "./row.ts";
import type { AuditSummary } from "./summary.ts";
import {
  checkpointSize,
  factWords,
  parameterWords,
  pinnedAs,
  quantWords,
  shortWords,
  trafficWords,
  troubleOf,
} from "./words.ts";

/** GitHub takes 65,536 characters a comment; a person reads far less. */
const FINDINGS_SHOWN = 100;
const CHECKPOINTS_SHOWN = 50;

/** @param rows in the order of what was asked for */
export function auditMarkdown(rows: readonly AuditRow[], summary: AuditSummary): string {
  const [only] = rows;
  if (rows.length === 1 && only) return text([...section(only, "##"), trafficWords([only])]);
  const detailed = rows.filter((row) => row.findings.length > 0 || row.error !== null || row.partial);
  return text([
    `## Audit of ${plural(rows.length, "repo")}`,
    summaryWords(summary),
    markdownTable(
      ["", "repo", "what", "findings"],
      rows.map((row) => [verdict(row), repoLink(row), markdownText(shortWords(row)), countWords(row.counts)]),
    ).join("\n"),
    ...detailed.flatMap((row) => section(row, "###")),
    trafficWords(rows),
  ]);
}

/** Blocks with a blank line between them. */
function text(blocks: readonly string[]): string {
  return `${blocks.filter((block) => block !== "").join("\n\n")}\n`;
}

function section(row: AuditRow, level: "##" | "###"): string[] {
  const { findings, checkpoints } = row;
  const pin = pinnedAs(row);
  const trouble = troubleOf(row).map(
    ([inPart, why]) => `${inPart ? "Looked at in part" : "Couldn't be looked at"}: ${markdownText(why)}`,
  );
  const facts = factWords(row).map(([name, value]) => `- ${name}: ${markdownText(value)}`);
  return [
    level === "##" ? `## Audit of ${repoLink(row)}` : `### ${repoLink(row)}`,
    `**${verdict(row)}**: ${countWords(row.counts)}`,
    ...trouble,
    [...(pin ? [`- pin it: ${markdownName(pin)}`] : []), ...facts].join("\n"),
    checkpointTable(checkpoints),
    findingTable(findings),
  ];
}

function repoLink({ url, id, target }: AuditRow): string {
  const name = markdownName(id ?? target);
  // An angle bracket or a space would end a link in angle brackets; an escaped URL has neither.
  return url === null || /[<>\s\\]/.test(url) ? name : `[${name}](<${url}>)`;
}

function verdict(row: AuditRow): string {
  if (row.failed) return "failed";
  if (row.id === null) return "not looked at";
  return row.partial ? "looked at in part" : "passed";
}

function summaryWords({ repositories, failed, hubFailures }: AuditSummary): string {
  const unasked = hubFailures > 0 ? `, ${formatExact(hubFailures)} not looked at or not whole` : "";
  return `${formatExact(failed)} of ${plural(repositories, "repo")} failed${unasked}.`;
}

function checkpointTable(checkpoints: readonly AuditedCheckpoint[]): string {
  if (checkpoints.length === 0) return "";
  const rows = checkpoints
    .slice(0, CHECKPOINTS_SHOWN)
    .map((one) => [
      markdownName(one.entry === "" ? one.label : one.entry),
      markdownText(one.kind ?? one.use),
      one.architecture === null ? "" : markdownName(one.architecture),
      parameterWords(one),
      markdownText(quantWords(one)),
      checkpointSize(one),
    ]);
  const more = checkpoints.length - rows.length;
  return [
    ...markdownTable(["checkpoint", "what", "architecture", "parameters", "stored as", "size"], rows),
    ...(more > 0 ? ["", `And ${formatExact(more)} more.`] : []),
  ].join("\n");
}

function findingTable(findings: readonly Finding[]): string {
  if (findings.length === 0) return "";
  const sorted = SEVERITIES.flatMap((severity) => findings.filter((finding) => finding.severity === severity));
  const rows = sorted
    .slice(0, FINDINGS_SHOWN)
    .map(({ severity, rule, part, message, why, fix }) => [
      severity,
      markdownName(rule),
      part === undefined ? "" : markdownName(part),
      markdownText([message, why].filter((words) => words !== undefined).join("; ")),
      markdownText(fix ?? ""),
    ]);
  const more = sorted.length - rows.length;
  return [
    ...markdownTable(["severity", "rule", "file", "what was found", "what to do"], rows),
    ...(more > 0 ? ["", `And ${formatExact(more)} more: \`--json\` has all of them.`] : []),
  ].join("\n");
}
