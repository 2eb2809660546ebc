/**
 * The hyper-parameters of a GGUF file by their short names (`block_count` for `llama.block_count`), and whether llama.cpp would load
 * the file by them.
 */
import type { LazyArray, MetadataScalar } from "@checkpoint-inspect/parser";

import { type ArchitectureFacts, architectureFacts } from "../../architectures.ts";
import type { ModelKind } from "../../kind.ts";
import type { Subject } from "../subject.ts";

export interface GgufModel {
  readonly architecture: string;
  /** How models of the architecture are built. */
  readonly built: ArchitectureFacts["kind"];
  /** The whole key, for messages. */
  key(name: string): string;
  value(name: string): MetadataScalar | LazyArray | undefined;
  /** A whole number from 0 up to 2^53. */
  count(name: string): number | undefined;
  /** The number of one layer, where a key holds one number for all layers or one for each. */
  ofLayer(name: string, layer: number): number | undefined;
}

/** Files that hold no model for llama.cpp to load, whatever their keys say. */
const NO_MODEL: ReadonlySet<ModelKind> = new Set<ModelKind>([
  "adapter",
  "control-vector",
  "diffusion",
  "imatrix",
  "projector",
]);

/**
 * Architectures whose loaders take the shapes of attention, feed-forward and norms from the common keys and nothing else, checked against models
 * of each. In others a shape that doesn't fit may have a reason that isn't known here.
 */
const CHECKED: ReadonlySet<string> = new Set([
  ..."afmoe apertus arcee arctic baichuan bert bitnet cohere2 cohere2moe command-r deci dots1 dream ernie4_5".split(
    " ",
  ),
  ..."ernie4_5-moe exaone exaone4 falcon gemma gemma2 gemma3 glm4 glm4moe gpt-oss gpt2 granite granitemoe".split(" "),
  ..."hunyuan-dense hunyuan-moe hunyuan_vl internlm2 jais jais2 llada llama llama4 mimo2 minicpm minimax-m2".split(" "),
  ..."mistral3 nanbeige nemotron olmo olmo2 olmoe orion phi2 phi3 phimoe qwen qwen2 qwen2moe qwen2vl qwen3".split(" "),
  ..."qwen3moe qwen3vl qwen3vlmoe refact seed_oss smallthinker smollm3 stablelm starcoder2 talkie xverse".split(" "),
]);

/** The keys of a model of a known architecture; undefined for any other file. */
export function ggufModel({ checkpoint, metadata, model }: Subject): GgufModel | undefined {
  if (checkpoint.format !== "gguf" || NO_MODEL.has(model.kind)) return undefined;
  const architecture = metadata.get("general.architecture");
  if (typeof architecture !== "string") return undefined;
  const built = architectureFacts(architecture)?.kind;
  // Of a projector the loader reads no hyper-parameters.
  if (!built || architecture === "clip") return undefined;
  const key = (name: string) => `${architecture}.${name}`;
  const value = (name: string) => metadata.get(key(name));
  return {
    architecture,
    built,
    key,
    value,
    count: (name) => asCount(value(name)),
    ofLayer: (name, layer) => {
      const found = value(name);
      return asCount(typeof found === "object" ? found.values?.[layer] : found);
    },
  };
}

/**
 * The same, of files that have the tensors and all the keys of a model: not a vocabulary, not a download that was cut short, and no
 * container of tensors that nothing is known of.
 */
export function wholeGgufModel(subject: Subject): GgufModel | undefined {
  const { kind } = subject.model;
  return subject.complete && kind !== "vocab" && kind !== "unknown" ? ggufModel(subject) : undefined;
}

/** Attention or something like it in every layer, and nothing but tokens to start from: what the plain rules of shapes hold for. */
export function isPlain({ built }: GgufModel): boolean {
  return built === "dense" || built === "moe" || built === "encoder";
}

/** Shapes follow from the common keys alone: what doesn't fit surely stops the loader. */
export function isChecked({ architecture }: GgufModel): boolean {
  return CHECKED.has(architecture);
}

/** Layers that turn tokens into queries, keys and values: what needs heads. */
export function hasAttention({ layers }: Subject): boolean {
  return layers.some(({ mixers }) => mixers.includes("attention"));
}

function asCount(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}
