/** A checkpoint's own numbers for the entries of terms-running.ts. */
import type { Report } from "../report.ts";
import { formatBytes, formatCount, formatExact } from "../units.ts";
import { BYTES_PER_VALUE, type PlainKvCache, plainKvCache } from "./kv-cache.ts";
import { bucketOf, tensorBytes } from "./report-numbers.ts";

/** A text of middling length, for examples. */
const EXAMPLE_TOKENS = 8192;

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
  if (slidingWindow && slidingWindow < contextLength)
    lines.push(
      `It also states a sliding window of ${formatExact(slidingWindow)} tokens. Which layers use it isn't worked out here.`,
    );
  const cache = plainKvCache(report);
  if (typeof cache !== "string" && !cache.windowed)
    lines.push(
      `Filled to the end, the KV cache takes ${formatBytes(cache.bytesPerToken * contextLength)} at FP16: see 'kv cache'.`,
    );
  return lines;
}

export function ownKvCache(report: Report): readonly string[] {
  const cache = plainKvCache(report);
  if (typeof cache === "string") return [cache];
  const { bytesPerToken, layers, kvHeads, headDim, windowed, checked } = cache;
  const sum = `2 x ${formatExact(layers)} layers x ${formatExact(kvHeads)} KV heads x ${formatExact(headDim)} numbers x ${BYTES_PER_VALUE} bytes (FP16) = ${formatExact(bytesPerToken)} bytes per token`;
  const { contextLength } = report.model;
  const lengths = [EXAMPLE_TOKENS, ...(contextLength && contextLength > EXAMPLE_TOKENS ? [contextLength] : [])].filter(
    (tokens) => !contextLength || tokens <= contextLength,
  );
  if (lengths.length === 0 && contextLength) lengths.push(contextLength);
  const lines = windowed
    ? [
        `If every layer kept every token: ${sum}.`,
        "But some of its layers look back over a window only and stop growing there. So this is the most it can take, and a long text takes less; this version doesn't work out how much.",
      ]
    : [
        `${sum}.`,
        ...lengths.map(
          (tokens) =>
            `With ${formatExact(tokens)} tokens of text${tokens === contextLength ? ", the most it was made for" : ""}: ${formatBytes(bytesPerToken * tokens)}.`,
        ),
        `For comparison, its weights take ${formatBytes(tensorBytes(report))}.`,
      ];
  return checked
    ? lines
    : [...lines, "This follows from what the file states; its tensors couldn't be compared with it."];
}

export function ownVram(report: Report): readonly string[] {
  const bytes = tensorBytes(report);
  const lines = [`Weights: ${formatBytes(bytes)}, as they are stored.`];
  if (report.experts) lines.push("All experts are in it: they need the memory, used or not.");
  const cache = plainKvCache(report);
  if (typeof cache === "string") return [...lines, cache];
  return [...lines, ...cacheLines(report, cache, bytes)];
}

function cacheLines({ model }: Report, { bytesPerToken, windowed }: PlainKvCache, weights: number): readonly string[] {
  const tokens = Math.min(EXAMPLE_TOKENS, model.contextLength ?? EXAMPLE_TOKENS);
  const kv = bytesPerToken * tokens;
  const most = windowed ? "at most " : "";
  return [
    `KV cache for ${formatExact(tokens)} tokens at FP16: ${most}${formatBytes(kv)} (${formatExact(bytesPerToken)} bytes per token).`,
    `Estimate: together ${most}${formatBytes(weights + kv)}, and working memory on top.`,
  ];
}

/**
 * Bytes of tensors that have to be read to write one token: all that a token uses. One row of the input table counts for
 * nothing; where the table is the head too, all of it counts. Undefined where a fact is missing.
 */
function bytesReadPerToken(report: Report): number | undefined {
  const { experts, model } = report;
  let sum = 0;
  for (const { bucket, bytes, parameters, parts } of report.buckets) {
    if (ASIDE_BUCKETS.has(bucket) || bucket === "position") continue;
    if (bucket === "embedding") {
      if (model.tiedEmbeddings) sum += parts.find(({ part }) => part === "token")?.bytes ?? 0;
    } else if (bucket === "head") {
      // A stored copy of a tied table isn't read beside it.
      if (parameters > 0) sum += bytes;
    } else if (bucket === "expert" && experts) {
      const { usedPerToken, perLayer } = experts;
      if (!usedPerToken || !perLayer) return undefined;
      const routed = parts.filter(({ part }) => part.startsWith("routed")).reduce((all, part) => all + part.bytes, 0);
      sum += bytes - routed + (routed / perLayer) * Math.min(usedPerToken, perLayer);
    } else {
      sum += bytes;
    }
  }
  // Layers of a tower may be attention and FFN by bucket.
  const within = report.parameters.aside.reduce((all, { bytes }) => all + bytes, 0);
  const buckets = report.buckets
    .filter(({ bucket }) => ASIDE_BUCKETS.has(bucket))
    .reduce((all, { bytes }) => all + bytes, 0);
  return sum - Math.max(0, within - buckets);
}

/** Buckets that a token of text doesn't pass through. */
const ASIDE_BUCKETS: ReadonlySet<string> = new Set(["vision", "audio", "projector", "mtp"]);

export function ownSpeed(report: Report): readonly string[] {
  if (report.model.kind !== "llm") return ["This file isn't a language model that writes token by token."];
  const bytes = bytesReadPerToken(report);
  if (bytes === undefined) return ["What a token reads isn't known: the file doesn't say how many experts it uses."];
  if (bytes === 0) return ["This file has no weights to read."];
  return [
    `For each token at least ${formatBytes(bytes)} of ${formatBytes(tensorBytes(report))} are read: ${report.experts ? "what a token uses, the chosen experts included" : report.parameters.aside.length > 0 ? "all weights of the text model" : "all weights"}${bucketOf(report, "embedding") && report.model.tiedEmbeddings === false ? ", but of the embedding only one row" : ""}.`,
    ...BANDWIDTHS.map(
      ({ bytesPerSecond, words }) =>
        `Estimate at ${words}: less than ${formatRate(bytesPerSecond / bytes)} tokens per second.`,
    ),
    "That holds if all of it fits into that memory. The KV cache is read on top, so long texts are slower.",
  ];
}

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
    `Memory that has to be there all the time: ${formatBytes(tensorBytes(report))} for the weights.`,
  ];
}
