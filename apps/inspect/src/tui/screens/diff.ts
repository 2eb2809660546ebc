/** Diff: two checkpoints matched by what their tensors do, across formats; what is stored otherwise, and what one side lacks. */
import {
  type Diff,
  type DiffGroup,
  type DiffHalf,
  type DiffKind,
  type DiffRow,
  diffGroups,
  formatBytes,
  formatExact,
} from "@checkpoint-inspect/analysis";

import { diffDocument } from "../../commands/diff.ts";
import { diffView } from "../../views/diff.ts";
import {
  bytesWords,
  factText,
  layerWords,
  MARKS,
  partName,
  SECTIONS,
  summaryWords,
  templateWords,
  typeWords,
} from "../../views/diff-words.ts";
import { cut, safe, wrap } from "../../views/text.ts";
import type { CommandId } from "../keymap.ts";
import { bold, cell, dim, type Line, line, lineText, type Tone, toned } from "../line.ts";
import { type Common, inSight, moved, type Page, type Screen, type Step, TOP, type Window } from "../screen.ts";
import { textStyle } from "../text-screen.ts";

interface DiffState {
  readonly window: Window;
  /** Alone; null for all. */
  readonly kind: DiffKind | null;
  /** Groups that are open, by their place. */
  readonly open: ReadonlySet<number>;
}

type Entry =
  | { readonly group: DiffGroup; readonly place: number; readonly row?: DiffRow }
  | { readonly label: string; readonly a: string; readonly b: string };

const KINDS = SECTIONS.map(([kind]) => kind);
const TITLES: ReadonlyMap<DiffKind, string> = new Map(SECTIONS);
const TONES: Readonly<Record<DiffKind, Tone>> = {
  same: "ok",
  type: "accent",
  layout: "accent",
  shape: "bad",
  tied: "accent",
  "only-a": "warn",
  "only-b": "warn",
};

const HEAD_ROWS = 5;
const DETAIL_ROWS = 4;

export const diffScreen: Screen<DiffState, Common> = {
  id: "diff",
  title: "Diff",
  initial: { window: TOP, kind: null, open: new Set() },
  view,
  act,
  arrive: (own, context) => ({
    ...own,
    window: inSight(own.window, entriesOf(own, context).length, listRows(context)),
  }),
  why: (own, context) => whyPage(entriesOf(own, context)[own.window.cursor]),
  row: (own, context) => {
    const entry = entriesOf(own, context)[own.window.cursor];
    return entry
      ? lineText(entryLine(entry, own, "", context))
          .replace(/ {2,}/g, "  ")
          .trim()
      : "";
  },
  text: (_, { comparison, ascii }) => (comparison ? diffView(comparison.diff, textStyle(ascii), true) : HOW),
  json: (_, { comparison }) => (comparison ? diffDocument(comparison.diff, { all: false }, []) : { schemaVersion: 1 }),
};

const HOW =
  "Nothing is compared yet. On the repository screen (0) mark two checkpoints with m, or start with both: inspect tui A B. Two quantizations, a base and its fine-tune, or a GGUF file and the safetensors that it was made from: tensors are matched by what they do, not by their names.";

const groups = new WeakMap<
  Diff,
  { readonly groups: readonly DiffGroup[]; readonly rows: ReadonlyMap<DiffGroup, readonly DiffRow[]> }
>();

/** Groups of what differs with their rows, gravest kind first; made once a comparison. */
function groupsOf(diff: Diff) {
  const known = groups.get(diff);
  if (known) return known;
  const differing = diff.rows.filter(({ kind }) => kind !== "same");
  const all = [...diffGroups(differing)].sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
  const keyOf = ({ kind, role, words }: DiffRow | DiffGroup, a: string, b: string) =>
    [kind, role.stack, role.bucket, role.part, role.bias, a, b, words].join("\u0000");
  const byKey = new Map<string, DiffRow[]>();
  for (const row of differing) {
    const key = keyOf(row, row.a.type, row.b.type);
    const own = byKey.get(key);
    if (own) own.push(row);
    else byKey.set(key, [row]);
  }
  const made = {
    groups: all,
    rows: new Map(all.map((group) => [group, byKey.get(keyOf(group, group.typeA, group.typeB)) ?? []])),
  };
  groups.set(diff, made);
  return made;
}

function entriesOf({ kind, open }: DiffState, { comparison, shared }: Common): readonly Entry[] {
  if (!comparison) return [];
  const { diff } = comparison;
  const filter = (shared.filters.diff ?? "").toLowerCase();
  const made = groupsOf(diff);
  const tensors = made.groups.flatMap((group, place): Entry[] => {
    if (kind !== null && group.kind !== kind) return [];
    const text =
      `${partName(group.role)} ${group.typeA} ${group.typeB} ${group.nameA ?? ""} ${group.nameB ?? ""}`.toLowerCase();
    if (filter !== "" && !text.includes(filter)) return [];
    const rows = open.has(place) ? (made.rows.get(group) ?? []) : [];
    return [{ group, place }, ...rows.map((row): Entry => ({ group, place, row }))];
  });
  if (kind !== null) return tensors;
  const facts = diff.facts.map(({ label, a, b }) => ({ label, a: factText(a), b: factText(b) }));
  const keys = diff.metadata
    .filter(({ covered }) => !covered)
    .map(({ key, a, b }) => ({ label: key, a: a ?? "absent", b: b ?? "absent" }));
  const others = [...facts, ...keys].filter(
    ({ label, a, b }) => filter === "" || `${label} ${a} ${b}`.toLowerCase().includes(filter),
  );
  return [...tensors, ...others];
}

function listRows({ size }: Common): number {
  return Math.max(1, size.rows - HEAD_ROWS - (size.rows >= 16 ? DETAIL_ROWS : 0));
}

function view(own: DiffState, context: Common): readonly Line[] {
  const { comparison, size, shared, ascii, collection } = context;
  if (!comparison)
    return [
      [],
      ...wrap(HOW, Math.min(90, size.columns - 4)).map((text) => line("  ", text)),
      [],
      line("  ", dim(collection ? `marked: ${shared.marks.length} of 2` : "")),
    ];
  const { diff } = comparison;
  const all = entriesOf(own, context);
  const rows = listRows(context);
  const { cursor, offset } = inSight(own.window, all.length, rows);
  const filter = shared.filters.diff ?? "";
  const only = [
    own.kind === null ? "" : `only: ${TITLES.get(own.kind)?.toLowerCase()}`,
    filter === "" ? "" : `filter: ${safe(filter)}`,
  ]
    .filter(Boolean)
    .join("  ");
  const list = all.slice(offset, offset + rows).map((entry, i) => {
    const isHere = offset + i === cursor;
    const spans = entryLine(entry, own, isHere ? (ascii ? "> " : "\u25b8 ") : "  ", context);
    return isHere ? spans.map((span) => ({ ...span, inverse: true })) : spans;
  });
  if (all.length === 0)
    list.push(
      line(
        toned(
          diff.rows.length === diff.totals.same.rows
            ? "  no tensor differs"
            : "  nothing passes the filter; Esc clears it, f goes on",
          "ok",
        ),
      ),
    );
  const filled = [...list, ...Array.from({ length: Math.max(0, rows - list.length) }, (): Line => [])];
  const largest = Math.max(diff.a.sizeBytes, diff.b.sizeBytes, 1);
  return [
    sideLine("A", diff.a, largest, context),
    sideLine("B", diff.b, largest, context),
    line(cut(summaryWords(diff).join(ascii ? ", " : " \u00b7 "), size.columns)),
    line(dim(templateWords(diff)), ...(only === "" ? [] : [dim("   "), toned(only, "accent")])),
    [],
    ...filled,
    ...detailLines(all[cursor], context),
  ].slice(0, size.rows);
}

function sideLine(name: string, side: Diff["a"], largest: number, { size, ascii }: Common): Line {
  const bits = side.bitsPerWeight === null ? "" : `${side.bitsPerWeight.toFixed(2)} bits`;
  const room = Math.max(6, Math.floor((size.columns - 28) / 2));
  const cells = Math.max(1, Math.round((side.sizeBytes / largest) * room));
  return line(
    bold(`${name} `),
    cell(safe(side.label), size.columns - 2 - room - 10 - 12 - 2),
    " ",
    toned(cell((ascii ? "#" : "\u2588").repeat(cells), room), "accent"),
    cell(formatBytes(side.sizeBytes), 10, "right"),
    cell(bits, 12, "right"),
  );
}

function entryLine(entry: Entry, { open }: DiffState, mark: string, { size, ascii }: Common): Line {
  const room = size.columns - 4;
  if ("label" in entry) {
    const arrow = ascii ? "->" : "\u2192";
    return line(
      mark,
      toned("m ", "accent"),
      cell(safe(entry.label.slice(0, 200)), Math.floor(room * 0.35)),
      ` ${cell(`${safe(entry.a.slice(0, 300))} ${arrow} ${safe(entry.b.slice(0, 300))}`, Math.floor(room * 0.62))}`,
    );
  }
  const { group, place, row } = entry;
  const sign = toned(`${MARKS[group.kind]} `, TONES[group.kind]);
  if (row) {
    const names = [row.a, row.b].map(({ tensors }) => safe(tensors[0]?.name ?? "nothing"));
    const half = Math.floor((room - 20) / 2);
    return line(
      mark,
      "  ",
      sign,
      cell(names[0] ?? "", half),
      " ",
      cell(names[1] ?? "", half),
      " ",
      dim(typeWords(row.a.type, row.b.type)),
    );
  }
  const twisty = open.has(place) ? (ascii ? "- " : "\u25be ") : ascii ? "+ " : "\u25b8 ";
  const part = Math.min(26, Math.floor(room * 0.3));
  return line(
    mark,
    dim(twisty),
    sign,
    cell(partName(group.role), part),
    " ",
    cell(typeWords(group.typeA, group.typeB), 18),
    " ",
    cell(bytesWords(group.a, group.b), 20),
    dim(` ${group.words ? safe(group.words) : layerWords(group)}`),
  );
}

/** Both sides of what is under the cursor. */
function detailLines(entry: Entry | undefined, { size, ascii }: Common): Line[] {
  if (size.rows < 16) return [];
  const rule = (ascii ? "-" : "\u2500").repeat(size.columns);
  if (!entry) return [line(dim(rule))];
  if ("label" in entry)
    return [line(dim(rule)), line("A ", safe(entry.a.slice(0, 500))), line("B ", safe(entry.b.slice(0, 500)))];
  const { group, row } = entry;
  const half = (name: string, own: DiffHalf | undefined, pattern: string | null, bytes: number): Line => {
    const tensor = own?.tensors[0];
    const more = own && own.tensors.length > 1 ? ` and ${own.tensors.length - 1} more` : "";
    const words = tensor
      ? `${safe(tensor.name)}${more}  ${tensor.shape.slice(0, 6).join("x")}  ${safe(own?.type ?? "")}`
      : pattern === null
        ? "nothing of the kind"
        : safe(pattern);
    return line(
      bold(`${name} `),
      cell(words, size.columns - 24),
      cell(bytes === 0 ? "" : `${formatExact(bytes)} bytes`, 22, "right"),
    );
  };
  return [
    line(dim(rule)),
    half("A", row?.a, group.nameA, row?.a.bytes ?? group.a.bytes),
    half("B", row?.b, group.nameB, row?.b.bytes ?? group.b.bytes),
    line(dim(TITLES.get(group.kind) ?? ""), dim(row ? "" : `: ${formatExact(group.rows)} of them, Enter shows each`)),
  ];
}

const KIND_WORDS: Readonly<Record<DiffKind, string>> = {
  same: "Type and shape agree.",
  type: "The same tensor, stored in another type: most often one side is quantized, or in another float format. The values can't be compared from headers.",
  layout: "The same numbers of the same type, arranged otherwise: transposed, fused into one matrix, or stacked.",
  shape:
    "Another number of parameters: the two are not the same model there. A larger vocabulary, other experts, or another layer width.",
  tied: "One side stores a table that the other takes from its embedding: as many different numbers, stored once or twice.",
  "only-a": "A has it and B has nothing that does the same.",
  "only-b": "B has it and A has nothing that does the same.",
};

function whyPage(entry: Entry | undefined): Page {
  return {
    title: "What differs",
    lines: ({ columns }) => {
      const text = (words: string): Line[] => wrap(words, Math.min(90, columns - 2)).map((row) => line(row));
      if (entry && "label" in entry)
        return text(
          "The metadata or the config of the two says otherwise here. Programs go by it when they run the model.",
        );
      if (entry)
        return [
          line(bold(`${MARKS[entry.group.kind]} ${TITLES.get(entry.group.kind) ?? ""}`)),
          ...text(KIND_WORDS[entry.group.kind]),
        ];
      return KINDS.flatMap((kind) => [line(bold(`${MARKS[kind]} ${TITLES.get(kind)}`)), ...text(KIND_WORDS[kind]), []]);
    },
  };
}

function act(own: DiffState, command: CommandId, context: Common): Step<DiffState> | undefined {
  const { comparison } = context;
  if (!comparison) return command === "enter" ? { go: "repo" } : undefined;
  const all = entriesOf(own, context);
  const rows = listRows(context);
  const window = moved(own.window, command, all.length, rows);
  if (window) return { own: { ...own, window } };
  switch (command) {
    case "next-match":
    case "previous-match": {
      if (all.length === 0) return { toast: "nothing differs here" };
      const by = command === "next-match" ? 1 : -1;
      const cursor = (own.window.cursor + by + all.length) % all.length;
      return { own: { ...own, window: inSight({ ...own.window, cursor }, all.length, rows) } };
    }
    case "kind": {
      const present = KINDS.filter((kind) => comparison.diff.totals[kind].rows > 0);
      const next = own.kind === null ? present[0] : present[present.indexOf(own.kind) + 1];
      const kind = next ?? null;
      return {
        own: { ...own, kind, window: TOP },
        toast: kind === null ? "every kind" : `${TITLES.get(kind)?.toLowerCase()} alone`,
      };
    }
    case "swap":
      return { compare: [comparison.b, comparison.a] };
    case "left":
    case "right":
    case "enter":
      return toggled(own, command, all, rows);
    default:
      return undefined;
  }
}

function toggled(
  own: DiffState,
  command: "left" | "right" | "enter",
  all: readonly Entry[],
  rows: number,
): Step<DiffState> | undefined {
  const entry = all[own.window.cursor];
  if (!entry || "label" in entry) return entry && { toast: "metadata: both values stand below" };
  const open = new Set(own.open);
  const closes = command === "left" || (command === "enter" && open.has(entry.place));
  if (closes) open.delete(entry.place);
  else open.add(entry.place);
  const cursor = all.findIndex((other) => "group" in other && other.place === entry.place && !other.row);
  return {
    own: {
      ...own,
      open,
      window: inSight({ ...own.window, cursor: closes ? cursor : own.window.cursor }, all.length, rows),
    },
  };
}
