/** A checkpoint's own numbers for the entries of terms-details.ts. */
import type { Report } from "../report.ts";
import { formatCount, formatExact, plural } from "../units.ts";
import { headSharing } from "./own-parts.ts";
import { bucketOf, insideAside, listed, ofAll, one, parametersOf } from "./report-numbers.ts";

export function ownWidth({ model }: Report): readonly string[] {
  const { hiddenSize: width, headDim, feedForwardSize } = model;
  if (!width) return ["The file doesn't state its width."];
  const heads = one(model.attentionHeads);
  const inner = one(feedForwardSize);
  const head = headDim ?? (heads && Number.isInteger(width / heads) ? width / heads : undefined);
  return [
    `The width is ${formatExact(width)}: as many numbers stand for a token.`,
    ...(heads && head ? [`${plural(heads, "attention head")}, each ${formatExact(head)} numbers wide.`] : []),
    ...(inner ? [`Inner width of the feed-forward networks: ${formatExact(inner)}.`] : []),
  ];
}

export function ownPosition(report: Report): readonly string[] {
  const tables = parametersOf(report, "position");
  const towers = insideAside(report, "position.");
  const derived = report.parameters.excluded.filter(({ words }) => /rotary|position/.test(words));
  return [
    tables > 0
      ? `Learned tables of positions hold ${ofAll(report, tables)}.`
      : towers > 0
        ? "Outside of its towers this file has no learned table of positions."
        : "This file has no learned table of positions: where it needs them, they are computed.",
    ...(towers > 0 ? [`Learned tables of positions in towers hold ${ofAll(report, towers)}.`] : []),
    ...derived.map(
      ({ words, parameters }) =>
        `Stored, but not learned and so not counted: ${words}, ${formatExact(parameters)} numbers.`,
    ),
  ];
}

export function ownGroups(report: Report): readonly string[] {
  const { mixer, attentionHeads } = report.model;
  if (mixer === "recurrent") return ["This model has no attention, and so no heads of it."];
  if (parametersOf(report, "attention", (part) => part.startsWith("mla.")) > 0) {
    const heads = one(attentionHeads);
    return [
      `${heads ? `${plural(heads, "head")}. ` : ""}Their keys and values are made from one short vector: see 'mla'.`,
    ];
  }
  const sharing = headSharing(report);
  if (sharing) return [sharing];
  return [
    Array.isArray(attentionHeads)
      ? "The number of heads differs from layer to layer."
      : "The file doesn't state how many heads its attention has.",
  ];
}

export function ownLatent(report: Report): readonly string[] {
  const parts = (bucketOf(report, "attention")?.parts ?? []).filter(
    ({ part, parameters }) => part.startsWith("mla.") && parameters > 0,
  );
  const experts = report.experts?.latentParameters ?? 0;
  const beside =
    experts > 0 ? [`The latent matrices of its experts, which are something else, hold ${formatCount(experts)}.`] : [];
  if (parts.length === 0) return ["This file has no latent attention.", ...beside];
  const all = parts.reduce((sum, { parameters }) => sum + parameters, 0);
  return [
    `The matrices of MLA hold ${ofAll(report, all)}: ${listed(parts.map(({ part, parameters }) => `${part.slice("mla.".length)} ${formatCount(parameters)}`))}.`,
    ...beside,
  ];
}

const TOWERS = ["vision", "audio", "projector"] as const;

export function ownTower(report: Report): readonly string[] {
  const { aside, total } = report.parameters;
  const beside = aside.filter(({ what, parameters }) => what !== "mtp" && parameters > 0);
  if (beside.length === 0) {
    const { kind } = report.model;
    if (kind === "vision" || kind === "speech")
      return [`This is a ${kind} model as a whole: no tower stands beside a text model here.`];
    return [`This file has no ${TOWERS.slice(0, 2).join(" or ")} tower and no projector.`];
  }
  const held = beside.reduce((sum, { parameters }) => sum + parameters, 0);
  return [
    ...beside.map(({ what, parameters }) => `${WORDS[what as (typeof TOWERS)[number]]}: ${ofAll(report, parameters)}.`),
    held === total
      ? "There is no text model in this file."
      : `Without ${beside.length > 1 ? "these" : "it"}, ${formatExact(total - held)} parameters (${formatCount(total - held)}) remain.`,
  ];
}

const WORDS = { vision: "Vision tower", audio: "Audio tower", projector: "Projector" } as const;

export function ownMtp(report: Report): readonly string[] {
  const mtp = report.parameters.aside.find(({ what, parameters }) => what === "mtp" && parameters > 0);
  if (report.model.kind === "draft")
    return [
      `This file is a draft model, with ${formatExact(report.parameters.total)} parameters: it guesses for another one.`,
    ];
  if (!mtp) return ["This file has no blocks that draft tokens ahead."];
  const rest = report.parameters.total - mtp.parameters;
  return [
    `Its drafting blocks (MTP) hold ${ofAll(report, mtp.parameters)}.`,
    `Without them, ${formatExact(rest)} parameters (${formatCount(rest)}) remain.`,
  ];
}
