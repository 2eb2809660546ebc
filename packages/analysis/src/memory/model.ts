/**
 * What a checkpoint is to a machine that runs it: bytes to load, what is kept of a text, the shape of the work. Made once; plans for
 * any context, type or GPU follow from it (plan.ts, devices.ts, fit.ts).
 */
import type { Checkpoint } from "@checkpoint-inspect/parser";

import type { ModelDescription } from "../describe-model.ts";
import type { ModelFacts } from "../facts.ts";
import type { ModelKind } from "../kind.ts";
import type { Layer } from "../layers.ts";
import type { Experts } from "../moe.ts";
import type { LayerTraits } from "../patterns/traits.ts";
import type { CacheSpec } from "./cache/cache.ts";
import { configCache } from "./cache/config-cache.ts";
import { ggufCache } from "./cache/gguf-cache.ts";
import { type ServingInput, servingInput } from "./compute/serving-compute.ts";
import { type GgufHparams, ggufHparams } from "./gguf-hparams.ts";
import type { Engine } from "./settings.ts";
import type { WeightInventory } from "./weights/inventory.ts";

export interface MemoryModel {
  readonly engine: Engine;
  readonly kind: ModelKind;
  readonly weights: WeightInventory;
  readonly tensors: number;
  readonly cache: CacheSpec;
  /** Blocks of the main stack, as a runtime counts them for its split over devices. */
  readonly blocks: number;
  /** Tokens that it was trained for; null where nobody says. */
  readonly contextLength: number | null;
  /** What the size of the compute buffer follows from; null where facts are missing, which `shapeMissing` names. */
  readonly shape: GgufHparams | ServingInput | null;
  readonly shapeMissing: readonly string[];
  readonly parameters: { readonly total: number; readonly active: number | null };
  /** False where parts or tensors are missing: weights are then those that are here. */
  readonly complete: boolean;
}

/** What {@link memoryModel} is told from. */
export interface ToRun {
  readonly checkpoint: Checkpoint;
  readonly facts: ModelFacts;
  readonly model: ModelDescription;
  readonly experts: Experts | undefined;
  readonly layers: readonly Layer[];
  readonly traits: readonly LayerTraits[];
  readonly weights: WeightInventory;
  readonly complete: boolean;
  readonly parameters: { readonly total: number; readonly active: number | null };
}

function widest(width: number | readonly number[] | null): number | null {
  return typeof width === "object" && width !== null ? Math.max(0, ...width) : width;
}

/** Files that nothing runs by itself. */
const NOT_RUN: ReadonlySet<ModelKind> = new Set<ModelKind>(["adapter", "vocab", "imatrix", "control-vector"]);

/** Kinds that read no text, or of which it isn't known whether they do. */
const NO_TEXT: ReadonlySet<ModelKind> = new Set<ModelKind>(["diffusion", "vision", "projector"]);

/** undefined where nothing is run, or nothing is there to load. */
export function memoryModel(about: ToRun): MemoryModel | null {
  const { checkpoint, model, weights, parameters, complete, facts } = about;
  if (NOT_RUN.has(model.kind) || weights.bytes === 0) return null;
  const common = {
    kind: model.kind,
    weights,
    tensors: checkpoint.tensors.length,
    contextLength: model.contextLength,
    parameters,
    complete,
  };
  if (checkpoint.format === "gguf") {
    const hparams = ggufHparams(checkpoint);
    const known = "missing" in hparams ? null : hparams;
    const missing = "missing" in hparams ? hparams.missing : [];
    return {
      ...common,
      engine: "llama.cpp",
      cache: known ? ggufCache(known) : { groups: [], missing, notes: [], padsValues: false },
      blocks: known?.layersAll ?? weights.blocks.length,
      shape: known,
      shapeMissing: missing,
    };
  }
  const cache: CacheSpec = NO_TEXT.has(model.kind)
    ? { groups: [], none: "it keeps nothing of a text between tokens", missing: [], notes: [], padsValues: false }
    : configCache(checkpoint, { ...about, kind: model.kind });
  const input = servingInput({
    facts,
    vocabulary: model.vocabularySize,
    widths: {
      dense: widest(model.feedForwardSize),
      expert: model.expertFeedForwardSize,
      used: about.experts?.usedPerToken ?? null,
    },
  });
  return {
    ...common,
    engine: "vllm",
    cache,
    blocks: facts.layers ?? weights.blocks.length,
    shape: "missing" in input ? null : input,
    shapeMissing: "missing" in input ? input.missing : [],
  };
}
