/** A checkpoint's own numbers for the entries of terms-mixture.ts. */
import type { Report } from "../report.ts";
import { formatCount, formatExact, formatShare } from "../units.ts";
import { listed, ofAll, plural } from "./report-numbers.ts";

export function ownDense(report: Report): readonly string[] {
  const { experts, parameters } = report;
  if (experts) {
    const { active } = parameters;
    return [
      "This model is not dense: it is a mixture of experts.",
      active === null
        ? `How much of it a token uses isn't known: ${parameters.activeMissing ?? "a fact"} is missing.`
        : `A token uses ${ofAll(report, active)}.`,
    ];
  }
  if (report.layers.length === 0) return ["This file has no layers, so the word doesn't apply to it."];
  return [
    "This model is dense: no layer has experts.",
    `A token goes through all layers; ${formatExact(parameters.total)} parameters (${formatCount(parameters.total)}) have to be stored.`,
    ...asideLines(report),
  ];
}

/** What stands beside the text model: stored, but not used for a token of text. */
function asideLines(report: Report): readonly string[] {
  const aside = report.parameters.aside.filter(({ parameters }) => parameters > 0);
  if (aside.length === 0) return [];
  return [
    `Not used for a token of text: ${listed(aside.map(({ what, parameters }) => `${what} ${formatCount(parameters)}`))}.`,
  ];
}

export function ownMoe(report: Report): readonly string[] {
  const { experts, parameters, layers } = report;
  if (!experts) {
    return [
      "This is no mixture of experts: the model is dense.",
      "What that means for it: every token goes through all of its layers' weights, so memory and computing both follow the same number.",
      `That number is ${formatExact(parameters.total)} parameters (${formatCount(parameters.total)}).`,
    ];
  }
  const { perLayer, usedPerToken, shared, routedParameters, sharedParameters, routerParameters, latentParameters } =
    experts;
  const { active, activeWithoutInputEmbedding, total } = parameters;
  const used =
    usedPerToken === null
      ? "the file doesn't say how many of them a token uses"
      : `a router picks ${formatExact(usedPerToken)} of them for each token`;
  const layersOfText = layers.filter(({ stack }) => stack === "text").length;
  const without = layersOfText - experts.layers;
  const lines = [
    `${perLayer > 0 ? plural(perLayer, "expert") : "An unknown number of experts"} in each of ${plural(experts.layers, "layer")}; ${used}.`,
    ...(without > 0 ? [`${plural(without, "layer")} ${without === 1 ? "has" : "have"} no experts.`] : []),
    `The routed experts hold ${ofAll(report, routedParameters)}.`,
    ...(sharedParameters > 0
      ? [
          `${shared === 1 ? "One shared expert per layer, which every token uses, holds" : `${formatExact(shared)} shared experts per layer, which every token uses, hold`} ${formatCount(sharedParameters)} in all.`,
        ]
      : []),
    `The routers need only ${formatExact(routerParameters)} parameters.`,
    ...(latentParameters > 0
      ? [`${formatCount(latentParameters)} more bring tokens to the experts' width and back; every token uses them.`]
      : []),
  ];
  if (active === null) {
    lines.push(
      `Total ${formatCount(total)}; active per token not known, as ${parameters.activeMissing ?? "a fact"} is missing.`,
    );
    return lines;
  }
  lines.push(
    `Stored: ${formatCount(total)} parameters. Active per token: ${formatCount(active)}, which is ${formatShare(active / total)} (definition A, with the tables at both ends).`,
  );
  if (activeWithoutInputEmbedding !== null && activeWithoutInputEmbedding !== active)
    lines.push(
      `Without the embedding, which is only looked up: ${formatCount(activeWithoutInputEmbedding)} (definition B). See 'active parameters'.`,
    );
  return lines;
}

export function ownActive(report: Report): readonly string[] {
  const { active, activeWithoutInputEmbedding, activeNonEmbedding, activeMissing, total } = report.parameters;
  if (active === null || activeWithoutInputEmbedding === null || activeNonEmbedding === null) {
    return [`Not known for this file: ${activeMissing ?? "a fact"} is missing.`];
  }
  const tied = activeWithoutInputEmbedding === active;
  return [
    ...(report.experts
      ? []
      : [`This model is dense: a token uses ${active === total ? "all of it" : "all of the text model"}.`]),
    `A: ${formatExact(active)} (${formatCount(active)}) of ${formatExact(total)}, ${formatShare(active / total)}.`,
    tied
      ? "B: the same, as the embedding table works as the head too, or there is none."
      : `B, without the embedding: ${formatExact(activeWithoutInputEmbedding)} (${formatCount(activeWithoutInputEmbedding)}).`,
    `C, without embedding and head: ${formatExact(activeNonEmbedding)} (${formatCount(activeNonEmbedding)}).`,
    ...asideLines(report),
  ];
}
