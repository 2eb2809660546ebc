/**
 * KV cache per token where it is simple: plain attention (MHA, GQA, MQA), alike in all layers.
 *
 * Bytes per token = 2 x layers x KV heads x head width x bytes per value. The facts come from the metadata or config, and the K and
 * V matrices must have the shapes that follow from them; where they don't, nothing is said rather than something wrong.
 */
import type { Report } from "../report.ts";
import { bucketOf, one, parametersOf } from "./report-numbers.ts";

/** FP16, what programs keep the cache in unless told. */
export const BYTES_PER_VALUE = 2;

export interface PlainKvCache {
  readonly bytesPerToken: number;
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Some layers look back over a window only: `bytesPerToken` then holds for a text shorter than that. */
  readonly windowed: boolean;
  /** The shapes of the matrices bear the facts out. */
  readonly checked: boolean;
}

/** Parts that change nothing in what is kept: keys and values as K and V make them. */
const PLAIN_PARTS: ReadonlySet<string> = new Set(["q", "k", "v", "o", "qkv", "q_norm", "k_norm", "sink", "out_gate"]);

/**
 * Architectures some of whose layers look back over a window even if the file states none, as GGUF and config.json write them
 * (llama.cpp src/llama-model.cpp, the windows set in code).
 */
const WINDOWED: ReadonlySet<string> = new Set(
  "gemma2 gemma3n gemma3n_text gemma4 gemma4_text gpt-oss gpt_oss cohere2 cohere2moe exaone4 exaone-moe exaone_moe llama4 llama4_text smallthinker laguna".split(
    " ",
  ),
);

const NO_CACHE = "There is no KV cache here";

/** The cache per token, or a sentence that says why it isn't that simple. */
export function plainKvCache(report: Report): PlainKvCache | string {
  const { model, parameters, source, error } = report;
  const { kind, mixer } = model;
  if (kind === "encoder" || kind === "embedding")
    return `${NO_CACHE}: this model reads a text as a whole and writes none.`;
  if (kind !== "llm") return "This file isn't a plain language model, so the formula doesn't apply to it.";
  if (mixer === null) return "This file has no attention tensors, so nothing can be said of its KV cache.";
  if (mixer === "recurrent")
    return `${NO_CACHE}: the model has no attention. Its state stays the same size, however long the text.`;
  if (mixer === "hybrid")
    return "Only its attention layers keep keys and values; the others keep a state of fixed size. So the formula gives too much, and this version doesn't work it out.";
  const parts = bucketOf(report, "attention")?.parts ?? [];
  if (parts.some(({ part }) => part.startsWith("mla.")))
    return "This model uses MLA, which keeps one short vector per token and layer in place of keys and values. The formula gives far too much, and this version doesn't work it out.";
  const special = parts.find(({ part, parameters }) => parameters > 0 && !PLAIN_PARTS.has(part));
  if (special)
    return `Its attention has parts that the formula doesn't know (${special.part}), so this version doesn't work it out.`;

  const { layers, attentionHeads, hiddenSize } = model;
  if (Array.isArray(attentionHeads) && one(attentionHeads) === undefined)
    return "Its layers differ in their heads, so the formula doesn't apply as it stands, and this version doesn't work it out.";
  if (Array.isArray(model.kvHeads) && one(model.kvHeads) === undefined)
    return "Its layers differ in their KV heads, so the formula doesn't apply as it stands, and this version doesn't work it out.";
  const heads = one(attentionHeads);
  // Without a number of their own, there are as many KV heads as heads (GGUF specification; transformers).
  const kvHeads = one(model.kvHeads) ?? heads;
  const headDim = model.headDim ?? (heads && hiddenSize ? hiddenSize / heads : undefined);
  if (!layers || !heads || !kvHeads || !hiddenSize || !headDim || !Number.isInteger(headDim))
    return "The file doesn't state all that the formula needs (layers, KV heads, head width).";

  const checkable = parameters.logicalKnown && !error && source.missingParts.length === 0;
  if (checkable && !shapesAgree(report, layers, hiddenSize, heads * headDim, kvHeads * headDim))
    return "The K and V matrices don't have the sizes that its stated heads call for, so this version doesn't work it out.";
  const window = model.slidingWindow;
  const context = model.contextLength;
  const patterns = report.layerPatterns.filter(({ subject }) => subject === "window");
  // A window may be declared that no layer of this architecture uses.
  const unused = patterns.length > 0 && patterns.every(({ words }) => words.includes("declared, but"));
  return {
    bytesPerToken: 2 * layers * kvHeads * headDim * BYTES_PER_VALUE,
    layers,
    kvHeads,
    headDim,
    windowed:
      !unused &&
      (patterns.length > 0 ||
        WINDOWED.has(model.architecture ?? "") ||
        (window !== null && window > 0 && !(context !== null && window >= context))),
    checked: checkable,
  };
}

function shapesAgree(report: Report, layers: number, width: number, query: number, kv: number): boolean {
  const held = (name: string) => parametersOf(report, "attention", (part) => part === name);
  // With or without a bias for each output.
  const fits = (name: string, rows: number) =>
    held(name) === layers * rows * width || held(name) === layers * rows * (width + 1);
  return held("qkv") > 0 ? fits("qkv", query + 2 * kv) : fits("k", kv) && fits("v", kv);
}
