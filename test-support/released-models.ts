/** How the headers in shared/data/hf-heads stand to the rows of the reference table bucket-ground-truth.tsv. */

/** Folder of the header -> repository, where the repository's name isn't the folder's. */
export const TRUTH_NAMES: Readonly<Record<string, string>> = {
  "BERT-base": "bert-base-uncased",
  "BLOOM-560m": "bloom-560m",
  "Gemma-2-9B": "gemma-2-9b",
  "Gemma-3-27B": "gemma-3-27b-it",
  "Granite-3.1-1B-A400M": "granite-3.1-1b-a400m-instruct",
  "Jamba-1.5-mini": "AI21-Jamba-1.5-Mini",
  "Llama-2-70B": "Llama-2-70b-hf",
  "Llama-2-7B": "Llama-2-7b-hf",
  "Llama-4-Scout": "Llama-4-Scout-17B-16E-Instruct",
  "Mamba-2.8B": "mamba-2.8b-hf",
  "Mixtral-8x7B": "Mixtral-8x7B-v0.1",
  "OPT-125m": "opt-125m",
  "Qwen3-Next-80B-A3B": "Qwen3-Next-80B-A3B-Instruct",
  "StarCoder2-3B": "starcoder2-3b",
  "T5-small": "t5-small",
  "TinyLlama-1.1B": "TinyLlama-1.1B-Chat-v1.0",
};

/** transformers drops the MTP block when it loads a model, so these headers lack what the table has. */
export const WITHOUT_MTP: ReadonlySet<string> = new Set(["DeepSeek-V3", "GLM-4.5-Air", "Qwen3-Next-80B-A3B"]);

/**
 * The config.json beside these two isn't the released one in how many experts a token uses: null (6 in the release), so that we
 * say what is missing, and 2 (8 in the release).
 */
export const OTHER_ACTIVE: Readonly<Record<string, number | null>> = {
  "DeepSeek-V2-Lite": null,
  "Granite-3.1-1B-A400M": 202_166_272,
};

/** Our buckets, and the columns of the reference table that hold them. */
export const TRUTH_COLUMNS = {
  embedding: "embedding",
  position: "position",
  attention: "attention",
  ffn: "ffn",
  norm: "norm",
  head: "output_head",
  vision: "vision",
  projector: "projector",
} as const;

/** Columns that hold some parts of the bucket `expert`. */
export const TRUTH_PARTS = {
  expert_routed: /^routed/,
  expert_shared: /^shared\./,
  expert_router: /^router|^shared_gate/,
} as const;
