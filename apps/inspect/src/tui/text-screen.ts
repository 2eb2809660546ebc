/** What the screens that show a whole text view share: its lines, and where the screen stands in them. */
import { Chalk } from "chalk";

import { glyphsOf, type Style } from "../terminal.ts";
import { type Line, linesOf } from "./line.ts";

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
