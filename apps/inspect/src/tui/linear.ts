/** The layout that is read from top to bottom, aloud or on a terminal that can't go back: a heading, the text, a numbered menu. */
import { safe } from "../views/text.ts";
import { bodyOf } from "./frame.ts";
import { KEYMAP } from "./keymap.ts";
import { type Line, line, lineText } from "./line.ts";
import { SCREENS } from "./screen.ts";
import { screenOf } from "./screens.ts";
import type { State } from "./state.ts";

export function linearFrame(state: State): Line[] {
  const { subject, collection, target } = state;
  const label = subject?.report.source.label ?? collection?.title ?? target;
  const over = state.pages.at(-1);
  const heading = state.opening ? "Opening" : (over?.page.title ?? screenOf(state.screen).title);
  const text = bodyOf(state)
    .map((spans) => lineText(spans).replace(DRAWN, " ").trimEnd())
    .filter((row, i, rows) => row.trim() !== "" || (rows[i - 1] ?? "").trim() !== "");
  const screens = KEYMAP.slice(0, SCREENS.length).map(({ keys, short }) => `${keys[0]} ${short}`);
  const { typing, toast } = state;
  return [
    line(`${heading}: ${safe(label)}`),
    ...text.map((row) => line(row)),
    ...(toast === null ? [] : [line(safe(toast))]),
    ...(typing ? [line(`${typing.kind === "filter" ? "Filter" : "Go to"}: ${safe(typing.text)}`)] : []),
    line(`Menu: ${screens.join(", ")}, ? help, q quit`),
  ];
}

/** Bars and frames say nothing to the ear: the numbers stand beside them. */
const DRAWN = /[\u2500-\u259f]+/g;
