/** The overview's first block: how many parameters, how many at work, what is beside them and what isn't counted. */
import { type Aside, formatCount, formatExact, formatShare, type Report } from "@checkpoint-inspect/analysis";

import type { Style } from "../terminal.ts";
import { plural } from "./parts.ts";
import type { Row } from "./rows.ts";
import { safe } from "./text.ts";

/** From here on there is room for whole sentences. */
const WIDE = 100;

/** Counts in the headline have four digits: 46.70 B and 12.88 B are what people compare. */
const HEADLINE_DIGITS = 4;

const headline = (count: number) => formatCount(count, HEADLINE_DIGITS);

export function parameterRows(report: Report, style: Style): Row[] {
  const { parameters } = report;
  const total = formatExact(parameters.total);
  return [
    [
      "Parameters",
      headline(parameters.total),
      parameters.logicalKnown ? total : `${total}, not all of them certain: see the findings`,
    ],
    ...activeRows(report, style),
    ...asideRows(report),
    biasRow(report),
    ...excludedRows(report),
    ...hubRows(report),
    ...shapeRows(report.model),
  ];
}

function activeRows({ parameters, experts }: Report, style: Style): Row[] {
  if (!experts) return [];
  const { active, activeWithoutInputEmbedding: b, activeNonEmbedding: c, activeMissing = "a fact", total } = parameters;
  const { perLayer, usedPerToken, layers, sharedParameters } = experts;
  const used = usedPerToken === null ? "unknown number used" : `${usedPerToken} used per token`;
  const shared = sharedParameters > 0 ? `, plus ${formatCount(sharedParameters)} in shared ones that always work` : "";
  const rows: Row[] = [];
  if (active === null) {
    rows.push(["Active", "?", `per token: not known, ${activeMissing} is missing`]);
  } else {
    rows.push(["Active", headline(active), `${formatExact(active)} per token, ${formatShare(active / total)} of all`]);
    if (b !== null && c !== null) rows.push(["", "", definitionWords(b, c, style)]);
  }
  rows.push(["Experts", formatExact(perLayer), `per layer in ${plural(layers, "layer")}; ${used}${shared}`]);
  return rows;
}

/** Makers quote their active parameters in three ways; which is ours, and what the others give, in a line. */
function definitionWords(b: number, c: number, { width }: Style): string {
  return width >= WIDE
    ? `definition A, tables counted; B, no input table: ${headline(b)}; C, no tables: ${headline(c)}`
    : `A, with tables; B (no input) ${headline(b)}, C (neither) ${headline(c)}`;
}

const ASIDE_WORDS: Readonly<Record<Aside, readonly [label: string, words: string]>> = {
  vision: ["Vision", "an image tower, idle on text"],
  audio: ["Audio", "an audio tower, idle on text"],
  projector: ["Projector", "brings a tower's vectors to the text's width"],
  mtp: ["Drafting", "blocks that guess further tokens (MTP)"],
};

function asideRows({ parameters: { aside, total }, model }: Report): Row[] {
  const beside = aside.filter(({ parameters }) => parameters > 0);
  // Of a tower that is all there is, nothing stands beside anything.
  const rest = total - beside.reduce((sum, { parameters }) => sum + parameters, 0);
  if (rest <= 0 || model.kind === "projector" || model.kind === "vision" || model.kind === "speech") return [];
  return beside.map(({ what, parameters }, i) => {
    const [label, words] = ASIDE_WORDS[what];
    const without =
      i === beside.length - 1 ? `; ${headline(rest)} without ${beside.length > 1 ? "all these" : "it"}` : "";
    return [label, formatCount(parameters), `${formatExact(parameters)}: ${words}${without}`];
  });
}

function biasRow({ parameters: { biases, weights } }: Report): Row {
  if (biases === 0) return ["Biases", "none", "every parameter is a weight"];
  return ["Biases", formatCount(biases), `${formatExact(biases)}; the other ${formatExact(weights)} are weights`];
}

function excludedRows({ parameters: { excluded } }: Report): Row[] {
  return excluded
    .filter(({ parameters }) => parameters > 0)
    .map(({ words, parameters, tensors, examples }, i) => {
      const where = tensors > 1 ? `${formatExact(tensors)} tensors such as` : "in";
      return [
        i === 0 ? "Not counted" : "",
        formatCount(parameters),
        `${formatExact(parameters)}: ${words}, ${where} ${safe(examples[0] ?? "")}`,
      ];
    });
}

/** Only where the headline differs: the number that people find on the model's page, and why it isn't ours. */
function hubRows({ parameters: { hub, total } }: Report): Row[] {
  if (!hub || headline(hub.parameters) === headline(total)) return [];
  const because = hub.differences
    .map(({ words, parameters }) => `${parameters > 0 ? "+" : ""}${formatExact(parameters)} ${words}`)
    .join(", ");
  return [["Hub shows", headline(hub.parameters), `${formatExact(hub.parameters)}: ${because}`]];
}

function shapeRows(model: Report["model"]): Row[] {
  const { contextLength, slidingWindow, hiddenSize } = model;
  const window = slidingWindow ? `; a window of ${formatExact(slidingWindow)} in its sliding layers` : "";
  const shape = shapeWords(model);
  return [
    ...(contextLength ? [["Context", formatExact(contextLength), `tokens it was made for${window}`] as const] : []),
    ...(hiddenSize && shape ? [["Width", formatExact(hiddenSize), shape] as const] : []),
  ];
}

/** The numbers that people compare models by: heads, their groups and width, FFN width, vocabulary. */
function shapeWords({ attentionHeads, kvHeads, headDim, feedForwardSize, vocabularySize }: Report["model"]): string {
  const heads = one(attentionHeads);
  const kv = one(kvHeads);
  const ffn = one(feedForwardSize);
  const groups = kv && kv !== heads ? ` (${formatExact(kv)} KV)` : "";
  return [
    heads && plural(heads, "head") + (headDim ? ` of ${formatExact(headDim)}` : "") + groups,
    ffn && `FFN ${formatExact(ffn)}`,
    vocabularySize && `vocabulary ${formatExact(vocabularySize)}`,
  ]
    .filter(Boolean)
    .join(", ");
}

/** A fact that is the same in every layer; where layers differ, no one number says it. */
function one(value: number | readonly number[] | null): number | undefined {
  if (value === null) return undefined;
  if (typeof value === "number") return value;
  return value.every((entry) => entry === value[0]) ? value[0] : undefined;
}
