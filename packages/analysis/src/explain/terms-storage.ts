/** The guide on how parameters are stored: quantization, number types, file formats. */
import { ownBitsPerWeight, ownCheckpoint, ownLora, ownOfFamily, ownQuantization } from "./own-storage.ts";
import type { Term } from "./term.ts";

export const STORAGE_TERMS: readonly Term[] = [
  {
    term: "quantization",
    aliases: ["quantisation", "quant", "quantized", "quantised", "quantize"],
    title: "Quantization",
    short: "fewer bits per weight: smaller, faster, slightly off",
    paragraphs: [
      "A bit is a binary digit, and 8 bits are a byte. Models are trained with numbers of 16 or 32 bits. For using them, fewer often do. Quantization rounds each weight to one of a few steps: with 4 bits there are 16 steps to choose from.",
      "The steps have to fit the weights. So weights are taken in small groups, for instance 32, and each group also stores its scale, the size of a step. That is why a 4-bit file takes rather 4.5 to 5 bits per weight.",
      "The gain is a smaller file, less memory, and faster writing, because less has to be read for every token. The price is that each weight is slightly off. At 8 bits that hardly shows, at 4 bits a little, below 3 bits plainly. Large models bear it better than small ones.",
      "A label such as Q4_K_M names a recipe: most matrices get one type, the more sensitive ones a finer type. Type names can be looked up one by one: 'inspect explain Q4_K'.",
    ],
    picture:
      "A photo saved as JPEG. It takes a fraction of the space and looks nearly the same. Squeeze it too hard and you see blocks. What was rounded away doesn't come back.",
    formula: {
      lines: ["weight = about scale x step (+ a minimum, in some types)", "bytes = parameters x bits per weight / 8"],
      note: "the first with one rounding error per weight; the second is exact with the measured bits per weight",
    },
    seeAlso: ["bits per weight", "fp16", "int8", "int4", "k-quants", "i-quants", "mxfp4", "vram"],
    own: ownQuantization,
  },
  {
    term: "bits per weight",
    aliases: ["bpw", "bit per weight", "bits per parameter", "bit"],
    title: "Bits per weight",
    short: "how much room a weight takes on average, scales included",
    paragraphs: [
      "One number compares all ways to store a model: its bits divided by its parameters. 16 means 2 bytes for each weight. 4.5 means a bit more than half a byte.",
      "It is measured from the sizes of the tensors and counts everything that unpacks the weights, such as scales. So for quantized types it is usually above the bits in the type's name: Q4_K stores 4 bits per weight plus scales, 4.5 in all.",
      "The average of a file also depends on its mix of types. Two files labelled Q4_K_M may differ, above all in small models, where the finer types of embedding and head weigh more.",
    ],
    picture: "The average price of a basket of goods: one number for a mix of cheap and dear.",
    formula: {
      lines: ["bits per weight = 8 x bytes of the weights and their scales / parameters"],
      note: "exact; 8 bits are a byte",
    },
    seeAlso: ["quantization", "k-quants", "vram"],
    own: ownBitsPerWeight,
  },
  {
    term: "fp16",
    aliases: ["f16", "half", "half precision", "float16", "16 bit"],
    title: "FP16 (16-bit float)",
    short: "2 bytes per weight: fine steps, nothing above 65,504",
    paragraphs: [
      "A float stores a number as digits and a power of two, like 1.25 x 2^3. FP16 has 1 bit for the sign, 5 for the power and 10 for the digits: about three decimal digits, and no number above 65,504.",
      "It is the usual yardstick: 'half the size' and 'no loss' mean in comparison with 16 bits. GGUF calls it F16.",
    ],
    picture: "A ruler with fine marks that is short.",
    seeAlso: ["bf16", "int8", "quantization", "bits per weight"],
    own: (report) => ownOfFamily(report, { name: "FP16", type: (type) => type === "F16" }),
  },
  {
    term: "bf16",
    aliases: ["bfloat16", "bfloat", "brain float"],
    title: "BF16 (bfloat16)",
    short: "2 bytes per weight: the range of FP32, coarser steps",
    paragraphs: [
      "BF16 divides its 16 bits in another way than FP16: 1 for the sign, 8 for the power of two, 7 for the digits. So it reaches as far as a 32-bit float but has only two to three decimal digits.",
      "Most language models are trained and published in BF16, since a number that is too large for its type does more harm in training than a rough one. Turning BF16 into FP16 loses nothing but values that are too large or too small for FP16; model weights seldom are.",
    ],
    picture: "A ruler with coarse marks that is very long.",
    seeAlso: ["fp16", "quantization", "bits per weight"],
    own: (report) => ownOfFamily(report, { name: "BF16", type: (type) => type === "BF16" }),
  },
  {
    term: "int8",
    aliases: ["8 bit", "q8", "i8"],
    title: "INT8 (8-bit integers)",
    short: "1 byte per weight plus scales; hardly any loss",
    paragraphs: [
      "An 8-bit integer is one of 256 steps, from -128 to 127. Multiplied by the scale of its group, or of its row, it gives back nearly the weight that it stands for.",
      "The file is about half as large as at 16 bits, and the loss hardly measurable. In GGUF this is Q8_0: 32 weights share one scale of 16 bits, 8.5 bits per weight in all. FP8 also takes 8 bits but is a small float.",
    ],
    picture: "A photo saved as JPEG at the best setting.",
    seeAlso: ["int4", "quantization", "bits per weight"],
    own: (report) =>
      ownOfFamily(report, {
        name: "8-bit integers",
        type: (type) => /^(?:Q8_|I8$)/.test(type),
        packing: /\b8-bit\b|\bINT8\b/i,
        mistaken: { type: /^F8_E[45]/, words: "F8 takes 8 bits too, but is a small float and no integer." },
      }),
  },
  {
    term: "int4",
    aliases: ["4 bit", "q4", "nf4", "gptq", "awq"],
    title: "INT4 (4-bit types)",
    short: "half a byte per weight plus scales: the usual trade",
    paragraphs: [
      "4 bits leave 16 steps for each weight. That is only good enough because small groups of weights have a scale of their own, often of 32, 64 or 128 weights.",
      "It is the usual choice for running models at home: about 30% of the size at 16 bits, with a loss that is small for most uses. Many schemes have 4 bits: Q4_0, Q4_K and IQ4_XS in GGUF, GPTQ, AWQ and NF4 elsewhere. They differ in how they place the 16 steps and how they group the weights.",
    ],
    picture: "A photo with 16 shades of grey, with the exposure set anew for every small patch.",
    seeAlso: ["k-quants", "mxfp4", "int8", "quantization"],
    own: (report) =>
      ownOfFamily(report, {
        name: "4-bit types",
        type: (type) => /^(?:Q4_|IQ4_|MXFP4|NVFP4|F4$)/.test(type),
        packing: /\b4-bit\b|\b(?:INT4|NF4|FP4|MXFP4|NVFP4)\b|E2M1/i,
      }),
  },
  {
    // ggml/src/ggml-common.h; llama.cpp pull request 1684. Mixes: llama.cpp src/llama-quant.cpp.
    term: "k-quants",
    aliases: ["kquant"],
    title: "K-quants (Q2_K to Q6_K)",
    short: "GGUF types whose scales are quantized too; widely used",
    paragraphs: [
      "K-quants take 256 weights at a time and divide them into small blocks of 16 or 32. Each block has a scale, and in Q2_K, Q4_K and Q5_K a minimum too. The scales themselves are stored in 4, 6 or 8 bits, with one or two 16-bit numbers above them. So blocks can be small, and scales still take little room.",
      "The types are Q2_K, Q3_K, Q4_K, Q5_K and Q6_K, after the bits of a weight. With scales they take 2.63, 3.44, 4.5, 5.5 and 6.56 bits.",
      "A label such as Q4_K_M adds S, M or L (small, medium, large). It names a mix: the larger the letter, the more tensors get a finer type than Q4_K.",
    ],
    picture:
      "Prices that are rounded shelf by shelf, with a short note on each shelf and one longer note on the aisle.",
    seeAlso: ["i-quants", "int4", "bits per weight", "quantization"],
    own: (report) => ownOfFamily(report, { name: "k-quants", type: (type) => /^Q[2-6]_K$/.test(type) }),
  },
  {
    // ggml/src/ggml-common.h; which ones refuse to be made without an importance matrix: llama.cpp src/llama-quant.cpp.
    term: "i-quants",
    aliases: ["iquant", "imatrix", "importance matrix", "codebook"],
    title: "I-quants (IQ1_S to IQ4_XS)",
    short: "GGUF types that pick patterns from a list; for few bits",
    paragraphs: [
      "Most i-quants don't round weights one by one. They take 4 or 8 at a time and store the number of the most similar pattern in a fixed list, a codebook. That way they get down to 1.6 bits per weight. The IQ4 types are different: they round each weight, but to 16 steps that lie closer together near 0, where most weights are.",
      "At the same size they come nearer to the original than k-quants, above all at 3 bits and below. In return they take longer to unpack, which can make them slower on a CPU.",
      "The smallest need an importance matrix (imatrix): statistics, gathered on some text, of which inputs are large. Rounding is then most careful where it matters most.",
    ],
    picture: "Tiling a wall from a catalogue of ready-made patterns rather than choosing the colour of every tile.",
    seeAlso: ["k-quants", "quantization", "bits per weight"],
    own: (report) => ownOfFamily(report, { name: "i-quants", type: (type) => /^IQ[1-4]_(?:X?XS|S|M|NL)$/.test(type) }),
  },
  {
    // OCP Microscaling Formats (MX) specification 1.0; the values of E2M1 are in its table.
    term: "mxfp4",
    aliases: ["mx", "microscaling", "fp4"],
    title: "MXFP4 (4-bit floats with shared scales)",
    short: "4-bit floats, 32 to a scale; an industry standard",
    paragraphs: [
      "MXFP4 stores each weight as a tiny float of 4 bits, which can be 0, 0.5, 1, 1.5, 2, 3, 4 or 6, positive or negative. 32 of them share one scale of 8 bits, which is a power of two. That makes 4 + 8/32 = 4.25 bits per weight.",
      "It is a standard that several chip makers agreed on, and some chips compute with it directly. gpt-oss was published with its experts in MXFP4. NVFP4 is a relative: 16 weights to a scale, and the scale an 8-bit float.",
    ],
    picture: "A pocket ruler with eight marks, and for every 32 things to measure the choice of one magnifying glass.",
    seeAlso: ["int4", "quantization", "bits per weight"],
    own: (report) => ownOfFamily(report, { name: "MXFP4", type: (type) => type === "MXFP4", packing: /\bMXFP4\b/i }),
  },
  {
    term: "checkpoint",
    aliases: [
      "checkpoint format",
      "format",
      "file format",
      "gguf",
      "safetensors",
      "safetensor",
      "header",
      "shard",
      "model file",
    ],
    title: "Checkpoint formats (GGUF, safetensors)",
    short: "a model saved to files, mostly GGUF or safetensors",
    paragraphs: [
      "A checkpoint is a model as it was saved: all parameters, and what a program must know to use them. Large ones are divided into several files, called shards.",
      "Safetensors is the format of Hugging Face, in which most models are published, mostly with 16 bits per weight. It holds tensors only. Settings and vocabulary are in files beside it, such as config.json and tokenizer.json.",
      "GGUF is the format of llama.cpp and of programs built on it, such as Ollama and LM Studio. One file, or one set of numbered parts, holds all: settings, vocabulary and tensors, which are mostly quantized.",
      "Both begin with a header that lists each tensor with its name, shape, type and place. This program reads headers only, so it answers at once even for very large files. Loading either format runs no code from the file, unlike older pickle files (.bin, .pt).",
    ],
    picture:
      "The header is the table of contents, the parameters are the book. This program reads the table of contents.",
    seeAlso: ["quantization", "parameter", "tokenizer", "lora"],
    own: ownCheckpoint,
  },
  {
    // Hu et al., arXiv 2106.09685.
    term: "lora",
    aliases: ["adapter", "lora adapter", "rank", "low rank", "qlora", "fine tuning", "finetune"],
    title: "LoRA adapter",
    short: "a small file of changes to a model, used together with it",
    paragraphs: [
      "Training a finished model further, on other text, is called fine-tuning. Changing all of its parameters makes a second model, as large as the first. LoRA leaves the model as it is and learns a small change beside each of some matrices.",
      "The change is the product of two thin matrices. How thin is called the rank, often 8 to 64. A change of rank 16 to a matrix of 4,096 x 4,096 needs 131,072 parameters instead of 16,777,216.",
      "A LoRA file is of no use alone: it belongs to the model that it was trained on. It can be loaded beside it, or be added to its weights for good (merged).",
    ],
    picture:
      "A transparent sheet with corrections, laid on a map. The map stays as it is, and the sheet can be changed.",
    formula: {
      lines: ["parameters for one matrix = rank x (rows + columns)"],
      note: "exact; the two factors of the change",
    },
    seeAlso: ["parameter", "weight", "checkpoint"],
    own: ownLora,
  },
];
