/** A checkpoint's own numbers for the entries of terms-running.ts. */
import type { MemoryFigures } from "../memory/figures.ts";
import type { Report } from "../report.ts";
import { ASIDE, type Bucket } from "../roles/role.ts";
import { formatBytes, formatCount, formatExact } from "../units.ts";
import { bucketOf, one, restLines, weightBytes, weightLines, weightWords, windowLines } from "./report-numbers.ts";

/** Reads of an ordinary desktop's memory and of a fast graphics card, in bytes per second, rounded. */
const BANDWIDTHS = [
  { bytesPerSecond: 100e9, words: "100 GB/s (about what a desktop's RAM gives)" },
  { bytesPerSecond: 1000e9, words: "1,000 GB/s (a fast graphics card)" },
] as const;

export function ownContext(report: Report): readonly string[] {
  const { contextLength, slidingWindow } = report.model;
  if (!contextLength) {
    return [
      report.model.mixer === "recurrent"
        ? "The file states no context length. A recurrent model has no fixed limit; how far back it remembers depends on its training."
        : "The file doesn't state a context length.",
    ];
  }
  const lines = [`Made for up to ${formatExact(contextLength)} tokens, as the file states it.`];
  const windows = windowLines(report);
  lines.push(...windows);
  if (windows.length === 0 && slidingWindow && slidingWindow < contextLength)
    lines.push(
      `It also states a sliding window of ${formatExact(slidingWindow)} tokens, but nothing that says which layers use it.`,
    );
  const { memory } = report;
  if (memory?.kvBytesPerToken && isEven(memory))
    lines.push(
      `Filled to the end, the KV cache takes ${formatBytes(memory.kvBytesPerToken * contextLength)} at FP16: see 'kv cache'.`,
    );
  return lines;
}

export function ownKvCache(report: Report): readonly string[] {
  const { memory, model } = report;
  if (!memory) return ["Nothing here is run by itself, so nothing of a text is kept."];
  const { kvBytesPerToken: perToken, stateBytes, kvCacheBytes, context } = memory;
  if (perToken === null || stateBytes === null || kvCacheBytes === null)
    return [`How much it keeps isn't known: that needs ${memory.missing.join(", ")}.`];
  if (kvCacheBytes === 0) return ["There is no KV cache here: the model reads a text as a whole and writes none."];
  const state = `a state of ${formatBytes(stateBytes)} that stays the same size, however long the text`;
  if (perToken === 0) return [`There is no KV cache here: the model has no attention. It keeps ${state}.`];
  const { contextLength } = model;
  const longer = contextLength !== null && contextLength > context ? [contextLength] : [];
  // Where every token costs the same, any length follows; else `inspect memory` has it.
  const lengths = isEven(memory) ? [context, ...longer] : [context];
  const shown = [...kindLines(memory), ...windowLines(report)];
  return [
    `${perTokenWords(report, perToken)}.`,
    ...shown,
    ...beyondLines(memory),
    ...(stateBytes > 0 ? [`Beside that it keeps ${state}.`] : []),
    ...lengths.map((tokens) => {
      const bytes = tokens === context ? kvCacheBytes : perToken * tokens;
      return `With ${formatExact(tokens)} tokens of text${tokens === contextLength ? ", the most it was made for" : ""}: ${formatBytes(bytes)}.`;
    }),
    `For comparison, ${weightWords(report).toLowerCase()} take ${formatBytes(weightBytes(report))}.`,
    "inspect memory FILE has it for any context and type of the cache, layer by layer.",
  ];
}

/** Every token costs the same, and nothing else is kept. */
function isEven({ kvBytesPerToken, kvBytesPerTokenBeyondWindow, stateBytes }: MemoryFigures): boolean {
  return kvBytesPerToken === kvBytesPerTokenBeyondWindow && stateBytes === 0;
}

/** The product, where the file's heads and layers are all alike and make up the figure; else the figure alone. */
function perTokenWords({ model }: Report, perToken: number): string {
  const { layers, attentionHeads, hiddenSize } = model;
  const heads = one(attentionHeads);
  // Without a number of their own, there are as many KV heads as heads (GGUF specification; transformers).
  const kvHeads = one(model.kvHeads) ?? heads;
  const headDim = model.headDim ?? (heads && hiddenSize ? hiddenSize / heads : undefined);
  if (layers && kvHeads && headDim && 2 * layers * kvHeads * headDim * BYTES_PER_VALUE === perToken) {
    return `2 x ${formatExact(layers)} layers x ${formatExact(kvHeads)} KV heads x ${formatExact(headDim)} numbers x ${BYTES_PER_VALUE} bytes (FP16) = ${formatExact(perToken)} bytes per token`;
  }
  return `Each token takes ${formatExact(perToken)} bytes at FP16`;
}

/** FP16, what programs keep the cache in unless told. */
const BYTES_PER_VALUE = 2;

/** Which layers keep what, where they differ. */
function kindLines({ cache }: MemoryFigures): readonly string[] {
  if (cache.length < 2 && cache.every(({ rule }) => rule === "kv")) return [];
  return [`What its layers keep: ${cache.map(({ kind, layers }) => `${kind} in ${formatExact(layers)}`).join("; ")}.`];
}

function beyondLines({ kvBytesPerToken, kvBytesPerTokenBeyondWindow: beyond }: MemoryFigures): readonly string[] {
  if (beyond === null || beyond === kvBytesPerToken) return [];
  return [
    beyond === 0
      ? "Once the windows are full it grows no more."
      : `Once the windows are full, each further token takes ${formatExact(beyond)} bytes.`,
  ];
}

/** Files that are of use only beside another model. */
const BESIDE_A_MODEL: ReadonlySet<string> = new Set(["adapter", "control-vector", "projector", "draft"]);

export function ownVram(report: Report): readonly string[] {
  const lines = [...weightLines(report)];
  if (report.experts) lines.push("All experts are in it: they need the memory, used or not.");
  if (BESIDE_A_MODEL.has(report.model.kind)) return [...lines, "That comes on top of the model that it belongs to."];
  const { memory } = report;
  if (!memory || memory.kvCacheBytes === null) return [...lines, ...ownKvCache(report)];
  const { context, kvCacheBytes, kvBytesPerToken, computeBytes, computeBand } = memory;
  const perToken = kvBytesPerToken ? ` (${formatExact(kvBytesPerToken)} bytes per token)` : "";
  const working =
    computeBytes === null || computeBand === null
      ? ""
      : `, about ${formatBytes(computeBytes)} (give or take ${Math.round(computeBand * 100)}%)`;
  return [
    ...lines,
    kvCacheBytes === 0
      ? "It keeps nothing of a text between tokens."
      : `KV cache for ${formatExact(context)} tokens at FP16: ${formatBytes(kvCacheBytes)}${perToken}.`,
    `Estimate: weights and cache together ${formatBytes(weightBytes(report) + kvCacheBytes)}, and working memory on top${working}.`,
    'inspect memory FILE --gpu "RTX 4090" says whether it fits.',
  ];
}

interface BytesRead {
  readonly bytes: number;
  /** What scales of experts and of the embedding take is shared out in proportion. */
  readonly exact: boolean;
}

/**
 * Bytes of tensors that have to be read to write one token: all that a token uses. One row of the input table counts for
 * nothing; where the table is the head too, all of it counts. Undefined where a fact is missing.
 */
function bytesReadPerToken(report: Report): BytesRead | undefined {
  const { experts, model } = report;
  let sum = 0;
  let whole = 0;
  let side = 0;
  for (const { bucket, bytes, parts } of report.buckets) {
    if (bucket === "quant-side") {
      side += bytes;
      continue;
    }
    // Parts without parameters aren't read: masks, and the stored copy of a tied table.
    const counted = parts.filter(({ parameters }) => parameters > 0);
    const held = counted.reduce((all, part) => all + part.bytes, 0);
    whole += held;
    if (ASIDE_BUCKETS.has(bucket) || bucket === "position") continue;
    if (bucket === "embedding") {
      if (model.tiedEmbeddings) sum += counted.find(({ part }) => part === "token")?.bytes ?? 0;
    } else if (bucket === "expert" && experts) {
      const { usedPerToken, perLayer } = experts;
      if (!usedPerToken || !perLayer) return undefined;
      const routed = counted.filter(({ part }) => part.startsWith("routed")).reduce((all, part) => all + part.bytes, 0);
      sum += held - routed + (routed / perLayer) * Math.min(usedPerToken, perLayer);
    } else {
      sum += held;
    }
  }
  // Layers of a tower may be attention and FFN by bucket, and have scales of their own.
  const within = report.parameters.aside.reduce((all, { bytes }) => all + bytes, 0);
  const buckets = report.buckets
    .filter(({ bucket }) => ASIDE_BUCKETS.has(bucket))
    .reduce((all, { bytes }) => all + bytes, 0);
  const beside = Math.max(0, within - buckets);
  const sideBeside = Math.min(side, beside);
  sum -= beside - sideBeside;
  const scales = side - sideBeside;
  const share = whole > 0 ? sum / whole : 0;
  return { bytes: Math.round(sum + scales * share), exact: scales === 0 || sum === whole };
}

/** Buckets that a token of text doesn't pass through. */
const ASIDE_BUCKETS: ReadonlySet<Bucket> = new Set<Bucket>(ASIDE);

export function ownSpeed(report: Report): readonly string[] {
  if (report.model.kind !== "llm") return ["This file isn't a language model that writes token by token."];
  const read = bytesReadPerToken(report);
  if (read === undefined) return ["What a token reads isn't known: the file doesn't say how many experts it uses."];
  const { bytes, exact } = read;
  if (bytes === 0) return ["This file has no weights to read."];
  return [
    `For each token ${exact ? "at least" : "about"} ${formatBytes(bytes)} of the ${formatBytes(weightBytes(report))} of weights${weightWords(report).slice("The weights".length)} are read: ${report.experts ? "what a token uses, the chosen experts included" : report.parameters.aside.length > 0 ? "all weights of the text model" : "all weights"}${bucketOf(report, "embedding") && report.model.tiedEmbeddings === false ? ", but of the embedding only one row" : ""}.`,
    ...BANDWIDTHS.map(
      ({ bytesPerSecond, words }) =>
        `Estimate at ${words}: less than ${formatRate(bytesPerSecond / bytes)} tokens per second.`,
    ),
    `That holds if all of it fits into that memory. ${READ_ON_TOP[report.model.mixer ?? "none"]}`,
  ];
}

/** What is read besides the weights, by mixer. */
const READ_ON_TOP = {
  attention: "The KV cache is read on top, so long texts are slower.",
  hybrid:
    "The KV cache of its attention layers is read on top, so long texts are slower, and the states of the others, which don't grow.",
  recurrent:
    "There is no KV cache: the state is read and written on top, and as it doesn't grow, long texts are no slower.",
  none: "What the model keeps of the text so far is read on top.",
} as const;

/** 1.23, 12.3, 123: upper bounds are rounded up. */
function formatRate(rate: number): string {
  const step = rate < 10 ? 100 : rate < 100 ? 10 : 1;
  const up = Math.ceil(rate * step) / step;
  return formatExact(Math.floor(up)) + (step > 1 ? (up % 1).toFixed(Math.log10(step)).slice(1) : "");
}

export function ownCost(report: Report): readonly string[] {
  const { activeWithoutInputEmbedding: active, activeMissing } = report.parameters;
  if (report.model.kind !== "llm") return ["This file isn't a language model that writes token by token."];
  if (active === null) return [`Computing per token isn't known: ${activeMissing ?? "a fact"} is missing.`];
  return [
    `Estimate: 2 x ${formatExact(active)} active parameters (definition B) = ${formatCount(2 * active)} operations per token.`,
    `Memory that has to be there all the time: ${formatBytes(weightBytes(report))} for ${weightWords(report).toLowerCase()}.`,
    ...restLines(report),
  ];
}
