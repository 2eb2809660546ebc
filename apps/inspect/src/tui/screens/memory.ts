/** Memory planner: settings that turn, what the model takes with them, whether it fits, and the largest context that does. */
import { formatExact, formatMemory, type Verdict } from "@checkpoint-inspect/analysis";

import { memoryDocument } from "../../memory/document.ts";
import type { MemoryView } from "../../memory/room.ts";
import { contextLines } from "../../views/memory/contexts.ts";
import { largestWords } from "../../views/memory/machine.ts";
import { verdictWords } from "../../views/memory/marks.ts";
import { speedLines } from "../../views/memory/speed.ts";
import { memoryView } from "../../views/memory/view.ts";
import { whyView } from "../../views/memory/why.ts";
import { safe, wrap } from "../../views/text.ts";
import type { CommandId } from "../keymap.ts";
import { bold, cell, dim, ends, type Line, line, linesOf, toned } from "../line.ts";
import { type Context, moved, type Screen, type Step } from "../screen.ts";
import { screenStyle, textStyle, viewLines } from "../text-screen.ts";
import { answerTo, FIELDS, isHypothetical, MACHINES, type Plan, USUAL } from "./memory/plan.ts";

interface MemoryState {
  readonly plan: Plan;
  /** Row under the cursor: a field, or one of the bars. */
  readonly row: number;
}

/** The rows below the fields, and what `i` explains of them. */
const ITEMS = [
  { label: "weights", why: "weights", tone: "bucket.ffn" },
  { label: "KV cache", why: "kv", tone: "bucket.attention" },
  { label: "compute", why: "compute", tone: "bucket.expert" },
  { label: "total", why: "total", tone: "accent" },
] as const;

const VERDICT_TONES: Readonly<Record<Verdict, "ok" | "warn" | "bad">> = { fits: "ok", tight: "warn", no: "bad" };

const NOT_RUN =
  "Nothing here is run by itself: it holds no model, or a change to one. Open the model that it belongs to for a plan.";

export const memoryScreen: Screen<MemoryState> = {
  id: "memory",
  title: "Memory planner",
  initial: { plan: USUAL, row: 0 },
  view,
  act,
  arrive: (own, { shared }) =>
    shared.expertsInRam ? { ...own, plan: { ...own.plan, offload: "experts" }, row: FIELDS.length - 1 } : own,
  why(own, { subject, ascii }) {
    const view = answerTo(subject, own.plan);
    const item = ITEMS[own.row - FIELDS.length]?.why ?? (own.row <= 3 ? "kv" : "total");
    return {
      title: `How it comes about: ${item}`,
      lines: ({ columns }) =>
        view
          ? viewLines((style) => whyView(view, item, style), columns, ascii)
          : wrap(NOT_RUN, columns - 2).map((text) => line(text)),
    };
  },
  row(own, { subject }) {
    const view = answerTo(subject, own.plan);
    if (!view) return NOT_RUN;
    const field = FIELDS[own.row];
    if (field) return `${field.label}: ${field.text(own.plan, view)}`;
    const item = ITEMS[own.row - FIELDS.length];
    return item ? `${item.label}: ${bytesOf(item.label, view) ?? "unknown"} bytes` : view.answer.command.join(" ");
  },
  text(own, { subject, ascii }) {
    const view = answerTo(subject, own.plan);
    return view ? memoryView(view, textStyle(ascii)) : NOT_RUN;
  },
  json(own, { subject }) {
    const view = answerTo(subject, own.plan);
    return view ? memoryDocument(view) : { schemaVersion: 1, source: subject.report.source, memory: null };
  },
};

function bytesOf(label: (typeof ITEMS)[number]["label"], { answer: { plan } }: MemoryView): number | null {
  if (label === "weights") return plan.weights.bytes;
  if (label === "KV cache") return plan.cache?.bytes ?? null;
  return label === "compute" ? (plan.compute?.bytes ?? null) : plan.totalBytes;
}

function view({ plan, row }: MemoryState, context: Context): readonly Line[] {
  const { subject, size } = context;
  const view = answerTo(subject, plan);
  if (!view) return [[], ...wrap(NOT_RUN, size.columns - 4).map((text) => line("  ", text))];
  const engine = view.model.engine === "llama.cpp" ? "llama.cpp" : "vLLM or Transformers";
  const badge = isHypothetical(plan)
    ? line(toned("PLAN", "plan"), dim(" other settings than programs take; r resets"))
    : line(dim("as programs take it unless told"));
  return [
    ends(line(bold("Memory planner"), dim(`  with ${engine}`)), badge, size.columns),
    ...FIELDS.map((_, i) => fieldLine(i, { plan, row }, view, context)),
    [],
    ...ITEMS.map((_, i) => barLine(i, row, view, context)),
    ...verdictLines(plan, view, context),
    [],
    ...below(view, context),
  ].slice(0, size.rows);
}

function fieldLine(i: number, { plan, row }: MemoryState, view: MemoryView, { ascii, size }: Context): Line {
  const field = FIELDS[i];
  if (!field) return [];
  const isHere = i === row;
  const [less, more] = ascii ? ["<", ">"] : ["\u25c2", "\u25b8"];
  const value = `${less} ${cell(safe(field.text(plan, view)), VALUE_COLUMNS)} ${more}`;
  const mark = isHere ? (ascii ? "> " : "\u25b8 ") : "  ";
  const words = isHere && size.columns >= 100 ? `${field.words}; h and l change it` : field.words;
  return line({ text: `${mark}${cell(field.label, LABEL_COLUMNS)} ${value}`, inverse: isHere }, dim(`  ${words}`));
}

const LABEL_COLUMNS = 9;
const VALUE_COLUMNS = 23;

/** Bars on one scale: the larger of the total and what the GPUs have. */
function barLine(i: number, row: number, view: MemoryView, { ascii, size }: Context): Line {
  const item = ITEMS[i];
  if (!item) return [];
  const capacity = capacityOf(view);
  const total = view.answer.plan.totalBytes ?? view.answer.plan.weights.bytes;
  const scale = Math.max(total, capacity ?? 0, 1);
  const bytes = bytesOf(item.label, view);
  const isHere = row === FIELDS.length + i;
  const mark = isHere ? (ascii ? "> " : "\u25b8 ") : "  ";
  const room = Math.max(10, size.columns - 2 - LABEL_COLUMNS - 3 - 12 - 12);
  const estimate = item.label === "compute" || item.label === "total" ? (ascii ? "~" : "\u2248") : " ";
  const figure = bytes === null ? "unknown" : formatMemory(bytes);
  const over = item.label === "total" && capacity !== null && bytes !== null;
  const beyond = over ? ` ${bytes > capacity ? ">" : "of"} ${formatMemory(capacity)}` : "";
  return line(
    { text: `${mark}${cell(item.label, LABEL_COLUMNS)}`, inverse: isHere },
    ` ${estimate} `,
    toned(bar((bytes ?? 0) / scale, room, ascii), item.tone),
    cell(figure, 12, "right"),
    dim(beyond),
  );
}

const EIGHTHS = ["", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589"];

/** A bar of so many columns, full to a share of it. */
function bar(share: number, columns: number, ascii: boolean): string {
  if (ascii) return cell("#".repeat(Math.round(share * columns)), columns);
  const eighths = Math.round(share * columns * 8);
  return cell("\u2588".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? ""), columns);
}

/** Of all GPUs together; null without. */
function capacityOf({ answer: { machine } }: MemoryView): number | null {
  return machine ? machine.gpus.reduce((sum, { bytes }) => sum + bytes, 0) : null;
}

function verdictLines({ machine: place }: Plan, view: MemoryView, { size, subject }: Context): Line[] {
  const { machine, settings } = view.answer;
  if (!machine) return [line(dim("  Choose a GPU above to see what fits.")), ...trained(view)];
  const { verdict } = machine.devices;
  const where = MACHINES[place] ?? "";
  const first = line("  ", {
    ...toned(`${formatExact(settings.context)} tokens on ${where}: ${verdictWords(verdict)}`, VERDICT_TONES[verdict]),
    bold: true,
  });
  const largest =
    view.answer.plan.cacheSize?.bytesPerToken === 0
      ? "Any context fits: what it keeps of a text doesn't grow."
      : machine.largest.length > 0
        ? largestWords(machine.largest)
        : "";
  const offload =
    machine.devices.verdict === "no" && machine.offloads[0]
      ? offloadWords(machine.offloads[0], subject.report.source.format)
      : "";
  return [
    first,
    ...[largest, offload]
      .filter((text) => text !== "")
      .flatMap((text) => wrap(text, size.columns - 2).map((row) => line("  ", row))),
  ];
}

function offloadWords(
  { gpuLayers, cpuMoeLayers }: { readonly gpuLayers?: number; readonly cpuMoeLayers?: number },
  format: string,
): string {
  if (format !== "gguf") return "";
  if (cpuMoeLayers !== undefined) return `It fits with the experts of ${cpuMoeLayers} layers in RAM: o, then l.`;
  return gpuLayers === undefined ? "" : `It fits with ${gpuLayers} layers on the GPU and the rest in RAM.`;
}

function trained({ model }: MemoryView): Line[] {
  return model.contextLength ? [line(dim(`  It was trained for ${formatExact(model.contextLength)} tokens.`))] : [];
}

/** The table of contexts, then speed and the command, as far as there is room. */
function below(view: MemoryView, { size, ascii }: Context): Line[] {
  const style = screenStyle(Math.max(40, size.columns), ascii);
  const sections = [contextLines(view, style), speedLines(view, style), commandLines(view, size.columns)];
  return sections.filter((lines) => lines.length > 0).flatMap((lines) => [...linesOf(lines.join("\n")), []]);
}

function commandLines({ answer: { command } }: MemoryView, columns: number): string[] {
  return command.length === 0
    ? []
    : ["To run it so", ...wrap(safe(command.join(" ")), columns - 4).map((text) => `  ${text}`)];
}

function act(own: MemoryState, command: CommandId, { subject }: Context): Step<MemoryState> | undefined {
  const view = answerTo(subject, own.plan);
  if (!view) return undefined;
  const rows = FIELDS.length + ITEMS.length;
  const window = moved({ cursor: own.row, offset: 0 }, command, rows, rows);
  if (window) return { own: { ...own, row: window.cursor } };
  switch (command) {
    case "left":
    case "right":
    case "enter": {
      const field = FIELDS[own.row];
      if (!field) return { toast: "i explains this number" };
      const plan = field.turned(own.plan, command === "left" ? -1 : 1, view);
      if (field.id === "offload" && own.plan.machine === 0)
        return { toast: "choose a GPU first: without one all is in RAM" };
      return JSON.stringify(plan) === JSON.stringify(own.plan)
        ? { toast: `${field.label} ends here` }
        : { own: { ...own, plan } };
    }
    case "reset":
      return { own: { ...own, plan: USUAL }, toast: "as programs take it unless told, on 24GB" };
    case "offload": {
      if (!subject.report.experts)
        return { own: { ...own, row: FIELDS.length - 1 }, toast: "a dense model: whole layers alone can stay in RAM" };
      const offload = own.plan.offload === "layers" ? "experts" : "layers";
      return {
        own: { plan: { ...own.plan, offload }, row: FIELDS.length - 1 },
        toast: offload === "experts" ? "routed experts stay in RAM, layer by layer" : "whole layers stay in RAM",
      };
    }
    default:
      return undefined;
  }
}
