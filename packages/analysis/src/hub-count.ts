/**
 * The parameter count that the Hugging Face Hub shows for the same weights, and why it differs from ours.
 *
 * Safetensors: by the public rules of @huggingface/hub 2.17.5 (parseSafetensorsMetadata, the sum over its dtypes), tensor by
 * tensor; `total_parameters` of a header or index is not used, since the file says it of itself. GGUF: the elements of all tensors.
 */
import { type Checkpoint, grouped, type Tensor } from "@checkpoint-inspect/parser";

import { exclusionWords } from "./exclusions.ts";
import { EXPONENT_TYPES, type Method, methodOf, mlxMethod, type NamedTensor, SIDE_WORDS } from "./hub-count/methods.ts";
import { MAX_COMPARISONS } from "./hub-count/patterns.ts";
import { readSettings, type Settings, UNREADABLE } from "./hub-count/settings.ts";
import { type PlacedTensor, UNKNOWN_PACKING } from "./placed-tensor.ts";

export interface HubDifference {
  /** What it is, to stand behind a signed number: `causal masks`, `words of 8 weights each, counted as they stand`. */
  readonly words: string;
  /** What the Hub counts for it minus what we count. Never 0. */
  readonly parameters: number;
}

export interface HubComparison {
  /** As the Hub shows it. */
  readonly parameters: number;
  /** Largest first; together they are the Hub's count minus ours. */
  readonly differences: readonly HubDifference[];
}

/** What a difference is called that no reason fits. No checkpoint is known that has one. */
export const NOT_EXPLAINED = "not explained";

/** How the Hub counts one tensor. */
interface HubVerdict {
  readonly parameters: number;
  /** Weights that it takes one element for; 0 for a tensor that it leaves out. */
  readonly factor: number;
  readonly leftOut?: "scalar" | "exponents" | "side";
}

interface HubCounter {
  count(tensor: Tensor): HubVerdict;
  /** Whether the answers so far can be trusted. */
  isSound(): boolean;
}

/**
 * What the Hub shows as this checkpoint's parameter count: the number, or null where it shows none or where what it would
 * count isn't all in the checkpoint.
 */
export function hubCount(checkpoint: Checkpoint): number | null {
  const counter = hubCounter(checkpoint);
  if (!counter) return null;
  const sum = checkpoint.tensors.reduce((total, tensor) => total + counter.count(tensor).parameters, 0);
  return counter.isSound() && Number.isSafeInteger(sum) ? sum : null;
}

/** Collects the comparison while the anatomy is counted; `visit` must see every tensor once. */
export interface HubCollector {
  visit(placed: PlacedTensor): void;
  /** null where {@link hubCount} is. */
  comparison(): HubComparison | null;
}

export function hubCollector(checkpoint: Checkpoint): HubCollector {
  const counter = hubCounter(checkpoint);
  const reasons = new Map<string, number>();
  const packed = new Map<string, PackedDifference>();
  let sum = 0;
  return {
    visit(placed) {
      if (!counter) return;
      const verdict = counter.count(placed.tensor);
      sum += verdict.parameters;
      const difference = verdict.parameters - placed.parameters;
      if (difference === 0) return;
      if (placed.packed !== undefined && !placed.excluded && verdict.factor > 0) {
        addPacked(packed, placed, verdict);
        return;
      }
      const words = reasonOf(placed, verdict);
      reasons.set(words, (reasons.get(words) ?? 0) + difference);
    },
    comparison() {
      if (!counter?.isSound() || !Number.isSafeInteger(sum)) return null;
      for (const entry of packed.values()) {
        const words = packedWords(entry);
        reasons.set(words, (reasons.get(words) ?? 0) + entry.hub - entry.weights);
      }
      const differences = [...reasons]
        .map(([words, parameters]) => ({ words, parameters }))
        .filter(({ parameters }) => parameters !== 0)
        .sort((a, b) => Math.abs(b.parameters) - Math.abs(a.parameters));
      return { parameters: sum, differences };
    },
  };
}

const LEFT_OUT_WORDS = {
  scalar: "scalars, which it leaves out",
  exponents: "exponents, which it leaves out",
  side: "tensors that it takes for scales by their names",
} satisfies Record<NonNullable<HubVerdict["leftOut"]>, string>;

function reasonOf(placed: PlacedTensor, { factor, leftOut }: HubVerdict): string {
  if (placed.excluded) return exclusionWords(placed);
  if (factor > 1) return `unpacked tensors, each element counted as ${decimal(factor)}`;
  return leftOut ? LEFT_OUT_WORDS[leftOut] : NOT_EXPLAINED;
}

/** Containers of one scheme that the Hub counts in one way. */
interface PackedDifference {
  readonly factor: number;
  readonly known: boolean;
  /** Elements as stored. */
  elements: number;
  /** Weights in them, by our count. */
  weights: number;
  hub: number;
}

function addPacked(
  differences: Map<string, PackedDifference>,
  { tensor, parameters, packed = UNKNOWN_PACKING }: PlacedTensor,
  verdict: HubVerdict,
): void {
  const { factor } = verdict;
  // Too many and too few apart, or they would hide each other.
  const key = `${packed} ${factor} ${verdict.parameters > parameters}`;
  let entry = differences.get(key);
  if (!entry) {
    entry = { factor, known: packed !== UNKNOWN_PACKING, elements: 0, weights: 0, hub: 0 };
    differences.set(key, entry);
  }
  entry.elements += tensor.elements;
  entry.weights += parameters;
  entry.hub += verdict.parameters;
}

/** `2,097,152 words of 8 weights each, counted as they stand`. */
function packedWords({ factor, known, elements, weights }: PackedDifference): string {
  const counted = factor === 1 ? "counted as they stand" : `counted as ${decimal(factor)} each`;
  const ratio = weights / elements;
  if (!known) return `${grouped(elements)} words of a packing not known here, ${counted}`;
  if (ratio < factor && factor - ratio < PADDED) return `the unused ends of ${grouped(elements)} words`;
  return `${grouped(elements)} words of ${decimal(ratio)} weights each, ${counted}`;
}

/** Rows may end in a word that isn't full; fewer weights a word than that by so little can't be another width. */
const PADDED = 0.5;

function decimal(value: number): string {
  return String(Number(value.toFixed(2)));
}

/** Findings by which the joined checkpoint isn't what the Hub's reader sees: it counts such tensors twice, or fails. */
const NOT_COMPARABLE: ReadonlySet<string> = new Set([
  "safetensors/tensor-in-two-shards",
  "safetensors/missing-shard",
  "safetensors/unreadable-shard",
  "safetensors/unsafe-shard-name",
  "safetensors/duplicate-key",
  "safetensors/bad-entry",
  "safetensors/truncated-data",
  "safetensors/bad-index",
]);

/** Limits of the Hub's reader, beyond which it fails: the JSON of a header in bytes, and one dimension. */
const HUB_MAX_HEADER_BYTES = 25_000_000;
const HUB_MAX_DIMENSION = 2 ** 32;
/** The field in front of a header that says how long it is. */
const LENGTH_FIELD_BYTES = 8;

/** undefined where there is nothing to compare with. */
function hubCounter(checkpoint: Checkpoint): HubCounter | undefined {
  const { format, parts, shards, findings, error, components } = checkpoint;
  if (error || (shards && (shards.missing.length > 0 || shards.declaredParts > parts.length))) return undefined;
  // Of a pipeline the Hub counts one model alone, `transformer` or `unet`, by that folder's files: not told apart yet.
  if (components) return undefined;
  if (format === "gguf") return { count: ({ elements }) => counted(elements), isSound: () => true };
  if (findings.some(({ rule }) => NOT_COMPARABLE.has(rule))) return undefined;
  if (parts.some(({ headerBytes }) => headerBytes - LENGTH_FIELD_BYTES > HUB_MAX_HEADER_BYTES)) return undefined;
  return safetensorsCounter(checkpoint);
}

function safetensorsCounter({ tensors, config }: Checkpoint): HubCounter | undefined {
  const effort = { left: MAX_COMPARISONS };
  const settings = readSettings(config, effort);
  if (settings === UNREADABLE) return undefined;
  let fits = true;
  const method = settings && (settings.method === "mlx" ? mlxMethod(tensors.map(named), settings) : methodOf(settings));
  return {
    count(tensor) {
      if (tensor.shape.some((n) => n > HUB_MAX_DIMENSION)) fits = false;
      if (EXPONENT_TYPES.has(tensor.type)) return leftOut("exponents");
      if (tensor.shape.length === 0) return leftOut("scalar");
      return settings && method ? countQuantized(tensor, settings, method) : counted(tensor.elements);
    },
    isSound: () => fits && effort.left >= 0,
  };
}

function countQuantized(tensor: Tensor, settings: Settings, method: Method): HubVerdict {
  const parts = named(tensor);
  if (SIDE_WORDS.has(parts.word) || method.isSide(parts, settings)) return leftOut("side");
  const factor = method.weightsPerElement(parts, settings);
  // Asked last: the lists of a config may be long, and matter to few tensors.
  if (factor === 1 || settings.isSkipped(tensor.name)) return counted(tensor.elements);
  return { parameters: Math.round(tensor.elements * factor), factor };
}

function counted(elements: number): HubVerdict {
  return { parameters: elements, factor: 1 };
}

function leftOut(reason: NonNullable<HubVerdict["leftOut"]>): HubVerdict {
  return { parameters: 0, factor: 0, leftOut: reason };
}

function named({ name, type }: Tensor): NamedTensor {
  const dot = name.lastIndexOf(".");
  return { name, type, word: name.slice(dot + 1), module: dot < 0 ? name : name.slice(0, dot) };
}
