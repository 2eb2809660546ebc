/** A checkpoint's own numbers for the entries of terms-parts.ts. */
import type { Layer } from "../layers.ts";
import type { Report } from "../report.ts";
import { formatCount, formatExact, formatShare } from "../units.ts";
import { bucketOf, isRecurrent, listed, ofAll, one, parametersOf, plural, RECURRENT_MIXERS } from "./report-numbers.ts";

export function ownTokenizer(report: Report): readonly string[] {
  const { vocabularySize } = report.model;
  const lines = vocabularySize
    ? [`The vocabulary has ${formatExact(vocabularySize)} tokens, as the file states it.`]
    : ["The file doesn't state how many tokens its vocabulary has."];
  lines.push(
    report.source.format === "gguf"
      ? "GGUF keeps the vocabulary in the file itself: 'inspect meta' lists it where it is there."
      : "Safetensors files hold no vocabulary: it is in files beside them, such as tokenizer.json.",
  );
  const tables = parametersOf(report, "embedding") + parametersOf(report, "head");
  if (tables > 0) lines.push(`Embedding and head, whose size depends on it, hold ${ofAll(report, tables)}.`);
  return lines;
}

export function ownEmbedding(report: Report): readonly string[] {
  const { model } = report;
  const all = parametersOf(report, "embedding");
  if (all === 0) return ["This file has no embedding table."];
  const lines = [`The embedding holds ${ofAll(report, all)}.`];
  const token = parametersOf(report, "embedding", (part) => part === "token");
  const { hiddenSize, vocabularySize } = model;
  const rows = hiddenSize ? token / hiddenSize : 0;
  // Some tables are narrower than the model (ALBERT, OPT-350m): rows below the vocabulary give that away.
  if (hiddenSize && vocabularySize && Number.isInteger(rows) && rows >= vocabularySize) {
    const spare = rows - vocabularySize;
    lines.push(
      `${formatExact(rows)} rows x ${formatExact(hiddenSize)} numbers (the width) = ${formatExact(token)}${spare > 0 ? `; ${plural(spare, "row")} more than the vocabulary has tokens` : ""}.`,
    );
  }
  if (all > token && token > 0)
    lines.push(`${formatExact(all - token)} of it are other tables than the one for tokens.`);
  if (model.tiedEmbeddings) lines.push("The table is used a second time as the head (tied).");
  if (model.tiedEmbeddings === false) lines.push("The head has a table of its own (not tied).");
  return lines;
}

/** How many kinds of layers a sentence each is worth. */
const KINDS_SHOWN = 4;

export function ownLayer(report: Report): readonly string[] {
  const { layers, layerGroups, parameters, model } = report;
  if (layers.length === 0) return ["This file has no layers."];
  const stacks = [...new Set(layers.map(({ stack }) => stack))];
  const lines: string[] = [];
  for (const stack of stacks) {
    const name = stack === "text" ? "" : ` in the stack '${stack}'`;
    const inStack = layers.filter((layer) => layer.stack === stack);
    // Layers that hold as much and differ in storage type alone are alike here.
    const kinds = new Map<string, { count: number; layer: Layer }>();
    for (const { count, layer } of layerGroups.filter((group) => group.stack === stack)) {
      const holds = Object.entries(layer.buckets).map(([bucket, { parameters }]) => `${bucket} ${parameters}`);
      const kind = holds.sort().join(" ");
      const seen = kinds.get(kind);
      if (seen) seen.count += count;
      else kinds.set(kind, { count, layer });
    }
    const each = [...kinds.values()];
    const [only] = each;
    if (each.length === 1 && only) {
      lines.push(
        `${plural(inStack.length, "layer")}${name}${inStack.length > 1 ? ", each with" : ", with"} ${holding(only.layer)}.`,
      );
      continue;
    }
    lines.push(`${plural(inStack.length, "layer")}${name}, of ${each.length} sizes.`);
    for (const { count, layer } of each.slice(0, KINDS_SHOWN)) {
      lines.push(
        `${formatExact(count)} of them ${count === 1 ? "has" : "have"} ${holding(layer)}${count > 1 ? " each" : ""}.`,
      );
    }
    if (each.length > KINDS_SHOWN) lines.push("'inspect layers' shows the other sizes.");
  }
  lines.push(`All layers together hold ${ofAll(report, parameters.total - parameters.outsideLayers)}.`);
  // A block that is used in several places is stored once (ALBERT).
  const text = layers.filter(({ stack }) => stack === "text").length;
  if (model.layers !== null && text > 0 && text < model.layers && report.source.missingParts.length === 0) {
    lines.push(
      `The model states ${plural(model.layers, "layer")}: some share their parameters, or aren't in this file.`,
    );
  }
  return lines;
}

/** "218 M parameters (ffn 176 M, attention 41.9 M, norm 8.19 K)" */
function holding({ parameters, buckets }: Layer): string {
  const parts = Object.entries(buckets)
    .filter(([, bucket]) => bucket.parameters > 0)
    .sort((a, b) => b[1].parameters - a[1].parameters)
    .map(([name, bucket]) => `${name} ${formatCount(bucket.parameters)}`);
  return `${formatCount(parameters)} parameters (${parts.join(", ")})`;
}

const LETTERS = { q: "Q", k: "K", v: "V", qkv: "Q, K and V in one matrix", o: "O" } as const;

export function ownAttention(report: Report): readonly string[] {
  const attention = bucketOf(report, "attention");
  const all = parametersOf(report, "attention", (part) => !isRecurrent(part));
  if (!attention || all === 0) {
    return [
      report.model.mixer === "recurrent"
        ? "This model has no attention. A recurrent mixer does its work: see 'mixer'."
        : "This file has no attention tensors.",
    ];
  }
  const lines = [`Attention holds ${ofAll(report, all)}.`];
  const byLetter = Object.entries(LETTERS).flatMap(([name, words]) => {
    const parameters = parametersOf(report, "attention", (part) => part === name);
    return parameters > 0 ? [`${words} ${formatCount(parameters)}`] : [];
  });
  const latent = parametersOf(report, "attention", (part) => part.startsWith("mla."));
  if (latent > 0) byLetter.push(`the matrices of MLA ${formatCount(latent)}`);
  const rest = attention.parts
    .filter(({ part }) => !isRecurrent(part) && !Object.hasOwn(LETTERS, part) && !part.startsWith("mla."))
    .reduce((sum, { parameters }) => sum + parameters, 0);
  if (byLetter.length > 0)
    lines.push(`Its parts: ${listed([...byLetter, ...(rest > 0 ? [`the rest ${formatCount(rest)}`] : [])])}.`);
  const sharing = latent > 0 ? undefined : headSharing(report);
  if (sharing) lines.push(sharing);
  if (report.model.mixer === "hybrid") lines.push("Only some of its layers use attention: see 'mixer'.");
  return lines;
}

function headSharing({ model }: Report): string | undefined {
  const { attentionHeads, kvHeads, headDim } = model;
  const heads = one(attentionHeads);
  if (!heads) return undefined;
  const kv = kvHeads === null ? undefined : one(kvHeads);
  const wide = headDim ? `, each ${formatExact(headDim)} numbers wide` : "";
  if (!kv) return `${plural(heads, "query head")}${wide}.`;
  if (kv === heads) return `${plural(heads, "head")}${wide}, each with keys and values of its own (MHA).`;
  if (kv === 1) return `${plural(heads, "query head")}${wide}, all of which share one head of keys and values (MQA).`;
  return `${plural(heads, "query head")}${wide && `${wide},`} share ${plural(kv, "head")} of keys and values${heads % kv === 0 ? `, ${heads / kv} to each` : ""} (GQA).`;
}

/** At which share of FFN the common rule holds. */
const COMMON_RULE = { from: 0.6, to: 0.7 } as const;

export function ownFeedForward(report: Report): readonly string[] {
  const ffn = parametersOf(report, "ffn");
  const { total } = report.parameters;
  const experts = parametersOf(report, "expert");
  if (report.experts) {
    return [
      ffn > 0 ? `FFNs that every token uses hold ${ofAll(report, ffn)}.` : "No FFN here is used by every token.",
      `The experts, which are FFNs too, hold ${ofAll(report, experts)}, routers included: see 'moe'.`,
      ...(ffn > 0 ? [`Together: ${formatShare((ffn + experts) / total)}.`] : []),
    ];
  }
  if (ffn === 0) {
    return [
      report.model.mixer === "recurrent"
        ? "This model has no feed-forward networks: its recurrent mixers do their work too."
        : "This file has no feed-forward networks of a text model.",
    ];
  }
  const share = ffn / total;
  const { from, to } = COMMON_RULE;
  const verdict = share < from ? "below" : share > to ? "above" : "within";
  const parts = (bucketOf(report, "ffn")?.parts ?? []).filter(({ parameters }) => parameters > 0);
  const width = one(report.model.feedForwardSize);
  const { hiddenSize } = report.model;
  return [
    `In this file the FFN holds ${ofAll(report, ffn)}.`,
    `That is ${verdict} the common rule of 60-70%; see above for where it holds.`,
    ...(parts.length > 1
      ? [`Its parts: ${listed(parts.slice(0, 4).map(({ part, parameters }) => `${part} ${formatCount(parameters)}`))}.`]
      : []),
    ...(width && hiddenSize
      ? [
          `Inner width ${formatExact(width)} at a width of ${formatExact(hiddenSize)}: ${(width / hiddenSize).toFixed(2)} times as wide.`,
        ]
      : []),
  ];
}

export function ownNorm(report: Report): readonly string[] {
  const norm = bucketOf(report, "norm");
  if (!norm || norm.parameters === 0) return ["This file has no norms of its own."];
  return [
    `The norms hold ${formatExact(norm.parameters)} parameters (${formatShare(norm.share)}) in ${plural(norm.tensors, "tensor")}.`,
    norm.biases > 0
      ? `${formatExact(norm.biases)} of them are biases, as in LayerNorm.`
      : "None of them is a bias, as in RMSNorm.",
  ];
}

export function ownHead(report: Report): readonly string[] {
  const { tiedEmbeddings } = report.model;
  const head = bucketOf(report, "head");
  const parameters = head?.parameters ?? 0;
  if (tiedEmbeddings) {
    const table = parametersOf(report, "embedding", (part) => part === "token");
    const stored = (head?.bytes ?? 0) > 0 && parameters === 0;
    return [
      "The head is tied: it has no parameters of its own.",
      `The embedding table, ${ofAll(report, table)}, does both jobs; a second one would take as much again.`,
      ...(stored ? ["The file stores a copy of the table as a head all the same. It isn't counted."] : []),
    ];
  }
  if (parameters === 0) return ["This file has no head."];
  const scores = head?.parts.some(({ part }) => part === "lm_head");
  return [
    `The head holds ${ofAll(report, parameters)}.`,
    scores ? "It isn't tied: the embedding is a table of its own." : "It doesn't score tokens: it pools or classifies.",
  ];
}

export function ownMixer(report: Report): readonly string[] {
  const { mixer } = report.model;
  if (mixer === null) return ["This file has neither attention nor a recurrent mixer."];
  const attention = parametersOf(report, "attention", (part) => !isRecurrent(part));
  if (mixer === "attention") return [`All mixing is done by attention, with ${ofAll(report, attention)}.`];
  const recurrent = parametersOf(report, "attention", isRecurrent);
  const kinds = Object.entries(RECURRENT_MIXERS)
    .filter(([prefix]) => parametersOf(report, "attention", (part) => part.startsWith(prefix)) > 0)
    .map(([, words]) => words);
  const state = `Recurrent mixers (${listed(kinds)}) hold ${ofAll(report, recurrent)}.`;
  if (mixer === "recurrent")
    return [state, "There is no attention, and so no KV cache: the state stays the same size."];
  return [
    state,
    `Attention holds ${ofAll(report, attention)}. The model is a hybrid of both.`,
    "'inspect layers' shows which layers differ.",
  ];
}
