/**
 * What kind of checkpoint it is. An ordered table: the first row that fits decides.
 *
 * Signs, the surest first: what GGUF says of itself, the class that loads the model (transformers' `architectures`, diffusers'
 * `_class_name`), files beside the weights, the roles of the tensors, and names that only one family has.
 */

import type { Checkpoint, JsonObject } from "@checkpoint-inspect/parser";
import { isAdapter } from "./adapter-names.ts";
import type { Anatomy } from "./anatomy.ts";
import { architectureFacts } from "./architectures.ts";
import { isSingleFileDiffusion } from "./components.ts";
import { type ModelFacts, metadataValue } from "./facts.ts";
import { isObject } from "./json.ts";
import { bucketParameters } from "./moe.ts";
import type { Report } from "./report.ts";

export type ModelKind =
  | "llm"
  | "draft"
  | "encoder"
  | "embedding"
  | "reranker"
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
  draft: "draft model",
  encoder: "encoder",
  embedding: "embedding model",
  reranker: "reranker",
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

/**
 * The kind with what sets the model apart, for a title: "language model with vision, dense", "DoRA adapter". Of other kinds
 * than language models nothing is added.
 */
export function kindTitle({
  model,
  adapter,
  parameters,
  experts,
}: Pick<Report, "model" | "adapter" | "parameters" | "experts">): string {
  if (adapter) return `${adapter.method} adapter`;
  const words = KIND_WORDS[model.kind];
  if (model.kind !== "llm") return words;
  const towers = parameters.aside.filter(
    ({ what, parameters: count }) => (what === "vision" || what === "audio") && count > 0,
  );
  const sees = towers.length > 0 ? ` with ${towers.map(({ what }) => what).join(" and ")}` : "";
  const mixer = model.mixer === null || model.mixer === "attention" ? "" : `, ${model.mixer}`;
  return `${words}${sees}, ${experts ? "mixture of experts" : "dense"}${mixer}`;
}

interface Seen {
  readonly checkpoint: Checkpoint;
  readonly facts: ModelFacts;
  readonly anatomy: Anatomy;
  readonly isGguf: boolean;
  /** `general.type` of GGUF. */
  readonly type: string;
  /** First entry of `architectures` in config.json, or `_class_name` of diffusers: the class that loads it. */
  readonly modelClass: string;
  readonly config: JsonObject;
}

function anyOf(...patterns: string[]): RegExp {
  return new RegExp(patterns.join("|"), "i");
}

// --- classes: transformers' and diffusers' names -------------------------------------------------------------------------

const DIFFUSION_CLASS =
  /UNet|Transformer[23]D|TransformerModel3D|Autoencoder|ControlNet|T2IAdapter|DiT|VQModel|Pipeline$/;

/** By family, then by task. */
const SPEECH_CLASS = anyOf(
  "Whisper|SpeechSeq2Seq|Wav2Vec|WavLM|Parakeet|Moonshine|Hubert|UniSpeech|SpeechT5|SeamlessM4T|Speech2Text|FastSpeech|Musicgen",
  "Encodec|XCodec|Kyutai|Univnet|AudioSpectrogramTransformer|^(?:SEW|Bark|Vits|Dac|Mimi|Csm|DiaFor|Snac|ASTFor|Clap)",
  "For(?:CTC|AudioClassification|AudioFrameClassification|XVector|AudioTokenization)",
);

/** By task, then towers, then pairs of towers that put images and texts side by side, then families. */
const VISION_CLASS = anyOf(
  "For(?:Masked|ZeroShot)?Image(?:Classification|Modeling|Segmentation|Matting|ToImage)|For(?:ZeroShot)?ObjectDetection",
  "For(?:Semantic|Instance|Universal)?Segmentation|ForDepthEstimation|ForKeypoint|ForPoseEstimation|ForMaskGeneration",
  "ForVideoClassification|Vision(?:Model|Transformer)(?:WithProjection)?$|VisionTower",
  "^(?:CLIP|ChineseCLIP|AltCLIP|EvaCLIP|MetaClip2?|XCLIP|Siglip2?|Align|OwlViT|Owlv2)Model$",
  "^(?:ViT|DeiT|Beit|Dinov2|DINOv3|IJepa|VJEPA2|Swin|ConvNext|ResNet|RegNet|MobileNet|MobileViT|EfficientNet|Hiera|Pvt)\\w*(?:Model|Backbone)$",
  "^(?:Segformer|Sam2?|SamHQ|PoolFormer|LevIt|Cvt|Depth\\w+|Dpt|VideoMAE|Timesformer|TimmWrapper|Detr|Yolos)(?:Model|Backbone)$",
);

/** Small models that guess tokens for a large one to check: EAGLE, Medusa, and the speculators of vLLM. NVIDIA's Eagle is a VLM. */
const DRAFT_CLASS = /Eagle3?(?!.*VL)|Medusa|Speculator|DraftModel|HydraModel|DFlash/i;
const DRAFT_ARCHITECTURES: ReadonlySet<string> = new Set(["eagle3", "dflash", "gemma4-assistant"]);

const SEQ2SEQ_CLASS =
  /T5|Bart|Marian|Pegasus|SwitchTransformers|M2M100|Nllb|ProphetNet|FSMT|Blenderbot|^LED|EncoderDecoder|Florence2/;

const ENCODER_CLASS = anyOf(
  "(?:Bert|Roberta|Electra|MPNet|Deberta|XLNet|XLM|Longformer|BigBird|Funnel|Nystromformer|Flaubert|LayoutLM|^Esm|^Ernie(?!\\d)|" +
    "T5Encoder|CLIPText|Siglip2?Text)\\w*(?:Model|MaskedLM|PreTraining|Classification|QuestionAnswering|MultipleChoice|Projection)$",
  "ForMaskedLM$",
);

const EMBEDDING_CLASS = /Embed(?:ding)?s?(?:Model)?$|^JinaEmbeddings|^Col(?:Pali|Qwen|BERT)|SentenceTransformer/;

// --- other signs ---------------------------------------------------------------------------------------------------------

/** Files that sentence-transformers writes beside an embedding model. */
const EMBEDDING_SIDECARS: ReadonlySet<string> = new Set([
  "modules.json",
  "config_sentence_transformers.json",
  "sentence_bert_config.json",
]);

/** llama.cpp, enum llama_pooling_type: mean, CLS, last token; 0 is none, -1 unspecified. */
const POOLED: ReadonlySet<unknown> = new Set([1, 2, 3]);
/** The same: a score for a pair of texts. */
const RANK_POOLING = 4;

/** What the converters of ComfyUI-GGUF and stable-diffusion.cpp write as `general.architecture`. */
const GGUF_DIFFUSION: ReadonlySet<string> = new Set([
  "sd1",
  "sd2",
  "sdxl",
  "sd3",
  "flux",
  "flux2",
  "aura",
  "auraflow",
  "chroma",
  "cosmos",
  "hidream",
  "hyvid",
  "hunyuan_video",
  "ltxv",
  "lumina2",
  "mochi",
  "omnigen2",
  "pixart",
  "pig",
  "qwen_image",
  "wan",
  "z_image",
  "zimage",
]);

/** GGUF architectures that speak or hear, and no text model. */
const GGUF_SPEECH: ReadonlySet<string> = new Set(["pockettts", "qwen3tts", "wavtokenizer-dec", "whisper"]);

/** First segments of names that together only a denoiser or an autoencoder has, without any prefix or config. */
const DIFFUSION_SEGMENTS: readonly (readonly string[])[] = [
  ["double_blocks", "single_blocks"], // FLUX, HunyuanVideo, Chroma
  ["double_blocks", "final_layer"], // Hunyuan image
  ["joint_blocks", "x_embedder"], // SD3
  ["double_layers", "single_layers"], // AuraFlow, and the same in diffusers
  ["joint_transformer_blocks", "single_transformer_blocks"],
  ["transformer_blocks", "proj_out"], // transformers of diffusers, LTX
  ["transformer_blocks", "proj_out_1"], // DiT
  ["noise_refiner", "context_refiner"], // Lumina 2, Z-Image
  ["input_blocks", "middle_block", "output_blocks"], // UNets of LDM
  ["input_blocks", "zero_convs"], // ControlNet of LDM
  ["down_blocks", "up_blocks", "time_embedding"], // UNets of diffusers
  ["down_blocks", "controlnet_down_blocks"],
  ["patch_embedding", "time_embedding", "blocks"], // Wan
  ["patch_embedding", "condition_embedder", "blocks"], // Wan in diffusers
  ["encoder", "decoder", "quant_conv"], // autoencoders with a convolution on each side of the latent
  ["encoder", "decoder", "post_quant_conv"],
];

const KINDS: readonly { readonly kind: ModelKind; fits(seen: Seen): boolean }[] = [
  { kind: "imatrix", fits: ({ type, anatomy }) => type === "imatrix" || partShare(anatomy, /^imatrix$/) > 0.5 },
  {
    kind: "control-vector",
    fits: ({ facts, anatomy }) =>
      facts.architecture === "controlvector" || partShare(anatomy, /^control_vector$/) > 0.5,
  },
  {
    kind: "adapter",
    fits: ({ type, anatomy, checkpoint }) =>
      type === "adapter" ||
      // Names that the roles don't know are read once more, but only where there is a reason.
      ((checkpoint.adapterConfig !== undefined || partShare(anatomy, /^lora|unknown$/) > 0.5) && isAdapter(checkpoint)),
  },
  // `clip` is what llama.cpp calls any projector file; transformers has a model of that name.
  {
    kind: "projector",
    fits: ({ type, isGguf, facts }) => type === "mmproj" || (isGguf && facts.architecture === "clip"),
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
  { kind: "diffusion", fits: isDiffusion },
  { kind: "draft", fits: isDraft },
  {
    kind: "speech",
    fits: ({ modelClass, anatomy, facts, isGguf }) =>
      (isGguf && GGUF_SPEECH.has(facts.architecture ?? "")) ||
      SPEECH_CLASS.test(modelClass || facts.architecture || "") ||
      (bucketParameters(anatomy, "audio") > 0 && !hasTokenTable(anatomy)),
  },
  { kind: "reranker", fits: isReranker },
  {
    kind: "embedding",
    fits: ({ checkpoint, facts, modelClass }) =>
      /^(gemma-embedding|llama-embed)$/.test(facts.architecture ?? "") ||
      POOLED.has(metadataValue(checkpoint, `${facts.architecture}.pooling_type`)) ||
      (checkpoint.sidecars?.some((name) => EMBEDDING_SIDECARS.has(name)) ?? false) ||
      EMBEDDING_CLASS.test(modelClass),
  },
  {
    kind: "encoder-decoder",
    fits: ({ modelClass, facts, isGguf, anatomy, config }) =>
      !/Encoder(?!Decoder)/.test(modelClass) &&
      (SEQ2SEQ_CLASS.test(modelClass) ||
        (isGguf && facts.architecture === "t5") ||
        // Some language models look at images through cross-attention.
        (!("vision_config" in config) && partShare(anatomy, /^cross\./) > 0.05)),
  },
  { kind: "encoder", fits: isEncoder },
  {
    kind: "vision",
    fits: ({ anatomy, modelClass, config }) =>
      VISION_CLASS.test(modelClass) ||
      // timm
      "pretrained_cfg" in config ||
      (bucketParameters(anatomy, "vision") > 0 && bucketParameters(anatomy, "attention") === 0),
  },
  {
    kind: "llm",
    fits: ({ anatomy, modelClass }) =>
      /CausalLM|ForConditionalGeneration|LMHead|ImageTextToText|Vision2Seq/.test(modelClass) ||
      (hasTokenTable(anatomy) && bucketParameters(anatomy, "attention") > 0),
  },
];

function isDiffusion({ modelClass, anatomy, checkpoint, facts, isGguf, config }: Seen): boolean {
  if (checkpoint.components || "_diffusers_version" in config || DIFFUSION_CLASS.test(modelClass)) return true;
  const { architecture = "" } = facts;
  if (isGguf && GGUF_DIFFUSION.has(architecture)) return true;
  // What says what it is needs no guessing by names.
  if (modelClass !== "" || "model_type" in config || architectureFacts(architecture)) return false;
  if (isSingleFileDiffusion(checkpoint)) return true;
  const first = firstSegments(checkpoint);
  if (DIFFUSION_SEGMENTS.some((segments) => segments.every((segment) => first.has(segment)))) return true;
  // By its parts alone only a whole model: a convolution or two make no UNet.
  return checkpoint.tensors.length > 100 && partShare(anatomy, /^(conv|modulation|conditioning)/) > 0.3;
}

/** More first segments than any model has; names of a file that goes on like that say nothing. */
const MAX_SEGMENTS = 1000;

function firstSegments({ tensors }: Checkpoint): ReadonlySet<string> {
  const first = new Set<string>();
  for (const { name } of tensors) {
    const dot = name.indexOf(".");
    first.add(dot < 0 ? name : name.slice(0, dot));
    if (first.size > MAX_SEGMENTS) break;
  }
  return first;
}

/** By its class or architecture; without them by EAGLE-3's maps between a small vocabulary and the whole one. */
function isDraft({ modelClass, facts: { architecture = "" }, isGguf, config, checkpoint }: Seen): boolean {
  if (DRAFT_CLASS.test(modelClass) || "speculators_model_type" in config) return true;
  if (isGguf) return DRAFT_ARCHITECTURES.has(architecture);
  return checkpoint.tensors.length < 100 && checkpoint.tensors.some(({ name }) => name === "d2t");
}

/**
 * One score for a text or a pair of them: llama.cpp's rank pooling, or a class that gives one label. (Reward models look the same
 * from outside.)
 */
function isReranker({ checkpoint, facts, modelClass, config }: Seen): boolean {
  if (metadataValue(checkpoint, `${facts.architecture}.pooling_type`) === RANK_POOLING) return true;
  if (/Reranker|CrossEncoder/i.test(modelClass)) return true;
  return /ForSequenceClassification$/.test(modelClass) && labelCount(config, checkpoint) === 1;
}

/** Ends of the tensor whose rows are the labels. */
const CLASSIFIER =
  /(?:^|\.)(?:classifier|score|classifier\.out_proj|classification_head\.out_proj|logits_proj\.summary|head)\.weight$/;

/** What config states; else the rows of the last layer. */
function labelCount({ num_labels, id2label }: JsonObject, { tensors }: Checkpoint): number | undefined {
  if (typeof num_labels === "number") return num_labels;
  if (isObject(id2label)) return Object.keys(id2label).length;
  const heads = tensors.filter(({ name, shape }) => shape.length === 2 && CLASSIFIER.test(name));
  return heads.at(-1)?.shape[0];
}

/** Reads a text in both directions: by its class, by what llama.cpp knows of the architecture, or by BERT's own parts. */
function isEncoder({ facts: { architecture = "" }, modelClass, anatomy, isGguf }: Seen): boolean {
  return (
    ENCODER_CLASS.test(modelClass) ||
    architectureFacts(architecture)?.kind === "encoder" ||
    (!isGguf && modelClass === "" && partShare(anatomy, /^token_type$/) > 0)
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
  const config = checkpoint.config?.json ?? {};
  const { architectures: classes, _class_name: diffusersClass } = config;
  const named = Array.isArray(classes) ? classes[0] : diffusersClass;
  const seen: Seen = {
    checkpoint,
    facts,
    anatomy,
    isGguf: checkpoint.format === "gguf",
    type: typeof type === "string" ? type : "",
    modelClass: typeof named === "string" ? named : "",
    config,
  };
  return KINDS.find(({ fits }) => fits(seen))?.kind ?? "unknown";
}
