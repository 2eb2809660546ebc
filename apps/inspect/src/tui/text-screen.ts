/** What the screens that show a whole text view share: its lines, and where the screen stands in them. */
import { Chalk } from "chalk";

import { glyphsOf, type Style } from "../terminal.ts";
import { type Line, linesOf, lineText } from "./line.ts";
import { type Common, type Context, type Screen, scrolled } from "./screen.ts";

const COLOURED = new Chalk({ level: 1 });
const PLAIN = new Chalk({ level: 0 });

/** The columns that a screen's text has as a file or on the clipboard. */
const TEXT_COLUMNS = 100;

/** The style with which views are rendered into lines. */
export function screenStyle(columns: number, ascii: boolean): Style {
  return { width: columns, color: COLOURED, glyphs: glyphsOf(ascii) };
}

/** The style of what leaves the screen as text. */
export function textStyle(ascii: boolean): Style {
  return { width: TEXT_COLUMNS, color: PLAIN, glyphs: glyphsOf(ascii) };
}

/** A text view as lines of a screen; views are for 40 columns and more, the frame cuts what is left. */
export function viewLines(view: (style: Style) => string, columns: number, ascii: boolean): Line[] {
  return linesOf(view(screenStyle(Math.max(40, columns), ascii)));
}

export interface TextState {
  readonly top: number;
}

/** What a screen that is one scrolled text is made from. */
export interface TextScreen<C extends Common> extends Pick<Screen<TextState, C>, "id" | "title" | "json" | "why"> {
  /** The text view that it shows. */
  view(context: C, style: Style): string;
  /** The line for the clipboard; the first one in sight unless told. */
  row?(context: C): string;
}

/** A screen that shows a text view and scrolls it. */
export function textScreen<C extends Common = Context>({ view, row, ...rest }: TextScreen<C>): Screen<TextState, C> {
  const all = (context: C) => viewLines((style) => view(context, style), context.size.columns, context.ascii);
  return {
    ...rest,
    initial: { top: 0 },
    view({ top }, context) {
      const lines = all(context);
      const { rows } = context.size;
      const first = Math.max(0, Math.min(top, lines.length - rows));
      return lines.slice(first, first + rows);
    },
    act({ top }, command, context) {
      const next = scrolled(top, command, all(context).length, context.size.rows);
      return next === undefined ? undefined : { own: { top: next } };
    },
    row: ({ top }, context) => row?.(context) ?? lineText(all(context)[top] ?? []).trim(),
    text: (_, context) => view(context, textStyle(context.ascii)),
  };
}
