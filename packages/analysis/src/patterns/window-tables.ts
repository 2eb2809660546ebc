/**
 * Which layers are windowed where neither config nor metadata say it: runtimes have it in their code, by architecture.
 *
 * Sources: llama.cpp src/llama-model.cpp and src/models/*.cpp (hparams.set_swa_pattern); the configuration classes of
 * transformers, where layer_types is filled in.
 */

export interface WindowRule {
  readonly architectures: readonly string[];
  /** Every n-th layer has full attention; 1 where all layers are windowed. */
  readonly period: number;
  /** Which of each n is the full one; the last unless told. */
  readonly full?: "first" | "last";
  /** The window where none is declared. Without it, nothing declared means no window. */
  readonly window?: number;
  /** The window that is used whatever is declared. */
  readonly forcedWindow?: number;
  readonly chunked?: boolean;
  /** Only for models of so many layers. */
  readonly layers?: number;
}

export interface WindowTable {
  readonly name: string;
  readonly rules: readonly WindowRule[];
  /** Architectures whose declared window isn't used: every layer has full attention. */
  readonly unused: readonly string[];
}

export const LLAMA_CPP_WINDOWS: WindowTable = {
  name: "llama.cpp",
  rules: [
    { architectures: ["gemma2"], period: 2, window: 4096 },
    { architectures: ["gpt-oss"], period: 2 },
    { architectures: ["cohere2", "olmo2", "afmoe", "mellum", "muse-glimmer"], period: 4 },
    { architectures: ["exaone4"], period: 4, window: 4096, layers: 64 },
    { architectures: ["exaone-moe"], period: 4, window: 128 },
    { architectures: ["llama4"], period: 4, window: 8192, forcedWindow: 8192, chunked: true },
    { architectures: ["gemma3n"], period: 5 },
    { architectures: ["gemma3", "gemma-embedding"], period: 6 },
    { architectures: ["plamo3"], period: 8 },
    { architectures: ["smallthinker"], period: 4, full: "first", forcedWindow: 4096 },
    { architectures: ["modern-bert"], period: 3, full: "first" },
    { architectures: ["cohere2moe", "laguna"], period: 4, full: "first" },
    { architectures: ["lfm2"], period: 1 },
  ],
  unused: ["phi3", "llama", "qwen2"],
};

export const TRANSFORMERS_WINDOWS: WindowTable = {
  name: "transformers",
  rules: [
    { architectures: ["gemma2"], period: 2, window: 4096 },
    { architectures: ["gpt_oss"], period: 2 },
    { architectures: ["cohere2"], period: 4, window: 4096 },
    { architectures: ["olmo3"], period: 4 },
    { architectures: ["gemma3n", "gemma3n_text"], period: 5 },
    { architectures: ["gemma3", "gemma3_text"], period: 6 },
    { architectures: ["llama4", "llama4_text"], period: 4, chunked: true },
    { architectures: ["modernbert"], period: 3, full: "first" },
    {
      architectures: ["mistral", "mixtral", "phi3", "phimoe", "starcoder2", "recurrent_gemma"],
      period: 1,
    },
  ],
  unused: [],
};
