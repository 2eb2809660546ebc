/** What can be wrong with the values themselves: found only where the data are read. */
import type { RuleTable } from "@checkpoint-inspect/parser";

export const WEIGHT_RULES = {
  "weights/nan": {
    severity: "error",
    severities: ["note"],
    means: "values of a tensor are not a number (NaN)",
    why: "a NaN spreads to every value that is computed from it, so the model answers with garbage or not at all",
    fix: "download the file again and compare its hash; if it stays, convert or train it again",
  },
  "weights/infinite": {
    severity: "error",
    severities: ["note"],
    means: "values of a tensor are infinite",
    why: "an infinite weight makes sums infinite or NaN; mostly a value was too large for the type that it was converted to",
    fix: "download the file again and compare its hash; if it stays, convert it to BF16 or F32",
  },
  "weights/nan-scale": {
    severity: "error",
    severities: ["warning"],
    means: "scales of quantized blocks are not a number (NaN)",
    why: "every weight of such a block is NaN; llama.cpp refuses it with --check-tensors",
    fix: "download the file again and compare its hash; if it stays, quantize again from a sound file",
  },
  "weights/infinite-scale": {
    severity: "error",
    means: "scales of quantized blocks are infinite",
    why: "every weight of such a block is infinite or NaN; llama.cpp refuses it with --check-tensors",
    fix: "download the file again and compare its hash; if it stays, quantize again from a sound file",
  },
  "weights/all-zero": {
    severity: "warning",
    means: "a weight matrix holds nothing but zeros",
    why: "it passes nothing on; a download that reserved its room but never filled it reads like this",
    fix: "download the file again and compare its hash",
  },
  "weights/hash-mismatch": {
    severity: "error",
    means: "a file's sha256 isn't the one that was published or written down for it",
    why: "the bytes aren't those that were meant: the file is damaged, was changed, or is another one",
    fix: "download the file again",
  },
  "weights/unreadable": {
    severity: "error",
    means: "the data of a file can't be read",
    why: "what comes after wasn't looked at, and a loader fails at the same place",
    fix: "look at the file's permissions and the disk's health, then copy or download it again",
  },
  "weights/file-shrank": {
    severity: "error",
    means: "a file became shorter while it was read",
    why: "something else writes to it, so that nothing said of it holds",
    fix: "wait until whatever writes it is done, then check again",
  },
  "weights/not-looked-at": {
    severity: "note",
    means: "tensors of a type whose blocks aren't known well enough to find their scales",
    why: "NaN and infinity in them would go unseen",
    fix: "let the software that wrote the file check it",
  },
} as const satisfies RuleTable;

export type WeightRule = keyof typeof WEIGHT_RULES;
