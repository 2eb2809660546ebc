/** The overview's first block: how many parameters, how many at work, what is beside them and what isn't counted. */
import { type Aside, formatCount, formatExact, formatShare, plural, type Report } from "@checkpoint-inspect/analysis";

import type { Style } from "../terminal.ts";
import type { Row } from "./rows.ts";
import { safe } from "./text.ts";

/** From here on there is room for whole sentences. */
const WIDE = 100;

/** Counts in the headline have four digits: 46.70 B and 12.88 B are what people compare. */
const HEADLINE_DIGITS = 4;

const headline = (count: number) => formatCount(count, HEADLINE_DIGITS);

/** The exact number before what is said of it, unless the figure beside it says it already. */
function exactly(count: number, figure: string, words: string, joint = ": "): string {
  const exact = formatExact(count);
  return exact === figure ? words : words === "" ? exact : `${exact}${joint}${words}`;
}

export function parameterRows(report: Report, style: Style): Row[] {
  const { parameters } = report;
  const total = headline(parameters.total);
  const doubt = parameters.logicalKnown ? "" : "not all of them certain: see the findings";
  return [
    ["Parameters", total, exactly(parameters.total, total, doubt, ", ")],
    ...activeRows(report, style),
    ...asideRows(report),
    biasRow(report),
    ...excludedRows(report),
    ...hubRows(report),
    ...shapeRows(report),
    ...detailRows(report),
  ];
}

function activeRows(report: Report, style: Style): Row[] {
  const { parameters, experts } = report;
  if (!experts) return [];
  const { active, activeWithoutInputEmbedding: b, activeNonEmbedding: c, activeMissing, total } = parameters;
  const { perLayer, usedPerToken, layers, shared, sharedParameters } = experts;
  const used = usedPerToken === null ? "unknown number used" : `${formatExact(usedPerToken)} used per token`;
  const always =
    sharedParameters > 0
      ? `, plus ${formatExact(shared)} shared (${formatCount(sharedParameters)}${layers > 1 ? " in all" : ""}), always at work`
      : "";
  const rows: Row[] = [];
  if (active === null) {
    rows.push(["Active", "?", `not known${missingWords(activeMissing)}`]);
  } else {
    const figure = headline(active);
    const share = `per token, ${formatShare(active / total)} of all`;
    rows.push(["Active", figure, exactly(active, figure, share, " ")]);
    if (b !== null && c !== null) rows.push(["", "", definitionWords(report, active, b, c, style)]);
  }
  rows.push(["Experts", formatExact(perLayer), `per layer in ${plural(layers, "layer")}; ${used}${always}`]);
  return rows;
}

/** What is missing is a question ("how many experts a token uses") or a thing ("the packing of the weights"). */
function missingWords(missing: string | undefined): string {
  if (!missing) return "";
  return missing.startsWith("how ") ? `: the file doesn't say ${missing}` : ` without ${missing}`;
}

/**
 * Makers quote their active parameters in three ways; which is ours, and what the others give, in a line. Below 100 columns it
 * fits 80.
 */
function definitionWords({ model }: Report, a: number, b: number, c: number, { width }: Style): string {
  const wide = width >= WIDE;
  if (a === b) {
    const why = model.tiedEmbeddings ? "the table is also the head" : "there is no input table";
    return wide
      ? `definition A = B: ${why}; C, no tables: ${headline(c)}`
      : `A = B (${why}), C (no tables) ${headline(c)}`;
  }
  return wide
    ? `definition A, tables counted; B, no input table: ${headline(b)}; C, no tables: ${headline(c)}`
    : `A, all tables; B (no input table) ${headline(b)}, C (none) ${headline(c)}`;
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
    const figure = formatCount(parameters);
    return [label, figure, exactly(parameters, figure, `${words}${without}`)];
  });
}

function biasRow({ parameters: { biases, weights } }: Report): Row {
  if (biases === 0) return ["Biases", "none", "every parameter is a weight"];
  const figure = formatCount(biases);
  return ["Biases", figure, exactly(biases, figure, `the other ${formatExact(weights)} are weights`, "; ")];
}

function excludedRows({ parameters: { excluded } }: Report): Row[] {
  return excluded
    .filter(({ parameters }) => parameters > 0)
    .map(({ words, parameters, tensors, examples }, i) => {
      const where = tensors > 1 ? `${formatExact(tensors)} tensors such as` : "in";
      const figure = formatCount(parameters);
      const what = `${words}, ${where} ${safe(examples[0] ?? "")}`;
      return [i === 0 ? "Not counted" : "", figure, exactly(parameters, figure, what)];
    });
}

/** Only where the headline differs: the number that people find on the model's page, and why it isn't ours. */
function hubRows({ parameters: { hub, total } }: Report): Row[] {
  if (!hub || headline(hub.parameters) === headline(total)) return [];
  const because = hub.differences
    .map(({ words, parameters }) => `${parameters > 0 ? "+" : ""}${formatExact(parameters)} ${words}`)
    .join(", ");
  const figure = headline(hub.parameters);
  return [["Hub shows", figure, exactly(hub.parameters, figure, because)]];
}

function shapeRows({ model, layerPatterns }: Report): Row[] {
  const { contextLength, hiddenSize } = model;
  const window = layerPatterns.find(({ subject }) => subject === "window")?.window;
  const slides = window ? `; windowed layers look back ${formatExact(window)}` : "";
  const shape = shapeWords(model);
  return [
    ...(contextLength ? [["Context", formatExact(contextLength), `tokens it was made for${slides}`] as const] : []),
    ...(hiddenSize && shape ? [["Width", formatExact(hiddenSize), shape] as const] : []),
  ];
}

/** The numbers that people compare models by: heads, their groups and width, widths of FFN and experts, vocabulary. */
function shapeWords(model: Report["model"]): string {
  const { vocabularySize } = model;
  return [headWords(model), ...widthWords(model), vocabularySize && `vocabulary ${formatExact(vocabularySize)}`]
    .filter(Boolean)
    .join(", ");
}

function headWords({ attentionHeads, kvHeads, headDim, latentKv }: Report["model"]): string | undefined {
  const heads = one(attentionHeads);
  if (!heads) return undefined;
  const kv = one(kvHeads);
  const words = plural(heads, "head") + (headDim ? ` of ${formatExact(headDim)}` : "");
  // The KV heads that files of such models state are an artefact: all heads read one latent.
  if (latentKv) return `${words}, latent KV ${formatExact(latentKv.rank)}+${formatExact(latentKv.rope)}`;
  return kv && kv !== heads ? `${words} (${formatExact(kv)} KV)` : words;
}

function widthWords(model: Report["model"]): readonly string[] {
  const { expertFeedForwardSize: expert, sharedExpertFeedForwardSize: shared } = model;
  const ffn = one(model.feedForwardSize);
  return [
    ...(ffn ? [`FFN ${formatExact(ffn)}`] : []),
    ...(expert ? [`${ffn ? "experts" : "expert FFN"} ${formatExact(expert)}`] : []),
    ...(shared && shared !== expert ? [`shared ${formatExact(shared)}`] : []),
  ];
}

/** What only its kind has to say, a row for each label. */
export function detailRows({ model: { details } }: Report): Row[] {
  const byLabel = new Map<string, string[]>();
  for (const { label, words } of details) byLabel.set(label, [...(byLabel.get(label) ?? []), safe(words)]);
  return [...byLabel].map(([label, words]) => [label, "", words.join(", ")]);
}

/** A fact that is the same in every layer that has it; where layers differ, no one number says it. */
function one(value: number | readonly number[] | null): number | undefined {
  if (value === null) return undefined;
  if (typeof value === "number") return value;
  // 0 stands for a layer without attention, or without a feed-forward network.
  const some = new Set(value.filter((entry) => entry > 0));
  return some.size === 1 ? [...some][0] : undefined;
}
