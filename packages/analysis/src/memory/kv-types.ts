/** The types that a cache may be stored in, by engine: a row each. */
import type { Engine } from "./settings.ts";

export interface KvType {
  /** As settings have it. */
  readonly type: string;
  /** As people write it. */
  readonly name: string;
  readonly words: string;
  /** Shown in tables of contexts. */
  readonly usual: boolean;
}

/**
 * Sources: llama.cpp common/arg.cpp (`-ctk`, kv_cache_types); vLLM's engine arguments (`--kv-cache-dtype`). What a quantized cache costs
 * in quality differs by model; keys suffer more than values.
 */
export const KV_TYPES: Readonly<Record<Engine, readonly KvType[]>> = {
  "llama.cpp": [
    { type: "F32", name: "f32", words: "twice the size of f16 for no gain that shows", usual: false },
    { type: "F16", name: "f16", words: "what llama.cpp takes unless told", usual: true },
    { type: "BF16", name: "bf16", words: "as large as f16, with the range of F32", usual: false },
    { type: "Q8_0", name: "q8_0", words: "8.5 bits a value; hardly any loss in most models", usual: true },
    { type: "Q5_1", name: "q5_1", words: "6 bits a value", usual: false },
    { type: "Q5_0", name: "q5_0", words: "5.5 bits a value", usual: false },
    { type: "IQ4_NL", name: "iq4_nl", words: "4.5 bits a value", usual: false },
    { type: "Q4_1", name: "q4_1", words: "5 bits a value", usual: false },
    { type: "Q4_0", name: "q4_0", words: "4.5 bits a value; loses quality at long contexts", usual: true },
  ],
  vllm: [
    { type: "F32", name: "f32", words: "for models that run in F32", usual: false },
    { type: "F16", name: "f16", words: "16 bits a value, as the model computes", usual: true },
    { type: "BF16", name: "bf16", words: "16 bits a value, as the model computes", usual: false },
    {
      type: "FP8",
      name: "fp8",
      words: "8 bits a value; needs a GPU and an attention kernel that have it",
      usual: true,
    },
  ],
};

/** A type by what people write, in any case; undefined for one that the engine doesn't take. */
export function kvType(engine: Engine, name: string): KvType | undefined {
  const wanted = name.toLowerCase();
  return KV_TYPES[engine].find((row) => row.name === wanted || row.type.toLowerCase() === wanted);
}
