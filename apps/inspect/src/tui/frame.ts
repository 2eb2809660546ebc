/** State -> the lines of the whole terminal: title, tabs, the screen or a page over it, keys. Always exactly as wide and tall as told. */
import { formatBytes, plural } from "@checkpoint-inspect/analysis";

import { cut, safe, wrap } from "../views/text.ts";
import { footerKeys, KEYMAP, keyName } from "./keymap.ts";
import { bold, dim, ends, fitLine, inverse, type Line, line, lineWidth, type Span, toned } from "./line.ts";
import { SCREENS } from "./screen.ts";
import { screenOf } from "./screens.ts";
import {
  bodySize,
  contextOf,
  EXPORT_WORDS,
  isTooSmall,
  LEAST,
  nothingOpen,
  ownState,
  pageRows,
  type State,
} from "./state.ts";

/** @returns `rows - 1` lines of `columns` columns: see `AROUND` in state.ts */
export function frame(state: State): Line[] {
  const { columns, rows } = state.size;
  const height = Math.max(1, rows - 1);
  const lines = isTooSmall(state.size)
    ? [line(`inspect needs ${LEAST.columns}x${LEAST.rows}; this is ${columns}x${rows}. q leaves`)]
    : wholeFrame(state);
  const shown = state.ascii ? lines.map((spans) => spans.map(inAscii)) : lines;
  return Array.from({ length: height }, (_, row) => fitLine(shown[row] ?? [], columns, state.ascii ? "~" : undefined));
}

/** Whatever was cut on the way has its mark in Unicode. */
function inAscii(span: Span): Span {
  return span.text.includes("\u2026") ? { ...span, text: span.text.replaceAll("\u2026", "~") } : span;
}

function wholeFrame(state: State): Line[] {
  const { rows } = bodySize(state.size);
  const body = bodyLines(state).slice(0, rows);
  const filled = Array.from({ length: rows }, (_, row) => body[row] ?? []);
  return [titleLine(state), tabLine(state), ...filled, footerLine(state)];
}

/** What is open; the formats and figures give way to the name. */
function titleLine({ subject, target, collection, size, ascii }: State): Line {
  const name = (text: string) => line(bold("inspect"), "  ", text);
  if (!subject) return name(cut(safe(collection?.title ?? target), size.columns - 10, "middle"));
  const { source, model } = subject.report;
  const facts = [
    source.container,
    model.architecture ?? "",
    plural(source.tensors, "tensor"),
    formatBytes(source.sizeBytes),
  ];
  const label = safe(source.label);
  for (let count = facts.length; count > 0; count--) {
    const right = facts
      .slice(0, count)
      .filter(Boolean)
      .map(safe)
      .join(ascii ? " - " : " \u00b7 ");
    if (9 + label.length + 2 + right.length <= size.columns) return ends(name(label), line(dim(right)), size.columns);
  }
  return name(cut(label, size.columns - 10, "middle"));
}

const TABS = SCREENS.map((id, i) => {
  const { keys, short } = KEYMAP[i] as (typeof KEYMAP)[number];
  return { id, text: `${keyName(keys[0])} ${short}` };
});

function tabLine({ screen, size }: State): Line {
  const whole = TABS.reduce((sum, { text }) => sum + text.length + 1, 0) <= size.columns;
  return TABS.flatMap(({ id, text }): Span[] => {
    const shown = whole || id === screen ? text : (text.split(" ")[0] ?? "");
    return [id === screen ? { ...inverse(shown), bold: true } : dim(shown), { text: " " }];
  });
}

function bodyLines(state: State): readonly Line[] {
  // The checkpoints of a repository are there before the first header is.
  const isListed = state.screen === "repo" && state.collection !== null && state.subject === null;
  if (state.opening && !isListed) return openingLines(state.opening, state);
  const over = state.pages.at(-1);
  if (over) return pageLines(over, state);
  const screen = screenOf(state.screen);
  const context = contextOf(state, screen);
  if (!context) return emptyLines(state);
  return screen.view(ownState(state, screen), context);
}

/** Never a black screen: what is being opened, how far it has come, and the way out. */
function openingLines({ what, words }: NonNullable<State["opening"]>, { size, subject, collection }: State): Line[] {
  const back = subject || collection ? "Esc goes back" : "Esc leaves";
  return [
    [],
    line("  Opening ", bold(cut(safe(what), size.columns - 12, "middle"))),
    ...wrap(words === "" ? "reading the header" : safe(words), size.columns - 4).map((text) => line("  ", dim(text))),
    [],
    line("  ", dim(back)),
  ];
}

function emptyLines(state: State): Line[] {
  return [[], ...wrap(nothingOpen(state), state.size.columns - 4).map((text) => line("  ", text))];
}

function pageLines({ page, top }: State["pages"][number], state: State): Line[] {
  const { columns } = state.size;
  const rows = pageRows(state.size);
  const lines = page.lines({ columns, rows });
  const first = Math.max(0, Math.min(top, lines.length - rows));
  const more = lines.length > rows ? `${first + 1}-${Math.min(lines.length, first + rows)} of ${lines.length}` : "";
  const title = ends(line(bold(page.title)), line(dim(more), more === "" ? "" : "  ", dim("Esc back")), columns);
  return [title, [], ...lines.slice(first, first + rows)];
}

/** The keys, what is being typed, or what was just done. */
function footerLine(state: State): Line {
  const { typing, toast, exporting, size } = state;
  if (typing) {
    const prompt = typing.kind === "filter" ? "/" : ":";
    const room = size.columns - 3;
    // The end of a long text is where the cursor is.
    const shown = typing.text.length > room ? [...typing.text].slice(-room).join("") : typing.text;
    const hint = typing.kind === "filter" ? hintOf(state) : "a layer's number, or part of a tensor's name or a key";
    return ends(line(toned(prompt, "accent"), safe(shown), inverse(" ")), line(dim(hint)), size.columns);
  }
  if (state.opening) {
    const { what, words } = state.opening;
    return ends(
      line(toned(`opening ${cut(safe(what), 60, "middle")}`, "accent"), dim(`  ${safe(words)}`)),
      line(dim("Esc cancels")),
      size.columns,
    );
  }
  if (toast !== null) return line(toned(safe(toast), "accent"));
  const keys = exporting ? [...EXPORT_WORDS, { key: "Esc", short: "no export" }] : footerKeys(state.screen);
  return fitKeys(keys, size.columns, exporting ? "write this view as  " : "");
}

function hintOf({ screen }: State): string {
  return FILTER_HINTS[screen] ?? "";
}

const FILTER_HINTS: Readonly<Record<string, string>> = {
  tensors: "name, layer:17 bucket:ffn dtype:Q6_K size:>10M, ~fuzzy",
  meta: "part of a key or a value",
};

/** As many as there is room for: what is left out stands in the help. */
function fitKeys(
  keys: readonly { readonly key: string; readonly short: string }[],
  columns: number,
  before: string,
): Line {
  let shown: Span[] = before === "" ? [] : [{ text: before }];
  for (const { key, short } of keys) {
    const next = [...shown, ...(shown.length > 0 ? [{ text: "  " }] : []), toned(key, "accent"), dim(` ${short}`)];
    if (lineWidth(next) <= columns) shown = next;
  }
  return shown;
}

/** The body of a screen as text, for a layout that is read aloud. */
export function bodyOf(state: State): readonly Line[] {
  return bodyLines(state);
}
