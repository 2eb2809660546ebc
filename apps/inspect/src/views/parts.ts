/** Pieces that several views share: the title, section heads, findings, ranges. */
import {
  formatBytes,
  formatExact,
  KIND_WORDS,
  type Layer,
  type LayerPattern,
  type Report,
} from "@checkpoint-inspect/analysis";
import type { Finding } from "@checkpoint-inspect/parser";

import type { Style } from "../terminal.ts";
import { severityColor } from "./palette.ts";
import { cut, safe, width, wrap } from "./text.ts";

export { formatRanges } from "@checkpoint-inspect/analysis";

/** The file and what kind of thing it is; what it says of itself; whether it could be read to its end. */
export function title(report: Report, style: Style): string[] {
  const { model, source, experts } = report;
  const label = safe(source.label);
  const traits = [
    experts ? "mixture of experts" : "dense",
    model.mixer === "attention" ? undefined : (model.mixer ?? undefined),
  ].filter((trait) => trait !== undefined);
  const kindWords = report.adapter ? `${report.adapter.method} adapter` : KIND_WORDS[model.kind];
  const kind = [kindWords, ...(model.kind === "llm" ? traits : [])].join(", ");
  const parts = source.parts.length;
  const name = model.name && !NO_NAME.test(model.name) && !label.startsWith(model.name) ? safe(model.name) : undefined;
  const facts = [
    name,
    model.architecture && safe(model.architecture),
    source.container,
    source.declaredParts > 1 ? `${formatExact(parts)} of ${formatExact(source.declaredParts)} parts` : undefined,
    plural(source.tensors, "tensor"),
    formatBytes(source.sizeBytes),
  ];
  const { ellipsis, dot } = style.glyphs;
  const line = facts.filter(Boolean).join(` ${dot} `);
  const named = width(label) + 2 + width(kind) <= style.width;
  return [
    named
      ? `${style.color.bold(label)}  ${style.color.dim(kind)}`
      : style.color.bold(cut(label, style.width, "middle", ellipsis)),
    ...(named ? [] : [style.color.dim(cut(kind, style.width, "end", ellipsis))]),
    style.color.dim(cut(line, style.width, "end", ellipsis)),
    ...(report.error ? wrap(incomplete(report.error), style.width).map((line) => style.color.red(line)) : []),
  ];
}

function incomplete({ offset }: NonNullable<Report["error"]>): string {
  const where = offset === null ? "" : ` at byte ${formatExact(offset)}`;
  return `Incomplete: reading stopped${where}; what stands here was read before.`;
}

/** What converters write when they know no name. */
const NO_NAME = /^(?:n\/?a|none|unknown|llama)?$/i;

export function heading(text: string, style: Style, aside?: string): string {
  const line = style.color.bold(text);
  const room = style.width - width(text) - 2;
  // A few letters of an aside say nothing.
  if (!aside || room < Math.min(12, width(aside))) return line;
  return `${line}  ${style.color.dim(cut(aside, room, "end", style.glyphs.ellipsis))}`;
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

/** The storage types of a layer, most bytes first. */
export function typesByBytes({ types }: Layer): string {
  return Object.entries(types)
    .sort((a, b) => b[1] - a[1])
    .map(([type]) => safe(type))
    .join(" ");
}

/** "1 layer", "3 layers". */
export function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${formatExact(count)} ${count === 1 ? noun : many}`;
}

/**
 * The sentences on a checkpoint's layers, each with a mark of its own.
 * @param named whether they say which stack they are about
 */
export function patternLines(patterns: readonly LayerPattern[], named: boolean, style: Style): string[] {
  return patterns.flatMap(({ words, stack }) => {
    const text = named ? `${safe(stack)}: ${safe(words)}` : safe(words);
    return wrap(text, style.width - 4).map((line, i) => `  ${i === 0 ? style.glyphs.dot : " "} ${line}`);
  });
}
