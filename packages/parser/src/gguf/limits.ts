/**
 * Limits of the GGUF reader. Each stands between a claim in the file and memory or time of ours.
 */

/** First window: covers the hyper-parameters of any model and the whole header of a small one. */
export const FIRST_WINDOW_BYTES = 256 * 1024;

/** Later windows: headers run to 20 MB, so forty reads at most, and little garbage is left behind each. */
export const WINDOW_BYTES = 512 * 1024;

/**
 * First window of a remote file, where what isn't needed costs as well: the hyper-parameters of any model, and how large its
 * vocabulary is.
 */
export const FIRST_REMOTE_WINDOW_BYTES = 64 * 1024;

/** The most that is asked of a server at once: the headers of vocabularies of 262,144 tokens have 17 MB. */
export const MAX_REMOTE_WINDOW_BYTES = 24 * 1024 * 1024;

/**
 * A header may claim as much as its file has bytes, and a sparse file has any number of them. The largest real headers end
 * before 50 MB; walking up to this takes about a second.
 */
export const MAX_HEADER_BYTES = 256 * 1024 * 1024;

/** Files have dozens of entries; other readers stop at 100,000 too. Each costs some hundred bytes of memory. */
export const MAX_METADATA_ENTRIES = 100_000;

/** Models have a few thousand tensors, one per expert and projection some 500,000. Each costs about 200 bytes of memory. */
export const MAX_TENSORS = 1_000_000;

/** A scalar string up to this is decoded with the header (chat templates reach 100 kB); a longer one is cut, and said so. */
export const MAX_INLINE_STRING_BYTES = 1024 * 1024;

/** Keys longer than the format's 65,535 bytes are reported; longer than this neither a key nor a tensor's name can be. */
export const MAX_KEY_BYTES = 1024 * 1024;
export const SPEC_MAX_KEY_BYTES = 65_535;

/** ggml keeps names in 64 bytes with a closing NUL: 63 usable. Longer ones are reported. */
export const GGML_MAX_NAME_BYTES = 63;

/** ggml tensors have at most 4 dimensions (GGML_MAX_DIMS). Up to 8 are read and reported; more can't be a tensor. */
export const GGML_MAX_DIMS = 4;
export const MAX_DIMS = 8;

/** Longest string and array that the reference reader takes (gguf.cpp: 2^30 bytes, 2^30 elements). */
export const REFERENCE_MAX_STRING_BYTES = 2 ** 30;
export const REFERENCE_MAX_ARRAY_LENGTH = 2 ** 30;

/** Arrays up to this many elements and bytes are decoded at once: per-layer arrays (at most 512 layers) always are. */
export const EAGER_ARRAY_LENGTH = 1024;
export const EAGER_ARRAY_BYTES = 64 * 1024;

/** Nested arrays: the specification allows them, no known file has them, and 200,000 levels is a known attack. */
export const MAX_ARRAY_DEPTH = 8;

/** One call of `slice` decodes at most so many bytes of elements; a page of a larger array has to be asked for. */
export const MAX_SLICE_BYTES = 256 * 1024 * 1024;

/** A nested array is decoded from one read of all its bytes; above this it isn't decoded. */
export const MAX_NESTED_DECODE_BYTES = 64 * 1024 * 1024;

/** Every so many strings of an array its byte offset is kept, so that `at(i)` walks a page and not the array. */
export const STRING_MARK_EVERY = 4096;
