/**
 * The whole state of the browser and what keys and events do to it: a pure reducer. What touches the world comes out as effects.
 */
import { BUCKETS } from "@checkpoint-inspect/analysis";

import { safe } from "../views/text.ts";
import type { Collection, Comparison } from "./collection.ts";
import { helpPage } from "./help.ts";
import { type CommandId, commandOf, keyName, screensOf } from "./keymap.ts";
import type { Key } from "./keys.ts";
import {
  type Common,
  type Context,
  type Loaded,
  type Page,
  SCREENS,
  type ScreenId,
  type Shared,
  type Size,
  type Step,
  scrolled,
} from "./screen.ts";
import { type AnyScreen, screenOf } from "./screens.ts";
import type { Subject } from "./subject.ts";

export interface State {
  readonly size: Size;
  readonly ascii: boolean;
  readonly target: string;
  /** The checkpoint that is open; null before, and where a folder with several is. */
  readonly subject: Subject | null;
  readonly collection: Collection | null;
  readonly comparison: Comparison | null;
  /** What is being opened, and how far it has come. */
  readonly opening: { readonly what: string; readonly words: string } | null;
  /** Why what was asked for last isn't open. */
  readonly problem: string | null;
  readonly screen: ScreenId;
  /** Where Esc leads back to, the last first. */
  readonly trail: readonly ScreenId[];
  /** Each screen's own state, where it was entered. */
  readonly own: Readonly<Partial<Record<ScreenId, unknown>>>;
  readonly shared: Shared;
  /** Pages over the screen, the topmost last. */
  readonly pages: readonly { readonly page: Page; readonly top: number }[];
  /** What is being typed, and what stood there before. */
  readonly typing: { readonly kind: "filter" | "go-to"; readonly text: string; readonly before: string } | null;
  /** The formats of an export are offered. */
  readonly exporting: boolean;
  readonly toast: string | null;
  readonly mouse: boolean;
  readonly loaded: ReadonlyMap<string, Loaded>;
}

/** What has to happen outside. */
export type Effect =
  | { readonly kind: "quit" }
  | { readonly kind: "cancel" }
  | { readonly kind: "suspend" }
  | { readonly kind: "redraw" }
  | { readonly kind: "mouse"; readonly on: boolean }
  | { readonly kind: "copy"; readonly text: string }
  | { readonly kind: "export"; readonly name: string; readonly text: string }
  | { readonly kind: "open"; readonly target: string }
  | { readonly kind: "compare"; readonly targets: readonly [string, string] }
  | { readonly kind: "load"; readonly id: string; readonly work: () => Promise<unknown> };

/** What the outside tells. */
export type Event =
  | { readonly kind: "resized"; readonly size: Size }
  | { readonly kind: "opening"; readonly what: string; readonly words: string }
  | { readonly kind: "opened"; readonly target: string; readonly subject: Subject }
  | { readonly kind: "collected"; readonly target: string; readonly collection: Collection }
  /** Nothing more is opened until something is chosen. */
  | { readonly kind: "chosen" }
  | { readonly kind: "compared"; readonly comparison: Comparison }
  | { readonly kind: "failed"; readonly problem: string }
  | { readonly kind: "loaded"; readonly id: string; readonly result: Loaded }
  | { readonly kind: "said"; readonly toast: string };

export interface Next {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** What was loaded on demand and is kept; more than a screen shows at once. */
const KEPT = 16;

/** Longer filters are none. */
const LONGEST_TYPED = 200;

export interface Start {
  readonly target: string;
  readonly size: Size;
  readonly ascii: boolean;
}

export function initialState({ target, size, ascii }: Start): State {
  return {
    size,
    ascii,
    target,
    subject: null,
    collection: null,
    comparison: null,
    opening: { what: target, words: "" },
    problem: null,
    screen: "overview",
    trail: [],
    own: {},
    shared: NOTHING_CHOSEN,
    pages: [],
    typing: null,
    exporting: false,
    toast: null,
    mouse: false,
    loaded: new Map(),
  };
}

const NOTHING_CHOSEN: Shared = { unit: "bytes", layer: 0, tensor: 0, bucket: null, filters: {}, marks: [] };

/** Below this there is no room for a screen. */
export const LEAST: Size = { columns: 60, rows: 16 };

/** Lines around the body: title and tabs above, keys below. Ink clears the whole terminal for a frame as tall as it, so one stays free. */
const AROUND = 4;

export function isTooSmall({ columns, rows }: Size): boolean {
  return columns < LEAST.columns || rows < LEAST.rows;
}

/** The part of the terminal that is a screen's own. */
export function bodySize({ columns, rows }: Size): Size {
  return { columns, rows: Math.max(1, rows - AROUND) };
}

/** What a screen is given; null for one about a checkpoint where none is open. */
export function contextOf(state: State, screen: AnyScreen): Context | null {
  const { shared, size, ascii, collection, comparison, loaded, target, subject } = state;
  const common: Common = { shared, size: bodySize(size), ascii, collection, comparison, loaded, target };
  if (!subject && !screen.free) return null;
  // A free screen reads nothing of the subject: its type says so.
  return { ...common, subject: subject as Subject };
}

export function ownState(state: State, screen: AnyScreen): unknown {
  return screen.id in state.own ? state.own[screen.id] : screen.initial;
}

/** What a key does. */
export function press(state: State, key: Key): Next {
  const quiet: State = state.toast === null ? state : { ...state, toast: null };
  if (key === "ctrl-c") return { state: quiet, effects: [{ kind: "quit" }] };
  if (quiet.opening) return whileOpening(quiet, key);
  if (quiet.typing) return typed(quiet, quiet.typing, key);
  if (quiet.exporting) return exported(quiet, key);
  const command = commandOf(key, quiet.screen);
  if (command === undefined) return still(elsewhere(quiet, key));
  return perform(quiet, command);
}

function still(state: State): Next {
  return { state, effects: [] };
}

function say(state: State, toast: string): Next {
  return still({ ...state, toast });
}

/** Whoever presses a key that means nothing here is told where it does. */
function elsewhere(state: State, key: Key): State {
  const screens = screensOf(key);
  const name = keyName(key);
  if (screens.length > 0) return { ...state, toast: `${name} works on: ${screens.join(", ")}` };
  return key.length === 1 ? { ...state, toast: `${safe(name)} does nothing; ? lists the keys` } : state;
}

function whileOpening(state: State, key: Key): Next {
  if (key === "q") return { state, effects: [{ kind: "quit" }] };
  if (key !== "escape") return still(state);
  const hasElse = state.subject !== null || state.collection !== null;
  if (!hasElse) return { state, effects: [{ kind: "quit" }] };
  return { state: { ...state, opening: null, toast: "cancelled" }, effects: [{ kind: "cancel" }] };
}

/** What commands do whichever screen is shown; a screen's own come first where it has any. */
const EVERYWHERE: Readonly<Partial<Record<CommandId, (state: State) => Next>>> = {
  quit: (state) => ({ state, effects: [{ kind: "quit" }] }),
  redraw: (state) => ({ state, effects: [{ kind: "redraw" }] }),
  suspend: (state) => ({ state, effects: [{ kind: "suspend" }] }),
  mouse: (state) => ({
    state: {
      ...state,
      mouse: !state.mouse,
      toast: state.mouse
        ? "mouse off: the terminal selects text again"
        : "mouse on: the wheel scrolls; hold Shift to select text",
    },
    effects: [{ kind: "mouse", on: !state.mouse }],
  }),
  help: (state) => still(withPage(state, helpPage(state.screen))),
  "next-screen": (state) => enter(state, besides(state.screen, 1)),
  "previous-screen": (state) => enter(state, besides(state.screen, -1)),
  filter: (state) => {
    const before = state.shared.filters[state.screen] ?? "";
    return still({ ...state, typing: { kind: "filter", text: before, before } });
  },
  "go-to": (state) => still({ ...state, typing: { kind: "go-to", text: "", before: "" } }),
  unit: (state) => {
    const { unit } = state.shared;
    const next = unit === "bytes" ? "parameters" : unit === "parameters" ? "bits" : "bytes";
    return arrived({ ...state, shared: { ...state.shared, unit: next }, toast: `unit: ${UNIT_WORDS[next]}` });
  },
  bucket: (state) => {
    const present = state.subject?.report.buckets.map(({ bucket }) => bucket) ?? [...BUCKETS];
    const { bucket } = state.shared;
    const next = present[bucket === null ? 0 : present.indexOf(bucket) + 1] ?? null;
    return arrived({
      ...state,
      shared: { ...state.shared, bucket: next },
      toast: next === null ? "all buckets" : `${next} alone; f again for the next, Esc for all`,
    });
  },
  export: (state) => still({ ...state, exporting: true }),
};

const UNIT_WORDS = { bytes: "bytes", parameters: "parameters", bits: "bits per weight" } as const;

function besides(screen: ScreenId, by: 1 | -1): ScreenId {
  const at = SCREENS.indexOf(screen);
  return SCREENS[(at + by + SCREENS.length) % SCREENS.length] as ScreenId;
}

function perform(state: State, command: CommandId): Next {
  const number = /^screen-(\d+)$/.exec(command)?.[1];
  if (number !== undefined) return enter({ ...state, trail: [] }, SCREENS[Number(number) - 1] as ScreenId);
  const top = state.pages.at(-1);
  if (top) {
    const next = inPage(state, top, command);
    if (next) return next;
  }
  if (command === "back") return back(state);
  const screen = screenOf(state.screen);
  const context = contextOf(state, screen);
  if (!context) return EVERYWHERE[command]?.(state) ?? say(state, nothingOpen(state));
  const own = ownState(state, screen);
  if (!top) {
    const step = screen.act?.(own, command, context);
    if (step) return stepped(state, screen, step);
  }
  switch (command) {
    case "why":
      return still(withPage(state, screen.why(own, context)));
    case "copy":
      return copied(state, screen.row(own, context));
    case "copy-screen":
      return copied(state, screen.text(own, context));
    default:
      return EVERYWHERE[command]?.(state) ?? still(state);
  }
}

/** Why there is no checkpoint to do something with. */
export function nothingOpen({ problem, collection }: State): string {
  return problem ?? (collection ? "nothing is open yet: press 0, choose one, Enter" : "nothing is open");
}

function copied(state: State, text: string): Next {
  const bytes = new TextEncoder().encode(text).length;
  return { state: { ...state, toast: `copied ${bytes} bytes` }, effects: [{ kind: "copy", text }] };
}

function withPage(state: State, page: Page): State {
  return { ...state, pages: [...state.pages, { page, top: 0 }] };
}

/** Rows that a page has for its text, under its title. */
export function pageRows(size: Size): number {
  return Math.max(1, bodySize(size).rows - 2);
}

function inPage(state: State, top: State["pages"][number], command: CommandId): Next | undefined {
  const rest = state.pages.slice(0, -1);
  const close = { ...state, pages: rest };
  if (command === "back" || command === "enter") return still(close);
  // The key that opened it closes it.
  if (command === "help" || command === "why") return still(close);
  const size = { columns: state.size.columns, rows: pageRows(state.size) };
  const text = top.page.lines(size);
  const moved = scrolled(top.top, command, text.length, size.rows);
  if (moved !== undefined) return still({ ...state, pages: [...rest, { page: top.page, top: moved }] });
  const plain = () =>
    text
      .map((line) =>
        line
          .map(({ text }) => text)
          .join("")
          .trimEnd(),
      )
      .join("\n");
  if (command === "copy" || command === "copy-screen") return copied(state, plain());
  return undefined;
}

/** Another screen; numbers begin a new trail, jumps add to it. */
function enter(state: State, id: ScreenId): Next {
  return arrived({ ...state, screen: id, pages: [], exporting: false });
}

/** Brings a screen's own state in line with what is chosen. */
function arrived(state: State): Next {
  const screen = screenOf(state.screen);
  const context = contextOf(state, screen);
  if (!context || !screen.arrive) return still(state);
  return still(withOwn(state, screen.id, screen.arrive(ownState(state, screen), context)));
}

function withOwn(state: State, id: ScreenId, own: unknown): State {
  return { ...state, own: { ...state.own, [id]: own } };
}

function stepped(state: State, screen: AnyScreen, step: Step<unknown>): Next {
  let next: State = state;
  if (step.own !== undefined) next = withOwn(next, screen.id, step.own);
  if (step.shared) next = { ...next, shared: { ...next.shared, ...step.shared } };
  if (step.page) next = withPage(next, step.page);
  if (step.toast !== undefined) next = { ...next, toast: step.toast };
  const effects: Effect[] = [];
  if (step.load) effects.push({ kind: "load", ...step.load });
  if (step.open !== undefined) {
    effects.push({ kind: "open", target: step.open });
    next = { ...next, opening: { what: step.open, words: "" }, problem: null };
  }
  if (step.compare) {
    effects.push({ kind: "compare", targets: step.compare });
    next = { ...next, opening: { what: step.compare.join(" and "), words: "" }, problem: null };
  }
  if (step.go !== undefined)
    next = enter({ ...next, trail: [state.screen, ...state.trail].slice(0, KEPT) }, step.go).state;
  return { state: next, effects };
}

/** Esc: the topmost page, then the filter, then the bucket, then the way back; then nothing. */
function back(state: State): Next {
  if (state.pages.length > 0) return still({ ...state, pages: state.pages.slice(0, -1) });
  const screen = screenOf(state.screen);
  const context = contextOf(state, screen);
  const step = context && screen.act?.(ownState(state, screen), "back", context);
  if (step) return stepped(state, screen, step);
  const [before, ...trail] = state.trail;
  if ((state.shared.filters[state.screen] ?? "") !== "") {
    const cleared = arrived(withFilter(state, "")).state;
    // A filter that came with a jump goes with it.
    return before === undefined ? still(cleared) : enter({ ...cleared, trail }, before);
  }
  if (state.shared.bucket !== null && screensOf("f").includes(state.screen))
    return arrived({ ...state, shared: { ...state.shared, bucket: null }, toast: "all buckets" });
  if (before !== undefined) return enter({ ...state, trail }, before);
  return say(state, "q leaves");
}

function withFilter(state: State, text: string): State {
  return { ...state, shared: { ...state.shared, filters: { ...state.shared.filters, [state.screen]: text } } };
}

function typed(state: State, typing: NonNullable<State["typing"]>, key: Key): Next {
  const { kind, text, before } = typing;
  const become = (now: string): Next => {
    const next = { ...state, typing: { kind, text: now, before } };
    return kind === "filter" ? arrived(withFilter(next, now)) : still(next);
  };
  switch (key) {
    case "escape":
      return kind === "filter"
        ? arrived({ ...withFilter(state, ""), typing: null })
        : still({ ...state, typing: null });
    case "enter": {
      const done = { ...state, typing: null };
      return kind === "filter" ? still(done) : goTo(done, text.trim());
    }
    case "backspace":
      return text === "" ? still({ ...state, typing: null }) : become([...text].slice(0, -1).join(""));
    case "ctrl-u":
      return become("");
    case "ctrl-w":
      return become(text.replace(/\S*\s*$/, ""));
    // The list moves while its filter is typed.
    case "up":
    case "down":
    case "page-up":
    case "page-down": {
      const command = commandOf(key, state.screen);
      return kind === "filter" && command ? perform(state, command) : still(state);
    }
    default:
      return [...key].length === 1 && text.length < LONGEST_TYPED ? become(text + key) : still(state);
  }
}

/** `17` is a layer; anything else a tensor, or a metadata key where no tensor has it. */
function goTo(state: State, text: string): Next {
  const { subject } = state;
  if (text === "") return still(state);
  if (!subject) return say(state, nothingOpen(state));
  const jump = (shared: Partial<Shared>, id: ScreenId): Next =>
    enter({ ...state, shared: { ...state.shared, ...shared }, trail: [state.screen, ...state.trail] }, id);
  const unfiltered = (id: ScreenId, filter = "") => ({
    bucket: null,
    filters: { ...state.shared.filters, [id]: filter },
  });
  if (/^\d+$/.test(text)) {
    const index = Number(text);
    const { layers } = subject.report;
    const own = layers[state.shared.layer]?.stack;
    const at = layers.findIndex((layer) => layer.index === index && layer.stack === own);
    const place = at >= 0 ? at : layers.findIndex((layer) => layer.index === index);
    if (place >= 0) return jump({ layer: place }, "layers");
    return say(state, layers.length === 0 ? "no layers here" : `no layer ${text}; the last is ${layers.at(-1)?.index}`);
  }
  const wanted = text.toLowerCase();
  const names = subject.tensors.map(({ tensor }) => tensor.name.toLowerCase());
  const exact = names.indexOf(wanted);
  const tensor = exact >= 0 ? exact : names.findIndex((name) => name.includes(wanted));
  if (tensor >= 0) return jump({ tensor, ...unfiltered("tensors") }, "tensors");
  const key = subject.checkpoint.metadata.find(({ key }) => key.toLowerCase().includes(wanted));
  if (key) return jump(unfiltered("meta", text), "meta");
  return say(state, `neither a tensor nor a key has '${safe(text)}' in its name`);
}

const FORMATS: Readonly<Record<Key, { readonly extension: string; readonly name: string }>> = {
  m: { extension: "md", name: "Markdown" },
  j: { extension: "json", name: "JSON" },
  t: { extension: "txt", name: "text" },
};

/** What the footer offers while a format is chosen. */
export const EXPORT_WORDS = Object.entries(FORMATS).map(([key, { name }]) => ({ key, short: name }));

function exported(state: State, key: Key): Next {
  const done: State = { ...state, exporting: false };
  const format = FORMATS[key];
  if (!format) return still(done);
  const screen = screenOf(state.screen);
  const context = contextOf(state, screen);
  if (!context) return say(done, nothingOpen(state));
  const own = ownState(state, screen);
  const label = state.subject?.report.source.label ?? state.collection?.title ?? state.target;
  const text = () => screen.text(own, context);
  const content =
    format.extension === "json"
      ? `${JSON.stringify(screen.json(own, context), null, 2)}\n`
      : format.extension === "md"
        ? `# ${screen.title}: ${safe(label)}\n\n${fenced(text())}\n`
        : `${text()}\n`;
  const name = `${fileName(label)}-${state.screen}.${format.extension}`;
  return { state: done, effects: [{ kind: "export", name, text: content }] };
}

/** In a fence that nothing inside of it ends. */
function fenced(text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}`;
}

/** A name for a file, out of one that anybody may have chosen. */
function fileName(label: string): string {
  const plain = label.replace(/\.(?:gguf|safetensors)$/i, "").replace(/[^\w.-]+/g, "-");
  return plain.replace(/^[.-]+/, "").slice(0, 80) || "checkpoint";
}

/** What the outside tells. */
export function happen(state: State, event: Event): State {
  switch (event.kind) {
    case "resized":
      return arrived({ ...state, size: event.size }).state;
    case "opening":
      return state.opening ? { ...state, opening: { what: event.what, words: event.words } } : state;
    case "opened": {
      const { target, subject } = event;
      const shared = { ...NOTHING_CHOSEN, unit: state.shared.unit, marks: state.shared.marks };
      const screen = state.screen === "repo" && state.subject === null && state.collection ? "overview" : state.screen;
      const fresh: State = {
        ...state,
        target,
        subject,
        shared,
        own: keep(state.own, "repo"),
        loaded: new Map(),
        opening: null,
        problem: null,
        pages: [],
        typing: null,
        screen: screen === "repo" ? "overview" : screen,
      };
      return arrived(fresh).state;
    }
    case "collected": {
      const { target, collection } = event;
      return arrived({ ...state, target, collection, screen: state.subject ? state.screen : "repo" }).state;
    }
    case "chosen":
      return { ...state, opening: null };
    case "compared":
      return arrived({
        ...state,
        comparison: event.comparison,
        opening: null,
        problem: null,
        screen: "diff",
        own: without(state.own, "diff"),
      }).state;
    case "failed":
      return { ...state, opening: null, problem: event.problem, toast: event.problem };
    case "loaded": {
      const kept = [...state.loaded].filter(([id]) => id !== event.id).slice(1 - KEPT);
      return { ...state, loaded: new Map([...kept, [event.id, event.result]]) };
    }
    case "said":
      return { ...state, toast: event.toast };
  }
}

function keep(own: State["own"], id: ScreenId): State["own"] {
  return id in own ? { [id]: own[id] } : {};
}

function without(own: State["own"], id: ScreenId): State["own"] {
  const { [id]: _, ...rest } = own;
  return rest;
}
