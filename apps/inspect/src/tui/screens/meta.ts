/** Metadata: what the file says of itself, as a tree by the first part of each key; arrays are read when one looks at them. */
import { formatExact, plural } from "@checkpoint-inspect/analysis";
import type { MetadataElement, MetadataEntry } from "@checkpoint-inspect/parser";

import { allEntries, configValue, metaDocument } from "../../commands/meta.ts";
import { metaView, oneLine, typeName, valueView } from "../../views/meta.ts";
import { safe, safeBlock, width, wrap } from "../../views/text.ts";
import type { CommandId } from "../keymap.ts";
import { bold, cell, dim, ends, type Line, line, linesOf, toned } from "../line.ts";
import { type Context, inSight, moved, type Page, type Screen, type Step, TOP, type Window } from "../screen.ts";
import type { Subject } from "../subject.ts";
import { screenStyle, textStyle } from "../text-screen.ts";
import { prettyTemplate } from "./meta/template.ts";
import { keyWords } from "./meta/words.ts";

interface MetaState {
  readonly window: Window;
  /** Branches that are closed. */
  readonly closed: ReadonlySet<string>;
  /** The value types as the file has them. */
  readonly types: boolean;
  /** Lines of the pane under the list. */
  readonly detail: number;
}

type Row = { readonly branch: string; readonly count: number } | { readonly entry: MetadataEntry };

const DETAIL = { initial: 5, most: 12 };
const DETAIL_ROWS = 15;
/** Elements that are read when the cursor comes to an array. */
const ELEMENTS = 200;
/** More of a text no pane shows. */
const LONGEST_SHOWN = 20_000;

export const metaScreen: Screen<MetaState> = {
  id: "meta",
  title: "Metadata",
  initial: { window: TOP, closed: new Set(), types: false, detail: DETAIL.initial },
  view,
  act,
  arrive: (own, context) => ({
    ...own,
    window: inSight(own.window, rowsOf(own, context).length, listRows(own, context)),
  }),
  why: (own, context) => whyPage(entryAt(own, context)),
  row(own, context) {
    const entry = entryAt(own, context);
    if (!entry) return "";
    const { value } = entry;
    return typeof value === "object" ? `${entry.key}: ${typeName(entry)}` : String(value);
  },
  text: (_, { subject, ascii }) =>
    metaView(
      entriesOf(subject).map((entry) => ({ entry, preview: [] })),
      textStyle(ascii),
    ),
  json: (_, { subject: { checkpoint } }) =>
    metaDocument(
      checkpoint,
      // Arrays stand with their length: their elements are in the file.
      checkpoint.metadata.map((entry) => ({ entry, preview: [] })),
    ),
};

const entries = new WeakMap<Subject, readonly MetadataEntry[]>();

function entriesOf(subject: Subject): readonly MetadataEntry[] {
  const known = entries.get(subject) ?? allEntries(subject.checkpoint);
  entries.set(subject, known);
  return known;
}

/** `qwen3` of `qwen3.block_count`. */
function branchOf(key: string): string {
  const dot = key.indexOf(".");
  return dot > 0 ? key.slice(0, dot) : "";
}

function rowsOf({ closed }: MetaState, { subject, shared }: Context): readonly Row[] {
  const filter = (shared.filters.meta ?? "").toLowerCase();
  const shown = filter === "" ? entriesOf(subject) : entriesOf(subject).filter((entry) => passes(entry, filter));
  const branches = new Map<string, MetadataEntry[]>();
  for (const entry of shown) {
    const branch = branchOf(entry.key);
    const own = branches.get(branch);
    if (own) own.push(entry);
    else branches.set(branch, [entry]);
  }
  return [...branches].flatMap(([branch, own]): Row[] => {
    const leaves = own.map((entry) => ({ entry }));
    // A filter shows what it finds, whatever is closed.
    return [{ branch, count: own.length }, ...(closed.has(branch) && filter === "" ? [] : leaves)];
  });
}

function passes({ key, value }: MetadataEntry, filter: string): boolean {
  if (key.toLowerCase().includes(filter)) return true;
  return typeof value !== "object" && String(value).toLowerCase().includes(filter);
}

function rowAt(own: MetaState, context: Context): Row | undefined {
  return rowsOf(own, context)[own.window.cursor];
}

function entryAt(own: MetaState, context: Context): MetadataEntry | undefined {
  const row = rowAt(own, context);
  return row && "entry" in row ? row.entry : undefined;
}

function detailRows({ detail }: MetaState, { size }: Context): number {
  return size.rows < DETAIL_ROWS ? 0 : Math.min(detail, Math.floor(size.rows / 2));
}

function listRows(own: MetaState, context: Context): number {
  return Math.max(1, context.size.rows - 1 - detailRows(own, context));
}

function view(own: MetaState, context: Context): readonly Line[] {
  const { size, subject, shared, ascii } = context;
  const all = rowsOf(own, context);
  const rows = listRows(own, context);
  const { cursor, offset } = inSight(own.window, all.length, rows);
  const filter = shared.filters.meta ?? "";
  const total = entriesOf(subject).length;
  const found = all.filter((row) => "entry" in row).length;
  const head = ends(
    line(
      bold("Metadata "),
      filter === "" ? plural(total, "key") : `${found}/${total}`,
      ...(filter === "" ? [] : [dim("  filter: "), toned(safe(filter), "accent")]),
    ),
    line(dim("large arrays stay in the file")),
    size.columns,
  );
  const key = Math.min(44, Math.max(16, Math.floor(size.columns * 0.42)));
  const list = all.slice(offset, offset + rows).map((row, i) => {
    const isHere = offset + i === cursor;
    const mark = isHere ? (ascii ? "> " : "\u25b8 ") : "  ";
    const spans =
      "entry" in row ? leafLine(row.entry, mark, key, own.types, context) : branchLine(row, mark, own, context);
    return isHere ? spans.map((span) => ({ ...span, inverse: true })) : spans;
  });
  if (all.length === 0)
    list.push(
      line(
        dim(
          total === 0
            ? "  This checkpoint has no metadata."
            : "  no key or value has that in it; Esc clears the filter",
        ),
      ),
    );
  const filled = [...list, ...Array.from({ length: Math.max(0, rows - list.length) }, (): Line => [])];
  return [head, ...filled, ...detailLines(entryAt(own, context), detailRows(own, context), context)];
}

function branchLine(
  { branch, count }: { readonly branch: string; readonly count: number },
  mark: string,
  { closed }: MetaState,
  { ascii }: Context,
): Line {
  const isOpen = !closed.has(branch);
  const sign = ascii ? (isOpen ? "-" : "+") : isOpen ? "\u25be" : "\u25b8";
  return line(
    mark,
    bold(`${sign} ${branch === "" ? "without a prefix" : safe(branch).slice(0, 60)}`),
    dim(`  ${count}`),
  );
}

function leafLine(entry: MetadataEntry, mark: string, columns: number, types: boolean, context: Context): Line {
  const { size, loaded } = context;
  const branch = branchOf(entry.key);
  const name = safe((branch === "" ? entry.key : entry.key.slice(branch.length + 1)).slice(0, 200));
  const type = types ? `${cell(typeName(entry), 18)} ` : "";
  const room = Math.max(8, size.columns - 4 - columns - 1 - width(type));
  const known = loaded.get(entry.key);
  const preview = known && "value" in known ? (known.value as readonly MetadataElement[]).slice(0, 5) : [];
  const isArray = typeof entry.value === "object";
  const value = isArray && preview.length === 0 ? typeName(entry) : valueWords(entry, preview, context);
  return line(mark, "  ", cell(name, columns), " ", dim(type), cell(value, room));
}

function valueWords(entry: MetadataEntry, preview: readonly MetadataElement[], { subject }: Context): string {
  const text = oneLine({ entry, preview });
  const { declared } = subject.report.quantization;
  // The file has a number where people say Q4_K_M.
  return entry.key === "general.file_type" && declared ? `${text} = ${safe(declared)}` : text;
}

/** The value as far as there is room, what the key means, its type. */
function detailLines(entry: MetadataEntry | undefined, rows: number, context: Context): Line[] {
  if (rows === 0) return [];
  const { size, ascii } = context;
  const rule = ascii ? "-" : "\u2500";
  if (!entry) return [line(dim(rule.repeat(size.columns)))];
  const head = `${rule}${rule} ${safe(entry.key.slice(0, 200))} \u00b7 ${typeName(entry)} `;
  const said = ascii ? head.replace("\u00b7", "-") : head;
  const words = keyWords(entry.key);
  const value = valueLines(entry, context, size.columns - 2);
  const shown = value.slice(0, rows - (words ? 2 : 1));
  const more = value.length > shown.length ? " Enter shows all of it" : "";
  return [
    line(dim(said + rule.repeat(Math.max(0, size.columns - width(said))))),
    ...(words ? [line(words, dim(more === "" ? "" : `.${more}`))] : []),
    ...shown,
  ].slice(0, rows);
}

function valueLines(entry: MetadataEntry, context: Context, columns: number): Line[] {
  const { subject, loaded, ascii } = context;
  const config = configValue(subject.checkpoint, entry);
  if (typeof config === "object") return linesOf(safeBlock(JSON.stringify(config, null, 2).slice(0, LONGEST_SHOWN)));
  const { value } = entry;
  if (typeof value === "object") {
    const known = loaded.get(entry.key);
    if (!known) return [line(dim(`${formatExact(value.length)} elements; Enter reads the first`))];
    if ("problem" in known) return [line(toned(safe(known.problem), "bad"))];
    return linesOf(valueView(entry, known.value as readonly MetadataElement[], 0, { ...screenStyle(columns, ascii) }));
  }
  if (typeof value !== "string") return [line(valueWords(entry, [], context))];
  const text = safeBlock(value.slice(0, LONGEST_SHOWN)).replaceAll("\t", "    ");
  const cut =
    value.length > LONGEST_SHOWN ? [line(dim(`and ${formatExact(value.length - LONGEST_SHOWN)} characters more`))] : [];
  return [
    ...text
      .split("\n")
      .flatMap((row) => (row === "" ? [[]] : wrap(row, Math.max(20, columns)).map((part) => line(part)))),
    ...cut,
  ];
}

function act(own: MetaState, command: CommandId, context: Context): Step<MetaState> | undefined {
  const all = rowsOf(own, context);
  const rows = listRows(own, context);
  const window = moved(own.window, command, all.length, rows);
  if (window) return looked({ ...own, window }, context);
  switch (command) {
    case "next-match":
    case "previous-match": {
      const by = command === "next-match" ? 1 : -1;
      for (let step = 1; step <= all.length; step++) {
        const cursor = (((own.window.cursor + by * step) % all.length) + all.length) % all.length;
        const row = all[cursor];
        if (row && "entry" in row)
          return looked({ ...own, window: inSight({ ...own.window, cursor }, all.length, rows) }, context);
      }
      return { toast: "nothing passes the filter" };
    }
    case "left":
    case "right":
    case "enter":
      return opened(own, command, context);
    case "template":
      return { page: templatePage(context) };
    case "raw-types":
      return { own: { ...own, types: !own.types } };
    case "wider":
      return { own: { ...own, detail: Math.max(0, own.detail - 1) } };
    case "narrower":
      return { own: { ...own, detail: Math.min(DETAIL.most, own.detail + 1) } };
    default:
      return undefined;
  }
}

/** The cursor has come somewhere: the beginning of an array is read, where it hasn't been. */
function looked(own: MetaState, context: Context): Step<MetaState> {
  const entry = entryAt(own, context);
  return { own, ...(entry && reading(entry, context)) };
}

function reading({ key, value }: MetadataEntry, { loaded }: Context): Pick<Step<MetaState>, "load"> {
  if (typeof value !== "object" || loaded.has(key)) return {};
  return { load: { id: key, work: () => value.slice(0, ELEMENTS) } };
}

function opened(own: MetaState, command: "left" | "right" | "enter", context: Context): Step<MetaState> | undefined {
  const row = rowAt(own, context);
  if (!row) return undefined;
  if ("branch" in row || command === "left") {
    const branch = "branch" in row ? row.branch : branchOf(row.entry.key);
    const closed = new Set(own.closed);
    const closes = command === "left" || (command === "enter" && !closed.has(branch));
    if (closes) closed.add(branch);
    else closed.delete(branch);
    const next = { ...own, closed };
    const all = rowsOf(next, context);
    const cursor = all.findIndex((other) => "branch" in other && other.branch === branch);
    return { own: { ...next, window: inSight({ ...own.window, cursor }, all.length, listRows(own, context)) } };
  }
  const { entry } = row;
  const needed = reading(entry, context);
  if (needed.load) return { ...needed, toast: "reading; Enter again shows it" };
  return {
    page: { title: safe(entry.key.slice(0, 200)), lines: ({ columns }) => valueLines(entry, context, columns - 2) },
  };
}

function whyPage(entry: MetadataEntry | undefined): Page {
  const title = entry ? `What ${safe(entry.key.slice(0, 100))} means` : "Metadata";
  return {
    title,
    lines: ({ columns }) => {
      const text = (words: string): Line[] => wrap(words, Math.min(90, columns - 2)).map((row) => line(row));
      if (!entry)
        return text(
          "What the file says of itself: its name, its shape, how text becomes tokens. Programs that run the model go by it.",
        );
      const words = keyWords(entry.key);
      return [
        ...text(
          words
            ? `${words.charAt(0).toUpperCase()}${words.slice(1)}.`
            : "No words on this key: programs other than the usual ones, or its makers alone, know what it is for.",
        ),
        [],
        ...text(`It is of type ${typeName(entry)}. Nothing of it is checked here but what the findings (9) say.`),
      ];
    },
  };
}

/** The chat template in lines; or that there is none. */
function templatePage({ subject }: Context): Page {
  const found = entriesOf(subject).filter(({ key, value }) => /chat_template/.test(key) && typeof value === "string");
  return {
    title: "Chat template",
    lines: ({ columns }) => {
      if (found.length === 0)
        return wrap(
          "The header has no chat template. For safetensors it stands in tokenizer_config.json or chat_template.jinja beside the weights; base models have none.",
          Math.min(90, columns - 2),
        ).map((row) => line(row));
      return found.flatMap(({ key, value }) => [
        line(bold(safe(key.slice(0, 200))), dim("  text that it puts out is in quotes")),
        ...prettyTemplate(String(value).slice(0, LONGEST_TEMPLATE)).flatMap((row) => {
          const indent = /^ */.exec(row)?.[0] ?? "";
          return wrap(safe(row.trimStart()), Math.max(20, columns - 4 - indent.length)).map((part, i) =>
            line(`${indent}${i === 0 ? "" : "    "}${part}`),
          );
        }),
        [],
      ]);
    },
  };
}

const LONGEST_TEMPLATE = 200_000;
