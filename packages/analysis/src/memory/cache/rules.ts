/** What each rule of keeping means, in plain words. */
import type { CacheRule } from "./cache.ts";

interface RuleWords {
  /** In a line of a table: "every token". */
  readonly short: string;
  /** A sentence or two that teach it. */
  readonly words: string;
  /** Bytes of one layer. */
  readonly formula: string;
  /** The paper that it is from, and the code that makes room for it. */
  readonly source: string;
}

const RULES: Readonly<Record<CacheRule, RuleWords>> = {
  kv: {
    short: "keys and values of every token",
    words:
      "Attention looks back at every earlier token, so each layer keeps a key and a value for each. Fewer KV heads than heads (GQA, MQA) make it smaller.",
    formula: "tokens x KV heads x (key width + value width) x bytes of a value",
    source: "arXiv:1706.03762, arXiv:1911.02150 (MQA), arXiv:2305.13245 (GQA); llama.cpp src/llama-kv-cache.cpp",
  },
  window: {
    short: "keys and values of the last tokens",
    words: "A sliding window: the layer looks back over so many tokens, and older keys and values are overwritten.",
    formula: "at most the window x KV heads x (key width + value width) x bytes of a value",
    source: "arXiv:2004.05150; llama.cpp src/llama-kv-cache-iswa.cpp",
  },
  chunk: {
    short: "keys and values of the current chunk",
    words: "Attention stays within a chunk of the text; keys and values of earlier chunks aren't needed.",
    formula: "at most the chunk x KV heads x (key width + value width) x bytes of a value",
    source: "Llama 4; llama.cpp src/llama-kv-cache-iswa.cpp",
  },
  latent: {
    short: "one latent for every token",
    words:
      "Multi-head latent attention keeps one short vector a token, out of which the keys and values of all heads are made again.",
    formula: "tokens x (width of the latent + width of the rotary part) x bytes of a value",
    source: "arXiv:2405.04434; llama.cpp src/llama-kv-cache.cpp (K alone where is_mla)",
  },
  indexer: {
    short: "one index key for every token",
    words:
      "Sparse attention first scores all earlier tokens with a small indexer, which keeps a key of its own for each.",
    formula: "tokens x width of an index key x bytes of a value",
    source: "arXiv:2512.02556; llama.cpp src/llama-kv-cache-dsa.cpp",
  },
  compressed: {
    short: "one key for several tokens",
    words: "A compressor sums up a few tokens in one key, which serves as the value too.",
    formula: "tokens / tokens of a group x key width x bytes of a value",
    source: "DeepSeek-V4; llama.cpp src/llama-kv-cache-dsv4.cpp",
  },
  "compressor-state": {
    short: "the compressor's unfinished group",
    words: "What the compressor has seen of the tokens that it will sum up next; it doesn't grow.",
    formula: "rows of a group x (key width + score width) x 4 bytes",
    source: "DeepSeek-V4; llama.cpp src/llama-kv-cache-dsv4.cpp",
  },
  cross: {
    short: "keys and values of the encoder's output",
    words: "Cross-attention looks at what the encoder made of its input, for which keys and values are kept once.",
    formula: "positions of the encoder x KV heads x (key width + value width) x bytes of a value",
    source: "arXiv:1706.03762; the cache classes of transformers",
  },
  state: {
    short: "a state of fixed size",
    words:
      "A recurrent layer folds all that it has read into a state, which stays the same size however long the text.",
    formula: "sequences x (last inputs of the convolution + state) x bytes of a value",
    source:
      "arXiv:2312.00752, arXiv:2405.21060 (Mamba), arXiv:2412.06464 (gated delta net); llama.cpp src/llama-memory-recurrent.cpp",
  },
};

export function cacheRuleWords(rule: CacheRule): string {
  return RULES[rule].short;
}

export function cacheRuleSentence(rule: CacheRule): string {
  return RULES[rule].words;
}

/** How one layer's bytes come about, and who says so. */
export function cacheRuleFormula(rule: CacheRule): { readonly formula: string; readonly source: string } {
  const { formula, source } = RULES[rule];
  return { formula, source };
}
