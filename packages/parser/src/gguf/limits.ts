/**
 * Limits of the GGUF reader. Each stands between a claim in the file and memory or time of ours.
 */

/** First window: covers the hyper-parameters of any model and the whole header of a small one. */
export const FIRST_WINDOW_BYTES = 256 * 1024;

/** Later windows: headers run to 20 MB, so forty reads at most, and little garbage is left behind each. */
export const WINDOW_BYTES = 512 * 1024;

/** A scalar string up to this is decoded with the header (chat templates reach 100 kB); a longer one is cut, and said so. */
export const MAX_INLINE_STRING_BYTES = 1024 * 1024;

/** Keys longer than the format's 65,535 bytes are reported; longer than this they can't be keys, and reading stops. */
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

/** A nested array is decoded from one read of all its bytes; above this it isn't decoded. */
export const MAX_NESTED_DECODE_BYTES = 64 * 1024 * 1024;

/** Every so many strings of an array its byte offset is kept, so that `at(i)` walks a page and not the array. */
export const STRING_MARK_EVERY = 4096;
