/** The guide on running a model: memory, speed, cost. */
import { ownContext, ownCost, ownKvCache, ownSpeed, ownVram } from "./own-running.ts";
import type { Term } from "./term.ts";

export const RUNNING_TERMS: readonly Term[] = [
  {
    term: "context",
    aliases: ["context length", "context window", "context size", "ctx", "sliding window", "window"],
    title: "Context",
    short: "the text that a model has in view, its own answer included",
    paragraphs: [
      "A model has no memory of earlier talks. All it knows of a conversation is the text in front of it, its context: the question, the documents, and what it has written so far. It is counted in tokens, which are words or pieces of words.",
      "The context length in a file is the length the model was made for. Beyond it, answers usually fall apart. Programs often set a lower limit, since a long context takes memory and time.",
      "Some models let part of their layers see only a sliding window, say the last 4,096 tokens. That saves memory. What is further back reaches them only through the other layers.",
    ],
    picture: "A desk. What lies on it can be used; what doesn't fit has to be put away, and is then out of mind.",
    seeAlso: ["kv cache", "tokenizer", "vram", "attention"],
    own: ownContext,
  },
  {
    term: "kv cache",
    aliases: ["kv", "cache", "key value cache", "kv cache size"],
    title: "KV cache",
    short: "the memory for the text so far; it grows with every token",
    paragraphs: [
      "A token is a word or a piece of one. Attention, the part of a model that looks back at earlier tokens, makes two lists of numbers from each of them: a key to find it by and a value to take from it. These don't change any more, so they are computed once and kept. That store is the KV cache. It is no part of the file: it fills up in memory while the model reads and writes.",
      "It grows by the same amount with every token, in every layer. For long texts it can become larger than the weights. That is why many models share keys and values between heads (GQA), and why some programs store the cache in fewer bits.",
      "Sliding windows, MLA and recurrent mixers make it smaller still, each in its own way. For such models the formula below gives too much; the numbers of a file of yours are counted layer by layer.",
    ],
    picture:
      "Minutes of a meeting. Nobody has to repeat what was said, but the minutes grow with every sentence, and all of them have to be looked through each time.",
    formula: {
      lines: ["bytes per token = 2 x layers x KV heads x head width x bytes per value"],
      note: "layers: the rounds that a token goes through; KV heads x head width: numbers in a key, and in a value; 2: one key and one value; bytes per value: 2 at FP16, the usual setting. Exact for plain attention (MHA, GQA, MQA)",
    },
    seeAlso: ["attention", "context", "vram", "mixer"],
    own: ownKvCache,
  },
  {
    term: "vram",
    aliases: ["memory", "ram", "gpu memory", "video memory", "gpu", "unified memory"],
    title: "VRAM and RAM",
    short: "the memory that a model must fit into to run fast",
    paragraphs: [
      "VRAM is the memory on a graphics card, RAM that of the computer. VRAM is several times as fast to read, which is why models are put there. What doesn't fit can stay in RAM, at a price in speed. Some computers have one memory for both.",
      "Three things need room: the weights, the KV cache, and working memory for the calculation. The weights take about as much as the file is large. The KV cache grows with the text. Working memory is often some hundred megabytes, and the driver takes some too.",
      "In a mixture of experts all experts count, used or not. Quantization makes the weights smaller, but not the KV cache.",
      "Units: here 1 GB is 10^9 bytes. A card sold as 8 GB has 8 x 1024^3 bytes, which is 8.59 GB in that count.",
    ],
    picture:
      "A workbench. The machine (weights) stands on it all the time, the work piece (KV cache) grows, and some room is needed for the elbows.",
    formula: {
      lines: ["memory = about bytes of the weights + KV cache bytes per token x tokens + working memory"],
      note: "an estimate: working memory depends on the program and its settings",
    },
    seeAlso: ["kv cache", "quantization", "bits per weight", "moe"],
    own: ownVram,
  },
  {
    term: "inference speed",
    aliases: ["speed", "inference", "tokens per second", "tps", "decode", "prefill", "bandwidth", "throughput"],
    title: "Inference speed",
    short: "how fast a model answers: mostly how fast memory is read",
    paragraphs: [
      "Using a trained model is called inference. It has two phases. First the model reads your text, many tokens (words or pieces of words) at once: here the computing power sets the pace. Then it writes, one token after the other: here memory does.",
      "For each token that it writes, all weights in use have to be read from memory once, and the KV cache too. The arithmetic is quick in comparison. So the speed of writing can't be higher than the memory's speed (its bandwidth, in GB per second) divided by the bytes per token.",
      "That explains why quantization makes models faster, and why a mixture of experts is fast for its size: both read fewer bytes for each token.",
    ],
    picture:
      "Leafing through a whole book for every word that you write. A thinner book, or knowing which chapters to open, makes you faster; thinking faster doesn't.",
    formula: {
      lines: ["tokens per second < memory bandwidth / bytes read per token"],
      note: "an upper bound for one user, one token at a time; programs usually reach 45-85% of it, and less with a long text in the cache",
    },
    seeAlso: ["vram", "active parameters", "quantization", "kv cache"],
    own: ownSpeed,
  },
  {
    term: "cost",
    aliases: ["price", "compute", "computing", "flops", "energy", "money"],
    title: "Cost",
    short: "what a model takes: computing, memory, time, so money",
    paragraphs: [
      "Training is paid once, use is paid by the amount of text. Use is counted in tokens, which are words or pieces of words. For each of them, a model does about two operations per active parameter: one multiplication and one addition.",
      "But computing is only part of the cost. The memory for all weights has to be there the whole time, also while nobody asks. So a large mixture of experts is cheap per token and yet needs a large machine. It pays when many people share it.",
      "Long texts cost more than short ones: every token that you hand over is computed too, attention looks back further, and the KV cache takes memory that others can't use.",
    ],
    picture:
      "A taxi. The car must be bought whatever happens (memory), each mile costs fuel (computing), and it pays when it is seldom empty.",
    formula: {
      lines: ["operations per token = about 2 x active parameters (definition B)"],
      note: "an estimate: attention over a long text comes on top",
    },
    seeAlso: ["active parameters", "inference speed", "vram", "training data"],
    own: ownCost,
  },
];
