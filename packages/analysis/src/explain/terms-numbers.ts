/** The guide on the numbers that a model consists of. */
import { ownBias, ownNeuron, ownParameter, ownTrainingData, ownWeight } from "./own-numbers.ts";
import type { Term } from "./term.ts";

export const NUMBER_TERMS: readonly Term[] = [
  {
    term: "parameter",
    aliases: ["param", "model size", "number of parameters"],
    title: "Parameter",
    short: "one learned number; a model is a very long list of them",
    paragraphs: [
      "A language model is one large calculation. Text goes in as numbers, is multiplied and added up many times, and comes out as scores for what could come next. The numbers that it is multiplied by, and those that are added, are the parameters.",
      "Nobody sets them by hand. Training begins with random values and changes each of them a little, over and over, until the scores fit the training text. Then they are fixed. Using a model only reads them.",
      "The 8B in a model's name stands for about 8 billion parameters. The count says how much has to be stored and, roughly, how much has to be computed. It doesn't say how good the model is: that depends as much on what it was trained on, and how.",
    ],
    picture:
      "A synthesizer with billions of knobs. Training turns them, a little at a time, until it sounds right. Then they are frozen in place, and from that day on it is only played.",
    seeAlso: ["weight", "bias", "active parameters", "training data"],
    own: ownParameter,
  },
  {
    term: "weight",
    aliases: ["matrix", "matrices", "tensor"],
    title: "Weight",
    short: "a parameter that multiplies: how much one number counts",
    paragraphs: [
      "Nearly all parameters are weights. A weight says how much of one number goes into another: 2 makes it count double, 0 leaves it out, -1 turns it into its opposite.",
      "Weights stand in tables, called matrices. Each row of a matrix holds the weights that lead to one output number. To turn 4,096 numbers into 4,096 new ones, a matrix needs 4,096 x 4,096 = 16,777,216 weights. In files such a table is called a tensor, which is the word for tables with any number of dimensions.",
      "In everyday talk, 'the weights' often means all parameters of a model, biases included.",
    ],
    picture:
      "The gain knobs of a mixing desk. Every input has one for every output, and the knobs decide how loud it is heard there.",
    formula: {
      lines: ["output = weight 1 x input 1 + weight 2 x input 2 + ... (+ bias)"],
      note: "one output number; a matrix does this for each of its rows",
    },
    seeAlso: ["bias", "neuron", "parameter", "quantization"],
    own: ownWeight,
  },
  {
    term: "bias",
    aliases: ["biases"],
    title: "Bias",
    short: "a parameter that is added: it shifts a result",
    paragraphs: [
      "When the inputs have been multiplied by their weights and added up, a bias may be added to the sum. It moves the result by a fixed amount, even when every input is 0.",
      "A matrix has a weight for every pair of an input and an output, but at most one bias for every output. That is why biases are few: in a language model usually far below 1% of the parameters. Many newer models, the Llama family among them, do without.",
      "This has nothing to do with bias in the sense of prejudice.",
    ],
    picture: "The zero point of a pair of scales. Shift it, and every reading moves by the same amount.",
    seeAlso: ["weight", "parameter", "neuron"],
    own: ownBias,
  },
  {
    term: "neuron",
    aliases: ["unit", "hidden unit", "activation"],
    title: "Neuron",
    short: "one unit of a layer: adds up weighted inputs and answers",
    paragraphs: [
      "A neuron takes a list of numbers, multiplies each by a weight of its own and adds the products, perhaps with a bias. The sum then goes through a fixed curve, the activation function, which lets some sums through and holds others back.",
      "The name comes from nerve cells, but the likeness is loose. In a checkpoint a neuron is no object of its own. It is a row of a weight matrix.",
      "In language models the word mostly means the inner units of the feed-forward network. Where that network has a gate, each unit has two rows: one for its value and one that decides how much of it gets through.",
    ],
    picture:
      "A clerk with a checklist. Each item on a form is worth some points; the clerk adds them up and speaks only when the total is high enough.",
    formula: {
      lines: ["answer = f(weight 1 x input 1 + weight 2 x input 2 + ... + bias)"],
      note: "f is the activation function, for example ReLU: 0 for sums below 0, the sum itself above",
    },
    seeAlso: ["weight", "bias", "feed-forward"],
    own: ownNeuron,
  },
  {
    // 20 tokens a parameter, and 70 B on 1.4 T tokens ahead of 280 B on 300 B: Hoffmann et al., arXiv 2203.15556.
    // About 15 T tokens: Meta's model card of Llama 3.1. 6 x N x D: Kaplan et al., arXiv 2001.08361.
    term: "training data",
    aliases: ["training", "training tokens", "data set", "chinchilla"],
    title: "Training data",
    short: "the text a model learned from; it isn't in the file",
    paragraphs: [
      "Training shows the model text, piece by piece. Each time, all parameters are changed a little so that the piece that really came next would have scored higher. The amount of text is counted in tokens, which are words or parts of words.",
      "Parameters and training data are two different sizes. Parameters are how much a model can hold, training data is how much it was shown. A large model that was shown little can lose to a small one that was shown much: Chinchilla, with 70 billion parameters and 1.4 trillion tokens, did better than Gopher with 280 billion parameters and 300 billion tokens.",
      "The same study found about 20 tokens per parameter to be the best use of a fixed amount of training. Models that are meant to be used a lot get far more, because a small model stays cheap for as long as it runs. Llama 3.1 8B was trained on about 15 trillion tokens: some 1,900 per parameter.",
    ],
    picture:
      "The parameters are a notebook of fixed size; the training data is the library that the notes were taken in. The books aren't in the notebook, though a sentence that was met very often may stand there word for word.",
    formula: {
      lines: ["training computations = about 6 x parameters x training tokens"],
      note: "an estimate for dense models, in multiplications and additions",
    },
    seeAlso: ["parameter", "tokenizer", "cost"],
    own: ownTrainingData,
  },
];
