/** Limits of the safetensors reader, in bytes or counts, each with the reason for it. */

/** The reference reader refuses longer headers. Headers of real models are below 60 MB, with rare exceptions. */
export const MAX_HEADER_BYTES = 100_000_000;

/** The Hub and its clients read no longer headers; a longer one loads, and is reported. */
export const HUB_MAX_HEADER_BYTES = 25_000_000;

/** The first read: 97 of 100 published files have a header below 100 kB, so one request is nearly always enough. */
export const FIRST_WINDOW_BYTES = 128 * 1024;

/** A file of the largest models holds some thousand tensors, a whole set half a million. Each costs some 200 bytes of memory. */
export const MAX_TENSORS = 1_000_000;

/** Files carry a handful of metadata entries; aliases of tied tensors make it hundreds. */
export const MAX_METADATA_ENTRIES = 100_000;

/** The format sets no limit, tensors have up to 6 dimensions; a list of millions in one entry is an attack. */
export const MAX_DIMS = 65_536;

/** The length field before the header: a little-endian u64. */
export const LENGTH_FIELD_BYTES = 8;

/** Deepest nesting of lists and objects. The reference's JSON reader refuses the 128th level; ours too, and no deeper stack is used. */
export const MAX_JSON_DEPTH = 127;

/** The largest real index is about 60 MB (half a million tensors); the Hub's own client stops at 250 MB. */
export const MAX_INDEX_BYTES = 250_000_000;

/** The largest real sets have a few hundred files. Names of a set are derived from a number in a file name: it must not make millions. */
export const MAX_SHARDS = 10_000;

/** Real config.json files are below 1 MB; it is parsed whole. */
export const MAX_CONFIG_BYTES = 10_000_000;

/** Files opened at once: enough to keep a disk busy, few enough for any limit on open files. */
export const SHARDS_AT_ONCE = 8;

/** Remote files read at once: requests wait for the network, not for this machine, and a set of 162 files is three rounds of it. */
export const REMOTE_SHARDS_AT_ONCE = 56;
