/**
 * Memory of training, as a documented estimate for one GPU without sharding or offload: weights, gradients, optimizer states, activations.
 *
 * States follow from the number of trained parameters (ZeRO, arXiv:1910.02054, section 3), activations from the tokens of a step
 * (arXiv:2205.05198, section 4). Fragmentation and temporary buffers come on top; frameworks differ in them.
 */
import { formatBytes, formatExact } from "../units.ts";
import type { Why } from "./sourced.ts";

export interface OptimizerRow {
  readonly name: string;
  /** Bytes a trained parameter: working weights, gradient, master weights, states of the optimizer. */
  readonly weight: number;
  readonly gradient: number;
  readonly master: number;
  readonly states: number;
  /** Which bytes are counted, and by whom. */
  readonly words: string;
  readonly source: string;
}

export const OPTIMIZERS = {
  adamw: {
    name: "AdamW, mixed precision",
    weight: 2,
    gradient: 2,
    master: 4,
    states: 8,
    words: "16-bit weight and gradient; 32-bit master weight, momentum and variance",
    source: "ZeRO, arXiv:1910.02054, 3.1",
  },
  "adamw-bf16": {
    name: "AdamW, all in BF16",
    weight: 2,
    gradient: 2,
    master: 0,
    states: 4,
    words: "BF16 weight, gradient, momentum and variance; no master weight, so small updates round away",
    source: "the sizes of what torch.optim.AdamW keeps for BF16 parameters",
  },
  "adamw-8bit": {
    name: "AdamW with 8-bit states, mixed precision",
    weight: 2,
    gradient: 2,
    master: 4,
    states: 2,
    words: "16-bit weight and gradient; 32-bit master weight; 8-bit momentum and variance, their scales left out",
    source: "8-bit optimizers, arXiv:2110.02861",
  },
  adafactor: {
    name: "Adafactor, mixed precision",
    weight: 2,
    gradient: 2,
    master: 4,
    states: 0,
    words:
      "16-bit weight and gradient; 32-bit master weight; of the variance rows and columns alone, which is next to nothing",
    source: "Adafactor, arXiv:1804.04235, without momentum",
  },
  sgd: {
    name: "SGD without momentum, mixed precision",
    weight: 2,
    gradient: 2,
    master: 4,
    states: 0,
    words: "16-bit weight and gradient; 32-bit master weight",
    source: "as ZeRO, arXiv:1910.02054, 3.1 counts, without Adam's states",
  },
  "sgd-momentum": {
    name: "SGD with momentum, mixed precision",
    weight: 2,
    gradient: 2,
    master: 4,
    states: 4,
    words: "16-bit weight and gradient; 32-bit master weight and momentum",
    source: "as ZeRO, arXiv:1910.02054, 3.1 counts, with one state in place of Adam's two",
  },
} as const satisfies Readonly<Record<string, OptimizerRow>>;

export type Optimizer = keyof typeof OPTIMIZERS;

/** NF4 with double quantization: 4 bits and 0.127 of constants a weight (QLoRA, arXiv:2305.14314, section 3). */
const NF4_BITS = 4.127;

/** What activations follow from. */
export interface TrainingShape {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  /** Logits are kept for each token; left out where unknown. */
  readonly vocabulary?: number;
}

export interface TrainingSettings {
  /** Tokens of a sequence, and sequences of a step on this GPU. */
  readonly sequence: number;
  readonly batch: number;
  readonly optimizer: Optimizer;
  /** Keep each layer's input alone and compute the rest again (gradient checkpointing). */
  readonly checkpointing: boolean;
  /** Attention scores are never stored (FlashAttention). */
  readonly flashAttention: boolean;
}

export type TrainingMethod =
  | { readonly kind: "full"; readonly parameters: number }
  | {
      readonly kind: "lora";
      readonly rank: number;
      /** In and out of each matrix that gets an adapter. */
      readonly targets: readonly (readonly [number, number])[];
      /** Bytes of the frozen base as it is loaded. */
      readonly baseBytes: number;
    }
  | {
      readonly kind: "qlora";
      readonly rank: number;
      readonly targets: readonly (readonly [number, number])[];
      /** Parameters of linear layers, kept as NF4. */
      readonly linearParameters: number;
      /** All others (embeddings, norms, the head), kept in 16 bits. */
      readonly otherParameters: number;
    };

export interface TrainingEstimate {
  /** "full, AdamW, mixed precision". */
  readonly name: string;
  readonly trainedParameters: number;
  /** Weights that aren't trained. */
  readonly frozenBytes: number;
  readonly weightBytes: number;
  readonly gradientBytes: number;
  /** Master weights and states. */
  readonly optimizerBytes: number;
  readonly activationBytes: number;
  readonly totalBytes: number;
  readonly why: Why;
}

const count = (value: number) => Number.isFinite(value) && value >= 0;

/** Parameters of LoRA's two matrices, r x in and out x r for each target (arXiv:2106.09685, 4.1). */
export function loraParameters(rank: number, targets: readonly (readonly [number, number])[]): number {
  return targets.reduce((sum, [inner, outer]) => sum + rank * (inner + outer), 0);
}

/** undefined where a figure isn't one, or is beyond all machines. */
export function trainingMemory(
  method: TrainingMethod,
  settings: TrainingSettings,
  shape: TrainingShape,
): TrainingEstimate | undefined {
  const row: OptimizerRow = OPTIMIZERS[settings.optimizer];
  const trained = method.kind === "full" ? method.parameters : loraParameters(method.rank, method.targets);
  const frozen = frozenBytes(method);
  const activations = activationBytes(settings, shape);
  const weightBytes = trained * row.weight;
  const gradientBytes = trained * row.gradient;
  const optimizerBytes = trained * (row.master + row.states);
  const totalBytes = frozen + weightBytes + gradientBytes + optimizerBytes + activations.bytes;
  const parts = [trained, frozen, activations.bytes, totalBytes];
  if (!parts.every(count) || !Number.isSafeInteger(Math.round(totalBytes)) || trained === 0) return undefined;

  const each = row.weight + row.gradient + row.master + row.states;
  return {
    name: `${NAMES[method.kind]}, ${row.name}`,
    trainedParameters: trained,
    frozenBytes: frozen,
    weightBytes,
    gradientBytes,
    optimizerBytes,
    activationBytes: activations.bytes,
    totalBytes,
    why: {
      formula: [
        `trained parameters x ${each} bytes: ${row.words}`,
        ...(method.kind === "full" ? [] : ["adapter parameters = sum over target matrices: rank x (in + out)"]),
        ...(method.kind === "qlora" ? [`linear layers x ${NF4_BITS} bits + other parameters x 2 bytes`] : []),
        ...activations.formula,
      ],
      inputs: [
        {
          name: "trained parameters",
          value: trained,
          from: method.kind === "full" ? "the header" : "rank and targets",
        },
        ...(method.kind === "full" ? [] : [{ name: "rank", value: method.rank, from: "flag or default" }]),
        { name: "tokens of a sequence", value: settings.sequence, from: "flag or default" },
        { name: "sequences of a step", value: settings.batch, from: "flag or default" },
        { name: "layers", value: shape.layers, from: "the model" },
        { name: "hidden size", value: shape.hidden, from: "the model" },
      ],
      steps: [
        ...(frozen > 0 ? [`frozen base: ${formatBytes(frozen)}`] : []),
        `${formatExact(trained)} x ${each} = ${formatBytes(weightBytes + gradientBytes + optimizerBytes)}`,
        `activations: ${formatBytes(activations.bytes)}`,
        `${formatBytes(totalBytes)} in all, on one GPU, temporary buffers and fragmentation left out`,
      ],
      source: `${row.source}; activations: arXiv:2205.05198, 4${method.kind === "full" ? "" : `; ${PAPERS[method.kind]}`}`,
    },
  };
}

const NAMES = { full: "full", lora: "LoRA", qlora: "QLoRA" } as const;
const PAPERS = { lora: "LoRA, arXiv:2106.09685", qlora: "QLoRA, arXiv:2305.14314" } as const;

function frozenBytes(method: TrainingMethod): number {
  if (method.kind === "full") return 0;
  if (method.kind === "lora") return method.baseBytes;
  return Math.round((method.linearParameters * NF4_BITS) / 8) + method.otherParameters * 2;
}

/**
 * A layer keeps 34 s b h bytes for its backward pass and 5 a s^2 b more for its attention scores, in 16 bits. Checkpointing keeps only
 * the 2 s b h of its input, and the whole of one layer at a time. The paper's layer is GPT's; one with a gated MLP keeps rather more.
 */
function activationBytes(settings: TrainingSettings, shape: TrainingShape): { bytes: number; formula: string[] } {
  const { sequence: s, batch: b, checkpointing, flashAttention } = settings;
  const { layers, hidden: h, heads: a, vocabulary } = shape;
  const layer = 34 * s * b * h + (flashAttention ? 0 : 5 * a * s * s * b);
  const stored = checkpointing ? layers * 2 * s * b * h + layer : layers * layer;
  // The logits in 16 bits, and the 32-bit copy that the loss is computed from.
  const logits = vocabulary === undefined ? 0 : s * b * vocabulary * 6;
  const scores = flashAttention ? "" : " + 5 x heads x tokens^2 x sequences";
  const ofLayer = `34 x tokens x sequences x hidden${scores}`;
  return {
    bytes: stored + logits,
    formula: [
      checkpointing
        ? `activations: layers x 2 x tokens x sequences x hidden + one layer's ${ofLayer}`
        : `activations: layers x (${ofLayer})`,
      ...(vocabulary === undefined
        ? []
        : ["logits: tokens x sequences x vocabulary x 6 bytes (16 bits and a 32-bit copy)"]),
    ],
  };
}
