/** The guide on how this program counts. The rules: docs/counting-rules.md. */
import { ownBuckets, ownHub, ownNotCounted } from "./own-counting.ts";
import type { Term } from "./term.ts";

export const COUNTING_TERMS: readonly Term[] = [
  {
    term: "bucket",
    aliases: ["group", "part", "other", "where the parameters are"],
    title: "Bucket",
    short: "one of the groups that each tensor is counted in",
    paragraphs: [
      "A checkpoint is a list of tensors, which are tables of numbers. To show where the parameters are, each tensor is put into one group by its name, and counted there and nowhere else. Such a group is called a bucket.",
      "There are 13: embedding, position, attention, ffn, expert, norm, head, vision, audio, projector, mtp, quant-side and other. In attention also stand the mixers that take its place, such as Mamba's. In quant-side stand scales, which aren't counted as parameters. In other stands what fits none of the groups.",
      "Inside a bucket are parts: Q, K, V and O of attention, for example. 'inspect layers' shows the buckets of each layer.",
    ],
    picture: "Sorting a drawer into boxes: each thing lies in one box, and the boxes together are the drawer.",
    seeAlso: ["parameter", "layer", "not counted"],
    own: ownBuckets,
  },
  {
    term: "not counted",
    aliases: ["uncounted", "buffer", "buffers", "excluded", "quant side", "side tensor", "causal mask", "mask"],
    title: "Not counted (buffers, scales, copies)",
    short: "numbers in the file that are no parameters",
    paragraphs: [
      "A parameter is a learned number. Some files hold other numbers too, and the line 'Not counted' of the overview says which and how many.",
      "Buffers are computed by a formula and saved all the same: masks that hide later tokens, frequencies of rotary positions, lists of position numbers. Scales and maps of a quantization help to unpack the weights. A tied head is sometimes stored as a second copy of the embedding.",
      "They take room in the file, but say nothing of how large the model is. Other programs may count them, which is the usual reason when two counts of one file differ.",
    ],
    picture: "The wrapping paper on a pair of scales: it was delivered, but isn't part of the goods.",
    seeAlso: ["parameter", "hub", "bucket", "quantization"],
    own: ownNotCounted,
  },
  {
    term: "hub",
    aliases: ["hub shows", "hub count", "hugging face", "hugging face hub", "hf"],
    title: "Hub (what Hugging Face shows)",
    short: "the count on a model's page, and why it may differ",
    paragraphs: [
      "The Hugging Face Hub is where most models are published. A model's page there shows a number of parameters, which it takes from the headers of the files.",
      "That number counts what is stored, by simple rules. Where a file holds masks, a second copy of a tied table, or weights packed into words, it can differ from the number of learned parameters. Then the line 'Hub shows' of the overview gives the Hub's number and each reason for the difference.",
    ],
    picture: "Two people count the books of a shelf: one counts volumes, the other works.",
    seeAlso: ["not counted", "parameter", "quantization"],
    own: ownHub,
  },
];
