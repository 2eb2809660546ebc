/** How a model is run: what the user may set, and what programs take unless told. */

/** Whose accounting is used: llama.cpp for GGUF; vLLM and Transformers for safetensors. */
export type Engine = "llama.cpp" | "vllm";

export interface MemorySettings {
  /** Tokens of one sequence, prompt and answer together. */
  readonly context: number;
  /** Sequences at once, each with a context of its own (`-np` of llama-server, the batch of a serving engine). */
  readonly sequences: number;
  /** Storage type of cached keys and of cached values, by its ggml name; `FP8` for vLLM's. */
  readonly keyType: string;
  readonly valueType: string;
  /** Tokens that are worked on at once: `-ub` of llama.cpp. */
  readonly ubatch: number;
  readonly flashAttention: boolean;
  /** llama.cpp: one cache that all sequences share, in place of one each (`-kvu`). */
  readonly unified: boolean;
  /** Windowed layers keep the whole context (`--swa-full`; vLLM where it unifies its pages). */
  readonly windowsInFull: boolean;
  /** MLA of a safetensors checkpoint: the latent as vLLM keeps it, or whole keys and values. */
  readonly latent: "compressed" | "expanded";
  /** Positions of the encoder that a decoder looks at; the most that the model takes unless told. */
  readonly sourcePositions?: number;
}

/** What llama.cpp takes unless told (common/common.h, v0.5.0); flash attention is `auto`, which is on where a backend has it. */
export const DEFAULT_SETTINGS: MemorySettings = {
  context: 8192,
  sequences: 1,
  keyType: "F16",
  valueType: "F16",
  ubatch: 512,
  flashAttention: true,
  unified: false,
  windowsInFull: false,
  latent: "compressed",
};
