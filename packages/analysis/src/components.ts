/**
 * The models that a diffusion checkpoint is made of: denoiser, text encoders, autoencoder. Two forms of it exist, folders of
 * diffusers (the parser tells their components) and single files, where prefixes tell them: LDM, and ComfyUI's form of it.
 *
 * Sources: diffusers (pipelines, loaders/single_file_utils.py), ComfyUI (comfy/supported_models.py), CompVis and Stability's
 * configurations of LDM.
 */
import type { Checkpoint, JsonObject, Tensor } from "@checkpoint-inspect/parser";

import type { PlacedTensor } from "./placed-tensor.ts";
import type { Stack } from "./roles/role.ts";

/** A model of a pipeline, as the parser gives it. */
export type Component = NonNullable<Checkpoint["components"]>[number];

export interface ComponentCount {
  /** The component's folder (`unet`), or the prefix that tells it in a single file (`first_stage_model`). */
  readonly name: string;
  readonly className: string | null;
  /** What it does: `denoiser: a UNet`. */
  readonly words: string;
  readonly parameters: number;
  readonly bytes: number;
  readonly tensors: number;
}

// --- folders ------------------------------------------------------------------------------------------------------------

/** Which component a tensor belongs to, in constant time; undefined for any tensor of a checkpoint without components. */
export function componentOf({ components = [] }: Checkpoint): (tensor: Tensor) => Component | undefined {
  const byPart: Component[] = [];
  for (const component of components) {
    for (let i = 0; i < component.partCount; i++) byPart[component.firstPart + i] = component;
  }
  return ({ part }) => byPart[part];
}

/** A tensor's name inside its component: `conv_in.weight` of `unet/conv_in.weight`. */
export function innerName({ name }: Component, tensor: string): string {
  return tensor.slice(name.length + 1);
}

/** The stack of a component's tensor among all stacks: `unet/down_blocks`; its plain stack `text` is called as the component. */
export function componentStack({ name }: Component, stack: Stack): Stack {
  return stack === "text" ? name : `${name}/${stack}`;
}

/**
 * One component as a checkpoint of its own: tensors under their own names, its own config. A diffusers config has no
 * `model_type`; its class stands in for it, so that facts of the view name an architecture.
 */
export function componentView(checkpoint: Checkpoint, component: Component): Checkpoint {
  const { name, className, config, firstTensor, tensorCount } = component;
  const { components: _, config: __, shards: ___, ...rest } = checkpoint;
  const json: JsonObject = { model_type: className, ...config?.json };
  return {
    ...rest,
    label: name,
    config: { file: config?.file ?? `${name}/config.json`, json },
    tensors: checkpoint.tensors
      .slice(firstTensor, firstTensor + tensorCount)
      .map((tensor) => ({ ...tensor, name: innerName(component, tensor.name) })),
  };
}

/**
 * Places the tensors of a pipeline: each by the placer of its own component, its stack under the component's name.
 * @param placerFor makes the placer of one component, from its view
 * @returns undefined for a checkpoint without components
 */
export function componentPlacer(
  checkpoint: Checkpoint,
  placerFor: (view: Checkpoint) => (tensor: Tensor) => PlacedTensor,
): ((tensor: Tensor) => PlacedTensor) | undefined {
  const { components = [] } = checkpoint;
  if (components.length === 0) return undefined;
  const of = componentOf(checkpoint);
  const placers = new Map(components.map((component) => [component, placerFor(componentView(checkpoint, component))]));
  return (tensor) => {
    const component = of(tensor) as Component;
    const place = placers.get(component) as (tensor: Tensor) => PlacedTensor;
    const placed = place({ ...tensor, name: innerName(component, tensor.name) });
    return { ...placed, tensor, role: { ...placed.role, stack: componentStack(component, placed.role.stack) } };
  };
}

// --- words --------------------------------------------------------------------------------------------------------------

/** By the class that loads it; the first that matches. */
const CLASS_WORDS: readonly (readonly [className: RegExp, words: string])[] = [
  [/ControlNet|T2IAdapter/, "control network: steers the denoiser by an image"],
  [/SafetyChecker/, "safety checker"],
  [/Watermark/, "watermark"],
  [/PriorTransformer|Prior$/, "prior: from the text to an image's embedding"],
  [/UNet|UVit/i, "denoiser: a UNet"],
  [/Transformer(?:[23]D)?Model|Transformer[23]D|TransformerModel3D|DiT/, "denoiser: a transformer"],
  [/AutoencoderOobleck|Audio.*(?:VAE|Autoencoder)|Autoencoder.*Audio/, "audio autoencoder"],
  [/Autoencoder.*(?:Wan|Video|CogVideo|Mochi|Cosmos|Temporal|Magvit|Allegro)/, "video autoencoder"],
  [/Autoencoder|VQModel|PaellaVQ|ConsistencyDecoder/, "image autoencoder"],
  [/Vocoder|HifiGan/i, "vocoder: from a spectrogram to sound"],
  [/Vision|ImageEncoder|Dino|Siglip(?!Text)|DPT/i, "image encoder"],
  [/Projection|Connector/, "projection between two of the models"],
  [/MotionAdapter/, "motion layers for the denoiser"],
  [/Upsampl/, "upsampler of latents"],
  [/Text|T5|Clip|Bert|Gemma|Llama|Qwen|GLM|Mistral|Phi|GPT2|Roberta|Conditional|CausalLM|Clap/i, "text encoder"],
];

/** By the name of the component, for classes that no row above knows. */
const NAME_WORDS: readonly (readonly [name: RegExp, words: string])[] = [
  [/^unet/, "denoiser: a UNet"],
  [/^transformer/, "denoiser: a transformer"],
  [/^(?:vae|vqvae|movq|vqgan)/, "image autoencoder"],
  [/^text_encoder/, "text encoder"],
  [/^image_encoder/, "image encoder"],
  [/^controlnet/, "control network: steers the denoiser by an image"],
  [/^prior/, "prior: from the text to an image's embedding"],
];

function componentWords(name: string, className: string): string {
  // A language model with eyes reads the prompt here, whatever its class is called.
  if (/^text_encoder/.test(name)) return "text encoder";
  return (
    CLASS_WORDS.find(([pattern]) => pattern.test(className))?.[1] ??
    NAME_WORDS.find(([pattern]) => pattern.test(name))?.[1] ??
    "component"
  );
}

// --- single files -------------------------------------------------------------------------------------------------------

interface PrefixRow {
  /** Leading segments of the name, without the last dot. No two rows have the same first one. */
  readonly prefix: string;
  readonly words: string;
  /** One more segment tells several models apart: `conditioner.embedders.0`, `text_encoders.t5xxl`. */
  readonly numbered?: boolean;
  /** Occurs in files that are no diffusion checkpoints too: counts only beside another row. */
  readonly weak?: boolean;
}

const DENOISER = "denoiser";

const PREFIXES: readonly PrefixRow[] = [
  { prefix: "model.diffusion_model", words: DENOISER },
  { prefix: "diffusion_model", words: DENOISER, weak: true },
  { prefix: "model_ema", words: "averaged copy of the denoiser, for training" },
  { prefix: "control_model", words: "control network: steers the denoiser by an image" },
  { prefix: "first_stage_model", words: "image autoencoder" },
  { prefix: "vae", words: "image autoencoder", weak: true },
  { prefix: "audio_vae", words: "audio autoencoder", weak: true },
  { prefix: "vocoder", words: "vocoder: from a spectrogram to sound", weak: true },
  { prefix: "cond_stage_model", words: "text encoder" },
  { prefix: "conditioner.embedders", words: "text encoder", numbered: true },
  { prefix: "text_encoders", words: "text encoder", numbered: true, weak: true },
  { prefix: "clip_vision", words: "image encoder", weak: true },
];

const BY_FIRST_SEGMENT: ReadonlyMap<string, PrefixRow> = new Map(
  PREFIXES.map((row) => [row.prefix.split(".", 1)[0] as string, row] as const),
);

/** The row whose prefix a name has. */
function prefixOf(name: string): PrefixRow | undefined {
  const dot = name.indexOf(".");
  if (dot < 0) return undefined;
  const row = BY_FIRST_SEGMENT.get(name.slice(0, dot));
  return row && name.startsWith(row.prefix) && name[row.prefix.length] === "." ? row : undefined;
}

function groupName({ prefix, numbered }: PrefixRow, name: string): string {
  if (!numbered) return prefix;
  const end = name.indexOf(".", prefix.length + 1);
  return end < 0 ? prefix : name.slice(0, end);
}

/** Whether the names are those of a single-file diffusion checkpoint: a denoiser or autoencoder under LDM's prefixes. */
export function isSingleFileDiffusion({ tensors }: Pick<Checkpoint, "tensors">): boolean {
  const rows = new Set<PrefixRow>();
  for (const { name } of tensors) {
    const row = prefixOf(name);
    if (row && !row.weak) return true;
    if (row) rows.add(row);
    if (rows.size > 1) return true;
  }
  return false;
}

// --- counting -----------------------------------------------------------------------------------------------------------

/** More groups than any checkpoint has models: the names of a file must not make millions of rows. */
const MAX_ROWS = 64;

/** A UNet of LDM has input blocks, whatever its prefix. */
const UNET = /\.(?:input_blocks|down_blocks)\./;

type Count = { -readonly [K in keyof ComponentCount]: ComponentCount[K] };

/**
 * Counts each component, tensor by tensor. `rows` closes the account: in the order of the folder's index, or of the file;
 * empty for a checkpoint that isn't made of several models.
 */
export function componentCollector(checkpoint: Checkpoint): {
  visit(placed: PlacedTensor): void;
  rows(): readonly ComponentCount[];
} {
  const { components } = checkpoint;
  const of = componentOf(checkpoint);
  const counts = new Map<string, Count>();
  const used = new Set<PrefixRow>();
  const rest = emptyCount("other", null, "noise schedule and other values");
  let unets = 0;

  /** In a folder by part, in a single file by prefix. */
  function countFor(tensor: Tensor): Count {
    const component = of(tensor);
    const row = component ? undefined : prefixOf(tensor.name);
    if (!component && !row) return rest;
    if (row) used.add(row);
    const name = component?.name ?? groupName(row as PrefixRow, tensor.name);
    let count = counts.get(name);
    if (!count) {
      if (counts.size >= MAX_ROWS) return rest;
      count = component
        ? emptyCount(name, component.className, componentWords(name, component.className))
        : emptyCount(name, null, (row as PrefixRow).words);
      counts.set(name, count);
    }
    if (count.words === DENOISER && UNET.test(tensor.name)) unets++;
    return count;
  }

  function visit({ tensor, parameters }: PlacedTensor): void {
    const count = countFor(tensor);
    count.parameters += parameters;
    count.bytes += tensor.sizeBytes;
    count.tensors++;
  }

  function rows(): readonly ComponentCount[] {
    if (components) return [...counts.values()];
    if (used.size < 2 && ![...used].some(({ weak }) => !weak)) return [];
    const found = [...counts.values()].map((count) =>
      count.words === DENOISER ? { ...count, words: `denoiser: ${unets > 0 ? "a UNet" : "a transformer"}` } : count,
    );
    return rest.tensors > 0 ? [...found, rest] : found;
  }

  return { visit, rows };
}

function emptyCount(name: string, className: string | null, words: string): Count {
  return { name, className, words, parameters: 0, bytes: 0, tensors: 0 };
}
