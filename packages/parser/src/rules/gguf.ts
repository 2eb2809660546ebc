/**
 * Rules of the GGUF reader, in the order in which a file is read. `error`: llama.cpp (ggml/src/gguf.cpp, or the loader behind it)
 * refuses the file, or something is missing or contradictory.
 */
import type { RuleTable } from "./rule.ts";

const REFUSED = "llama.cpp refuses the file";
const SET_REFUSED = "llama.cpp refuses the set";
const WRITE_AGAIN = "write the file again";

export const GGUF_RULES = {
  "gguf/version-1": {
    severity: "warning",
    means: "the file is GGUF version 1, written before November 2023",
    why: "llama.cpp no longer loads version 1",
    fix: "convert the model again, or download a newer file",
  },
  "gguf/big-endian": {
    severity: "note",
    means: "the file is big-endian",
    why: "numbers and weights are byte-swapped: llama.cpp loads it on big-endian machines only (s390x), and says elsewhere that the version is extremely large",
    fix: "on other machines get a little-endian file, or swap it with gguf_convert_endian.py of llama.cpp",
  },
  "gguf/empty-key": {
    severity: "error",
    means: "a metadata key is empty",
    why: REFUSED,
    fix: WRITE_AGAIN,
  },
  "gguf/duplicate-key": {
    severity: "error",
    means: "a metadata key stands twice",
    why: "llama.cpp refuses the file; other readers take one of the two",
    fix: "write the file again with each key once",
  },
  "gguf/long-key": {
    severity: "warning",
    means: "a metadata key is above the specification's 65,535 bytes",
    why: "readers that keep to the specification refuse it",
    fix: "write the file again with a shorter key",
  },
  "gguf/key-form": {
    severity: "note",
    means: "metadata keys are not lower-case words joined by dots",
    why: "the specification asks for that form; llama.cpp loads others, but nothing looks for them",
    fix: "nothing, unless a reader misses the key: then write it in lower case",
  },
  "gguf/invalid-utf8": {
    severity: "warning",
    means: "a key, value or tensor name is not UTF-8",
    why: "readers differ: llama.cpp takes the bytes as they are, gguf-py fails on a key",
    fix: "write the file again; here the bytes are shown as U+FFFD",
  },
  "gguf/bool-value": {
    severity: "note",
    means: "a bool is neither 0 nor 1",
    why: "the format knows 0 and 1; most readers take others as true, some as false",
    fix: "nothing, or write it as 0 or 1",
  },
  "gguf/long-string": {
    severity: "warning",
    severities: ["error"],
    means: "a string above 1 MiB is cut for display; above 2^30 bytes llama.cpp refuses it",
    why: "no setting or chat template is as long; other readers stop at 10 to 16 MB",
    fix: "look whether it belongs there",
  },
  "gguf/long-array": {
    severity: "error",
    means: "an array has more than 2^30 elements",
    why: REFUSED,
    fix: "write the file again without it",
  },
  "gguf/nested-array": {
    severity: "error",
    means: "an array of arrays: allowed by the specification, refused by llama.cpp",
    why: "the specification allows it, but llama.cpp refuses the file",
    fix: "write the file again with flat arrays",
  },
  "gguf/long-token": {
    severity: "warning",
    means: "a token of the vocabulary is above 65,536 bytes",
    why: "no tokenizer makes such tokens, and loaders that keep lengths in 32 bits or less were overrun by them (CVE-2025-49847)",
    fix: "do not load the file where it is not trusted; get it from its maker again",
  },
  "gguf/alignment": {
    severity: "error",
    means: "general.alignment is no u32 or no power of two; read on with 32",
    why: REFUSED,
    fix: "write the file again with 32",
  },
  "gguf/alignment-below-8": {
    severity: "note",
    means: "the alignment is no multiple of 8; llama.cpp loads it",
    why: "the specification asks for a multiple of 8, and data at odd offsets are slower to read in place",
    fix: "nothing, or write the file with 32",
  },
  "gguf/quantization-version": {
    severity: "note",
    means: "general.quantization_version is another than today's, or missing where weights are quantized",
    why: "the specification requires it: block formats may change their meaning with it (2 since May 2023)",
    fix: "nothing for a current file; write it again with a current tool to have the key",
  },
  "gguf/dimensions": {
    severity: "error",
    means: "a tensor has 5 to 8 dimensions",
    why: REFUSED,
    fix: "write it with at most 4",
  },
  "gguf/shape-overflow": {
    severity: "error",
    means: "a shape or size is above 2^53: left out of every count",
    why: REFUSED,
    fix: "the file is damaged or hostile; get it again",
  },
  "gguf/partial-block": {
    severity: "error",
    means: "a row is no multiple of its type's block",
    why: REFUSED,
    fix: "quantize this tensor to a type whose block fits (Q8_0 has 32), or leave it in F16",
  },
  "gguf/removed-type": {
    severity: "error",
    means: "a tensor has a type that ggml has removed",
    why: "the file was made for an old llama.cpp; today's refuses it",
    fix: "get the model in the type that the message names",
  },
  "gguf/fork-type": {
    severity: "warning",
    severities: ["error"],
    means: "a tensor has a type of ik_llama.cpp; an error where it is one of activations, which no file stores",
    why: "llama.cpp itself refuses it",
    fix: "run it with ik_llama.cpp, or get the model in a mainline type",
  },
  "gguf/unknown-type": {
    severity: "error",
    means: "a tensor has a type id that no table knows; its bytes are taken from the room it has",
    why: "llama.cpp refuses the file, and its bits per weight can't be told from the header",
    fix: "update this tool, or ask who made the file which program reads it",
  },
  "gguf/duplicate-tensor": {
    severity: "error",
    means: "a tensor name stands twice, in one file or in two parts",
    why: REFUSED,
    fix: "write the file or the set again",
  },
  "gguf/long-tensor-name": {
    severity: "error",
    means: "a tensor name is above 63 bytes",
    why: REFUSED,
    fix: "give it a shorter name at conversion",
  },
  "gguf/tensor-offset": {
    severity: "error",
    means: "a tensor doesn't begin where the one before it ends (padded): a gap, an overlap or a wrong alignment",
    why: REFUSED,
    fix: "write the file again with a current tool",
  },
  "gguf/truncated-data": {
    severity: "error",
    severities: ["note"],
    means: "the file ends before its tensors do; a note where only the padding after the last is cut",
    why: "llama.cpp refuses to load it",
    fix: "the download is incomplete; get the file again",
  },
  "gguf/trailing-data": {
    severity: "note",
    means: "bytes follow the data of the last tensor",
    why: "no reader looks at them, so they can hold anything; llama.cpp loads the file",
    fix: "nothing, or write the file again without them",
  },
  "gguf/glued-parts": {
    severity: "error",
    severities: ["warning"],
    means:
      "a second GGUF file begins where the data end: parts of a set joined with cat; a warning where the first claims no set",
    why: "parts have headers of their own: llama.cpp refuses the first, or loads it alone",
    fix: "get the parts and leave them as they are, or join them with llama-gguf-split --merge",
  },
  "gguf/missing-part": {
    severity: "error",
    means: "a part of the set is not there",
    why: "llama.cpp needs every part, and the counts here lack what it holds",
    fix: "download it beside the others",
  },
  "gguf/unreadable-part": {
    severity: "error",
    means: "a part can't be read",
    why: "the counts here lack what it holds",
    fix: "download it again",
  },
  "gguf/split-name": {
    severity: "error",
    severities: ["warning"],
    means:
      "a part of a set whose name is not of the form of a set; a warning where the name claims more parts than any set has",
    why: "the other parts can't be found, and llama.cpp refuses such a name",
    fix: "give the parts their names back",
  },
  "gguf/split-keys": {
    severity: "error",
    means:
      "a part of a set lacks split.count or split.no, or has them in another type than u16 (split.tensors.count: i32)",
    why: "llama.cpp reads the number and the count of parts from these keys, and refuses the set or loads the first part alone",
    fix: "split the model again with llama-gguf-split",
  },
  "gguf/split-number": {
    severity: "error",
    means: "split.no disagrees with the name, or is not below split.count",
    why: SET_REFUSED,
    fix: "the parts were renamed; restore their names",
  },
  "gguf/split-count": {
    severity: "error",
    means: "split.count disagrees with the number of parts",
    why: SET_REFUSED,
    fix: "put the parts of one set together",
  },
  "gguf/split-tensors": {
    severity: "error",
    means: "split.tensors.count disagrees with the tensors there",
    why: SET_REFUSED,
    fix: "get the set again",
  },
  "gguf/legacy-split": {
    severity: "error",
    means: "the file carries general.split, the key of split files from before March 2024",
    why: "llama.cpp no longer loads such sets: it knows split.no, split.count and split.tensors.count",
    fix: "get a newer file, or join the parts with the llama.cpp of their time and split again",
  },
} as const satisfies RuleTable;
