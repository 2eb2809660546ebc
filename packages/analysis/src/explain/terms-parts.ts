/** The guide on what a language model is made of, in the order in which text passes through it. */
import {
  ownAttention,
  ownEmbedding,
  ownFeedForward,
  ownHead,
  ownLayer,
  ownMixer,
  ownNorm,
  ownTokenizer,
} from "./own-parts.ts";
import type { Term } from "./term.ts";

export const PART_TERMS: readonly Term[] = [
  {
    term: "tokenizer",
    aliases: ["token", "vocabulary", "vocabularies", "vocab", "tokenization"],
    title: "Tokenizer and vocabulary",
    short: "cuts text into pieces that a model knows by number",
    paragraphs: [
      "A model can't read letters. A tokenizer first cuts the text into tokens: whole words, parts of words, single characters. All tokens that it knows are its vocabulary, and each has a number, its id. The model works with ids and answers with ids.",
      "As a rule of thumb, a token of English text is about four characters, or three quarters of a word. Other languages and program code often take more tokens for the same length. Limits and prices are counted in tokens, so they depend on this.",
      "With a larger vocabulary, texts take fewer tokens. In return the tables at both ends of the model grow, since they have a row for each token.",
    ],
    picture:
      "A printer's case of ready-made words and syllables. Nearly any text can be set from it: common words with a single piece, rare ones with several.",
    seeAlso: ["embedding", "head", "context"],
    own: ownTokenizer,
  },
  {
    // 62.6% of gemma-3-270m and 0.5% of Llama-3.1-405B, by their published shapes.
    term: "embedding",
    aliases: ["token embedding", "embedding table", "vector"],
    title: "Embedding",
    short: "a table that turns each token into a list of numbers",
    paragraphs: [
      "The first step of a model is a look-up. The id of each token picks a row of a table, and that row is a list of numbers, called a vector. From here on, the model computes with vectors only. How many numbers a vector has is the model's width.",
      "The rows are learned like all parameters. Tokens that are used alike tend to end up with similar rows.",
      "The table holds vocabulary x width numbers. In a small model with a large vocabulary that can be most of it (63% of Gemma 3 270M); in a large one it is little (0.5% of Llama 3.1 405B).",
      "The word has a second meaning. An embedding model is a model whose result is one vector for a whole text: see 'embedding model'.",
    ],
    picture:
      "A card index. On each token's card stand coordinates: its place on a huge map, where things that are used alike lie near each other.",
    formula: {
      lines: ["parameters = rows of the table x width"],
      note: "exact; some tables have a few rows more than the vocabulary",
    },
    seeAlso: ["tokenizer", "head", "layer"],
    own: ownEmbedding,
  },
  {
    term: "layer",
    aliases: ["block", "transformer block", "transformer", "depth"],
    title: "Layer",
    short: "one round of attention and feed-forward, of many in a row",
    paragraphs: [
      "Inside a model, every token (a word or a piece of one) is a vector: a list of numbers. A layer, also called a block, improves these vectors in two steps. In the first, tokens take in information from each other: that is attention. In the second, each token's vector is worked on alone: that is the feed-forward network.",
      "Each step adds its result to the vector. The vector runs on through all layers, and each of them adds its share.",
      "Small models have a dozen layers or two, the largest more than a hundred. Most often all layers of a model are built alike, but each has parameters of its own. In front of the first stands the embedding, behind the last the head.",
    ],
    picture:
      "A manuscript that passes from editor to editor. Each reads all that stands there so far and adds remarks; the last version is the sum of them all.",
    formula: {
      lines: ["parameters = embedding + layers x parameters of one layer + final norm + head"],
      note: "exact where all layers are alike; a tied head adds 0",
    },
    seeAlso: ["attention", "feed-forward", "norm", "embedding"],
    own: ownLayer,
  },
  {
    term: "attention",
    aliases: ["q", "k", "v", "o", "qkv", "query", "queries", "key", "value", "output projection", "self attention"],
    title: "Attention (Q, K, V and O)",
    short: "lets each token take in what it needs from other tokens",
    paragraphs: [
      "A word alone says little. Attention lets each token (a word or a piece of one) look at others and take in what matters to it. In a model that writes text, a token sees only itself and those before it.",
      "Inside a model a token is a vector, which is a list of numbers. Three matrices (tables of weights) make three new vectors from it. The query (Q) says what the token is looking for. The key (K) says what it can be found by. The value (V) is what it hands over when it is found. Every query is compared with every key: the better they match, the more of that value is taken in.",
      "This happens in several heads side by side, each with its own part of Q, K and V, so that each can look for something else. A fourth matrix, the output projection (O), joins what the heads have found.",
      "Keys and values of earlier tokens are kept in memory, in the KV cache. To keep it small, many models let several query heads share one head of keys and values: grouped-query attention (GQA), or multi-query (MQA) with only one. Without sharing it is multi-head attention (MHA). Another way is MLA, which keeps one short vector from which keys and values are made again.",
    ],
    picture:
      "A meeting. Everyone holds up a question (Q) and wears a name badge (K). I listen to what the others say (V), most of all to those whose badge fits my question, and write down one summary (O).",
    formula: {
      lines: [
        "parameters of one layer = 2 x width x heads x head width (Q, O) + 2 x width x KV heads x head width (K, V)",
      ],
      note: "exact for MHA, GQA and MQA, biases and small norms aside",
    },
    seeAlso: ["gqa", "mla", "kv cache", "feed-forward", "layer", "mixer"],
    own: ownAttention,
  },
  {
    // Facts edited in FFN weights: Meng et al., arXiv 2202.05262. Shares: computed from the shapes of released models.
    term: "feed-forward",
    aliases: ["ffn", "mlp", "feed forward network", "gate", "up", "down", "swiglu"],
    title: "Feed-forward network (FFN, MLP)",
    short: "the FFN: works on each token alone; often the largest part",
    paragraphs: [
      "Inside a model, every token (a word or a piece of one) is a vector: a list of numbers. After attention has mixed them, the feed-forward network works on each vector alone, with the same weights for all. A first matrix, which is a table of weights, makes the vector several times as wide (up). A fixed curve lets some of the inner numbers through and holds others back. A second matrix brings the vector back to its width (down).",
      "Many models have a third matrix (gate), which decides how much of each inner number gets through. SwiGLU and GeGLU are names for this.",
      "Much of what a model knows seems to sit here. Researchers have changed single facts in a model by editing weights of its feed-forward networks.",
      "How much of a model is FFN? The common rule, 60-70% of all parameters, roughly holds for models of 1-10 billion with full multi-head attention (Llama-2-7B: 64%). Models with grouped-query attention and wide FFNs have 70-85%, small models with large vocabularies 26-60%. In a mixture of experts, the experts (which are FFNs) hold more than 90% as a rule.",
    ],
    picture:
      "After the meeting, everyone goes back to their desk and works through their notes alone. On every desk stand the same reference books.",
    formula: {
      lines: ["parameters of one layer = 2 x width x inner width, or 3 x width x inner width with a gate"],
      note: "exact, biases aside",
    },
    seeAlso: ["neuron", "attention", "moe", "layer"],
    own: ownFeedForward,
  },
  {
    term: "norm",
    aliases: ["normalization", "normalisation", "layernorm", "rmsnorm"],
    title: "Norm",
    short: "keeps numbers at a steady size between the steps",
    paragraphs: [
      "Inside a model, every token is a vector: a list of numbers. Through dozens of layers of multiplying and adding, these would grow or shrink out of hand. A norm brings a vector back to a standard size, usually before a step, and then multiplies each of its numbers by a learned weight.",
      "LayerNorm also moves the average to 0 and usually adds a bias. RMSNorm, which most newer models use, does neither.",
      "A norm has one weight for each number of the vector, where a matrix has thousands. All norms together are usually less than 0.1% of a language model. Most quantized files keep them in full precision, since that costs next to nothing.",
    ],
    picture: "A sound engineer who brings every recording to the same loudness before it is mixed.",
    formula: {
      lines: ["RMSNorm: output = weight x input / square root of (average of input x input)"],
      note: "a tiny constant under the root keeps it from dividing by 0",
    },
    seeAlso: ["layer", "bias", "quantization"],
    own: ownNorm,
  },
  {
    term: "head",
    aliases: [
      "output head",
      "lm head",
      "tied",
      "untied",
      "tied head",
      "tied embedding",
      "weight tying",
      "unembedding",
      "logits",
    ],
    title: "Head (and tied head)",
    short: "the last step: a score for every token that could be next",
    paragraphs: [
      "Behind the last layer, the head compares the last token's vector (its list of numbers) with one row for every token of the vocabulary. The result is a score for each token that could come next. The scores become probabilities, one token is picked, and all begins anew with a text that is one token longer.",
      "The head is a table of the same shape as the embedding. Many models, above all small ones, use the embedding table a second time instead of storing another: the head is then called tied, and has no parameters of its own.",
      "Models that don't write text have other heads: a classifier gives a few scores, a pooler one vector for the whole text. Attention heads are something else; see 'gqa'.",
    ],
    picture:
      "The card index of the embedding, read backwards: here is a place on the map; which cards lie in that direction?",
    formula: { lines: ["parameters = rows of the table x width (0 when tied)"], note: "exact, a bias aside" },
    seeAlso: ["embedding", "tokenizer", "attention"],
    own: ownHead,
  },
  {
    term: "mixer",
    aliases: [
      "token mixer",
      "ssm",
      "state space",
      "state space model",
      "mamba",
      "hybrid",
      "recurrent",
      "rwkv",
      "linear",
      "linear attention",
      "convolution",
      "short convolution",
    ],
    title: "Mixer (attention, state space, hybrid)",
    short: "carries information between tokens: attention or a state",
    paragraphs: [
      "A text is a row of tokens: words or pieces of words. Some part of a layer has to carry information from one to another. In most models that is attention. It looks back at every earlier token, so each further token takes more memory and more time than the one before.",
      "Recurrent mixers keep a state instead: a fixed amount of numbers, updated with every token. There are several families: state-space models such as Mamba, the RWKV models, and linear attention. Short convolutions, which see only the last few tokens, are counted among them too. Their memory doesn't grow with the text, but what the state has let go can't be looked up again.",
      "Hybrid models have both: a state in most layers, attention in a few, for exact looking back.",
    ],
    picture:
      "Attention keeps every page and leafs back. A recurrent mixer keeps one page of notes and rewrites it as it reads.",
    seeAlso: ["attention", "kv cache", "context", "layer"],
    own: ownMixer,
  },
];
