/**
 * What kind of checkpoint it is. An ordered table: the first row that fits decides, and says why.
 */
import type { Checkpoint } from "@checkpoint-inspect/parser";

import type { Anatomy } from "./anatomy.ts";
import { architectureFacts } from "./architectures.ts";
import { type ModelFacts, metadataValue } from "./facts.ts";
import { bucketParameters } from "./moe.ts";

export type ModelKind =
  | "llm"
  | "encoder"
  | "embedding"
  | "encoder-decoder"
  | "speech"
  | "diffusion"
  | "adapter"
  | "projector"
  | "control-vector"
  | "imatrix"
  | "vocab"
  | "unknown";

/** The kind in words, as the overview's first line has it. */
export const KIND_WORDS: Readonly<Record<ModelKind, string>> = {
  llm: "language model",
  encoder: "encoder",
  embedding: "embedding model",
  "encoder-decoder": "encoder-decoder model",
  speech: "speech model",
  diffusion: "diffusion model",
  adapter: "LoRA adapter",
  projector: "multimodal projector",
  "control-vector": "control vector",
  imatrix: "importance matrix",
  vocab: "vocabulary only",
  unknown: "unknown kind",
};

interface Seen {
  readonly checkpoint: Checkpoint;
  readonly facts: ModelFacts;
  readonly anatomy: Anatomy;
  /** `general.type` of GGUF. */
  readonly type: string;
  /** First entry of `architectures` in config.json: the class that loads it. */
  readonly modelClass: string;
  /** Share of tensors whose part matches. */
  share(part: RegExp): number;
}

const KINDS: readonly { readonly kind: ModelKind; fits(seen: Seen): boolean }[] = [
  { kind: "imatrix", fits: ({ type, share }) => type === "imatrix" || share(/^imatrix$/) > 0.5 },
  {
    kind: "control-vector",
    fits: ({ facts, share }) => facts.architecture === "controlvector" || share(/^control_vector$/) > 0.5,
  },
  { kind: "adapter", fits: ({ type, share }) => type === "adapter" || share(/^lora/) > 0.5 },
  { kind: "projector", fits: ({ type, facts }) => type === "mmproj" || facts.architecture === "clip" },
  {
    kind: "vocab",
    // A header that was cut off before its tensors looks the same.
    fits: ({ checkpoint, type }) =>
      !checkpoint.error &&
      (type === "vocab" ||
        (checkpoint.tensors.length === 0 && checkpoint.metadata.some(({ key }) => key === "tokenizer.ggml.tokens"))),
  },
  {
    kind: "speech",
    fits: ({ modelClass, facts }) =>
      /Whisper|SpeechSeq2Seq|Wav2Vec|Parakeet/i.test(modelClass || facts.architecture || ""),
  },
  {
    kind: "encoder-decoder",
    fits: ({ modelClass, facts }) =>
      /(?:^|M?U?)T5(?!Encoder)|Bart|Marian|Pegasus/.test(modelClass) || facts.architecture === "t5",
  },
  {
    kind: "diffusion",
    fits: ({ modelClass, anatomy }) =>
      /UNet|Transformer2D|AutoencoderKL|DiT/.test(modelClass) ||
      share(anatomy, /^(conv|modulation|conditioning)/) > 0.3,
  },
  {
    kind: "embedding",
    fits: ({ checkpoint, facts, modelClass }) =>
      (isEncoder(facts, modelClass) && metadataValue(checkpoint, `${facts.architecture}.pooling_type`) !== undefined) ||
      facts.architecture === "gemma-embedding" ||
      facts.architecture === "llama-embed",
  },
  { kind: "encoder", fits: ({ facts, modelClass }) => isEncoder(facts, modelClass) },
  {
    kind: "llm",
    fits: ({ anatomy, modelClass }) =>
      /CausalLM|ForConditionalGeneration|LMHead/.test(modelClass) || looksLikeLlm(anatomy),
  },
];

function isEncoder({ architecture = "" }: ModelFacts, modelClass: string): boolean {
  return (
    /(?:Bert|Roberta|Electra|DistilBert|MPNet|Deberta).*(?:Model|MaskedLM|PreTraining|Classification|QuestionAnswering)$/i.test(
      modelClass,
    ) || architectureFacts(architecture)?.kind === "encoder"
  );
}

/** A token table and layers with a mixer: enough to call it a language model. */
function looksLikeLlm(anatomy: Anatomy): boolean {
  return bucketParameters(anatomy, "embedding") > 0 && bucketParameters(anatomy, "attention") > 0;
}

function share(anatomy: Anatomy, part: RegExp): number {
  let [matching, all] = [0, 0];
  for (const bucket of anatomy.buckets) {
    for (const count of bucket.parts) {
      all += count.tensors;
      if (part.test(count.part)) matching += count.tensors;
    }
  }
  return all === 0 ? 0 : matching / all;
}

export function modelKind(checkpoint: Checkpoint, facts: ModelFacts, anatomy: Anatomy): ModelKind {
  const type = metadataValue(checkpoint, "general.type");
  const classes = checkpoint.config?.json.architectures;
  const modelClass = Array.isArray(classes) && typeof classes[0] === "string" ? classes[0] : "";
  const seen: Seen = {
    checkpoint,
    facts,
    anatomy,
    type: typeof type === "string" ? type : "",
    modelClass,
    share: (part) => share(anatomy, part),
  };
  return KINDS.find(({ fits }) => fits(seen))?.kind ?? "unknown";
}
