/** `inspect diff A B`: both in short, their sizes side by side, then what differs, in groups or tensor by tensor. */
import {
  type Diff,
  type DiffGroup,
  type DiffKind,
  type DiffRow,
  diffGroups,
  formatBytes,
  formatCount,
  formatExact,
  plural,
} from "@checkpoint-inspect/analysis";

import type { Style } from "../terminal.ts";
import { metadataSection } from "./diff-metadata.ts";
import {
  bytesWords,
  hasDifferences,
  layerWords,
  MARKS,
  partName,
  SECTIONS,
  summaryWords,
  totalWords,
  typeWords,
} from "./diff-words.ts";
import { bucketColor } from "./palette.ts";
import { heading } from "./parts.ts";
import { cut, padEnd, padStart, safe, width, wrap } from "./text.ts";

/** Groups of one kind that are shown; two models that share nothing have one for each part and layer. */
const GROUPS_SHOWN = 40;

export function diffView(diff: Diff, style: Style, all: boolean): string {
  const sections = [
    titleLines(diff, style),
    sizeLines(diff, style),
    [...summaryLines(diff, style), ...wrap(diff.words, style.width).map((line) => style.color.dim(line))],
    ...SECTIONS.map(([kind, title]) => kindSection(diff, kind, title, all, style)),
    metadataSection(diff, style, all),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

// --- the two, side by side ------------------------------------------------------------------------------------------------

function titleLines({ a, b }: Diff, style: Style): string[] {
  const { ellipsis, dot } = style.glyphs;
  const sides = [a, b].map((side, i) => {
    const parts = side.parts > 1 ? [plural(side.parts, "part")] : [];
    return {
      name: style.color.bold(i === 0 ? "A" : "B"),
      label: cut(safe(side.label), style.width - 3, "middle", ellipsis),
      facts: [safe(side.container), ...parts, plural(side.tensors, "tensor")].join(` ${dot} `),
      incomplete: side.incomplete,
    };
  });
  const labels = Math.max(...sides.map(({ label }) => width(label)));
  const fits = sides.every(({ facts }) => 3 + labels + 2 + width(facts) <= style.width);
  const below = (text: string) => wrap(text, style.width - 3).map((line) => `   ${line}`);
  return sides.flatMap(({ name, label, facts, incomplete }) => [
    fits
      ? `${name}  ${style.color.bold(padEnd(label, labels))}  ${style.color.dim(facts)}`
      : `${name}  ${style.color.bold(label)}`,
    ...(fits ? [] : below(facts).map((line) => style.color.dim(line))),
    ...(incomplete ? below(INCOMPLETE).map((line) => style.color.red(line)) : []),
  ]);
}

const INCOMPLETE = "incomplete: parts are missing, or reading stopped; what isn't here may stand in the rest";

/** A bar shorter than this compares nothing. */
const LEAST_BAR = 8;

/** The longer bar is the larger file. */
function sizeLines({ a, b }: Diff, style: Style): string[] {
  const sides = [a, b];
  const columns = [
    sides.map(({ sizeBytes }) => formatBytes(sizeBytes)),
    sides.map(({ bitsPerWeight }) => (bitsPerWeight === null ? "? bits" : `${bitsPerWeight.toFixed(2)} bits`)),
    sides.map(({ parameters }) => `${formatCount(parameters)} params`),
  ];
  const room = (shown: readonly string[][]) =>
    style.width - 3 - shown.reduce((sum, texts) => sum + 2 + Math.max(...texts.map(width)), 0);
  const shown = columns.slice(0, room(columns) >= LEAST_BAR ? 3 : 2);
  const cells = Math.max(1, room(shown));
  const most = Math.max(...sides.map(({ sizeBytes }) => sizeBytes));
  return sides.map(({ sizeBytes }, i) => {
    const bar = lengthBar(most > 0 ? sizeBytes / most : 0, cells, style);
    const figures = shown.map((texts) => padStart(texts[i] ?? "", Math.max(...texts.map(width))));
    const gap = " ".repeat(cells - width(bar));
    return `${style.color.bold(i === 0 ? "A" : "B")}  ${style.color.green(bar)}${gap}  ${figures.join("  ")}`;
  });
}

function lengthBar(share: number, cells: number, { glyphs: { bar } }: Style): string {
  const steps = bar.length - 1;
  // What is there but tiny shows a sliver.
  const units = share > 0 ? Math.max(1, Math.round(share * cells * steps)) : 0;
  return (bar[steps] ?? "").repeat(Math.floor(units / steps)) + (bar[units % steps] ?? "");
}

function summaryLines(diff: Diff, style: Style): string[] {
  const dot = ` ${style.glyphs.dot} `;
  const lines: string[] = [];
  for (const word of summaryWords(diff)) {
    const longer = lines.length > 0 ? `${lines.at(-1)}${dot}${word}` : word;
    if (lines.length > 0 && width(longer) <= style.width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  const bold = lines.map((line) => style.color.bold(line));
  if (hasDifferences(diff)) return bold;
  const none = `${MARKS.same} No difference in names, shapes, types or metadata.`;
  return [...bold, ...wrap(none, style.width).map((line) => style.color.green(line))];
}

// --- what differs ---------------------------------------------------------------------------------------------------------

function kindSection(diff: Diff, kind: DiffKind, title: string, all: boolean, style: Style): string[] {
  const rows = diff.rows.filter((row) => row.kind === kind);
  if (rows.length === 0) return [];
  const { a, b } = diff.totals[kind];
  const head = heading(`${MARKS[kind]} ${title}`, style, totalWords(kind, a, b));
  if (all) return [head, ...rowLines(rows, style)];
  const groups = diffGroups(rows);
  const shown = groups.slice(0, GROUPS_SHOWN);
  const lines = kind === "type" ? typeLines(shown, style) : namedLines(shown, style);
  const left = groups.length - shown.length;
  return [head, ...lines, ...(left > 0 ? [style.color.dim(`  and ${formatExact(left)} more kinds: --all`)] : [])];
}

function paintMark(kind: DiffKind, style: Style): string {
  const paint = { "=": "green", "~": "yellow", "!": "red", "-": "red", "+": "green" } as const;
  const mark = MARKS[kind];
  return style.color[paint[mark as keyof typeof paint]](mark);
}

/** Layers beside the figures in a column narrower than this are a list of syllables. */
const LEAST_LAYERS = 22;

/** "ffn down  Q4_K -> Q6_K  24 layers: 0-2, 5"; what else there is to say of a group stands below it. */
function typeLines(groups: readonly DiffGroup[], style: Style): string[] {
  const { ellipsis } = style.glyphs;
  const rows = groups.map((group) => ({
    group,
    part: cut(partName(group.role), Math.floor(style.width / 3), "middle", ellipsis),
    type: cut(typeWords(group.typeA, group.typeB), Math.floor(style.width / 2) - 8, "middle", ellipsis),
    bytes: bytesWords(group.a, group.b),
  }));
  const widest = (texts: readonly string[]) => texts.reduce((most, text) => Math.max(most, width(text)), 0);
  const [parts, types, bytes] = [
    widest(rows.map(({ part }) => part)),
    widest(rows.map(({ type }) => type)),
    widest(rows.map((row) => row.bytes)),
  ];
  const withoutBytes = style.width - 4 - parts - 2 - types - 2;
  const showsBytes = withoutBytes - bytes - 2 >= LEAST_LAYERS;
  const room = showsBytes ? withoutBytes - bytes - 2 : withoutBytes;
  return rows.flatMap(({ group, part, type, bytes: size }) => {
    const name = bucketColor(style, group.role.bucket)(padEnd(part, parts));
    const head = `  ${paintMark(group.kind, style)} ${name}  ${padEnd(type, types)}`;
    const line = showsBytes ? `${head}  ${padStart(size, bytes)}` : head;
    const layers = layerWords(group);
    const words = safe(group.words ?? "");
    if (room < LEAST_LAYERS) return [line.trimEnd(), ...factLines([layers, words].filter(Boolean).join("; "), style)];
    const [first = "", ...more] = wrap(layers, room);
    const indent = " ".repeat(style.width - room);
    return [`${line}  ${first}`.trimEnd(), ...more.map((text) => indent + text), ...factLines(words, style)];
  });
}

/** The name, then what there is to know: names are long, and matter here. On one line each, if every one fits. */
function namedLines(groups: readonly DiffGroup[], style: Style): string[] {
  const rows = groups.map((group) => {
    const { kind, nameA, nameB, typeA, typeB, a, b, words, rows: count } = group;
    const name = cut(safe(nameA ?? nameB ?? ""), style.width - 4, "middle", style.glyphs.ellipsis);
    const many = count > 1 && group.layerCount !== count ? [plural(count, "tensor")] : [];
    const facts = [typeWords(typeA, typeB), bytesWords(a, b), ...many, layerWords(group), safe(words ?? "")];
    return { mark: paintMark(kind, style), name, facts: facts.filter(Boolean).join("; ") };
  });
  const widest = rows.reduce((most, { name }) => Math.max(most, width(name)), 0);
  const isShort = rows.every(({ facts }) => 4 + widest + 2 + width(facts) <= style.width);
  return rows.flatMap(({ mark, name, facts }) =>
    isShort
      ? [`  ${mark} ${padEnd(name, widest)}  ${style.color.dim(facts)}`]
      : [`  ${mark} ${name}`, ...factLines(facts, style)],
  );
}

function factLines(text: string, style: Style): string[] {
  return wrap(text, style.width - 6).map((line) =>
    style.color.dim(`      ${cut(line, style.width - 6, "middle", style.glyphs.ellipsis)}`),
  );
}

// --- tensor by tensor -----------------------------------------------------------------------------------------------------

/** The first tensor of either side; how many more there are. */
function rowName({ tensors }: DiffRow["a"]): string {
  const [first] = tensors;
  if (!first) return "";
  const more = tensors.filter(({ side }) => !side).length - 1;
  return more > 0 ? `${safe(first.name)} and ${formatExact(more)} more` : safe(first.name);
}

/** Both names where they differ, as in two formats; what one leaves of its half is the other's. */
function rowLines(rows: readonly DiffRow[], style: Style): string[] {
  const typeRoom = Math.floor(style.width / 6);
  const cells = rows.map((row) => ({
    row,
    names: [rowName(row.a), rowName(row.b)] as const,
    types: [cut(safe(row.a.type), typeRoom), cut(safe(row.b.type), typeRoom)] as const,
  }));
  const widest = (texts: (one: (typeof cells)[number]) => string) =>
    cells.reduce((most, one) => Math.max(most, width(texts(one))), 0);
  const [typeA, typeB] = [widest(({ types }) => types[0]), widest(({ types }) => types[1])];
  const isOneName = cells.every(({ names: [a, b] }) => a === b || a === "" || b === "");
  const [ownA, ownB] = isOneName
    ? [widest(({ names: [a, b] }) => a || b), 0]
    : [widest(({ names }) => names[0]), widest(({ names }) => names[1])];
  const room = style.width - 4 - [typeA, typeB, ownB].reduce((sum, one) => sum + (one > 0 ? one + 2 : 0), 0) + ownB;
  const half = Math.floor(room / 2);
  const nameA = Math.min(ownA, Math.max(half, room - ownB));
  const nameB = Math.min(ownB, room - nameA);
  const name = (text: string, columns: number) => padEnd(cut(text, columns, "middle", style.glyphs.ellipsis), columns);
  return cells.flatMap(({ row, names, types }) => [
    [
      `  ${paintMark(row.kind, style)} ${name(isOneName ? names[0] || names[1] : names[0], nameA)}`,
      ...(typeA > 0 ? [padEnd(types[0], typeA)] : []),
      ...(nameB > 0 ? [name(names[1], nameB)] : []),
      types[1],
    ]
      .join("  ")
      .trimEnd(),
    ...factLines(safe(row.words ?? ""), style),
  ]);
}
