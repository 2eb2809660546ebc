/** `inspect explain`: the guide's list, and one entry with a checkpoint's own numbers. */
import type { Report, Term, TermGroup } from "@checkpoint-inspect/analysis";

import type { Style } from "../terminal.ts";
import { heading } from "./parts.ts";
import { table } from "./table.ts";
import { cut, safe, wrap } from "./text.ts";

/** Sentences on longer lines are hard to follow with the eye. */
const TEXT_WIDTH = 80;
const INDENT = "  ";

export interface OwnNumbers {
  readonly report: Report;
  readonly own: readonly string[];
}

/** @param found what the entry says of one checkpoint */
export function explainView(term: Term, style: Style, found?: OwnNumbers): string {
  const width = Math.min(TEXT_WIDTH, style.width);
  const { title, short, paragraphs, picture, formula } = term;
  const sections: string[][] = [
    [
      ...wrap(title, width).map((line) => style.color.bold(line)),
      ...wrap(sentence(short), width).map((line) => style.color.dim(line)),
    ],
    ...paragraphs.map((text) => wrap(text, width)),
  ];
  if (picture) sections.push([heading("In a picture", style), ...indented(picture, width)]);
  if (formula) {
    const note = indented(`(${formula.note})`, width).map((line) => style.color.dim(line));
    sections.push([heading("Formula", style), ...formula.lines.flatMap((line) => hanging(line, width)), ...note]);
  }
  if (found) sections.push(ownSection(found, width, style));
  sections.push(hanging(`See also: ${term.seeAlso.join(", ")}`, width, "").map((line) => style.color.dim(line)));
  const how = `inspect explain ${term.term} FILE: the same with the numbers of your own file`;
  if (!found && term.own) sections.at(-1)?.push(...hanging(how, width, "").map((line) => style.color.dim(line)));
  return sections.map((lines) => lines.join("\n")).join("\n\n");
}

/** The line of a list as a sentence of its own. */
function sentence(short: string): string {
  return `${short.charAt(0).toUpperCase()}${short.slice(1)}.`;
}

function ownSection({ report, own }: OwnNumbers, width: number, style: Style): string[] {
  const { ellipsis } = style.glyphs;
  const head = cut(`In ${safe(report.source.label)}`, width, "middle", ellipsis);
  const lines = own.length > 0 ? own : ["This term has no numbers of its own in a file."];
  return [
    style.color.bold(head),
    ...lines.flatMap((line) => hanging(safe(line), width).map((piece) => cut(piece, width, "end", ellipsis))),
  ];
}

/** A paragraph set in from the left. */
function indented(text: string, width: number): string[] {
  return wrap(text, width - INDENT.length).map((line) => INDENT + line);
}

/** A sentence whose further lines stand further in than its first. */
function hanging(text: string, width: number, indent: string = INDENT): string[] {
  return wrap(text, width - indent.length - INDENT.length).map((line, i) => indent + (i === 0 ? "" : INDENT) + line);
}

/** Every entry with its line, in groups. */
export function termsView(groups: readonly TermGroup[], style: Style): string {
  const all = groups.flatMap(({ terms }) => terms);
  const widest = Math.max(...all.map(({ term }) => term.length));
  const sections = groups.map(({ title, terms }) => [
    heading(title, style),
    ...(style.width >= widest + LEAST_WORDS
      ? table<Term>(
          terms,
          [
            { title: "", cell: ({ term }) => term.padEnd(widest) },
            { title: "", cell: ({ short }) => short, stretch: true, paint: (text) => style.color.dim(text) },
          ],
          style,
          { header: false },
        )
      : terms.flatMap(({ term, short }) => [
          INDENT + term,
          ...wrap(short, style.width - 4).map((line) => style.color.dim(INDENT + INDENT + line)),
        ])),
  ]);
  const intro = wrap(
    "What the words mean that people use of language models, in plain language.",
    Math.min(TEXT_WIDTH, style.width),
  );
  const hints =
    style.width >= WIDEST_HINT
      ? HINTS.map(([command, words]) => `${command.padEnd(HINT_COLUMN)}${words}`)
      : HINTS.flatMap(([command, words]) => [command, ...indented(words, style.width)]);
  return [intro, ...sections, hints].map((lines) => lines.join("\n")).join("\n\n");
}

const HINTS = [
  ["inspect explain moe", "one of them, at length"],
  ["inspect explain moe FILE", "and what it comes to in your own file"],
  ["inspect explain Q4_K", "a storage type by its name"],
] as const;
const HINT_COLUMN = 26;
const WIDEST_HINT = 66;

/** Fewer columns than this for the words, and they go below their term. */
const LEAST_WORDS = 62;
