/**
 * What a step takes in vLLM or Transformers beside weights and cache: an estimate, wider than that of llama.cpp, for it depends on
 * kernels, compilation and graphs.
 *
 * vLLM works on up to `max_num_batched_tokens` at once, runs the model once on as many to see what that takes, and gives the rest to the
 * cache. The formula counts the widest point of a layer and the logits of the answered tokens.
 * Sources: vLLM engine arguments (max_num_batched_tokens: 2,048 unless told), vLLM v1/worker/gpu_worker.py (determine_available_memory);
 * arXiv:2205.05198 for the values that are alive in a layer.
 */
import type { ModelFacts } from "../../facts.ts";
import { formatExact } from "../../units.ts";
import type { MemorySettings } from "../settings.ts";
import type { ComputeEstimate } from "./llama-compute.ts";

export interface ServingInput {
  readonly hidden: number;
  readonly vocabulary: number;
  /** The widest feed-forward network: dense, or the experts of a token together. */
  readonly feedForward: number;
  readonly from: Readonly<Record<"hidden" | "vocabulary" | "feedForward", string>>;
}

const BAND = 0.5;

/** Bytes of an activation: models are served at 16 bits. */
const ACTIVATION = 2;
const LOGIT = 4;

/** What the estimate is made from, or which facts are missing for it. */
export function servingInput(about: {
  readonly facts: ModelFacts;
  readonly widths: { readonly dense: number | null; readonly expert: number | null; readonly used: number | null };
  readonly vocabulary: number | null;
}): ServingInput | { readonly missing: readonly string[] } {
  const { facts, widths, vocabulary } = about;
  const hidden = facts.hiddenSize;
  const feedForward = Math.max(widths.dense ?? 0, (widths.expert ?? 0) * (widths.used ?? 1));
  const missing = [
    ...(hidden ? [] : ["the width of the model (config.json hidden_size)"]),
    ...(feedForward > 0 || facts.ssmInnerSize
      ? []
      : ["the width of the feed-forward network (config.json intermediate_size)"]),
  ];
  if (!hidden || missing.length > 0) return { missing };
  const stated = (field: keyof ModelFacts) => facts.statedIn?.[field] ?? "the tensors";
  return {
    hidden,
    vocabulary: vocabulary ?? 0,
    feedForward: feedForward || (facts.ssmInnerSize ?? 0),
    from: {
      hidden: stated("hiddenSize"),
      vocabulary: stated("vocabularySize"),
      feedForward: stated(widths.dense ? "feedForwardSize" : "expertFeedForwardSize"),
    },
  };
}

/** Activations of one step and the logits of the answered tokens. */
export function servingCompute(input: ServingInput, settings: MemorySettings): ComputeEstimate {
  const { hidden, vocabulary, feedForward, from } = input;
  const tokens = Math.min(settings.ubatch, settings.context * settings.sequences);
  const layer = ACTIVATION * tokens * (2 * feedForward + 4 * hidden);
  const logits = LOGIT * settings.sequences * vocabulary;
  const bytes = layer + logits;
  return {
    hostOnlyBytes: bytes,
    gpuBytes: bytes,
    gpuLayersBytes: bytes,
    hostBytes: 0,
    gpuServerBytes: bytes,
    band: BAND,
    why: {
      formula: [
        "activations: 2 bytes x tokens of a step x (2 x FFN width + 4 x width of the model)",
        "logits: 4 bytes x sequences x vocabulary",
      ],
      inputs: [
        { name: "tokens of a step", value: tokens, from: "--ubatch (vLLM: --max-num-batched-tokens)" },
        { name: "sequences", value: settings.sequences, from: "--batch" },
        { name: "width of the model", value: hidden, from: from.hidden },
        { name: "FFN width", value: feedForward, from: from.feedForward },
        { name: "vocabulary", value: vocabulary, from: from.vocabulary },
      ],
      steps: [
        `activations: 2 x ${formatExact(tokens)} x (2 x ${formatExact(feedForward)} + 4 x ${formatExact(hidden)}) = ${formatExact(layer)} bytes`,
        `logits: 4 x ${formatExact(settings.sequences)} x ${formatExact(vocabulary)} = ${formatExact(logits)} bytes`,
        `together ${formatExact(bytes)} bytes; kernels, compilation and graphs may make it half as much again`,
      ],
      source: "an estimate after vLLM's profile run and arXiv:2205.05198",
    },
  };
}
