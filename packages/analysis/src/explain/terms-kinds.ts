/** The guide on kinds of models other than those that only write text. */
import { ownControlVector, ownDiffusion, ownEmbeddingModel, ownEncoderDecoder } from "./own-kinds.ts";
import type { Term } from "./term.ts";

export const KIND_TERMS: readonly Term[] = [
  {
    term: "encoder-decoder",
    aliases: [
      "encoder",
      "decoder",
      "encoder decoder model",
      "encoder only",
      "decoder only",
      "language model",
      "llm",
      "causal",
      "seq2seq",
      "cross attention",
      "bert",
    ],
    title: "Encoder, decoder, encoder-decoder",
    short: "reading a text whole, writing one, or both in turn",
    paragraphs: [
      "An encoder reads a whole text at once, and each of its tokens (words or pieces of words) may look at all others, before and behind it. It writes nothing; its result is vectors, lists of numbers, that say what the text means. BERT is one.",
      "A decoder writes one token after the other, and each looks only at itself and those before it. Nearly all language models of today are decoders and nothing else: they read the question the same way as they write the answer.",
      "An encoder-decoder has both: the encoder reads the input, the decoder writes the output. In each of its layers the decoder also looks at the encoder's vectors, which is called cross-attention. T5 translates this way, Whisper writes down speech.",
    ],
    picture: "A reader who takes in the whole page, a writer who goes on word by word, and a translator who is both.",
    seeAlso: ["attention", "embedding model", "layer", "tower"],
    own: ownEncoderDecoder,
  },
  {
    term: "embedding model",
    aliases: [
      "embedding models",
      "embedder",
      "sentence embedding",
      "text embedding",
      "pooler",
      "pooling",
      "reranker",
      "cross encoder",
    ],
    title: "Embedding models and rerankers",
    short: "one vector for a whole text, or one score for two texts",
    paragraphs: [
      "An embedding model reads a text and gives one vector for all of it: a list of numbers. Texts that mean similar things get similar vectors. So a search can compare the vector of a question with those of a million texts made beforehand.",
      "The vector comes from the last layer: that of one token, or the average of all. This is called pooling, and a pooler is a small matrix behind it.",
      "A reranker reads a question and a text together and gives one score for how well they fit. That is more exact and slower, so it sorts the few texts that a search has found.",
    ],
    picture:
      "A librarian who gives every book a place on a map; the reranker then opens the ten books that stand nearest.",
    seeAlso: ["embedding", "encoder-decoder", "head"],
    own: ownEmbeddingModel,
  },
  {
    // Ho et al., arXiv 2006.11239; Rombach et al., arXiv 2112.10752; Peebles and Xie, arXiv 2212.09748.
    term: "diffusion",
    aliases: [
      "diffusion model",
      "denoiser",
      "unet",
      "dit",
      "diffusion transformer",
      "vae",
      "autoencoder",
      "text encoder",
      "component",
      "stable diffusion",
    ],
    title: "Diffusion models (UNet, DiT, VAE)",
    short: "make a picture out of noise, in a few dozen steps",
    paragraphs: [
      "A diffusion model starts with random noise and takes a little of it away in each step, until a picture, a video or a sound remains. The part that tells what is noise is the denoiser. It is the largest part as a rule, and all of it is computed in every step.",
      "There are two designs of it. A UNet is made of convolutions: it shrinks the picture, works on it, and enlarges it again. A DiT (diffusion transformer) cuts the picture into patches and is built of layers like a language model.",
      "Two more models stand beside it. Text encoders turn the prompt into vectors. A VAE, an autoencoder, turns the denoiser's small picture into one of full size; so the denoiser has less to compute.",
    ],
    picture: "A restorer who cleans a picture layer by layer, with somebody behind who reads out what should be on it.",
    seeAlso: ["encoder-decoder", "layer", "attention", "lora"],
    own: ownDiffusion,
  },
  {
    // The vectors that llama.cpp's cvector-generator writes; Zou et al., arXiv 2310.01405.
    term: "control vector",
    aliases: ["steering vector", "cvector"],
    title: "Control vector",
    short: "a direction for each layer that steers what is written",
    paragraphs: [
      "Inside a model, every token is a vector: a list of numbers. A control vector is one more such list for each layer, which is added to those vectors while the model writes. It moves them in one direction, for instance towards a friendlier tone.",
      "It is found by comparing what goes on inside a model while it reads texts of one sort and of the opposite. The file is tiny, and of no use without its model.",
    ],
    picture: "A light wind from the side: the ship sails as before, and still arrives somewhere else.",
    seeAlso: ["lora", "layer", "width"],
    own: ownControlVector,
  },
];
