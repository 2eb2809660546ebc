/** A checkpoint's own numbers for the entries of terms-kinds.ts. */
import { KIND_WORDS, type ModelKind } from "../kind.ts";
import type { Report } from "../report.ts";
import { formatBytes, formatCount, formatExact, plural } from "../units.ts";
import { ofAll, parametersOf } from "./report-numbers.ts";

/** "This file is an encoder", "a language model". */
function kindSentence({ model }: Report): string {
  const words = KIND_WORDS[model.kind];
  if (model.kind === "unknown") return "What kind of model this file holds can't be told.";
  if (model.kind === "vocab") return "This file holds a vocabulary only.";
  return `This file is ${/^[aeiou]/i.test(words) ? "an" : "a"} ${words}.`;
}

const READS: Partial<Record<ModelKind, string>> = {
  llm: "It writes token by token, so it is a decoder.",
  encoder: "It reads a text as a whole and writes none.",
};

export function ownEncoderDecoder(report: Report): readonly string[] {
  const lines = [kindSentence(report)];
  const words = READS[report.model.kind];
  if (words) lines.push(words);
  for (const stack of ["encoder", "decoder"]) {
    const layers = report.layers.filter((layer) => layer.stack === stack);
    if (layers.length === 0) continue;
    const held = layers.reduce((sum, { parameters }) => sum + parameters, 0);
    lines.push(`The ${stack} has ${plural(layers.length, "layer")}, which hold ${ofAll(report, held)}.`);
  }
  const cross = parametersOf(report, "attention", (part) => part.startsWith("cross."));
  if (cross > 0) lines.push(`Cross-attention holds ${ofAll(report, cross)}.`);
  return lines;
}

export function ownEmbeddingModel(report: Report): readonly string[] {
  const { kind, hiddenSize } = report.model;
  const lines = [kindSentence(report)];
  if (kind === "embedding" && hiddenSize)
    lines.push(
      `Its width is ${formatExact(hiddenSize)}, and a text's vector has as many numbers unless a projection follows.`,
    );
  const head = parametersOf(report, "head", (part) => part !== "lm_head");
  if (head > 0 && kind !== "diffusion" && kind !== "adapter")
    lines.push(`Its pooler or classifier holds ${ofAll(report, head)}.`);
  return lines;
}

/** Components worth a sentence each. */
const COMPONENTS_NAMED = 6;

export function ownDiffusion(report: Report): readonly string[] {
  if (report.model.kind !== "diffusion") return ["This file is no diffusion model."];
  const { components = [] } = report;
  if (components.length === 0)
    return [
      `This file is a diffusion model, or one part of it, with ${formatCount(report.parameters.total)} parameters.`,
    ];
  return [
    `This checkpoint is made of ${plural(components.length, "component")}.`,
    ...components
      .slice(0, COMPONENTS_NAMED)
      .map(
        ({ name, words, parameters, bytes }) =>
          `${name} (${words}): ${ofAll(report, parameters)}, ${formatBytes(bytes)}.`,
      ),
    ...(components.length > COMPONENTS_NAMED ? ["The overview lists the others."] : []),
  ];
}

export function ownControlVector(report: Report): readonly string[] {
  if (report.model.kind !== "control-vector") return ["This file is no control vector."];
  return [
    `This file is a control vector: one direction for each of ${plural(report.layers.length, "layer")}, ${formatExact(report.parameters.total)} numbers in all.`,
  ];
}
