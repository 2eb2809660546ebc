/** Experts: what a mixture holds against what one token uses, layer by layer, and what other numbers of experts would use. */
import {
  findTerm,
  formatBytes,
  formatCount,
  formatExact,
  formatShare,
  type Layer,
  ownNumbers,
} from "@checkpoint-inspect/analysis";

import { apportion } from "../../views/bars.ts";
import { explainView } from "../../views/explain.ts";
import { strip } from "../../views/strip.ts";
import { wrap } from "../../views/text.ts";
import type { CommandId } from "../keymap.ts";
import { letterOf } from "../letters.ts";
import { bold, cell, dim, ends, type Line, line, lineText, type Span, toned } from "../line.ts";
import type { Context, Screen, Step } from "../screen.ts";
import { viewLines } from "../text-screen.ts";
import { whatIf } from "./experts/what-if.ts";

interface ExpertsState {
  /** Experts used per token in the what-if; null for as many as the model says. */
  readonly used: number | null;
  /** What h and l turn: the layer, or the experts used. */
  readonly field: "layer" | "used";
}

export const expertsScreen: Screen<ExpertsState> = {
  id: "experts",
  title: "Experts",
  initial: { used: null, field: "used" },
  view,
  act,
  why: (_, { subject, ascii }) => {
    const term = findTerm(subject.report.experts ? "active" : "moe") ?? findTerm("moe");
    return {
      title: "Active parameters",
      lines: ({ columns }) =>
        term
          ? viewLines(
              (style) => explainView(term, style, { report: subject.report, own: ownNumbers(term, subject.report) }),
              columns,
              ascii,
            )
          : [],
    };
  },
  row: (own, context) =>
    view(own, context)
      .map(lineText)
      .find((text) => text.startsWith("active"))
      ?.trim() ?? "dense",
  text: (own, context) =>
    view(own, { ...context, size: { columns: 100, rows: 100 } })
      .map((spans) => lineText(spans).trimEnd())
      .join("\n"),
  json: (_, { subject }) => {
    const { schemaVersion, source, experts, parameters } = subject.report;
    return { schemaVersion, source, parameters, experts: experts ?? null };
  },
};

const DENSE =
  "This model is dense: every parameter works on every token, so there are no experts to choose from. A mixture of experts (MoE) holds many FFNs in each layer, of which a small router picks a few for each token: it knows as much as its total, and is about as fast as its active parameters.";

function view(own: ExpertsState, context: Context): readonly Line[] {
  const { subject, size, ascii } = context;
  const { report } = subject;
  const { experts, parameters } = report;
  if (!experts)
    return [
      line(bold("Experts"), dim("  none")),
      [],
      ...wrap(DENSE, Math.min(90, size.columns - 4)).map((text) => line("  ", text)),
      [],
      line("  ", `total = active = ${formatExact(parameters.total)} parameters`),
    ];
  const plan = whatIf(report, own.used);
  const k = plan?.used ?? experts.usedPerToken;
  const isPlan = own.used !== null && own.used !== experts.usedPerToken;
  const head = `${experts.perLayer} per layer, ${k ?? "?"} used, ${experts.shared === 0 ? "none" : experts.shared} shared`;
  const badge = isPlan ? line(toned("PLAN", "plan"), dim(" r resets")) : [];
  const active = plan?.active ?? parameters.active;
  return [
    ends(
      line(bold("Experts"), dim(`  ${head}, in ${experts.layers} of ${report.layers.length} layers`)),
      badge,
      size.columns,
    ),
    [],
    barLine("total", parameters.total, 1, "", context),
    active === null
      ? line("active    ", dim(`unknown: ${parameters.activeMissing ?? "how many experts a token uses"}`))
      : barLine("active", active, active / parameters.total, formatShare(active / parameters.total), context),
    ...(plan ? [madeOf(plan.parts, context)] : []),
    [],
    ...usedLines(own, context),
    [],
    ...layerLines(own, context),
    [],
    ...readLines(plan, context),
    ...wrap(
      `One token of text goes through ${ascii ? "" : ""}every layer; in those with experts a router scores all ${experts.perLayer} and the best ${k ?? "few"} work on it. All have to be in memory; only the used ones are read.`,
      size.columns - 4,
    ).map((text) => line(dim(`  ${text}`))),
  ].slice(0, size.rows);
}

function barLine(label: string, value: number, share: number, words: string, { size, ascii }: Context): Line {
  const room = Math.max(10, size.columns - 10 - 10 - 8);
  const cells = Math.max(1, Math.round(share * room));
  return line(
    cell(label, 10),
    toned(cell((ascii ? "#" : "\u2588").repeat(cells), room), label === "active" ? "bucket.expert" : "accent"),
    cell(formatCount(value), 10, "right"),
    dim(cell(words, 8, "right")),
  );
}

/** The active parameters by bucket, in letters. */
function madeOf(
  parts: readonly { readonly bucket: Parameters<typeof letterOf>[0]; readonly parameters: number }[],
  { size }: Context,
): Line {
  const present = parts.filter(({ parameters }) => parameters > 0);
  const room = Math.min(40, Math.max(16, size.columns - 50));
  const cells = apportion(
    present.map(({ parameters }) => parameters),
    room,
  );
  const letters = present.map(
    ({ bucket }, i): Span => toned(letterOf(bucket).repeat(cells[i] ?? 0), `bucket.${bucket}`),
  );
  const words = present.map(({ bucket, parameters }) => `${letterOf(bucket)} ${formatCount(parameters)}`).join("  ");
  return line(cell("made of", 10), ...letters, dim(`  ${words}`));
}

/** What other numbers of experts would use. */
function usedLines({ used, field }: ExpertsState, { subject, ascii, size }: Context): Line[] {
  const { report } = subject;
  const { experts } = report;
  const now = whatIf(report, used);
  if (!experts || !now) return [];
  const [less, more] = ascii ? ["<", ">"] : ["\u25c2", "\u25b8"];
  const mark = field === "used" ? (ascii ? "> " : "\u25b8 ") : "  ";
  const others = [1, 2, 4, 8, 16, 32, 64, 128].filter((count) => count <= experts.perLayer);
  const table = others.map((count) => `${count}: ${formatCount(whatIf(report, count)?.active ?? 0)}`).join("   ");
  return [
    line(
      { text: `${mark}experts used ${less} ${cell(String(now.used), 4)} ${more}`, inverse: field === "used" },
      dim(`  ${formatCount(now.active)} active; h and l change it`),
    ),
    line(dim(cell(`    ${table}`, size.columns))),
  ];
}

/** Which layers have experts, and what the chosen one has. */
function layerLines({ field }: ExpertsState, { subject, shared, ascii, size }: Context): Line[] {
  const { layers, experts } = subject.report;
  const layer = layers[Math.min(shared.layer, layers.length - 1)];
  if (!layer || !experts) return [];
  const cells = strip(
    layers.map((one) => one.buckets.expert?.parameters ?? 0),
    size.columns - 12,
    ascii,
  );
  const at = layers.indexOf(layer);
  const here = cells.findIndex(({ first, count }) => at >= first && at < first + count);
  const mark = field === "layer" ? (ascii ? "> " : "\u25b8 ") : "  ";
  return [
    line(
      mark,
      { text: "layers ", inverse: field === "layer" },
      " ",
      ...cells.map(
        ({ glyph }, i): Span => ({ ...toned(glyph, "bucket.expert"), ...(i === here && { inverse: true }) }),
      ),
      ` ${layers.length}`,
    ),
    line("    ", layerWords(layer, experts)),
  ];
}

function layerWords(layer: Layer, experts: NonNullable<Context["subject"]["report"]["experts"]>): string {
  const own = layer.buckets.expert;
  if (!own) return `layer ${layer.index} has no experts: its FFN works on every token`;
  const each = Math.round(experts.routedParameters / Math.max(1, experts.layers) / experts.perLayer);
  return `layer ${layer.index}: ${experts.perLayer} experts, ${formatCount(own.parameters)} parameters, ${formatBytes(own.bytes)}; one has about ${formatCount(each)}`;
}

/** What is read for each token. */
function readLines(plan: ReturnType<typeof whatIf>, { subject, ascii }: Context): Line[] {
  if (!plan) return [];
  const { quantization, parameters } = subject.report;
  const bits = quantization.bitsPerWeight;
  if (bits === null || parameters.total === 0) return [];
  const about = ascii ? "~" : "\u2248";
  const bytes = (plan.active * bits) / 8;
  return [
    line(
      "  ",
      `read per token ${about} ${formatBytes(bytes)}`,
      dim(`  active x ${bits.toFixed(2)} bits / 8, the average of all weights`),
    ),
  ];
}

function act(own: ExpertsState, command: CommandId, { subject, shared }: Context): Step<ExpertsState> | undefined {
  const { experts, layers } = subject.report;
  if (!experts) return command === "to-memory" ? { go: "memory" } : undefined;
  const layer = layers[Math.min(shared.layer, layers.length - 1)];
  switch (command) {
    case "down":
    case "up":
      return { own: { ...own, field: own.field === "used" ? "layer" : "used" } };
    case "left":
    case "right": {
      const by = command === "left" ? -1 : 1;
      if (own.field === "layer")
        return { shared: { layer: Math.max(0, Math.min(layers.length - 1, shared.layer + by)) } };
      const now = own.used ?? experts.usedPerToken;
      if (now === null) return { toast: "how many experts a token uses isn't known here" };
      const used = Math.max(1, Math.min(experts.perLayer, now + by));
      return { own: { ...own, used: used === experts.usedPerToken ? null : used } };
    }
    case "reset":
      return { own: { ...own, used: null }, toast: "as the model says" };
    case "to-memory":
      return { go: "memory", shared: { expertsInRam: true } };
    case "enter":
    case "layer-table": {
      if (!layer) return undefined;
      const filter = `layer:${layer.index} ${layer.buckets.expert ? "bucket:expert" : "bucket:ffn"}`;
      return { go: "tensors", shared: { bucket: null, filters: { ...shared.filters, tensors: filter } } };
    }
    default:
      return undefined;
  }
}
