/** The guide on dense models and mixtures of experts. */
import { ownActive, ownDense, ownMoe } from "./own-mixture.ts";
import type { Term } from "./term.ts";

export const MIXTURE_TERMS: readonly Term[] = [
  {
    term: "dense",
    aliases: ["dense model"],
    title: "Dense model",
    short: "the plain design: every token uses all layers' weights",
    paragraphs: [
      "In a dense model each layer has one feed-forward network, and every token (a word or a piece of one) goes through it. So one number says both how much has to be stored and how much has to be computed for each token.",
      "Only the embedding is an exception, since a token needs one row of it. But where the head is tied, the whole table is needed there.",
      "The other design is the mixture of experts, in which a token uses only a part.",
    ],
    picture: "A small firm where everyone works on every order.",
    seeAlso: ["moe", "active parameters", "parameter"],
    own: ownDense,
  },
  {
    // What experts turn out to be good at: Jiang et al., arXiv 2401.04088, section 5.
    term: "moe",
    aliases: [
      "mixture of experts",
      "expert",
      "router",
      "routing",
      "shared",
      "shared expert",
      "routed",
      "routed expert",
      "sparse",
      "mixture",
    ],
    title: "Mixture of experts (MoE)",
    short: "many feed-forward networks, of which each token uses a few",
    paragraphs: [
      "A language model works through a text token by token, a token being a word or a piece of one. In each of its layers stands a feed-forward network, the part that works on a token alone. In a mixture of experts, some or all layers hold many of these instead of one. They are called experts. A small table of weights, the router, scores them for each token. Only the few with the highest scores are computed, and their results are added up.",
      "So a model has two sizes. All experts must be in memory, since any of them may be chosen for the next token. But a token is computed with the chosen ones only. Memory follows the total, speed follows the active parameters.",
      "Attention, embedding and head aren't split up. Some models also have a shared expert, which every token uses, and some have dense layers among the others.",
      "Nobody tells an expert what to be good at. That comes out of training, and it is seldom a subject such as law or chemistry: in one model that was studied, the choice followed spelling and grammar more than topic.",
    ],
    picture:
      "A firm of specialists. For every question the front desk calls in a few of them. All of them must sit in the building (memory), but only those who are called are paid (computing).",
    formula: {
      lines: ["active = what every token uses + routed experts x used per token / experts per layer"],
      note: "in parameters; exact where all layers have as many experts of one size",
    },
    seeAlso: ["active parameters", "dense", "feed-forward", "vram", "inference speed"],
    own: ownMoe,
  },
  {
    // The three definitions and who quotes which: docs/counting-rules.md.
    term: "active parameters",
    aliases: [
      "active",
      "activated parameters",
      "active param",
      "non embedding parameters",
      "definition",
      "definition a",
      "definition b",
      "definition c",
    ],
    title: "Active parameters",
    short: "the parameters that one token uses; in a dense model, all",
    paragraphs: [
      "In a mixture of experts, a token (a word or a piece of one) is computed with some of the parameters only. Their number decides the computing per token and, with it, the speed. A name such as 30B-A3B gives both sizes: about 30 billion in all, about 3 billion active.",
      "Makers don't count alike, so this guide knows three definitions. Definition A, with tables: all that a token uses, embedding and head included; this is the number in the overview. Definition B, no input table: without the embedding, because one row of it is looked up and nothing is multiplied. Definition C, neither: without embedding and head. For Qwen3-30B-A3B they are 3.35, 3.04 and 2.73 billion.",
      "Where the embedding is the head too (tied), B equals A: as the head, all rows of the table are multiplied for each token, so it can't be left out.",
      "Image and sound towers and blocks that draft tokens ahead (MTP) aren't counted as active, since an ordinary text token doesn't go through them.",
    ],
    picture: "Of a whole library, the books that lie open on the desk for this one question.",
    formula: {
      lines: [
        "A = total - towers - MTP - routed experts x (1 - used / experts)",
        "B = A - embedding (A if tied)",
        "C = A - embedding - head",
      ],
      note: "in parameters, per token of text",
    },
    seeAlso: ["moe", "dense", "inference speed", "cost"],
    own: ownActive,
  },
];
