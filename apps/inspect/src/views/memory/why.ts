/** `--why`: the formula of a figure, its inputs with where each is from, the arithmetic, and the source of the formula. */
import { cacheRuleSentence, formatExact, type Why } from "@checkpoint-inspect/analysis";

import { UsageError } from "../../commands/usage.ts";
import type { MemoryView } from "../../memory/room.ts";
import type { Style } from "../../terminal.ts";
import { heading, title } from "../parts.ts";
import { table } from "../table.ts";
import { safe, wrap } from "../text.ts";

interface Explained {
  readonly title: string;
  readonly why: Why;
  /** What the rules mean, in plain words. */
  readonly words?: readonly string[];
}

/** What can be asked for, and what it is called besides. */
const SUBJECTS: Readonly<Record<string, (view: MemoryView) => readonly Explained[]>> = {
  weights: ({ answer }) => [{ title: "Weights", why: answer.plan.weights.why }],
  kv: ({ answer, model }) => {
    const { cache } = answer.plan;
    const words = [...new Set(model.cache.groups.map(({ rule }) => cacheRuleSentence(rule)))];
    return cache ? [{ title: "KV cache", why: cache.why, words }] : [];
  },
  compute: ({ answer }) => (answer.plan.compute ? [{ title: "Compute buffer", why: answer.plan.compute.why }] : []),
  total: ({ answer }) => {
    const { plan } = answer;
    if (plan.totalBytes === null || !plan.cache || !plan.compute) return [];
    const parts = [plan.weights.bytes, plan.cache.bytes, plan.compute.bytes].map(formatExact);
    const why = {
      formula: ["weights + KV cache + compute"],
      inputs: [],
      steps: [`${parts.join(" + ")} = ${formatExact(plan.totalBytes)} bytes`],
      source: "the figures above; a driver's own memory comes on top, on each GPU",
    };
    return [{ title: "Total", why }];
  },
  speed: ({ speed }) =>
    speed && !("missing" in speed)
      ? [
          { title: "Writing, with an empty cache", why: speed.empty.why },
          { title: "Writing, with the context filled", why: speed.full.why },
          ...(speed.prefill ? [{ title: "Reading the prompt", why: speed.prefill.why }] : []),
        ]
      : [],
  cost: ({ speed }) => (speed && !("missing" in speed) && speed.cost ? [{ title: "Cost", why: speed.cost.why }] : []),
  training: ({ training }) =>
    training && !("missing" in training) ? training.map(({ name, why }) => ({ title: `Training: ${name}`, why })) : [],
};

const ALIASES: Readonly<Record<string, string>> = {
  cache: "kv",
  "kv-cache": "kv",
  state: "kv",
  all: "",
  train: "training",
};

const WHY_SUBJECTS = Object.keys(SUBJECTS);

/** @param asked one of the subjects, or "" for all of them */
export function whyView(view: MemoryView, asked: string, style: Style): string {
  const wanted = ALIASES[asked.toLowerCase()] ?? asked.toLowerCase();
  const own = Object.hasOwn(SUBJECTS, wanted) ? SUBJECTS[wanted] : undefined;
  if (wanted !== "" && !own) throw new UsageError(`--why explains ${WHY_SUBJECTS.join(", ")}; not '${asked}'`);
  const explained = own ? own(view) : WHY_SUBJECTS.flatMap((name) => SUBJECTS[name]?.(view) ?? []);
  if (explained.length === 0) {
    const { missing } = view.answer.plan;
    const because =
      missing.length > 0 ? `unknown: needs ${missing.map(safe).join(", ")}` : (ASK_FOR[wanted] ?? "nothing to explain");
    return [...title(view.report, style), "", ...wrap(because, style.width)].join("\n");
  }
  return [title(view.report, style), ...explained.map((one) => lines(one, style))]
    .map((section) => section.join("\n"))
    .join("\n\n");
}

const ASK_FOR: Readonly<Record<string, string>> = {
  speed: "A speed takes a GPU: --gpu.",
  cost: "A cost takes a GPU and its price per hour: --gpu, --price.",
  training: "Ask for it with --train.",
};

function lines({ title: name, why, words = [] }: Explained, style: Style): string[] {
  const room = style.width - 4;
  const step = (text: string) => {
    const indent = /^ */.exec(text)?.[0] ?? "";
    return wrap(safe(text.trimStart()), room - indent.length - 2).map(
      (line, i) => `    ${indent}${i === 0 ? "" : "  "}${line}`,
    );
  };
  return [
    heading(name, style),
    ...words.flatMap((text) => wrap(text, style.width - 2).map((line) => `  ${line}`)),
    style.color.dim("  formula"),
    ...why.formula.flatMap(step),
    ...(why.inputs.length > 0
      ? [
          style.color.dim("  inputs"),
          ...table(
            why.inputs,
            [
              { title: "", cell: ({ name: input }) => safe(input) },
              {
                title: "",
                cell: ({ value }) => (typeof value === "number" ? number(value) : safe(value)),
                align: "right",
              },
              {
                title: "",
                cell: ({ from }) => safe(from),
                stretch: true,
                fold: ({ from }, columns) => wrap(safe(from), columns),
                paint: (text) => style.color.dim(text),
              },
            ],
            style,
            { header: false, indent: 4 },
          ),
        ]
      : []),
    style.color.dim("  arithmetic"),
    ...why.steps.flatMap(step),
    ...wrap(`source: ${safe(why.source)}`, style.width - 2).map((line) => style.color.dim(`  ${line}`)),
  ];
}

function number(value: number): string {
  return Number.isInteger(value) ? formatExact(value) : String(Number(value.toPrecision(4)));
}
