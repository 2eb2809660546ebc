/**
 * Which layers look back a limited number of tokens: sliding windows and chunks.
 *
 * Tensors don't tell, so the pattern is read from what is written, and from the tables of the runtimes only where nothing
 * is. Where a window is declared and no pattern is known, that is what is said.
 */
import type { ModelFacts } from "../facts.ts";
import { formatExact, ordinal } from "../units.ts";
import type { LayerPattern, PatternRule, StackLayers } from "./pattern.ts";
import { LLAMA_CPP_WINDOWS, TRANSFORMERS_WINDOWS, type WindowRule, type WindowTable } from "./window-tables.ts";
import { allOf, everyNth, inLayers } from "./words.ts";

/** What is known of the windows of a stack. */
interface Windows {
  /** In words: "sliding window of 1,024 tokens". */
  readonly phrase: string;
  /** Tokens, where they are stated. */
  readonly window: number | undefined;
  readonly isWindowed: (layer: number) => boolean;
  readonly source: string;
}

/** Which layers of a stack look back over a window, and how far. */
export interface WindowedLayers {
  /** Tokens; undefined where no number is stated. */
  readonly window: number | undefined;
  readonly isChunked: boolean;
  readonly isWindowed: (layer: number) => boolean;
  readonly source: string;
}

/**
 * The windows of a model's main stack, or undefined where all of its layers see all of the text. `unknown`: a window is declared, and
 * nothing says which layers use it.
 */
export function windowedLayers(stack: StackLayers): WindowedLayers | "unknown" | undefined {
  const { facts } = stack;
  const windows = statedWindows(facts) ?? tableWindows(stack);
  if (windows) {
    if (neverSlides(windows.window, facts)) return undefined;
    const { window, isWindowed, source, phrase } = windows;
    return { window, isWindowed, source, isChunked: phrase.includes("chunk") };
  }
  const { slidingWindow: window, architecture = "" } = facts;
  if (!window || facts.layerTypes || neverSlides(window, facts)) return undefined;
  return tableOf(stack).unused.includes(architecture) || ruleOf(stack)?.layers ? undefined : "unknown";
}

/** Words of layer_types that mean a window. */
const WINDOWED = /slid|local|chunk/i;
const CHUNKED = /chunk/i;

/** Facts are of the main stack only. */
export const windowPatterns: PatternRule = (stack) => {
  const { facts } = stack;
  const attending = stack.layers.filter(({ mixers }) => mixers.includes("attention") || mixers.includes("mla"));
  if (attending.length === 0) return [];
  const pattern = (said: Pick<LayerPattern, "words" | "layers" | "window">, source: string): LayerPattern[] => [
    { subject: "window", stack: stack.stack, ...said, source },
  ];
  const windows = statedWindows(facts) ?? tableWindows(stack);
  if (windows) {
    if (neverSlides(windows.window, facts)) return [];
    const indices = attending.map(({ index }) => index);
    const said = windowWords(windows, indices, stack.layers.length);
    if (!said) return [];
    const { window } = windows;
    const used = { ...said, ...(window && { window }) };
    // DeepSeek-V4: beyond the window, layers with a compressor still see a shortened past.
    const compressed = attending.filter((layer) => layer.compressed).map(({ index }) => index);
    if (compressed.length === 0) return pattern(used, windows.source);
    const where = compressed.length === indices.length ? "" : ` in ${inLayers(compressed, indices)}`;
    return pattern({ ...used, words: `${said.words}, compressed keys and values beyond it${where}` }, windows.source);
  }
  const { slidingWindow: window, architecture = "" } = facts;
  if (!window || facts.layerTypes || neverSlides(window, facts)) return [];
  const phrase = slidingPhrase(window);
  const source = facts.statedIn?.slidingWindow ?? "metadata";
  const table = tableOf(stack);
  // A rule for one size of a family: the other sizes don't use their window.
  if (table.unused.includes(architecture) || ruleOf(stack)?.layers) {
    const words = `a ${phrase} is declared, but ${table.name} gives every layer of this architecture full attention`;
    return pattern({ words }, tableSource(table, architecture));
  }
  return pattern({ words: `${phrase}; which layers use it isn't stated`, window }, source);
};

/** A window that holds all that the model was made for is full attention (Phi-4-mini states one of twice its context). */
function neverSlides(window: number | undefined, { contextLength }: ModelFacts): boolean {
  return window !== undefined && contextLength !== undefined && contextLength > 0 && window >= contextLength;
}

function slidingPhrase(window: number | undefined): string {
  return window ? `sliding window of ${formatExact(window)} tokens` : "sliding window";
}

function chunkPhrase(chunk: number | undefined): string {
  return chunk ? `attention in chunks of ${formatExact(chunk)} tokens` : "attention in chunks";
}

const isFull = (layer: number, period: number, full: WindowRule["full"]) =>
  layer % period === (full === "first" ? 0 : period - 1);

/** The pattern as config or metadata write it, whichever key they use. */
function statedWindows(facts: ModelFacts): Windows | undefined {
  const source = (fact: keyof ModelFacts) => facts.statedIn?.[fact] ?? "metadata";
  const { layerTypes, slidingWindow: window, slidingWindowPattern: written, attentionChunk: chunk } = facts;
  const phrase = slidingPhrase(window);
  if (layerTypes?.some((type) => WINDOWED.test(type))) {
    const isChunked = layerTypes.some((type) => CHUNKED.test(type));
    return {
      phrase: isChunked ? chunkPhrase(chunk) : phrase,
      window: isChunked ? chunk : window,
      isWindowed: (layer) => WINDOWED.test(layerTypes[layer] ?? ""),
      source: source("layerTypes"),
    };
  }
  if (layerTypes?.some((type) => /full/.test(type))) return undefined;
  if (!window) return chunksFromPositions(facts);
  if (typeof written === "object") {
    return { phrase, window, isWindowed: (layer) => written[layer] ?? false, source: source("slidingWindowPattern") };
  }
  if (typeof written === "string" && /^[LG]+$/i.test(written)) {
    // EXAONE 4: L for local, G for global, repeated.
    const isWindowed = (layer: number) => written[layer % written.length]?.toUpperCase() === "L";
    return { phrase, window, isWindowed, source: source("slidingWindowPattern") };
  }
  if (typeof written === "number") {
    const full = [...LLAMA_CPP_WINDOWS.rules, ...TRANSFORMERS_WINDOWS.rules].find(({ architectures }) =>
      architectures.includes(facts.architecture ?? ""),
    )?.full;
    // llama.cpp: a period of 0 means that all layers are windowed.
    const isWindowed = (layer: number) => written === 0 || !isFull(layer, written, full);
    return { phrase, window, isWindowed, source: source("slidingWindowPattern") };
  }
  const { fullAttentionPeriod: period, fullAttentionLayers, maxWindowLayers, useSlidingWindow } = facts;
  if (period) {
    return { phrase, window, isWindowed: (layer) => layer % period !== 0, source: source("fullAttentionPeriod") };
  }
  if (fullAttentionLayers) {
    const full = new Set(fullAttentionLayers);
    return { phrase, window, isWindowed: (layer) => !full.has(layer), source: source("fullAttentionLayers") };
  }
  if (useSlidingWindow && maxWindowLayers !== undefined) {
    return { phrase, window, isWindowed: (layer) => layer >= maxWindowLayers, source: source("maxWindowLayers") };
  }
  return chunksFromPositions(facts);
}

/** Llama 4: the layers with rotary positions are the chunked ones. An empty list leaves it to the default. */
function chunksFromPositions({ attentionChunk, noRopeLayers, statedIn }: ModelFacts): Windows | undefined {
  if (!attentionChunk || !noRopeLayers) return undefined;
  return {
    phrase: chunkPhrase(attentionChunk),
    window: attentionChunk,
    isWindowed: (layer) => noRopeLayers[layer] === 1,
    source: statedIn?.noRopeLayers ?? "metadata",
  };
}

function tableOf({ format }: StackLayers): WindowTable {
  return format === "gguf" ? LLAMA_CPP_WINDOWS : TRANSFORMERS_WINDOWS;
}

function tableSource({ name }: WindowTable, architecture: string): string {
  return `${name}${name.endsWith("s") ? "'" : "'s"} table for ${architecture}`;
}

function ruleOf(stack: StackLayers): WindowRule | undefined {
  return tableOf(stack).rules.find(({ architectures }) => architectures.includes(stack.facts.architecture ?? ""));
}

/** The pattern that the runtime has for the architecture, where nothing is written. */
function tableWindows(stack: StackLayers): Windows | undefined {
  const { architecture = "", slidingWindow, attentionChunk, layers, layerTypes, useSlidingWindow } = stack.facts;
  if (layerTypes || slidingWindow === 0 || useSlidingWindow === false) return undefined;
  const table = tableOf(stack);
  const rule = ruleOf(stack);
  if (!rule || (rule.layers !== undefined && rule.layers !== layers)) return undefined;
  const declared = rule.chunked ? (attentionChunk ?? slidingWindow) : slidingWindow;
  if (!declared && !rule.window) return undefined;
  const window = rule.forcedWindow ?? declared ?? rule.window;
  return {
    phrase: rule.chunked ? chunkPhrase(window) : slidingPhrase(window),
    window,
    isWindowed: (layer) => rule.period === 1 || !isFull(layer, rule.period, rule.full),
    source: tableSource(table, architecture),
  };
}

/** @param attending the layers with attention, out of `total` */
function windowWords(
  { phrase, isWindowed }: Windows,
  attending: readonly number[],
  total: number,
): Pick<LayerPattern, "words" | "layers"> | undefined {
  const windowed = attending.filter(isWindowed);
  const full = attending.filter((layer) => !isWindowed(layer));
  const noun = attending.length < total ? "attention layer" : "layer";
  if (windowed.length === 0) return undefined;
  if (full.length === 0) {
    return { words: `${phrase} in ${allOf(attending.length, noun)}` };
  }
  const isWhole = attending.every((index, i) => index === i);
  const n = isWhole ? everyNth(full, total) : undefined;
  if (n === 2) {
    const share = `${windowed.length} of ${total}`;
    return { words: `${phrase} on every other layer (${share}), full attention on the rest`, layers: windowed };
  }
  if (n !== undefined) {
    const words = `${phrase} in ${n - 1} of ${n} layers, full attention in every ${ordinal(n)} (${full.length} of ${total})`;
    return { words, layers: full };
  }
  if (full.length <= windowed.length) {
    return { words: `full attention in ${inLayers(full, attending, noun)}, ${phrase} in the rest`, layers: full };
  }
  return { words: `${phrase} in ${inLayers(windowed, attending, noun)}, full attention in the rest`, layers: windowed };
}
