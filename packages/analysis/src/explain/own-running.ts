/** A checkpoint's own numbers for the entries of terms-running.ts. */
import type { Report } from "../report.ts";
import { ASIDE, type Bucket } from "../roles/role.ts";
import { formatBytes, formatCount, formatExact } from "../units.ts";
import { BYTES_PER_VALUE, type PlainKvCache, plainKvCache } from "./kv-cache.ts";
import { bucketOf, restLines, weightBytes, weightLines, weightWords, windowLines } from "./report-numbers.ts";

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
  const windows = windowLines(report);
  lines.push(...windows);
  if (windows.length === 0 && slidingWindow && slidingWindow < contextLength)
    lines.push(
      `It also states a sliding window of ${formatExact(slidingWindow)} tokens, but nothing that says which layers use it.`,
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
  const windows = windowLines(report);
  const lines = windowed
    ? [
        `If every layer kept every token: ${sum}.`,
        ...(windows.length > 0 ? windows : ["Layers of this architecture look back over a window only."]),
        "Layers with a window keep no more than it holds. So the number above is the most that it can take, and a long text takes less; this version doesn't work out how much.",
      ]
    : [
        `${sum}.`,
        ...lengths.map(
          (tokens) =>
            `With ${formatExact(tokens)} tokens of text${tokens === contextLength ? ", the most it was made for" : ""}: ${formatBytes(bytesPerToken * tokens)}.`,
        ),
        `For comparison, ${weightWords(report).toLowerCase()} take ${formatBytes(weightBytes(report))}.`,
      ];
  return checked
    ? lines
    : [...lines, "This follows from what the file states; its tensors couldn't be compared with it."];
}

/** Files that are of use only beside another model. */
const BESIDE_A_MODEL: ReadonlySet<string> = new Set(["adapter", "control-vector", "projector", "draft"]);

export function ownVram(report: Report): readonly string[] {
  const lines = [...weightLines(report)];
  if (report.experts) lines.push("All experts are in it: they need the memory, used or not.");
  if (BESIDE_A_MODEL.has(report.model.kind)) return [...lines, "That comes on top of the model that it belongs to."];
  const cache = plainKvCache(report);
  if (typeof cache === "string") return [...lines, cache];
  return [...lines, ...cacheLines(report, cache, weightBytes(report))];
}

function cacheLines({ model }: Report, { bytesPerToken, windowed }: PlainKvCache, weights: number): readonly string[] {
  const tokens = Math.min(EXAMPLE_TOKENS, model.contextLength ?? EXAMPLE_TOKENS);
  const kv = bytesPerToken * tokens;
  const most = windowed ? "at most " : "";
  return [
    `KV cache for ${formatExact(tokens)} tokens at FP16: ${most}${formatBytes(kv)} (${formatExact(bytesPerToken)} bytes per token).`,
    `Estimate: weights and cache together ${most}${formatBytes(weights + kv)}, and working memory on top.`,
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
