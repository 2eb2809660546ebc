/** Pieces that several views share: the title, section heads, findings, ranges. */
import {
  formatBytes,
  formatExact,
  kindTitle,
  type Layer,
  type LayerPattern,
  plural,
  type Report,
} from "@checkpoint-inspect/analysis";
import type { Finding } from "@checkpoint-inspect/parser";

import { SEVERITIES } from "../severities.ts";
import type { Style } from "../terminal.ts";
import { severityColor } from "./palette.ts";
import { cut, safe, width, wrap, wrapList } from "./text.ts";

/** The file and what kind of thing it is; what it says of itself; whether it could be read to its end. */
export function title(report: Report, style: Style): string[] {
  const { model, source } = report;
  const label = safe(ends(source.label));
  const kind = kindTitle(report);
  const name =
    model.name && !NO_NAME.test(model.name) && !label.startsWith(model.name) ? safe(ends(model.name)) : undefined;
  const facts = [
    name,
    model.architecture && safe(ends(model.architecture)),
    source.container,
    partWords(report),
    plural(source.tensors, "tensor"),
    formatBytes(source.sizeBytes),
  ].filter((fact) => typeof fact === "string" && fact !== "");
  const { ellipsis, dot } = style.glyphs;
  const named = width(label) + 2 + width(kind) <= style.width;
  return [
    named
      ? `${style.color.bold(label)}  ${style.color.dim(kind)}`
      : style.color.bold(cut(label, style.width, "middle", ellipsis)),
    ...(named ? [] : wrap(kind, style.width).map((line) => style.color.dim(line))),
    ...joined(facts as string[], ` ${dot} `).map((line) => style.color.dim(line)),
    ...(report.error ? wrap(incomplete(report.error), style.width).map((line) => style.color.red(line)) : []),
  ];

  /** As many to a line as fit. */
  function joined(items: readonly string[], separator: string): string[] {
    const lines: string[] = [];
    for (const item of items.map((text) => cut(text, style.width, "middle", ellipsis))) {
      const longer = lines.length > 0 ? `${lines.at(-1)}${separator}${item}` : item;
      if (lines.length > 0 && width(longer) <= style.width) lines[lines.length - 1] = longer;
      else lines.push(item);
    }
    return lines;
  }
}

/** More of a name than any line shows, from either end: a name may be a million characters long, and escaping takes a step for each. */
const ENDS = 400;

function ends(name: string): string {
  return name.length > 2 * ENDS ? name.slice(0, ENDS) + name.slice(-ENDS) : name;
}

/** "2 parts" of a set that is whole, "1 of 2 parts" of one that isn't, "3 components" of a pipeline. */
function partWords({ source, components }: Report): string | undefined {
  const { declaredParts, parts } = source;
  if (declaredParts <= 1) return undefined;
  if (parts.length !== declaredParts) return `${formatExact(parts.length)} of ${formatExact(declaredParts)} parts`;
  return components && components.length > 1 ? plural(components.length, "component") : plural(parts.length, "part");
}

function incomplete({ offset }: NonNullable<Report["error"]>): string {
  const where = offset === null ? "" : ` at byte ${formatExact(offset)}`;
  return `Incomplete: reading stopped${where}; what stands here was read before.`;
}

/** What converters write when they know no name. */
const NO_NAME = /^(?:n\/?a|none|unknown|llama)?$/i;

/** A section's head, over several lines where it is long; an aside that doesn't fit behind it stands below. */
export function heading(text: string, style: Style, aside?: string): string {
  const [first = "", ...more] = wrapList(text.split(", "), style.width - 2);
  const lines = [first, ...more.map((line) => `  ${line}`)].map((line) =>
    cut(line, style.width, "middle", style.glyphs.ellipsis),
  );
  const bold = lines.map((line) => style.color.bold(line));
  if (!aside) return bold.join("\n");
  if (width(lines.at(-1) ?? "") + 2 + width(aside) <= style.width)
    return `${bold.join("\n")}  ${style.color.dim(aside)}`;
  return [...bold, ...wrap(aside, style.width - 2).map((line) => style.color.dim(`  ${line}`))].join("\n");
}

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
  if (sorted.length > most) lines.push(style.color.dim(`  and ${sorted.length - most} more: inspect check FILE`));
  return lines;
}

/** The storage types of a layer, most bytes first. */
export function typesByBytes({ types }: Layer): string {
  return Object.entries(types)
    .sort((a, b) => b[1] - a[1])
    .map(([type]) => safe(type))
    .join(" ");
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
