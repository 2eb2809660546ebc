/** A checkpoint's own numbers for the entries of terms-numbers.ts. */

import type { Layer } from "../layers.ts";
import type { Report } from "../report.ts";
import { asideStack } from "../roles/role.ts";
import { formatCount, formatExact, formatShare, plural } from "../units.ts";
import { listed, ofAll, one, parametersOf } from "./report-numbers.ts";

/** Buckets worth a word in a sentence. */
const BUCKETS_NAMED = 4;

export function ownParameter(report: Report): readonly string[] {
  const { total, active, biases, weights, excluded } = report.parameters;
  const filled = report.buckets.filter(({ parameters }) => parameters > 0).sort((a, b) => b.parameters - a.parameters);
  const largest = filled.slice(0, BUCKETS_NAMED);
  const aside = excluded.filter(({ parameters }) => parameters > 0);
  return [
    `${formatExact(total)} parameters (${formatCount(total)}).`,
    biases === 0
      ? "All of them are weights; there are no biases."
      : `${formatExact(weights)} of them are weights, ${formatExact(biases)} are biases.`,
    ...(report.experts && active !== null ? [`A token uses ${ofAll(report, active)}: see 'active parameters'.`] : []),
    `Where they are: ${listed(largest.map(({ bucket, share }) => `${bucket} ${formatShare(share)}`))}${largest.length < filled.length ? ", the rest elsewhere" : ""}.`,
    ...aside.map(({ words, parameters }) => `Also stored, but not counted: ${formatExact(parameters)} (${words}).`),
  ];
}

export function ownWeight(report: Report): readonly string[] {
  const { weights, biases, total } = report.parameters;
  const { bitsPerWeight } = report.quantization;
  return [
    biases === 0
      ? `All ${formatExact(total)} parameters are weights.`
      : `${formatExact(weights)} weights (${formatShare(weights / total)} of the parameters) and ${formatExact(biases)} biases.`,
    ...(bitsPerWeight === null ? [] : [`Each takes ${bitsPerWeight.toFixed(2)} bits on average.`]),
  ];
}

export function ownBias(report: Report): readonly string[] {
  const { biases, total } = report.parameters;
  if (biases === 0) return ["This model has no biases: every parameter is a weight."];
  const where = report.buckets
    .filter((bucket) => bucket.biases > 0)
    .map((bucket) => `${formatExact(bucket.biases)} in ${bucket.bucket}`);
  return [
    `${formatExact(biases)} of ${formatExact(total)} parameters are biases (${formatShare(biases / total)}).`,
    `They are found here: ${listed(where)}.`,
  ];
}

export function ownNeuron(report: Report): readonly string[] {
  const { model, experts } = report;
  if (experts) {
    return [
      "This is a mixture of experts: its neurons are spread over the experts, and a token uses only some of them.",
    ];
  }
  if (parametersOf(report, "ffn") === 0) return ["This file has no feed-forward networks of a text model."];
  const stated = one(model.feedForwardSize);
  const measured = innerWidth(report);
  const width = measured ?? stated;
  if (!width) return ["The inner width of its feed-forward networks can't be told in one number."];
  const lines = [
    measured === undefined
      ? `The file states an inner width of ${formatExact(width)} for its feed-forward networks: as many neurons in each.`
      : `The feed-forward network of a layer is ${formatExact(width)} numbers wide inside: as many neurons.`,
  ];
  const networks = feedForwardLayers(report);
  // A block that is used in several places is stored once (ALBERT).
  const shared = networks.length < (model.layers ?? 0);
  if (measured !== undefined && !shared) {
    const count = networks.length;
    lines.push(
      `In ${plural(count, "layer")}${stackWords(networks)} that makes ${formatExact(count)} x ${formatExact(width)} = ${formatExact(count * width)} neurons.`,
    );
  }
  return lines;
}

/** The layers of the model itself that have a feed-forward network. */
function feedForwardLayers({ layers }: Report): readonly Layer[] {
  return layers.filter(({ stack, buckets }) => asideStack(stack) === undefined && (buckets.ffn?.parameters ?? 0) > 0);
}

/** " (6 encoder, 6 decoder)", where there is more than one stack. */
function stackWords(layers: readonly Layer[]): string {
  const stacks = [...new Set(layers.map(({ stack }) => stack))];
  if (stacks.length < 2) return "";
  return ` (${stacks.map((stack) => `${formatExact(layers.filter((layer) => layer.stack === stack).length)} ${stack}`).join(", ")})`;
}

/** The inner width that the up and down matrices show, where all layers with such a network have one size. */
function innerWidth(report: Report): number | undefined {
  const { hiddenSize } = report.model;
  const networks = feedForwardLayers(report);
  const [first] = networks;
  if (!first || !hiddenSize || !report.parameters.logicalKnown) return undefined;
  if (networks.some(({ buckets }) => buckets.ffn?.parameters !== first.buckets.ffn?.parameters)) return undefined;
  const perLayer = (name: string) => parametersOf(report, "ffn", (part) => part === name) / networks.length;
  const [up, down] = [perLayer("up"), perLayer("down")];
  // Without biases, or with one for each output: of up the inner numbers, of down the model's.
  const widths = [up / hiddenSize, up / (hiddenSize + 1)].filter((width) => width > 0 && Number.isInteger(width));
  return widths.find((width) => down === width * hiddenSize || down === (width + 1) * hiddenSize);
}

/** Hoffmann et al., arXiv 2203.15556: tokens per parameter at the best use of a fixed training budget. */
const TOKENS_PER_PARAMETER = 20;

export function ownTrainingData(report: Report): readonly string[] {
  const { total } = report.parameters;
  const unknown = "The file doesn't say how much text the model was trained on, and the parameters don't show it.";
  if (report.experts || report.model.kind !== "llm") return [unknown];
  return [
    unknown,
    `Estimate: by the rule of 20 tokens per parameter, ${formatCount(total)} parameters call for ${formatCount(TOKENS_PER_PARAMETER * total)} tokens. That is what a study recommends, not what this model has seen.`,
  ];
}
