/** What models and files say of themselves, and say otherwise: a section of `inspect diff`. */
import { type Diff, formatExact, plural } from "@checkpoint-inspect/analysis";

import type { Style } from "../terminal.ts";
import { factText, metadataCount, templateWords } from "./diff-words.ts";
import { heading } from "./parts.ts";
import { table } from "./table.ts";
import { cut, safe, wrap } from "./text.ts";

interface Compared {
  readonly mark: string;
  readonly key: string;
  readonly a: string;
  readonly b: string;
}

/** Two models of different architectures differ in every key. */
const ROWS_SHOWN = 40;

/** @param all every key, however many there are */
export function metadataSection(diff: Diff, style: Style, all: boolean): string[] {
  const differing: Compared[] = [
    ...diff.facts.map(({ label, a, b, words }) => ({
      mark: "~",
      key: words === undefined ? label : `${label} (${words})`,
      a: factText(a),
      b: factText(b),
    })),
    ...diff.metadata
      .filter(({ covered }) => !covered)
      .map(({ where, key, a, b }) => ({
        mark: a === null ? "+" : b === null ? "-" : "~",
        key: where === "metadata" ? safe(key) : `${safe(where)} ${safe(key)}`,
        a: safe(a ?? ""),
        b: safe(b ?? ""),
      })),
  ];
  const rows = all ? differing : differing.slice(0, ROWS_SHOWN);
  const left = differing.length - rows.length;
  const template = templateWords(diff);
  if (rows.length === 0 && template === "") return [];
  const most = Math.max(8, Math.floor((style.width - 12) / 4));
  const value = (text: string) => cut(text, most, "end", style.glyphs.ellipsis);
  return [
    heading("Model and metadata", style, metadataCount(diff) > 0 ? plural(metadataCount(diff), "difference") : ""),
    ...(rows.length > 0
      ? table<Compared>(
          rows,
          [
            { title: "", cell: ({ mark }) => mark, paint: (text) => style.color.yellow(text) },
            {
              title: "",
              cell: ({ key }) => key,
              stretch: true,
              cutAt: "middle",
              fold: ({ key }, columns) => (key.includes(" (") ? wrap(key, columns) : [key]),
            },
            { title: "A", cell: ({ a }) => value(a) },
            { title: "B", cell: ({ b }) => value(b) },
          ],
          style,
          { stretchMin: 16 },
        )
      : []),
    ...(left > 0 ? [style.color.dim(`  and ${formatExact(left)} more: --all`)] : []),
    ...wrap(template, style.width - 2).map((line) => style.color.dim(`  ${line}`)),
  ];
}
