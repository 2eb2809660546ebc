/**
 * The model as one would describe it: what it is called, its kind, and the sizes that people compare models by.
 *
 * Sizes come from metadata and config, and are shown only where a tensor has them: a config may state the width of a
 * feed-forward network that no layer has. What tensors show beyond doubt goes before what is stated.
 */
import type { Checkpoint } from "@checkpoint-inspect/parser";

import type { Anatomy } from "./anatomy.ts";
import { type ModelDetail, modelDetails } from "./details.ts";
import type { ModelFacts } from "./facts.ts";
import { type ModelKind, modelKind } from "./kind.ts";
import type { Layer } from "./layers.ts";
import { denseWidth, type MeasuredSizes } from "./measured-sizes.ts";
import { bucketParameters } from "./moe.ts";
import type { LayerTraits } from "./patterns/traits.ts";
import type { LayerPattern } from "./patterns.ts";
import { asideStack, type Bucket } from "./roles/role.ts";

export interface ModelDescription {
  readonly architecture: string | null;
  readonly name: string | null;
  readonly kind: ModelKind;
  readonly layers: number | null;
  readonly contextLength: number | null;
  readonly hiddenSize: number | null;
  readonly vocabularySize: number | null;
  readonly attentionHeads: number | readonly number[] | null;
  readonly kvHeads: number | readonly number[] | null;
  /** Width by which a query and a key are compared; of latent attention with its rotary part. */
  readonly headDim: number | null;
  /** Latent attention: what the cache keeps of a token in each layer, in place of keys and values. */
  readonly latentKv?: {
    /** The compressed keys and values. */
    readonly rank: number;
    /** The rotary part beside them. */
    readonly rope: number;
  };
  /** Of the dense feed-forward networks; null where there are none. */
  readonly feedForwardSize: number | readonly number[] | null;
  /** Of one routed expert. */
  readonly expertFeedForwardSize: number | null;
  /** Of the shared experts together, where it is stated. */
  readonly sharedExpertFeedForwardSize: number | null;
  /** null where no layer uses one. */
  readonly slidingWindow: number | null;
  /** The input table works as the head: no head is stored, or the stored one is a copy. null where nothing scores tokens. */
  readonly tiedEmbeddings: boolean | null;
  /** What mixes the tokens: attention, a recurrent mixer (state-space, linear attention, RWKV, short convolution), or both. */
  readonly mixer: "attention" | "recurrent" | "hybrid" | null;
  /** What only its kind has to say. */
  readonly details: readonly ModelDetail[];
}

export interface Described {
  readonly checkpoint: Checkpoint;
  readonly facts: ModelFacts;
  readonly anatomy: Anatomy;
  readonly layers: readonly Layer[];
  /** Of each of `layers`. */
  readonly traits: readonly LayerTraits[];
  readonly patterns: readonly LayerPattern[];
  readonly measured: MeasuredSizes;
  /** All tensors are there, so that what isn't there isn't part of the model. */
  readonly complete: boolean;
}

export function describeModel(described: Described): ModelDescription {
  const { checkpoint, facts, anatomy, layers } = described;
  const embedding = anatomy.buckets.find(({ bucket }) => bucket === "embedding");
  const table = embedding?.parts.some(({ part }) => part === "token") ?? false;
  const headParts = anatomy.buckets.find(({ bucket }) => bucket === "head")?.parts ?? [];
  const head = headParts.find(({ part }) => part === "lm_head");
  const seen = new Set(
    layers.filter(({ stack }) => asideStack(stack) === undefined).map(({ stack, index }) => `${stack} ${index}`),
  ).size;
  const kind = modelKind(checkpoint, facts, anatomy);
  const mixer = mixerOf(anatomy);
  const reshaped = headParts.some(({ part }) => part === "embedding_dense" || part === "dense");
  return {
    architecture: facts.architecture ?? null,
    name: facts.name ?? null,
    kind,
    layers: facts.layers ?? (seen > 0 ? seen : null),
    contextLength: facts.contextLength ?? null,
    hiddenSize: facts.hiddenSize ?? null,
    vocabularySize: facts.vocabularySize ?? described.measured.vocabularySize ?? null,
    ...headsOf(described, mixer),
    ...widthsOf(described),
    slidingWindow: windowOf(described),
    tiedEmbeddings: table && SCORES_TOKENS.has(kind) ? head === undefined || head.parameters === 0 : null,
    mixer,
    details: modelDetails({ checkpoint, facts, kind, layers, mixer, reshaped }),
  };
}

/** Above this share of parameters without a place, a part that isn't found may be among them. */
const UNPLACED = 0.01;

/** Whether the absence of a part means that the model has none. */
function isWhole({ anatomy, complete }: Described): boolean {
  return complete && anatomy.total > 0 && anatomy.unknown < anatomy.total * UNPLACED;
}

/** Whether a bucket holds parameters; of a tower that is all there is, its part of that name. */
function hasPart({ buckets }: Anatomy, name: Bucket): boolean {
  const all = buckets.filter(({ bucket }) => bucket === "attention" || bucket === "ffn" || bucket === "expert");
  if (all.some(({ parameters }) => parameters > 0))
    return all.some(({ bucket, parameters }) => bucket === name && parameters > 0);
  return buckets.some(
    ({ bucket, parts }) =>
      (bucket === "vision" || bucket === "audio") &&
      parts.some(({ part, parameters }) => parameters > 0 && part.startsWith(`${name}.`)),
  );
}

/** Heads are facts of attention: recurrent mixers have others, and a config may carry numbers that nothing uses. */
function headsOf(
  described: Described,
  mixer: ModelDescription["mixer"],
): Pick<ModelDescription, "attentionHeads" | "kvHeads" | "headDim" | "latentKv"> {
  const { facts, anatomy } = described;
  const attends = mixer === null ? hasPart(anatomy, "attention") : mixer !== "recurrent";
  if (isWhole(described) && !attends) return { attentionHeads: null, kvHeads: null, headDim: null };
  const { kvLoraRank: rank, qkRopeHeadDim: rope } = facts;
  return {
    attentionHeads: facts.attentionHeads ?? null,
    kvHeads: facts.kvHeads ?? null,
    headDim: facts.headDim ?? null,
    ...(rank && rope !== undefined && { latentKv: { rank, rope } }),
  };
}

function widthsOf(
  described: Described,
): Pick<ModelDescription, "feedForwardSize" | "expertFeedForwardSize" | "sharedExpertFeedForwardSize"> {
  const { facts, anatomy, layers, traits, measured } = described;
  const { feedForwardSize: dense = null, expertFeedForwardSize: expert, sharedExpertFeedForwardSize: shared } = facts;
  const main = ["text", "decoder", "encoder"].find((stack) => layers.some((layer) => layer.stack === stack));
  const shownDense = denseWidth(
    traits.filter((_, i) => layers[i]?.stack === main),
    facts.hiddenSize,
  );
  const whole = isWhole(described);
  const hasExperts = bucketParameters(anatomy, "expert") > 0;
  return {
    feedForwardSize: whole && !hasPart(anatomy, "ffn") ? null : (shownDense ?? dense),
    expertFeedForwardSize: whole && !hasExperts ? null : expert || measured.expertFeedForwardSize || null,
    sharedExpertFeedForwardSize: whole && !hasExperts ? null : shared || null,
  };
}

/** The window of the layer patterns. Where no layer is known, the one that is stated. */
function windowOf({ facts, layers, patterns }: Described): number | null {
  if (layers.length === 0) return facts.slidingWindow || null;
  return patterns.find(({ subject }) => subject === "window")?.window ?? null;
}

/** Kinds that end in scores for the next token, so that a missing head means a tied one. */
const SCORES_TOKENS: ReadonlySet<ModelKind> = new Set<ModelKind>(["llm", "encoder-decoder", "speech"]);

/** Parts of the bucket attention that stand in its place: state-space, linear attention, RWKV, short convolutions. */
const RECURRENT_PART = /^(?:ssm|linattn|rwkv|shortconv)\./;

/** What mixes the tokens: attention, a recurrent mixer, or both in turn. null where there is neither. */
function mixerOf(anatomy: Anatomy): ModelDescription["mixer"] {
  const parts = anatomy.buckets.find(({ bucket }) => bucket === "attention")?.parts ?? [];
  const recurrent = parts.some(({ part }) => RECURRENT_PART.test(part));
  const attention = parts.some(({ part }) => !RECURRENT_PART.test(part));
  if (recurrent) return attention ? "hybrid" : "recurrent";
  return attention ? "attention" : null;
}
