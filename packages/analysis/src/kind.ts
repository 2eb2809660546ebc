/**
 * What kind of checkpoint it is. An ordered table: the first row that fits decides.
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
  | "vision"
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
  vision: "vision model",
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
  /** First entry of `architectures` in config.json, or `_class_name` of diffusers: the class that loads it. */
  readonly modelClass: string;
}

const POOLED: ReadonlySet<unknown> = new Set([1, 2, 3, 4]);

const KINDS: readonly { readonly kind: ModelKind; fits(seen: Seen): boolean }[] = [
  { kind: "imatrix", fits: ({ type, anatomy }) => type === "imatrix" || partShare(anatomy, /^imatrix$/) > 0.5 },
  {
    kind: "control-vector",
    fits: ({ facts, anatomy }) =>
      facts.architecture === "controlvector" || partShare(anatomy, /^control_vector$/) > 0.5,
  },
  { kind: "adapter", fits: ({ type, anatomy }) => type === "adapter" || partShare(anatomy, /^lora/) > 0.5 },
  // `clip` is what llama.cpp calls any projector file; transformers has a model of that name.
  {
    kind: "projector",
    fits: ({ type, checkpoint, facts }) =>
      type === "mmproj" || (checkpoint.format === "gguf" && facts.architecture === "clip"),
  },
  {
    kind: "vocab",
    // A header that was cut off before its tensors looks the same, and so does a first part without the others.
    fits: ({ checkpoint, type }) =>
      !checkpoint.error &&
      (checkpoint.shards?.missing.length ?? 0) === 0 &&
      (type === "vocab" ||
        (checkpoint.tensors.length === 0 && checkpoint.metadata.some(({ key }) => key === "tokenizer.ggml.tokens"))),
  },
  {
    kind: "diffusion",
    fits: ({ modelClass, anatomy, checkpoint }) =>
      /UNet|Transformer[23]D|TransformerModel3D|Autoencoder|ControlNet|DiT/.test(modelClass) ||
      // By its parts alone only a whole model: a convolution or two make no UNet.
      (checkpoint.tensors.length > 100 && partShare(anatomy, /^(conv|modulation|conditioning)/) > 0.3),
  },
  {
    kind: "speech",
    fits: ({ modelClass, anatomy, facts }) =>
      /Whisper|SpeechSeq2Seq|Wav2Vec|Parakeet|Moonshine|Hubert/i.test(modelClass || facts.architecture || "") ||
      (bucketParameters(anatomy, "audio") > 0 && !hasTokenTable(anatomy)),
  },
  {
    kind: "encoder-decoder",
    fits: ({ modelClass, facts, checkpoint, anatomy }) =>
      !/Encoder/.test(modelClass) &&
      (/T5|Bart|Marian|Pegasus|SwitchTransformers/.test(modelClass) ||
        (checkpoint.format === "gguf" && facts.architecture === "t5") ||
        partShare(anatomy, /^cross\./) > 0.05),
  },
  {
    kind: "embedding",
    // Pooling 1 to 4 are mean, CLS, last and rank; 0 is none, -1 unspecified (llama.cpp, enum llama_pooling_type).
    fits: ({ checkpoint, facts }) =>
      /^(gemma-embedding|llama-embed)$/.test(facts.architecture ?? "") ||
      POOLED.has(metadataValue(checkpoint, `${facts.architecture}.pooling_type`)),
  },
  { kind: "encoder", fits: isEncoder },
  {
    kind: "vision",
    fits: ({ anatomy }) => bucketParameters(anatomy, "vision") > 0 && bucketParameters(anatomy, "attention") === 0,
  },
  {
    kind: "llm",
    fits: ({ anatomy, modelClass }) =>
      /CausalLM|ForConditionalGeneration|LMHead/.test(modelClass) ||
      (hasTokenTable(anatomy) && bucketParameters(anatomy, "attention") > 0),
  },
];

/** Reads a text in both directions: by its class, by what llama.cpp knows of the architecture, or by BERT's own parts. */
function isEncoder({ facts: { architecture = "" }, modelClass, anatomy, checkpoint }: Seen): boolean {
  return (
    /(?:Bert|Roberta|Electra|MPNet|Deberta|T5Encoder).*(?:Model|MaskedLM|PreTraining|Classification|QuestionAnswering)$/i.test(
      modelClass,
    ) ||
    architectureFacts(architecture)?.kind === "encoder" ||
    (checkpoint.format === "safetensors" && modelClass === "" && partShare(anatomy, /^token_type$/) > 0)
  );
}

function hasTokenTable(anatomy: Anatomy): boolean {
  return anatomy.buckets.some(
    ({ bucket, parts }) => bucket === "embedding" && parts.some(({ part }) => part === "token"),
  );
}

/** Share of the tensors whose part matches. */
function partShare(anatomy: Anatomy, part: RegExp): number {
  let [matching, all] = [0, 0];
  for (const bucket of anatomy.buckets) {
    for (const count of bucket.parts) {
      all += count.tensors;
      if (part.test(count.part)) matching += count.tensors;
    }
  }
  return all === 0 ? 0 : matching / all;
}

/** The first kind of the table that fits; `unknown` when none does. */
export function modelKind(checkpoint: Checkpoint, facts: ModelFacts, anatomy: Anatomy): ModelKind {
  const type = metadataValue(checkpoint, "general.type");
  const { architectures: classes, _class_name: diffusersClass } = checkpoint.config?.json ?? {};
  const named = Array.isArray(classes) ? classes[0] : diffusersClass;
  const modelClass = typeof named === "string" ? named : "";
  const seen: Seen = {
    checkpoint,
    facts,
    anatomy,
    type: typeof type === "string" ? type : "",
    modelClass,
  };
  return KINDS.find(({ fits }) => fits(seen))?.kind ?? "unknown";
}
