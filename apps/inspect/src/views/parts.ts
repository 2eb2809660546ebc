/** Pieces that several views share: the title, section heads, findings, ranges. */
import { formatBytes, formatExact, KIND_WORDS, type Report } from "@checkpoint-inspect/analysis";
import type { Finding } from "@checkpoint-inspect/parser";

import type { Style } from "../terminal.ts";
import { severityColor } from "./palette.ts";
import { cut, safe, width, wrap } from "./text.ts";

/** Two lines: what it is called, and what it is. */
export function title(report: Report, style: Style): string[] {
  const { model, source, experts } = report;
  const name = safe(model.name ?? source.target);
  const kind = `${KIND_WORDS[model.kind]}${model.kind === "llm" ? (experts ? ", mixture of experts" : ", dense") : ""}`;
  const room = style.width - 2 - width(kind);
  const parts = source.parts.length;
  const facts = [
    model.architecture && safe(model.architecture),
    source.container,
    parts > 1 || source.missingParts.length > 0 ? `${parts} of ${parts + source.missingParts.length} parts` : undefined,
    `${formatExact(source.tensors)} ${source.tensors === 1 ? "tensor" : "tensors"}`,
    formatBytes(source.sizeBytes),
  ];
  return [
    `${style.color.bold(cut(name, Math.max(20, room)))}  ${style.color.dim(kind)}`,
    style.color.dim(cut(facts.filter(Boolean).join(` ${style.glyphs.dot} `), style.width)),
  ];
}

export function heading(text: string, style: Style, aside?: string): string {
  const line = style.color.bold(text);
  return aside ? `${line}  ${style.color.dim(cut(aside, style.width - width(text) - 2))}` : line;
}

const SEVERITIES = ["error", "warning", "note"] as const;

/** Findings by severity, each with why it matters and what to do, at most `most` of them. */
export function findingLines(findings: readonly Finding[], style: Style, most: number): string[] {
  const sorted = SEVERITIES.flatMap((severity) => findings.filter((finding) => finding.severity === severity));
  const lines = sorted.slice(0, most).flatMap((finding) => {
    const label = finding.severity.padEnd(7);
    const [first = "", ...more] = wrap(safe(finding.message), style.width - 11);
    const aside = [finding.why, finding.fix].filter((text) => text !== undefined).join("; ");
    return [
      `  ${severityColor(style, finding.severity)(label)}  ${first}`,
      ...more.map((line) => `           ${line}`),
      ...wrap(safe(aside), style.width - 11).map((line) => style.color.dim(`           ${line}`)),
    ];
  });
  if (sorted.length > most) lines.push(style.color.dim(`  and ${sorted.length - most} more; --json has them all`));
  return lines;
}

export function countFindings(findings: readonly Finding[]): string {
  return SEVERITIES.flatMap((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}${count === 1 ? "" : "s"}`];
  }).join(", ");
}

/** `[[0, 3], [6, 6], [9, 9]]` -> "0-3, 6, 9". */
export function formatRanges(ranges: readonly (readonly [number, number])[]): string {
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(", ");
}

/** "1 layer", "3 layers". */
export function plural(count: number, noun: string): string {
  return `${formatExact(count)} ${noun}${count === 1 ? "" : "s"}`;
}
