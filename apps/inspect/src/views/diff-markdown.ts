/** The answer of `inspect diff` as markdown: tables for a pull request. */
import {
  type Diff,
  type DiffGroup,
  type DiffRow,
  type DiffSideFigures,
  diffGroups,
  formatBytes,
  formatCount,
  formatExact,
} from "@checkpoint-inspect/analysis";

import { markdownName, markdownTable, markdownText } from "../audit/markdown-text.ts";
import {
  bytesWords,
  factText,
  hasDifferences,
  layerWords,
  MARKS,
  partName,
  SECTIONS,
  summaryWords,
  templateWords,
  typeWords,
} from "./diff-words.ts";

/** GitHub takes 65,536 characters a comment; a person reads far less. */
const ROWS_SHOWN = 200;

export function diffMarkdown(diff: Diff, all: boolean): string {
  const { a, b } = diff;
  const differing = diff.rows.filter(({ kind }) => kind !== "same");
  const blocks = [
    `## ${markdownName(a.label)} against ${markdownName(b.label)}`,
    sides(a, b),
    `**${summaryWords(diff).join(", ")}**${hasDifferences(diff) ? "" : ": no difference"}`,
    all ? rowTable(differing) : groupTable(differing),
    metadataTable(diff),
    markdownText(templateWords(diff)),
    markdownText(diff.words),
  ];
  return `${blocks.filter((block) => block !== "").join("\n\n")}\n`;
}

function sides(a: DiffSideFigures, b: DiffSideFigures): string {
  return markdownTable(
    ["", "checkpoint", "format", "size", "bits", "parameters", "tensors"],
    [a, b].map((side, i) => [
      i === 0 ? "A" : "B",
      `${markdownName(side.label)}${side.incomplete ? " (incomplete)" : ""}`,
      markdownText(side.container),
      formatBytes(side.sizeBytes),
      side.bitsPerWeight === null ? "?" : side.bitsPerWeight.toFixed(2),
      formatCount(side.parameters),
      formatExact(side.tensors),
    ]),
  ).join("\n");
}

/** In the order of the screen. */
function groupTable(rows: readonly DiffRow[]): string {
  const all = diffGroups(rows);
  const groups = SECTIONS.flatMap(([kind]) => all.filter((group) => group.kind === kind));
  return limited(
    ["", "part", "type", "bytes", "where"],
    groups.map((group) => [
      mark(group),
      markdownText(partName(group.role)),
      markdownText(typeWords(group.typeA, group.typeB)),
      markdownText(bytesWords(group.a, group.b)),
      whereCell(group),
    ]),
  );
}

/** Alone in its cell, a dash is a list. */
function mark({ kind }: Pick<DiffRow, "kind">): string {
  return `\`${MARKS[kind]}\``;
}

/** The name too, where it is more than the part of a layer. */
function whereCell(group: DiffGroup): string {
  const isNamed = group.kind !== "type";
  const name = isNamed ? markdownName(group.nameA ?? group.nameB ?? "") : "";
  return [name, markdownText(layerWords(group)), markdownText(group.words ?? "")].filter(Boolean).join("; ");
}

function rowTable(rows: readonly DiffRow[]): string {
  const names = ({ tensors }: DiffRow["a"]) => {
    const [first, ...more] = tensors.filter(({ side }) => !side);
    return first ? `${markdownName(first.name)}${more.length > 0 ? ` and ${formatExact(more.length)} more` : ""}` : "";
  };
  return limited(
    ["", "A", "type", "B", "type", ""],
    rows.map((row) => [
      mark(row),
      names(row.a),
      markdownText(row.a.type),
      names(row.b),
      markdownText(row.b.type),
      markdownText(row.words ?? ""),
    ]),
  );
}

function metadataTable({ facts, metadata }: Diff): string {
  return limited(
    ["model and metadata", "A", "B"],
    [
      ...facts.map(({ label, a, b }) => [markdownText(label), markdownText(factText(a)), markdownText(factText(b))]),
      ...metadata
        .filter(({ covered }) => !covered)
        .map(({ key, a, b }) => [markdownName(key), markdownText(a ?? ""), markdownText(b ?? "")]),
    ],
  );
}

function limited(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const left = rows.length - ROWS_SHOWN;
  const table = markdownTable(head, rows.slice(0, ROWS_SHOWN)).join("\n");
  return left > 0 ? `${table}\n\nand ${formatExact(left)} more rows` : table;
}
