/**
 * Rules of the safetensors reader, in the order in which a file and its set are read. `error`: the reference reader (crate
 * `safetensors`, tensor.rs) refuses the file, the format forbids it, or something is missing or contradictory.
 */
import type { RuleTable } from "./rule.ts";

const REFUSED = "the reference reader refuses the file";
const WRITE_AGAIN = "write the file again";
const FETCH_AGAIN = "fetch the file again";

export const SAFETENSORS_RULES = {
  "safetensors/long-header": {
    severity: "note",
    means: "the header is above 25,000,000 bytes",
    why: "the Hub and its clients read no longer ones, and show no parameter count; loaders take up to 100,000,000",
    fix: "nothing, or write the model in shards",
  },
  "safetensors/byte-order-mark": {
    severity: "error",
    means: "the header begins with a byte order mark",
    why: "JSON readers refuse it, the reference safetensors reader too",
    fix: "write the file again without it",
  },
  "safetensors/leading-whitespace": {
    severity: "note",
    means: "the header begins with whitespace",
    why: 'the format says that it begins with "{"; the reference reader accepts it, others may not',
    fix: "nothing, or write it with { first",
  },
  "safetensors/nul-padding": {
    severity: "error",
    means: "the header is padded with NUL",
    why: "the reference reader refuses anything but whitespace there",
    fix: "write the file again, padded with spaces",
  },
  "safetensors/trailing-garbage": {
    severity: "error",
    means: "bytes follow the header's JSON",
    why: "the reference reader refuses anything but whitespace there",
    fix: WRITE_AGAIN,
  },
  "safetensors/lone-surrogate": {
    severity: "error",
    means: "half a surrogate pair in a name or value; read as U+FFFD",
    why: "it is no Unicode character; the reference reader refuses the file",
    fix: WRITE_AGAIN,
  },
  "safetensors/duplicate-key": {
    severity: "error",
    means: "a key stands twice in the header, an entry, the metadata or the index; the later is used",
    why: "the format forbids it, and readers differ in which one they take",
    fix: "write the file again with unique names",
  },
  "safetensors/metadata-not-object": {
    severity: "error",
    means: "__metadata__ is no object",
    why: REFUSED,
    fix: "write it as an object of strings",
  },
  "safetensors/metadata-not-string": {
    severity: "error",
    means: "a metadata value is no string",
    why: REFUSED,
    fix: "write the value as a string",
  },
  "safetensors/metadata-format": {
    severity: "warning",
    means: "__metadata__.format names no framework that is known",
    why: "transformers looks at it before it loads, and refuses what is not pt, tf, flax or mlx",
    fix: 'write the file again with the format "pt"',
  },
  "safetensors/bad-entry": {
    severity: "error",
    means: "an entry can't be a tensor (dtype, shape or offsets missing or of the wrong kind); left out",
    why: REFUSED,
    fix: WRITE_AGAIN,
  },
  "safetensors/entry-is-list": {
    severity: "warning",
    means: "an entry is a list; read as dtype, shape, offsets",
    why: "the reference reader takes it so by accident; others refuse it",
    fix: "write it as an object",
  },
  "safetensors/extra-field": {
    severity: "note",
    means: "an entry has a field that the format doesn't know",
    why: "readers ignore it",
    fix: "nothing, or write the file again without it",
  },
  "safetensors/proto-name": {
    severity: "note",
    means: "a tensor is named __proto__",
    why: "readers written in JavaScript can lose such a tensor without a word",
    fix: "rename it",
  },
  "safetensors/long-name": {
    severity: "warning",
    means: "a name has more than 16,000 characters",
    why: "no tensor is called so; tables that are keyed by such names become slow, and here the name is cut",
    fix: "rename it; a file with many of them is damaged or hostile",
  },
  "safetensors/empty-name": {
    severity: "note",
    means: "a tensor's name is empty",
    why: "tools may not be able to name it",
    fix: "rename it",
  },
  "safetensors/unknown-dtype": {
    severity: "error",
    means: "a dtype outside of the 22 that the format has",
    why: REFUSED,
    fix: "write it with a known dtype, or update this tool",
  },
  "safetensors/size-overflow": {
    severity: "error",
    severities: ["warning"],
    means:
      "a product of dimensions is above 2^53; a warning where a dimension of 0 makes it empty and the reference reader accepts it",
    why: REFUSED,
    fix: "the file is damaged or hostile; get it from its maker again",
  },
  "safetensors/sub-byte-size": {
    severity: "error",
    means: "a 4- or 6-bit tensor doesn't end at a byte",
    why: REFUSED,
    fix: "write it with a padded shape",
  },
  "safetensors/odd-row": {
    severity: "warning",
    means: "the last dimension of an F4 tensor is odd",
    why: "PyTorch stores two values in a byte along that dimension, so its loader refuses the tensor",
    fix: "write it with an even last dimension",
  },
  "safetensors/size-mismatch": {
    severity: "error",
    means: "shape x dtype and offsets disagree",
    why: "a reader that trusts either reads wrong data; the reference refuses it",
    fix: "do not trust the file; get it again",
  },
  "safetensors/reversed-offsets": {
    severity: "error",
    means: "offsets run backwards; size taken as 0",
    why: "it has no data; the reference reader refuses the file",
    fix: WRITE_AGAIN,
  },
  "safetensors/misaligned": {
    severity: "note",
    means: "tensors don't begin at a multiple of their element size; one note a file",
    why: "the format allows it, but they can't be used in place from a mapped file",
    fix: "write the file again with a writer that pads the header to 8 bytes and sorts by element size",
  },
  "safetensors/hole": {
    severity: "error",
    means: "bytes before a tensor belong to no tensor",
    why: "a hole can hide anything; the reference reader refuses the file",
    fix: WRITE_AGAIN,
  },
  "safetensors/overlap": {
    severity: "error",
    means: "two tensors share bytes",
    why: "two tensors share bytes; the reference reader refuses the file",
    fix: WRITE_AGAIN,
  },
  "safetensors/truncated-data": {
    severity: "error",
    means: "the file ends before its tensors do",
    why: "the file is incomplete, most likely a download or a copy that stopped",
    fix: FETCH_AGAIN,
  },
  "safetensors/trailing-data": {
    severity: "error",
    means: "bytes follow the last tensor",
    why: "bytes that belong to no tensor can hide anything; the reference reader refuses the file",
    fix: WRITE_AGAIN,
  },
  "safetensors/missing-shard": {
    severity: "error",
    means: "a file of the set is not there",
    why: "its tensors are missing from every count here, and loaders fail on them",
    fix: "fetch it",
  },
  "safetensors/unreadable-shard": {
    severity: "error",
    means: "a file of the set can't be read, or only in part",
    why: "tensors of this file are missing from every count here",
    fix: FETCH_AGAIN,
  },
  "safetensors/shard-number": {
    severity: "warning",
    means: "the part number in a name makes no sense; the file is shown alone",
    why: "a set has 1 to 10,000 files, and no number above their count",
    fix: "restore the name",
  },
  "safetensors/shard-count": {
    severity: "warning",
    means: "the names of an index's files claim another number of files than it lists",
    why: "files may be missing, or of two sets that were mixed; loaders that follow the index don't look",
    fix: "compare with the repository that the set is from, and write the index again",
  },
  "safetensors/orphan-shard": {
    severity: "warning",
    means: "a file beside the index has a name like its shards and is not in it",
    why: "loaders that go by the index leave it out, others load it too: mlx-lm takes every model*.safetensors",
    fix: "move it elsewhere, or write the index again",
  },
  "safetensors/tensor-in-two-shards": {
    severity: "warning",
    means: "a tensor stands in two files; counted once",
    why: "loaders differ in which of them they take",
    fix: "write the set again",
  },
  "safetensors/bad-index": {
    severity: "warning",
    severities: ["error"],
    means: "the index beside the file can't be read (an error when the file is a numbered shard)",
    why: "the set is opened without it",
    fix: "fetch the index again",
  },
  "safetensors/index-bad-entry": {
    severity: "error",
    means: "the index gives no file name for a tensor",
    why: "loaders don't find the tensor",
    fix: "write the index again",
  },
  "safetensors/unsafe-shard-name": {
    severity: "error",
    means: "the index names a file outside of its folder or of another kind; not opened",
    why: "a plain relative path to a .safetensors file is all that an index may name",
    fix: "do not use this repository without a look at it",
  },
  "safetensors/not-in-shards": {
    severity: "error",
    means: "a tensor of the index is in no file",
    why: "loaders fail on it, or leave the tensor at random values",
    fix: "write index and set again",
  },
  "safetensors/wrong-shard": {
    severity: "error",
    means: "a tensor stands in another file than the index says",
    why: "loaders look for it where the index says",
    fix: "write the index again",
  },
  "safetensors/not-in-index": {
    severity: "warning",
    means: "a tensor of a file is not in the index",
    why: "loaders that follow the index don't load it, others do",
    fix: "write the index again",
  },
  "safetensors/total-size": {
    severity: "warning",
    means: "total_size disagrees with the tensors' bytes",
    why: "tools that trust the index estimate memory wrongly",
    fix: "write the index again",
  },
  "safetensors/bad-config": {
    severity: "warning",
    means: "config.json is too large, or no JSON object",
    why: "nothing is known of the model but its tensors",
    fix: "repair it; the counts stand, the hyper-parameters lack",
  },
} as const satisfies RuleTable;
