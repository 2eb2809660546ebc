/** Quantization: how the weights are stored, by type; what each type is, where it is used, and the mix along the layers. */
import { type Bucket, formatBytes, formatCount, formatShare, plural, typeWords } from "@checkpoint-inspect/analysis";

import { quantDocument } from "../../commands/quant.ts";
import { apportion } from "../../views/bars.ts";
import { excludedLines, labelLine, quantView, schemeTable } from "../../views/quant.ts";
import { safe, wrap } from "../../views/text.ts";
import type { CommandId } from "../keymap.ts";
import { layerParts } from "../layer-parts.ts";
import { letter } from "../letters.ts";
import { bold, cell, dim, ends, fitLine, type Line, line, linesOf, toned } from "../line.ts";
import { type Context, inSight, moved, type Screen, type Step, TOP, type Window } from "../screen.ts";
import { screenStyle, textStyle } from "../text-screen.ts";

interface QuantState {
  readonly window: Window;
}

/** More types than a model has; a hostile file's others are in the list all the same. */
const MOST_SHOWN = 8;

export const quantScreen: Screen<QuantState> = {
  id: "quant",
  title: "Quantization",
  initial: { window: TOP },
  view,
  act,
  why: ({ window }, { subject }) => {
    const row = subject.report.quantization.types[window.cursor];
    return {
      title: row ? `What ${safe(row.type)} is` : "Quantization",
      lines: ({ columns }) => {
        const text = (words: string): Line[] => wrap(words, Math.min(90, columns - 2)).map((one) => line(one));
        if (!row) return text("No tensors, no types.");
        const bits = row.parameters > 0 ? (8 * row.bytes) / row.parameters : 0;
        return [
          ...text(`${safe(row.type)}: ${typeWords(row.type)}.`),
          [],
          ...text(
            "Weights are numbers. Quantization stores them with fewer bits: numbers in a block share a scale, and each keeps only which of a few steps it is nearest to. Fewer bits are a smaller file and faster reading, and a little less like the original.",
          ),
          [],
          line(bold("In this file")),
          ...text(`${plural(row.tensors, "tensor")}, ${row.parameters} parameters, ${row.bytes} bytes.`),
          ...text(
            `8 x ${row.bytes} / ${row.parameters} = ${bits.toFixed(4)} bits per parameter; at 16 bits it would take ${formatBytes(2 * row.parameters)}.`,
          ),
        ];
      },
    };
  },
  row({ window }, { subject }) {
    const row = subject.report.quantization.types[window.cursor];
    return row ? `${row.type} ${row.tensors} tensors ${row.parameters} parameters ${row.bytes} bytes` : "";
  },
  text: (_, { subject, ascii }) => quantView(subject.report, textStyle(ascii)),
  json: (_, { subject }) => quantDocument(subject.report),
};

function view({ window }: QuantState, context: Context): readonly Line[] {
  const { subject, size, shared, ascii } = context;
  const { report } = subject;
  const { types, bitsPerWeight } = report.quantization;
  const rows = Math.min(MOST_SHOWN, Math.max(1, size.rows - 6), types.length);
  const { cursor, offset } = inSight(window, types.length, rows);
  const byParameters = shared.unit === "parameters";
  const amounts = types.map(({ bytes, parameters }) => (byParameters ? parameters : bytes));
  const sum = amounts.reduce((total, amount) => total + amount, 0);
  const bar = Math.max(8, Math.min(60, size.columns - 60));
  const cells = apportion(amounts, bar);
  const measured = bitsPerWeight === null ? "" : `${bitsPerWeight.toFixed(2)} bits per weight`;
  const head = ends(
    line(bold("Quantization"), dim(`  mix by ${byParameters ? "parameters" : "bytes"}`)),
    line(measured),
    size.columns,
  );
  const list = types.slice(offset, offset + rows).map((row, i) => {
    const at = offset + i;
    const isHere = at === cursor;
    const mark = isHere ? (ascii ? "> " : "\u25b8 ") : "  ";
    const full = ascii ? "#" : "\u2588";
    const spans = line(
      mark,
      cell(safe(row.type), 9),
      toned(cell(full.repeat(cells[at] ?? 0), bar), "accent"),
      cell(byParameters ? formatCount(row.parameters) : formatBytes(row.bytes), 10, "right"),
      cell(formatShare((amounts[at] ?? 0) / (sum || 1)), 8, "right"),
      cell(plural(row.tensors, "tensor"), 16, "right"),
      cell(
        row.parameters > 0 && size.columns >= 76 ? `${bitsText((8 * row.bytes) / row.parameters)} bits` : "",
        13,
        "right",
      ),
    );
    return isHere ? spans.map((span) => ({ ...span, inverse: true })) : spans;
  });
  const chosen = types[cursor];
  const style = screenStyle(Math.max(40, size.columns), ascii);
  const rest = [
    chosen
      ? line("  ", toned(safe(chosen.type), "accent"), `: ${typeWords(chosen.type)}`, dim("; Enter lists its tensors"))
      : [],
    [],
    ...wrap(labelLine(report), size.columns - 2).map((text) => line("  ", text)),
    [],
    ...byRole(context),
    [],
    ...alongLayers(context),
    [],
    ...linesOf([...schemeTable(report, style), ...excludedLines(report, style, false)].join("\n")),
  ];
  return [head, ...list, ...rest]
    .slice(0, size.rows)
    .map((spans) => fitLine(spans, size.columns, ascii ? "..." : "\u2026"));
}

function bitsText(bits: number): string {
  return String(Math.round(bits * 10_000) / 10_000);
}

const roles = new WeakMap<Context["subject"], ReadonlyMap<Bucket, string>>();

/** How each part of a bucket is stored: `q k o Q4_K, v Q4_K/Q6_K`. Worked out once a checkpoint. */
function rolesOf(subject: Context["subject"]): ReadonlyMap<Bucket, string> {
  const known = roles.get(subject);
  if (known) return known;
  const parts = new Map<Bucket, Map<string, Set<string>>>();
  for (const { tensor, role } of subject.tensors) {
    const own = parts.get(role.bucket) ?? new Map<string, Set<string>>();
    parts.set(role.bucket, own);
    const types = own.get(role.part) ?? new Set<string>();
    own.set(role.part, types);
    types.add(tensor.type);
  }
  const words = new Map(
    [...parts].map(([bucket, own]) => {
      const byTypes = new Map<string, string[]>();
      for (const [part, types] of own) {
        const key = [...types].sort().join("/");
        byTypes.set(key, [...(byTypes.get(key) ?? []), part]);
      }
      return [bucket, [...byTypes].map(([types, names]) => `${names.join(" ")} ${types}`).join(", ")] as const;
    }),
  );
  roles.set(subject, words);
  return words;
}

/** A line a bucket, the largest buckets first. */
function byRole({ subject, size }: Context): Line[] {
  const words = rolesOf(subject);
  const rows = subject.report.buckets.flatMap(({ bucket }) => {
    const text = words.get(bucket);
    return text === undefined
      ? []
      : [line("  ", letter(bucket), ` ${cell(bucket, 10)} `, cell(safe(text), Math.max(8, size.columns - 16)))];
  });
  return [line(bold("By role"), dim("  parts, and the types that they are stored in")), ...rows];
}

/** For each part of a layer that differs along the stack: a letter of its type in each layer. */
function alongLayers({ subject, size, ascii }: Context): Line[] {
  const { layers } = subject.report;
  const stack = layers[0]?.stack;
  const own = layers.filter((layer) => layer.stack === stack);
  if (own.length < 2 || own.length > size.columns - 16) return [];
  const byPart = new Map<string, string[]>();
  for (const [i, layer] of own.entries())
    for (const part of layerParts(subject, layer)) {
      const name = `${part.bucket} ${part.part}`;
      const types = byPart.get(name) ?? own.map(() => "");
      types[i] = part.types[0] ?? "";
      byPart.set(name, types);
    }
  const varied = [...byPart].filter(([, types]) => new Set(types.filter((type) => type !== "")).size > 1).slice(0, 4);
  if (varied.length === 0)
    return [line(bold("Along the layers"), dim("  every part is stored the same in all of them"))];
  const present = [...new Set(varied.flatMap(([, types]) => types.filter((type) => type !== "")))];
  const marks = new Map(present.map((type, i) => [type, digitOf(type, i, present)]));
  const legend = present.map((type) => `${marks.get(type)} ${safe(type)}`).join("  ");
  return [
    line(bold("Along the layers"), dim(`  ${legend}`)),
    ...varied.map(([name, types]) =>
      line(
        `  ${cell(safe(name.split(" ")[1] ?? name), 12)} `,
        ...types.map((type) =>
          toned(marks.get(type) ?? (ascii ? "." : "\u00b7"), type === present[0] ? "bucket.ffn" : "bucket.head"),
        ),
      ),
    ),
  ];
}

/** `6` for Q6_K where that tells it from the others; else a letter. */
function digitOf(type: string, place: number, all: readonly string[]): string {
  const digit = (name: string) => /\d/.exec(name)?.[0];
  const own = digit(type);
  const isAlone = own !== undefined && all.filter((other) => digit(other) === own).length === 1;
  return isAlone ? own : String.fromCharCode(97 + (place % 26));
}

function act({ window }: QuantState, command: CommandId, context: Context): Step<QuantState> | undefined {
  const { types } = context.subject.report.quantization;
  const next = moved(window, command, types.length, Math.min(MOST_SHOWN, types.length));
  if (next) return { own: { window: next } };
  if (command !== "enter" && command !== "where-used") return undefined;
  const row = types[window.cursor];
  if (!row) return { toast: "no tensors here" };
  return {
    go: "tensors",
    shared: { bucket: null, filters: { ...context.shared.filters, tensors: `type:${row.type}` } },
  };
}
