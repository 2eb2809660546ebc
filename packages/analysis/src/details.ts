/**
 * What only some kinds of checkpoint have to say of themselves: image sizes, pooling, what an importance matrix is from, state
 * sizes. Each is a row of a table, taken from GGUF metadata, config.json, or facts; what nobody states is absent.
 *
 * Sources: gguf-py constants.py and llama.cpp tools/mtmd/clip-impl.h (clip.*), tools/imatrix and tools/cvector-generator
 * (imatrix.*, controlvector.*), the configuration classes of transformers.
 */

import type { Checkpoint } from "@checkpoint-inspect/parser";
import { type ModelFacts, metadataValue } from "./facts.ts";
import { isObject } from "./json.ts";
import type { ModelKind } from "./kind.ts";
import type { Layer } from "./layers.ts";
import { formatCount, formatExact } from "./units.ts";

export interface ModelDetail {
  /** Stable name, for scripts. */
  readonly key: string;
  /** What it is about; details with one label stand in one row. */
  readonly label: string;
  readonly value: number | string;
  /** A phrase with the value in it. */
  readonly words: string;
}

interface Subject {
  readonly checkpoint: Checkpoint;
  readonly facts: ModelFacts;
  readonly kind: ModelKind;
  readonly layers: readonly Layer[];
  readonly mixer: "attention" | "recurrent" | "hybrid" | null;
  /** The token vectors go through a layer of their own that shapes the text's vector. */
  readonly reshaped: boolean;
}

type Value = number | string | undefined;

interface DetailRow {
  readonly key: string;
  readonly label: string;
  /** Which checkpoints it is asked of. */
  readonly of: (subject: Subject) => boolean;
  readonly gguf?: readonly string[];
  /** In config.json: in the vision or audio part first, then at the root. */
  readonly config?: readonly string[];
  /** In place of a key. */
  readonly read?: (subject: Subject) => Value;
  readonly words: (value: number | string) => string;
}

const isKind =
  (...kinds: ModelKind[]) =>
  ({ kind }: Subject) =>
    kinds.includes(kind);
const isRecurrent = ({ mixer }: Subject) => mixer === "recurrent" || mixer === "hybrid";

const shown = (value: number | string) => (typeof value === "number" ? formatExact(value) : value);

/** llama.cpp, enum llama_pooling_type. */
const POOLING: Readonly<Record<number, string>> = {
  1: "mean of the tokens' vectors",
  2: "vector of the first token (CLS)",
  3: "vector of the last token",
  4: "score of a classifier (rank)",
};

/** Classes that tell labels apart. Others carry the two labels that transformers writes into every config. */
const CLASSIFIES = /For\w*(?:Classification|ObjectDetection|Segmentation)$/;

const DETAILS: readonly DetailRow[] = [
  {
    key: "pipeline",
    label: "Pipeline",
    of: ({ checkpoint }) => checkpoint.components !== undefined,
    config: ["_class_name"],
    words: (name) => `${name}, the class of diffusers that runs it`,
  },

  // Images
  {
    key: "imageSize",
    label: "Image",
    of: isKind("vision", "projector"),
    gguf: ["clip.vision.image_size"],
    config: ["image_size"],
    words: (size) => (typeof size === "number" ? `${formatExact(size)} pixels a side` : `${size} pixels`),
  },
  {
    key: "patchSize",
    label: "Image",
    of: isKind("vision", "projector"),
    gguf: ["clip.vision.patch_size"],
    config: ["patch_size"],
    words: (size) => `in patches of ${shown(size)}${typeof size === "number" ? ` by ${formatExact(size)}` : ""}`,
  },
  {
    key: "imageChannels",
    label: "Image",
    of: isKind("vision", "projector"),
    config: ["num_channels"],
    words: (count) => `${shown(count)} ${count === 1 ? "channel" : "channels"}`,
  },
  {
    key: "towerWidth",
    label: "Tower",
    of: isKind("projector"),
    gguf: ["clip.vision.embedding_length", "clip.audio.embedding_length"],
    words: (width) => `${shown(width)} wide`,
  },
  {
    key: "towerHeads",
    label: "Tower",
    of: isKind("projector"),
    gguf: ["clip.vision.attention.head_count", "clip.audio.attention.head_count"],
    words: (heads) => `${shown(heads)} ${heads === 1 ? "head" : "heads"}`,
  },
  {
    key: "towerFeedForward",
    label: "Tower",
    of: isKind("projector"),
    gguf: ["clip.vision.feed_forward_length", "clip.audio.feed_forward_length"],
    words: (width) => `FFN ${shown(width)}`,
  },
  {
    key: "projectorType",
    label: "Projector",
    of: isKind("projector"),
    gguf: ["clip.projector_type", "clip.vision.projector_type", "clip.audio.projector_type"],
    words: (type) => `type ${type}`,
  },
  {
    key: "projectionWidth",
    label: "Projector",
    of: isKind("projector", "vision"),
    gguf: ["clip.vision.projection_dim", "clip.audio.projection_dim"],
    config: ["projection_dim"],
    words: (width) => `gives vectors of ${shown(width)}`,
  },

  // What comes out
  {
    key: "classes",
    label: "Classes",
    of: isKind("vision", "encoder", "embedding", "speech"),
    read: classes,
    words: (count) => `${shown(count)} that it tells apart`,
  },
  {
    key: "pooling",
    label: "Vector",
    of: isKind("embedding"),
    read: ({ checkpoint, facts }) => {
      const type = metadataValue(checkpoint, `${facts.architecture}.pooling_type`);
      return typeof type === "number" ? POOLING[type] : undefined;
    },
    words: (words) => `the ${words}`,
  },
  {
    key: "vectorWidth",
    label: "Vector",
    of: ({ kind, reshaped }) => kind === "embedding" && !reshaped,
    read: ({ facts }) => facts.hiddenSize,
    words: (width) => `${shown(width)} numbers for a text`,
  },
  {
    key: "output",
    label: "Output",
    of: isKind("reranker"),
    read: () => "one number",
    words: (value) => `scores a pair of texts: ${value}`,
  },

  // Sound, and models of two stacks
  {
    key: "melBins",
    label: "Sound",
    of: isKind("speech", "projector"),
    gguf: ["clip.audio.num_mel_bins"],
    config: ["num_mel_bins"],
    words: (bins) => `${shown(bins)} mel bins`,
  },
  {
    key: "audioPositions",
    label: "Sound",
    of: isKind("speech"),
    config: ["max_source_positions"],
    words: (count) => `${shown(count)} positions at most`,
  },
  {
    key: "encoderParameters",
    label: "Stacks",
    of: isKind("speech", "encoder-decoder"),
    read: (subject) => stackParameters(subject, "encoder"),
    words: (count) => `${formatCount(Number(count))} in the encoder's layers`,
  },
  {
    key: "decoderParameters",
    label: "Stacks",
    of: isKind("speech", "encoder-decoder"),
    read: (subject) => stackParameters(subject, "decoder"),
    words: (count) => `${formatCount(Number(count))} in the decoder's layers`,
  },

  // Mixers with a state
  {
    key: "stateSize",
    label: "Mixer",
    of: isRecurrent,
    read: ({ facts }) => facts.ssmStateSize,
    words: (size) => `state ${shown(size)}`,
  },
  {
    key: "mixerWidth",
    label: "Mixer",
    of: isRecurrent,
    read: ({ facts }) => facts.ssmInnerSize,
    words: (width) => `inner width ${shown(width)}`,
  },
  {
    key: "convolutionWidth",
    label: "Mixer",
    of: isRecurrent,
    read: ({ facts }) => facts.ssmConvKernel ?? facts.linearConvKernel,
    words: (width) => `convolution over ${shown(width)} tokens`,
  },
  {
    key: "mixerHeadSize",
    label: "Mixer",
    of: isRecurrent,
    read: ({ checkpoint, facts }) =>
      value(metadataValue(checkpoint, `${facts.architecture}.wkv.head_size`)) ??
      facts.linearKeyHeadDim ??
      value(checkpoint.config?.json.mamba_head_dim ?? checkpoint.config?.json.mamba_d_head),
    words: (size) => `heads of ${shown(size)}`,
  },

  // Files that are no models
  {
    key: "datasets",
    label: "Made from",
    of: isKind("imatrix"),
    read: ({ checkpoint }) => {
      const names = metadataValue(checkpoint, "imatrix.datasets");
      return typeof names === "object" ? value(names.values?.slice(0, DATASETS_NAMED).join(", ")) : value(names);
    },
    words: (names) => `${names}`,
  },
  {
    key: "chunks",
    label: "Made from",
    of: isKind("imatrix"),
    gguf: ["imatrix.chunk_count"],
    words: (count) => `${shown(count)} ${count === 1 ? "chunk" : "chunks"} of text`,
  },
  {
    key: "chunkTokens",
    label: "Made from",
    of: isKind("imatrix"),
    gguf: ["imatrix.chunk_size"],
    words: (tokens) => `${shown(tokens)} tokens a chunk`,
  },
  {
    key: "modelHint",
    label: "Made for",
    of: isKind("control-vector"),
    gguf: ["controlvector.model_hint"],
    words: (name) => `models of type ${name}`,
  },
  {
    key: "layersCovered",
    label: "Made for",
    of: isKind("control-vector"),
    read: ({ layers }) => {
      const [first, last] = [layers[0]?.index, layers.at(-1)?.index];
      return first === undefined || last === undefined ? undefined : first === last ? `${first}` : `${first}-${last}`;
    },
    words: (range) => `layers ${range}`,
  },
  {
    key: "width",
    label: "Made for",
    of: isKind("control-vector"),
    // Every direction is a vector of the model's width.
    read: ({ layers: [first] }) => (first && first.tensors === 1 ? first.parameters : undefined),
    words: (width) => `vectors of ${shown(width)}`,
  },
  {
    key: "tokenizer",
    label: "Tokenizer",
    of: isKind("vocab"),
    gguf: ["tokenizer.ggml.model"],
    words: (name) => `of type ${name}`,
  },
  {
    key: "pretokenizer",
    label: "Tokenizer",
    of: isKind("vocab"),
    gguf: ["tokenizer.ggml.pre"],
    words: (name) => `texts are split by the rules of ${name}`,
  },
];

/** Names of datasets that are told; one is usual. */
const DATASETS_NAMED = 5;
/** Longest text of a file that is taken over; real ones are a few words. */
const MAX_TEXT = 200;

/** A number above 0 or a text; a pair of equal numbers is one number, of different ones "224 x 336". */
function value(found: unknown): Value {
  if (typeof found === "number") return Number.isFinite(found) && found > 0 ? found : undefined;
  if (typeof found === "string") return found !== "" && found.length <= MAX_TEXT ? found : undefined;
  if (!Array.isArray(found) || found.length !== 2 || !found.every((one) => typeof one === "number")) return undefined;
  return found[0] === found[1] ? value(found[0]) : found.join(" x ");
}

function classes({ checkpoint: { config } }: Subject): Value {
  const { architectures, num_labels: stated, id2label } = config?.json ?? {};
  if (!Array.isArray(architectures) || !CLASSIFIES.test(String(architectures[0]))) return undefined;
  return value(isObject(id2label) ? Object.keys(id2label).length : stated);
}

function stackParameters({ layers }: Subject, stack: string): Value {
  return value(layers.reduce((sum, layer) => (layer.stack === stack ? sum + layer.parameters : sum), 0));
}

const TOWER_CONFIGS = ["vision_config", "audio_config"] as const;

function stated({ checkpoint }: Subject, { gguf = [], config = [] }: DetailRow): Value {
  for (const key of gguf) {
    const found = value(metadataValue(checkpoint, key));
    if (found !== undefined) return found;
  }
  const root = checkpoint.config?.json ?? {};
  for (const scope of [...TOWER_CONFIGS.map((name) => root[name]).filter(isObject), root]) {
    for (const key of config) {
      const found = value(scope[key]);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** The details of a checkpoint, in the order of the table. */
export function modelDetails(subject: Subject): readonly ModelDetail[] {
  return DETAILS.flatMap((row) => {
    if (!row.of(subject)) return [];
    const found = row.read ? value(row.read(subject)) : stated(subject, row);
    return found === undefined ? [] : [{ key: row.key, label: row.label, value: found, words: row.words(found) }];
  });
}
