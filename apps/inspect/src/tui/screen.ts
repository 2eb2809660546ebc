/**
 * The contract of a screen: pure functions of its own state, what all screens share, the checkpoint and the room there is. Nothing
 * here or in a screen touches the terminal, a file or the network: what has to be fetched or written is an effect, which
 * {@link file://./start.ts} carries out.
 */
import type { Bucket } from "@checkpoint-inspect/analysis";

import type { Collection, Comparison } from "./collection.ts";
import type { CommandId } from "./keymap.ts";
import type { Line } from "./line.ts";
import type { Subject } from "./subject.ts";

export const SCREENS = [
  "overview",
  "layers",
  "tensors",
  "quant",
  "memory",
  "experts",
  "meta",
  "diff",
  "findings",
  "repo",
] as const;
export type ScreenId = (typeof SCREENS)[number];

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What follows the user from screen to screen. */
export interface Shared {
  readonly unit: "parameters" | "bytes" | "bits";
  /** Place in `report.layers`. */
  readonly layer: number;
  /** Place in the checkpoint's tensors. */
  readonly tensor: number;
  readonly bucket: Bucket | null;
  readonly filters: Readonly<Partial<Record<ScreenId, string>>>;
  /** Targets that are marked for the diff, at most two. */
  readonly marks: readonly string[];
  /** The experts screen asks the planner what it takes with experts in RAM. */
  readonly expertsInRam?: boolean;
}

/** What every screen is given. */
export interface Common {
  readonly shared: Shared;
  /** Of the screen's own part of the terminal. */
  readonly size: Size;
  readonly ascii: boolean;
  /** The checkpoints of a repository or a folder; null for a checkpoint alone. */
  readonly collection: Collection | null;
  /** Two checkpoints beside each other; null before two were marked. */
  readonly comparison: Comparison | null;
  /** What {@link Step.load} has brought, by its id: a value, or why there is none. */
  readonly loaded: ReadonlyMap<string, Loaded>;
  /** Target that is open, as it was asked for. */
  readonly target: string;
}

/** What a screen about one checkpoint is given: that, too. */
export interface Context extends Common {
  readonly subject: Subject;
}

export type Loaded = { readonly value: unknown } | { readonly problem: string };

/** What a command leads to; absent parts stay as they are. */
export interface Step<S> {
  readonly own?: S;
  readonly shared?: Partial<Shared>;
  /** Another screen, as if its number had been pressed; Esc leads back. */
  readonly go?: ScreenId;
  /** A page over the screen, that Esc takes away. */
  readonly page?: Page;
  /** Said at the bottom until the next key: what was done, or why nothing was. */
  readonly toast?: string;
  /** Opens another checkpoint in the place of this one. */
  readonly open?: string;
  /** Opens two checkpoints for the diff screen. */
  readonly compare?: readonly [string, string];
  /** Reads something from the file on demand; it comes back in {@link Common.loaded}. */
  readonly load?: { readonly id: string; readonly work: () => Promise<unknown> };
}

export interface Page {
  readonly title: string;
  /** Its whole text, for so many columns; the frame scrolls it. */
  readonly lines: (size: Size) => readonly Line[];
}

/**
 * @typeParam S the screen's own state
 * @typeParam C what it is given; {@link Common} where it needs no checkpoint
 */
export interface Screen<S, C extends Common = Context> {
  readonly id: ScreenId;
  readonly title: string;
  readonly initial: S;
  /** At most `size.rows` lines; the frame cuts longer lines with a mark. */
  view(own: S, context: C): readonly Line[];
  /** Undefined for a command that this screen has no use for. */
  act?(own: S, command: CommandId, context: C): Step<S> | undefined;
  /** The screen is entered, or the shared selection or its filter changed while it was shown: brings its own state in line. */
  arrive?(own: S, context: C): S;
  /** What `i` shows: why the number under the cursor is what it is, in words a beginner follows. */
  why(own: S, context: C): Page;
  /** What `y` copies: the row under the cursor. */
  row(own: S, context: C): string;
  /** What `Y` copies and `e` writes as Markdown: the whole of it as plain text, 100 columns wide, without colour. */
  text(own: S, context: C): string;
  /** What `e` writes as JSON: what the command of that name prints with `--json`. */
  json(own: S, context: C): unknown;
}

/** Where a list stands: the row under the cursor and the first one that is shown. */
export interface Window {
  readonly cursor: number;
  readonly offset: number;
}

export const TOP: Window = { cursor: 0, offset: 0 };

/** Keeps the cursor in the list and in sight. */
export function inSight({ cursor, offset }: Window, count: number, height: number): Window {
  const row = Math.max(0, Math.min(cursor, count - 1));
  const room = Math.max(1, height);
  const last = Math.max(0, count - room);
  const first = row < offset ? row : row >= offset + room ? row - room + 1 : offset;
  return { cursor: row, offset: Math.max(0, Math.min(first, last)) };
}

/** Rows that a command moves by; undefined for one that doesn't move. */
const MOVES: Readonly<Partial<Record<CommandId, (height: number) => number>>> = {
  down: () => 1,
  up: () => -1,
  "wheel-down": () => 3,
  "wheel-up": () => -3,
  "half-down": (height) => Math.max(1, Math.floor(height / 2)),
  "half-up": (height) => -Math.max(1, Math.floor(height / 2)),
  "page-down": (height) => Math.max(1, height - 1),
  "page-up": (height) => -Math.max(1, height - 1),
  top: () => Number.NEGATIVE_INFINITY,
  bottom: () => Number.POSITIVE_INFINITY,
};

/** A list after a command that moves in it. */
export function moved(window: Window, command: CommandId, count: number, height: number): Window | undefined {
  const by = MOVES[command]?.(height);
  if (by === undefined) return undefined;
  const cursor = Math.max(0, Math.min(count - 1, window.cursor + by));
  return inSight({ cursor, offset: window.offset }, count, height);
}

/** A text that is longer than the screen: moves its first line. */
export function scrolled(top: number, command: CommandId, count: number, height: number): number | undefined {
  const by = MOVES[command]?.(height);
  if (by === undefined) return undefined;
  return Math.max(0, Math.min(count - height, top + by));
}
