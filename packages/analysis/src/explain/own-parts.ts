/** A checkpoint's own numbers for the entries of terms-parts.ts. */
import { splitParts } from "../anatomy.ts";
import type { Layer } from "../layers.ts";
import type { Report } from "../report.ts";
import { formatCount, formatExact, formatShare, plural } from "../units.ts";
import {
  bucketOf,
  capital,
  insideAside,
  isRecurrent,
  listed,
  ofAll,
  one,
  parametersOf,
  RECURRENT_MIXERS,
} from "./report-numbers.ts";

/** Tables with a row for each token. */
const TOKEN_TABLES: ReadonlySet<string> = new Set(["token", "per_layer_token"]);

export function ownTokenizer(report: Report): readonly string[] {
  const { vocabularySize, kind } = report.model;
  if (!vocabularySize && (kind === "vision" || kind === "projector"))
    return ["No text goes through what this file holds, so it needs no tokenizer."];
  const lines = vocabularySize
    ? [`The vocabulary has ${formatExact(vocabularySize)} tokens, as the file states it.`]
    : ["The file doesn't state how many tokens its vocabulary has."];
  lines.push(
    report.source.format === "gguf"
      ? "GGUF keeps the vocabulary in the file itself: 'inspect meta' lists it where it is there."
      : "Safetensors files hold no vocabulary: it is in files beside them, such as tokenizer.json.",
  );
  const table = parametersOf(report, "embedding", (part) => TOKEN_TABLES.has(part));
  const head = parametersOf(report, "head", (part) => part === "lm_head");
  const tables = [...(table > 0 ? ["the token table"] : []), ...(head > 0 ? ["the head"] : [])];
  if (tables.length > 0) {
    const verb = tables.length > 1 ? "hold" : "holds";
    lines.push(`${capital(listed(tables))}, whose size depends on it, ${verb} ${ofAll(report, table + head)}.`);
  }
  return lines;
}

export function ownEmbedding(report: Report): readonly string[] {
  const { model } = report;
  const all = parametersOf(report, "embedding");
  if (all === 0) return ["This file has no table of embeddings for tokens."];
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

const LETTERS = {
  q: "Q",
  k: "K",
  v: "V",
  qkv: "Q, K and V in one matrix",
  kv: "K and V in one matrix",
  o: "O",
} as const;

const CROSS = "cross.";

/** How many of the smaller parts are named. */
const REST_NAMED = 3;

export function ownAttention(report: Report): readonly string[] {
  const attention = bucketOf(report, "attention");
  const all = parametersOf(report, "attention", (part) => !isRecurrent(part));
  if (!attention || all === 0) {
    return [
      report.model.mixer === "recurrent"
        ? "This model has no attention. A recurrent mixer does its work: see 'mixer'."
        : (towerLine(report, "attention.", "attention holds") ?? "This file has no attention tensors."),
    ];
  }
  const parts = splitParts(attention).filter(({ part, parameters }) => parameters > 0 && !isRecurrent(part));
  // Both attentions of a decoder have a Q, a K, a V and an O.
  const plain = (part: string) => (part.startsWith(CROSS) ? part.slice(CROSS.length) : part);
  const sum = (wanted: (part: string) => boolean) =>
    parts.reduce((held, { part, parameters }) => (wanted(part) ? held + parameters : held), 0);
  const letters = (wanted: (part: string) => boolean) =>
    Object.entries(LETTERS).flatMap(([name, words]) => {
      const parameters = sum((part) => plain(part) === name && wanted(part));
      return parameters > 0 ? [`${words} ${formatCount(parameters)}`] : [];
    });
  const byLetter = letters(() => true);
  const latent = sum((part) => part.startsWith("mla."));
  if (latent > 0) byLetter.push(`the matrices of MLA ${formatCount(latent)}`);
  const rest = parts.filter(({ part }) => !Object.hasOwn(LETTERS, plain(part)) && !part.startsWith("mla."));
  if (byLetter.length > 0 && rest.length > 0) {
    const held = rest.reduce((all, { parameters }) => all + parameters, 0);
    const names = rest.slice(0, REST_NAMED).map(({ part }) => part);
    byLetter.push(`the rest ${formatCount(held)} (${names.join(", ")}${rest.length > REST_NAMED ? ", ..." : ""})`);
  }
  const lines = [`Attention holds ${ofAll(report, all)}.`];
  if (byLetter.length > 0) lines.push(`Its parts: ${listed(byLetter)}.`);
  if (attention.parts.some(({ part, split }) => part === "qkv" && split))
    lines.push("Q, K and V are stored in one matrix for each layer.");
  const cross = sum((part) => part.startsWith(CROSS));
  if (cross > 0) {
    const what = CROSS_WORDS[report.model.kind] ?? "which looks at another part of the model, not at the text itself";
    lines.push(
      `${formatCount(cross)} of that is cross-attention, ${what} (${listed(letters((part) => part.startsWith(CROSS)))}).`,
    );
  }
  const sharing = latent > 0 ? undefined : headSharing(report);
  if (sharing) lines.push(sharing);
  if (report.model.mixer === "hybrid") lines.push("Only some of its layers use attention: see 'mixer'.");
  return lines;
}

const IN_DECODER = "with which the decoder looks at what the encoder made";
const CROSS_WORDS: Partial<Record<Report["model"]["kind"], string>> = {
  "encoder-decoder": IN_DECODER,
  speech: IN_DECODER,
};

/** What stands in towers alone, and is counted with them. */
function towerLine(report: Report, prefix: string, words: string): string | undefined {
  const held = insideAside(report, prefix);
  return held > 0 ? `There is none of a text model here; in the tower, ${words} ${ofAll(report, held)}.` : undefined;
}

/** How query heads share keys and values, in a sentence. */
export function headSharing({ model }: Report): string | undefined {
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
        : (towerLine(report, "ffn.", "the feed-forward networks hold") ?? "This file has no feed-forward networks."),
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
  if (!norm || norm.parameters === 0)
    return [towerLine(report, "norm.", "the norms hold") ?? "This file has no norms of its own."];
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
  if (parameters === 0) return ["This file has no head of its own."];
  const scores = head?.parts.some(({ part, parameters }) => part === "lm_head" && parameters > 0);
  const table = parametersOf(report, "embedding", (part) => part === "token");
  return [
    `The head holds ${ofAll(report, parameters)}.`,
    !scores
      ? `It doesn't score tokens: it ${HEAD_WORK[report.model.kind] ?? "pools or classifies"}.`
      : table > 0
        ? "It isn't tied: the embedding is a table of its own."
        : "This file has no token table that it could be tied to.",
  ];
}

/** What a head does that doesn't score tokens. */
const HEAD_WORK: Partial<Record<Report["model"]["kind"], string>> = {
  vision: "gives a score for each class of images, or a vector",
  diffusion: "turns the last vectors into the noise that is taken away",
  reranker: "gives one score for a text or a pair of them",
};

export function ownMixer(report: Report): readonly string[] {
  const { mixer } = report.model;
  if (mixer === null) return ["This file has neither attention nor a recurrent mixer."];
  const attention = parametersOf(report, "attention", (part) => !isRecurrent(part));
  if (mixer === "attention") return [`All mixing is done by attention, with ${ofAll(report, attention)}.`];
  const recurrent = parametersOf(report, "attention", isRecurrent);
  const kinds = Object.entries(RECURRENT_MIXERS)
    .filter(([prefix]) => parametersOf(report, "attention", (part) => part.startsWith(prefix)) > 0)
    .map(([, words]) => words);
  const state = `Recurrent mixers (${kinds.join("; ")}) hold ${ofAll(report, recurrent)}.`;
  if (mixer === "recurrent")
    return [state, "There is no attention, and so no KV cache: the state stays the same size."];
  return [
    state,
    `Attention holds ${ofAll(report, attention)}. The model is a hybrid of both.`,
    "'inspect layers' shows which layers differ.",
  ];
}
