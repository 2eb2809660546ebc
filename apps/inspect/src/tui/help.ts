/** The help of a screen, and the README's table of keys: both from the key map. */

import { KEYMAP, keyName, keysOn } from "./keymap.ts";
import { bold, dim, type Line, line, toned } from "./line.ts";
import type { Page, ScreenId } from "./screen.ts";

const KEY_COLUMN = 18;

export function helpPage(screen: ScreenId): Page {
  return { title: `Keys on ${screen}`, lines: () => helpLines(screen) };
}

function helpLines(screen: ScreenId): Line[] {
  const rows = keysOn(screen);
  const own = rows.filter(({ screens }) => screens !== undefined);
  const screens = rows.filter(({ id }) => /^screen-/.test(id));
  const rest = rows.filter((row) => !own.includes(row) && !screens.includes(row));
  const section = (title: string, part: typeof rows): Line[] =>
    part.length === 0
      ? []
      : [
          line(bold(title)),
          ...part.map(({ keys, help }) => line("  ", toned(keyWords(keys).padEnd(KEY_COLUMN), "accent"), help)),
          [],
        ];
  return [
    ...section("On this screen", own),
    ...section("Everywhere", rest),
    ...section("Screens", screens),
    line(dim("While typing a filter: Enter keeps it, Esc clears it, Ctrl-U empties it, Ctrl-W takes a word.")),
  ];
}

function keyWords(keys: readonly string[]): string {
  return keys.map(keyName).join(" ");
}

/** The key map as a Markdown table. */
export function keyTable(): string {
  const rows = KEYMAP.map((row) => {
    const screens: readonly ScreenId[] | undefined = "screens" in row ? row.screens : undefined;
    const keys = row.keys.map((key) => `\`${keyName(key)}\``).join(" ");
    return `| ${keys} | ${row.help} | ${screens ? screens.join(", ") : "all"} |`;
  });
  return ["| keys | what they do | screens |", "| --- | --- | --- |", ...rows].join("\n");
}
