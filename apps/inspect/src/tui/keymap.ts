/**
 * Every key, once: what dispatch, the footer, the help page and the README are made from. A row that names screens comes before one
 * that holds everywhere.
 */
import type { Key } from "./keys.ts";
import type { ScreenId } from "./screen.ts";

interface Row {
  readonly id: string;
  readonly keys: readonly Key[];
  /** In the footer, in a word or two. */
  readonly short: string;
  /** In the help. */
  readonly help: string;
  /** Only there; everywhere unless told. */
  readonly screens?: readonly ScreenId[];
  /** Stands in the footer; the lowest first. */
  readonly footer?: number;
}

export const KEYMAP = [
  { id: "screen-1", keys: ["1"], short: "over", help: "Overview: what it is, where its parameters are" },
  { id: "screen-2", keys: ["2"], short: "layers", help: "Layers: what each holds, which are alike" },
  { id: "screen-3", keys: ["3"], short: "tensors", help: "Tensors: every one, filtered and sorted" },
  { id: "screen-4", keys: ["4"], short: "quant", help: "Quantization: how the weights are stored" },
  { id: "screen-5", keys: ["5"], short: "memory", help: "Memory: what it takes to run, and where it fits" },
  { id: "screen-6", keys: ["6"], short: "experts", help: "Experts: total against active" },
  { id: "screen-7", keys: ["7"], short: "meta", help: "Metadata: what the file says of itself" },
  { id: "screen-8", keys: ["8"], short: "diff", help: "Diff: two marked checkpoints side by side" },
  { id: "screen-9", keys: ["9"], short: "find", help: "Findings: what is wrong or odd" },
  { id: "screen-10", keys: ["0"], short: "repo", help: "Repository: the checkpoints beside this one" },

  // What one screen alone knows.
  {
    id: "reset",
    keys: ["r"],
    short: "reset",
    help: "back to the settings that programs take",
    screens: ["memory", "experts"],
    footer: 30,
  },
  {
    id: "offload",
    keys: ["o"],
    short: "offload",
    help: "what stays in RAM: whole layers, or routed experts",
    screens: ["memory"],
    footer: 20,
  },
  {
    id: "to-memory",
    keys: ["o"],
    short: "memory",
    help: "the memory planner with these experts in RAM",
    screens: ["experts"],
    footer: 35,
  },
  {
    id: "layer-table",
    keys: ["t"],
    short: "its tensors",
    help: "the tensors of this layer",
    screens: ["layers", "experts"],
    footer: 20,
  },
  {
    id: "layers-apart",
    keys: ["d"],
    short: "next unlike",
    help: "to the next layer that is unlike this one",
    screens: ["layers"],
    footer: 25,
  },
  {
    id: "where-used",
    keys: ["w"],
    short: "where used",
    help: "the tensors that are stored so",
    screens: ["quant"],
    footer: 20,
  },
  { id: "tree", keys: ["T"], short: "tree", help: "tree or table", screens: ["tensors"], footer: 35 },
  {
    id: "template",
    keys: ["v"],
    short: "chat template",
    help: "the chat template, indented",
    screens: ["meta"],
    footer: 20,
  },
  {
    id: "raw-types",
    keys: ["r"],
    short: "types",
    help: "the value types as the file has them",
    screens: ["meta"],
    footer: 30,
  },
  { id: "swap", keys: ["="], short: "swap", help: "A and B change places", screens: ["diff"], footer: 20 },
  { id: "kind", keys: ["f"], short: "kind", help: "the next kind of difference alone", screens: ["diff"], footer: 15 },
  {
    id: "severity",
    keys: ["f"],
    short: "severity",
    help: "the next severity alone",
    screens: ["findings"],
    footer: 15,
  },
  {
    id: "mark",
    keys: ["m"],
    short: "mark",
    help: "mark a checkpoint for the diff; two open it",
    screens: ["repo"],
    footer: 15,
  },

  // What moves.
  { id: "down", keys: ["j", "down"], short: "down", help: "a row down" },
  { id: "up", keys: ["k", "up"], short: "up", help: "a row up" },
  {
    id: "left",
    keys: ["h", "left"],
    short: "left",
    help: "to the left: close a branch, the layer before, less of a slider",
  },
  {
    id: "right",
    keys: ["l", "right"],
    short: "right",
    help: "to the right: open a branch, the next layer, more of a slider",
  },
  { id: "half-down", keys: ["ctrl-d"], short: "half page", help: "half a page down" },
  { id: "half-up", keys: ["ctrl-u"], short: "half page", help: "half a page up" },
  { id: "page-down", keys: ["page-down"], short: "page", help: "a page down" },
  { id: "page-up", keys: ["page-up"], short: "page", help: "a page up" },
  { id: "top", keys: ["g", "home"], short: "top", help: "to the first row" },
  { id: "bottom", keys: ["G", "end"], short: "end", help: "to the last row" },
  { id: "wheel-down", keys: ["wheel-down"], short: "wheel", help: "three rows down, with the mouse on" },
  { id: "wheel-up", keys: ["wheel-up"], short: "wheel", help: "three rows up, with the mouse on" },
  { id: "next-screen", keys: ["tab"], short: "next", help: "next screen" },
  { id: "previous-screen", keys: ["shift-tab"], short: "previous", help: "previous screen" },

  // What picks.
  { id: "enter", keys: ["enter"], short: "open", help: "into what is under the cursor", footer: 5 },
  {
    id: "back",
    keys: ["escape"],
    short: "back",
    help: "back out: a page, what is typed, a filter, a jump; never quits",
  },
  {
    id: "filter",
    keys: ["/"],
    short: "filter",
    help: "filter as you type; Esc clears it",
    screens: ["tensors", "meta", "findings", "repo", "diff"],
    footer: 1,
  },
  {
    id: "next-match",
    keys: ["n"],
    short: "next",
    help: "the next match, or difference",
    screens: ["tensors", "meta", "findings", "repo", "diff"],
  },
  {
    id: "previous-match",
    keys: ["N"],
    short: "previous",
    help: "the match before, or difference",
    screens: ["tensors", "meta", "findings", "repo", "diff"],
  },
  { id: "sort", keys: ["s"], short: "sort", help: "sort by the next column", screens: ["tensors", "repo"], footer: 11 },
  {
    id: "reverse",
    keys: ["S"],
    short: "reverse",
    help: "the other way round",
    screens: ["tensors", "repo"],
    footer: 12,
  },
  {
    id: "unit",
    keys: ["b"],
    short: "unit",
    help: "parameters, bytes or bits per weight",
    screens: ["overview", "layers", "tensors", "quant"],
    footer: 14,
  },
  {
    id: "bucket",
    keys: ["f"],
    short: "bucket",
    help: "the next bucket alone, then all again",
    screens: ["tensors", "layers"],
    footer: 16,
  },
  { id: "pin", keys: [" "], short: "pin", help: "keep this row on top", screens: ["tensors"], footer: 40 },
  { id: "columns", keys: ["c"], short: "columns", help: "fewer or more columns", screens: ["tensors"], footer: 38 },
  {
    id: "wider",
    keys: ["+"],
    short: "wider",
    help: "more room for the list",
    screens: ["tensors", "meta", "layers", "findings"],
  },
  {
    id: "narrower",
    keys: ["_", "-"],
    short: "narrower",
    help: "more room for the detail",
    screens: ["tensors", "meta", "layers", "findings"],
  },
  {
    id: "go-to",
    keys: [":"],
    short: "go to",
    help: "to a layer by its number, a tensor or a key by its name",
    footer: 45,
  },

  // What explains and takes along.
  { id: "why", keys: ["i"], short: "why", help: "why this number: formula, inputs, plain words", footer: 10 },
  { id: "copy", keys: ["y"], short: "copy", help: "copy the row, also over ssh (OSC 52)", footer: 50 },
  { id: "copy-screen", keys: ["Y"], short: "copy all", help: "copy the whole screen as text" },
  { id: "export", keys: ["e"], short: "export", help: "write this view to a file: Markdown, JSON or text", footer: 55 },

  // What is about the program.
  { id: "redraw", keys: ["ctrl-l"], short: "redraw", help: "draw the screen anew" },
  { id: "suspend", keys: ["ctrl-z"], short: "suspend", help: "to the shell; fg leads back" },
  { id: "mouse", keys: ["M"], short: "mouse", help: "mouse wheel on or off; off, the terminal selects text" },
  { id: "help", keys: ["?"], short: "help", help: "the keys of this screen", footer: 2 },
  { id: "quit", keys: ["q", "ctrl-c"], short: "quit", help: "leave, with the terminal as it was", footer: 3 },
] as const satisfies readonly Row[];

export type CommandId = (typeof KEYMAP)[number]["id"];

type KeyRow = Row & { readonly id: CommandId };

const ROWS: readonly KeyRow[] = KEYMAP;

/** What a key does on a screen. */
export function commandOf(key: Key, screen: ScreenId): CommandId | undefined {
  const rows = ROWS.filter(({ keys }) => keys.includes(key));
  return (rows.find(({ screens }) => screens?.includes(screen)) ?? rows.find(({ screens }) => !screens))?.id;
}

/** Where else a key means something, for whoever presses it in the wrong place. */
export function screensOf(key: Key): readonly ScreenId[] {
  return [...new Set(ROWS.filter(({ keys }) => keys.includes(key)).flatMap(({ screens = [] }) => screens))];
}

export function keysOn(screen: ScreenId): readonly KeyRow[] {
  return ROWS.filter(({ screens }) => !screens || screens.includes(screen));
}

/** `/ filter  s sort`, in order. */
export function footerKeys(screen: ScreenId): readonly { readonly key: string; readonly short: string }[] {
  return keysOn(screen)
    .filter(({ footer }) => footer !== undefined)
    .sort((a, b) => (a.footer ?? 0) - (b.footer ?? 0))
    .map(({ keys, short }) => ({ key: keyName(keys[0] ?? ""), short }));
}

const NAMES: Readonly<Record<Key, string>> = {
  " ": "Space",
  enter: "Enter",
  escape: "Esc",
  tab: "Tab",
  "shift-tab": "Shift-Tab",
  "page-down": "PgDn",
  "page-up": "PgUp",
  up: "Up",
  down: "Down",
  left: "Left",
  right: "Right",
  home: "Home",
  end: "End",
  "wheel-up": "wheel up",
  "wheel-down": "wheel down",
};

/** A key as keyboards have it: `Ctrl-D`, `PgDn`. */
export function keyName(key: Key): string {
  return NAMES[key] ?? (key.startsWith("ctrl-") ? `Ctrl-${key.slice(5).toUpperCase()}` : key);
}
