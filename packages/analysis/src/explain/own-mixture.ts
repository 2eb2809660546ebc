/** A checkpoint's own numbers for the entries of terms-mixture.ts. */
import type { ModelKind } from "../kind.ts";
import type { Report } from "../report.ts";
import { formatCount, formatExact, formatShare, plural } from "../units.ts";
import { listed, ofAll } from "./report-numbers.ts";

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
  return [...denseLines(report), ...(report.model.kind === "projector" ? [] : asideLines(report))];
}

/** What goes through a model without experts, by its kind. */
function denseLines({ model, parameters }: Report): readonly string[] {
  const stored = `${formatExact(parameters.total)} parameters (${formatCount(parameters.total)})`;
  const [what, how] = DENSE_WORDS[model.kind] ?? [
    "This model is dense: no layer has experts.",
    "A token goes through all layers.",
  ];
  return [what, `${how} ${stored} have to be stored.`];
}

const NO_EXPERTS = "No layer of this model has experts.";

const DENSE_WORDS: Partial<Record<ModelKind, readonly [what: string, how: string]>> = {
  "encoder-decoder": [
    "This model is dense: no layer has experts.",
    "A token that is read goes through the encoder's layers, a token that is written through the decoder's.",
  ],
  speech: [NO_EXPERTS, "All of its layers work on the sound that goes in or comes out, or on its text."],
  vision: [NO_EXPERTS, "An image goes through all of its layers: there are no tokens of text here."],
  projector: [
    "This file is a projector: it turns images or sound into vectors for a language model, and no layer of it has experts.",
    "No token of text goes through it.",
  ],
  diffusion: [
    "This is a diffusion model: no layer has experts.",
    "Its parts work on whole pictures (or sounds), not token by token; a denoiser is run once for every step.",
  ],
  unknown: [
    "No layer in this file has experts; what kind of model it is can't be told.",
    "So a dense one it seems to be.",
  ],
};

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
    if (layers.length === 0) return ["This file has no layers, so it is no mixture of experts."];
    if (DENSE_WORDS[report.model.kind]) return ["This is no mixture of experts.", ...denseLines(report)];
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
  const without = report.experts ? undefined : WITHOUT_TEXT[report.model.kind];
  if (without) return [`${without} So active parameters, which are counted for a token of text, don't apply.`];
  const halves = report.model.kind === "encoder-decoder";
  return [
    ...(report.experts
      ? []
      : halves
        ? [
            "This model is dense, in two halves: tokens that are read go through the encoder, tokens that are written through the decoder. The numbers count both.",
          ]
        : [`This model is dense: a token uses ${active === total ? "all of it" : "all of the text model"}.`]),
    `A, with the tables at both ends: ${formatExact(active)} (${formatCount(active)}) of ${formatExact(total)}, ${formatShare(active / total)}.`,
    sameB(report) ??
      `B, without the embedding: ${formatExact(activeWithoutInputEmbedding)} (${formatCount(activeWithoutInputEmbedding)}).`,
    `C, without embedding and head: ${formatExact(activeNonEmbedding)} (${formatCount(activeNonEmbedding)}).`,
    ...asideLines(report),
  ];
}

/** Why B is A, where it is. */
function sameB({ parameters, model }: Report): string | undefined {
  const { active, activeWithoutInputEmbedding: b, activeNonEmbedding: c } = parameters;
  if (active !== b) return undefined;
  if (active === c) return "B: the same, as there is no embedding to leave out.";
  return model.tiedEmbeddings
    ? "B: the same. The embedding table is the head too (tied), and as the head all of its rows are multiplied for each token, so it can't be left out."
    : "B: the same. B leaves the embedding out where a head of its own stands beside it, and there is none here.";
}

/** Kinds that no token of text goes through. */
const WITHOUT_TEXT: Partial<Record<ModelKind, string>> = {
  projector: "This file is a projector: images or sound go through all of it, and text through none.",
  vision: "This is a vision model: images go through it, and no text.",
  diffusion: "This is a diffusion model: it makes a picture in steps, not token by token.",
  speech: "This is a speech model: what it works on is sound, which goes in or comes out.",
};
