/**
 * The compute buffer of llama.cpp: what one step of work takes beside weights and cache.
 *
 * llama.cpp reserves it for its largest step at full context, so it doesn't grow while running. Its allocator gives memory that one
 * operation is done with to the next, so what counts is the widest point of the graph: the logits of a step, the inside of a layer, or
 * the scores of attention where there is no flash attention. The closed form is ours, with factors fitted to what llama.cpp v0.5.0
 * reserves for real models (docs/memory.md has the table); it is an estimate with a stated band.
 */
import { formatExact } from "../../units.ts";
import type { GgufHparams } from "../gguf-hparams.ts";
import type { MemorySettings } from "../settings.ts";
import type { Sourced, Why } from "../sourced.ts";

export interface ComputeEstimate {
  /** All of it where everything runs on the CPU: what `llama-fit-params --fit-print` calls compute. */
  readonly hostOnlyBytes: number;
  /** On a GPU that runs layers and the head, on one that runs layers alone, and what is left on the host then. */
  readonly gpuBytes: number;
  readonly gpuLayersBytes: number;
  readonly hostBytes: number;
  /** The same on a GPU where only the tokens that are answered have logits: llama-server since June 2026 (llama.cpp#23861). */
  readonly gpuServerBytes: number;
  /** The share by which it may be off either way: 0.05. */
  readonly band: number;
  readonly why: Why;
}

/** Widths of the model that are alive beside the logits. Fitted: 2 in plain decoders, more where states or latents are held. */
const AT_LOGITS = { attention: 2, recurrent: 3, mla: 10 } as const;

/** Architectures of plain attention that hold more than others. */
const AT_LOGITS_OWN: Readonly<Record<string, number>> = { "gpt-oss": 3, lfm2: 2, lfm2moe: 2 };

/**
 * Widths more where the masks are too small for the allocator to reuse their room at the logits: in models with windows or recurrent
 * layers, at short contexts.
 */
const SHORT_CONTEXT = { usual: 1, shortConvolution: 2 } as const;

/** Widths of the inner mixer that are alive inside a recurrent layer: its two inputs, the convolution, the state's in- and output. */
const IN_RECURRENT = 6;

interface SparseRow {
  /** Arrays of one F32 for each token of the step and each token of the context: scores, their order, masks. */
  readonly scores: number;
  /** Times the queries of the indexer (heads x width) for each token of the step. */
  readonly queries: number;
  /** Whether the factors were fitted to this architecture. */
  readonly measured: boolean;
}

/**
 * Sparse attention scores the whole context for every token of a step. Fitted to `llama-fit-params` v0.5.0 at 16k and 64k tokens; the
 * scores of Qwen's come once for every two of its 64 index heads.
 */
const SPARSE: Readonly<Record<string, SparseRow>> = {
  dots3note: { scores: 3.5, queries: 1.3, measured: true },
  hy_v4: { scores: 5, queries: 2.25, measured: true },
  qwen4exp: { scores: 34, queries: 2.4, measured: true },
  deepseek32: { scores: 5, queries: 2.25, measured: false },
  "glm-dsa": { scores: 5, queries: 2.25, measured: false },
  "minimax-m3": { scores: 5, queries: 2.25, measured: false },
};

/** DeepSeek-V4: scores over the compressed context, and widths of its parallel streams. Fitted as above. */
const COMPRESSED = { scores: 3.5 / 4, streams: 5.5 } as const;

const USUAL_BAND = 0.05;
/** Where attention and recurrent layers take turns, the widest point moves with the context. */
const HYBRID_BAND = 0.1;
const SPARSE_BAND = 0.2;
const UNMEASURED_BAND = 0.5;

/** What a step is made of, in bytes. */
interface Step {
  readonly tokens: number;
  readonly cells: number;
  readonly masks: number;
  readonly logits: number;
  readonly width: number;
  readonly inner: number;
  readonly attention: number;
  /** Of it, the step's own keys and values beside the scores, which only the CPU's graph holds. */
  readonly ownKeys: number;
  readonly sparse: number;
}

const roundUp = (value: number) => Math.ceil(value / 256) * 256;

/** The compute buffer for a model that runs with these settings. */
export function llamaCompute(hparams: GgufHparams, settings: MemorySettings): ComputeEstimate {
  const { embedding, vocabulary, architecture } = hparams;
  const step = stepOf(hparams, settings);
  const { tokens, masks, logits, width, inner, attention, sparse } = step;
  const held = heldAtLogits(hparams, step);
  const atLogits = logits + held * width;
  const inLayer = masks + sparse + (settings.flashAttention ? inner + attention : Math.max(inner, attention));
  const hostOnlyBytes = Math.max(atLogits, inLayer);
  // The embedded tokens of the step and the masks are made on the host; a GPU has the masks as well.
  const hostBytes = width + masks;
  const gpuLayer = inLayer - width - step.ownKeys;
  const onGpu = (logitBytes: number) => Math.max(logitBytes + (held - 1) * width, gpuLayer);
  const answered = 4 * vocabulary * Math.min(settings.sequences, tokens);
  const row = SPARSE[architecture];
  const measured = row ? row.measured : !hparams.traits.compressed;
  const usual = hparams.family === "hybrid" ? HYBRID_BAND : USUAL_BAND;
  const band = !measured ? UNMEASURED_BAND : row ? SPARSE_BAND : usual;
  return {
    hostOnlyBytes,
    gpuBytes: onGpu(logits),
    gpuLayersBytes: gpuLayer,
    hostBytes,
    gpuServerBytes: onGpu(answered),
    band,
    // Words take longer than the figures, and a search for what fits asks for thousands of these.
    get why() {
      return {
        formula: [
          "the wider of two points of a step:",
          `  at the logits: 4 x tokens x (vocabulary + ${held} x width of the model)`,
          settings.flashAttention
            ? "  in a layer: 4 x tokens x (3 x FFN width + 4 x width of the model) + the masks"
            : "  in a layer: 4 x tokens x (cells x heads + 5 x width of the model + 2 x width of the keys) + the masks",
        ],
        inputs: inputsOf(hparams, settings, step),
        steps: [
          `at the logits: 4 x ${formatExact(tokens)} x (${formatExact(vocabulary)} + ${held} x ${formatExact(embedding)}) = ${formatExact(atLogits)} bytes`,
          `in a layer: ${formatExact(inLayer - masks - sparse)} + masks of ${formatExact(masks)}${sparse > 0 ? ` + scores of sparse attention ${formatExact(sparse)}` : ""} = ${formatExact(inLayer)} bytes`,
          `the wider: ${formatExact(hostOnlyBytes)} bytes, off by at most ${Math.round(band * 100)}% as far as measured${measured ? "" : " on its like; this architecture itself was measured at few settings, or not at all"}`,
          `on a GPU with all layers: ${formatExact(onGpu(logits))} bytes there and ${formatExact(hostBytes)} on the host`,
          `llama-server since June 2026 keeps logits of the answered tokens alone: ${formatExact(onGpu(answered))} bytes on the GPU`,
        ],
        source: "fitted to llama.cpp v0.5.0 (llama-fit-params, whole graphs without data); docs/memory.md",
      };
    },
  };
}

function heldAtLogits(hparams: GgufHparams, { masks, width }: Step): number {
  const { architecture, family, window, stateS, stateR } = hparams;
  const held = AT_LOGITS_OWN[architecture] ?? AT_LOGITS[kindOf(hparams)];
  const isMixed = family === "hybrid" || window > 0;
  if (!isMixed || masks >= 2 * width) return held;
  return held + (stateR > 0 && stateS === 0 ? SHORT_CONTEXT.shortConvolution : SHORT_CONTEXT.usual);
}

function kindOf({ family, traits }: GgufHparams): keyof typeof AT_LOGITS {
  if (traits.mla && family === "attention") return "mla";
  return family === "hybrid" || family === "recurrent" ? "recurrent" : "attention";
}

function stepOf(hparams: GgufHparams, settings: MemorySettings): Step {
  const { embedding, vocabulary, traits, window, isWindowed, layers, kvHeads, heads, keyLength, valueLength } = hparams;
  const { context, sequences, unified, ubatch, flashAttention, windowsInFull, keyType } = settings;
  // A step is never longer than all that the context holds.
  const tokens = Math.min(ubatch, context * sequences);
  const streams = unified ? 1 : sequences;
  const cells = roundUp(unified ? context * sequences : context);
  const windowCells = windowsInFull ? cells : roundUp(Math.min(cells, window * (unified ? sequences : 1) + ubatch));
  const noCache = hparams.family === "no-cache";
  const attending = Array.from({ length: layers }, (_, i) => i).filter((i) => !hparams.isRecurrent[i] || traits.both);
  const hasFull = !noCache && attending.some((i) => !isWindowed[i]);
  const hasWindow = !noCache && attending.some((i) => isWindowed[i]);
  // Tokens of a step are spread over the streams, so each mask is as if there were one.
  const maskValue = flashAttention ? 2 : 4;
  const maskCells =
    (hasFull ? cells : 0) + (hasWindow && !traits.compressed ? windowCells : 0) + (noCache ? tokens : 0);
  const masks = maskValue * tokens * maskCells;
  const width = 4 * tokens * embedding;
  const kvHead = Math.max(0, ...kvHeads);
  const most = Math.max(0, ...heads);
  const seen = hasFull ? cells : hasWindow ? windowCells : 0;
  let [attention, ownKeys] = [0, 0];
  if (seen > 0 && !flashAttention) {
    ownKeys = 4 * tokens * 2 * kvHead * keyLength;
    attention = 4 * tokens * (seen * most + 5 * embedding) + ownKeys;
    // The latent is turned round for the second product.
    if (hparams.isMla) attention += 2 * seen * streams * valueLength;
  } else if (seen > 0 && keyType === "F32") {
    // Flash attention works on F16: one layer's keys and values are copied.
    attention = 2 * seen * streams * kvHead * (keyLength + valueLength);
  }
  return {
    tokens,
    cells,
    masks,
    logits: 4 * tokens * vocabulary,
    width,
    inner: 4 * tokens * innerWidths(hparams),
    attention,
    ownKeys,
    sparse: sparseBytes(hparams, tokens, cells),
  };
}

/** Values that are alive inside a layer, for each token of a step. */
function innerWidths(hparams: GgufHparams): number {
  const { feedForward, expertFeedForward, expertsUsed, embedding, stateR, stateS } = hparams;
  // Mixtral states one width for both: without one of their own, experts are as wide as the dense network.
  const dense = Math.max(0, ...feedForward);
  const ffn = Math.max(dense, (expertFeedForward || dense) * expertsUsed);
  // Latent attention holds each head's query against the latent, what it found there, and its own query and value.
  const latent = hparams.isMla
    ? Math.max(0, ...hparams.heads) *
      (hparams.keyLength + hparams.valueLength + hparams.keyLengthMla + hparams.valueLengthMla)
    : 0;
  const plain = Math.max(3 * ffn, latent) + 4 * embedding;
  // A state is inner width x state size; without a feed-forward network beside it the mixer is what is widest.
  const isPure = hparams.family === "recurrent" && stateS > 0 && stateR > 0;
  return isPure ? Math.max(4 * embedding, IN_RECURRENT * recurrentWidth(hparams)) : plain;
}

/** The inner width of a pure recurrent model: twice the model's, as all Mamba models have it, or the model's own (RWKV). */
function recurrentWidth({ embedding, stateKind }: GgufHparams): number {
  return stateKind === "RWKV" ? embedding : 2 * embedding;
}

function sparseBytes(hparams: GgufHparams, tokens: number, cells: number): number {
  const { architecture, traits, indexerHeads, indexerHeadSize, indexerTopK, hyperConnections, embedding } = hparams;
  if (traits.compressed)
    return 4 * tokens * (COMPRESSED.scores * cells + COMPRESSED.streams * Math.max(1, hyperConnections) * embedding);
  const row = SPARSE[architecture];
  if (!row || indexerTopK === 0) return 0;
  return 4 * tokens * (row.scores * cells + row.queries * indexerHeads * indexerHeadSize);
}

function inputsOf(
  { vocabulary, embedding, feedForward, expertFeedForward, expertsUsed, from }: GgufHparams,
  { sequences }: MemorySettings,
  { tokens, cells }: Step,
): Sourced[] {
  const of = (name: string, value: number, field: string) => ({ name, value, from: from[field] ?? "the tensors" });
  return [
    { name: "tokens of a step", value: tokens, from: "--ubatch" },
    { name: "cells of a sequence", value: cells, from: "--context, rounded up to 256" },
    { name: "sequences", value: sequences, from: "--batch" },
    of("vocabulary", vocabulary, "vocabulary"),
    of("width of the model", embedding, "embedding"),
    of("FFN width", Math.max(0, ...feedForward), "feedForward"),
    ...(expertsUsed > 0
      ? [of("width of the experts of a token", expertFeedForward * expertsUsed, "expertFeedForward")]
      : []),
  ];
}
