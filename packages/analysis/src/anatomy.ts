/**
 * Where the parameters are: every tensor gets its role, and is counted in exactly one place.
 *
 * A parameter is a learned number. Counted are the logical elements of learned tensors; left out, and listed with the
 * reason, are buffers, tables that are stored twice, the side tensors of quantization, and statistics. So
 * `stored = total + everything excluded`, always. The rules are in docs/counting-rules.md.
 */
import type { Checkpoint, Tensor } from "@checkpoint-inspect/parser";

import type { ModelFacts } from "./facts.ts";
import { ggufClassifier } from "./roles/gguf-classifier.ts";
import { hfClassifier } from "./roles/hf-classifier.ts";
import { BUCKETS, type Bucket, type Classifier, type Role } from "./roles/role.ts";

/** Why a tensor is in the file but not among the parameters. */
export type Exclusion = "buffer" | "duplicate" | "quant-side" | "statistics";

export interface PartCount {
  readonly part: string;
  parameters: number;
  bytes: number;
  tensors: number;
}

export interface BucketCount {
  readonly bucket: Bucket;
  parameters: number;
  biases: number;
  bytes: number;
  tensors: number;
  readonly parts: PartCount[];
}

export interface ExcludedCount {
  readonly reason: Exclusion;
  /** Elements as stored. */
  parameters: number;
  bytes: number;
  tensors: number;
  /** The first few names. */
  readonly examples: string[];
}

export interface Anatomy {
  readonly total: number;
  readonly weights: number;
  readonly biases: number;
  /** Elements of every tensor as the container declares them. */
  readonly stored: number;
  /** Bytes of every tensor. */
  readonly bytes: number;
  /** Non-empty buckets, in the order of BUCKETS. Bytes hold all tensors of the bucket, also those not counted. */
  readonly buckets: readonly BucketCount[];
  readonly excluded: readonly ExcludedCount[];
  /** Packed words whose logical shape isn't worked out; the totals then count words. */
  readonly packed: readonly string[];
  readonly packedTensors: number;
  /** Parameters that no rule could place. */
  readonly unknown: number;
}

/** A tensor with its role and whether it counts. */
export interface PlacedTensor {
  readonly tensor: Tensor;
  readonly role: Role;
  readonly excluded: Exclusion | undefined;
  /** Stored in integer words with quantization side tensors beside it: its elements are words, not weights. */
  readonly packed: boolean;
}

/** Learned numbers are floats or packed integers; a plain integer tensor is a table or a counter (anatomy rule 21). */
const INTEGER_TYPES: ReadonlySet<string> = new Set(["BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"]);

/** How many names a list of examples keeps. */
const EXAMPLES = 5;

/** A function that places one tensor after the other; nothing is kept per tensor, so it costs no memory. */
export function placer(checkpoint: Checkpoint, facts: ModelFacts): (tensor: Tensor) => PlacedTensor {
  let names: Set<string> | undefined;
  const has = (name: string) => {
    names ??= new Set(checkpoint.tensors.map((tensor) => tensor.name));
    return names.has(name);
  };
  const makeClassifier = checkpoint.format === "gguf" ? ggufClassifier : hfClassifier;
  const classify: Classifier = makeClassifier({ architecture: facts.architecture, textLayers: facts.layers, has });
  const duplicates = facts.tiedEmbeddings ? tiedCopies(checkpoint, classify) : undefined;
  const quantized =
    checkpoint.format === "safetensors" &&
    checkpoint.tensors.some((tensor) => classify(tensor).bucket === "quant-side");

  return (tensor) => {
    const role = classify(tensor);
    const integer = INTEGER_TYPES.has(tensor.type);
    const packed = quantized && integer && !role.buffer && role.bucket !== "quant-side" && tensor.shape.length > 0;
    let excluded: Exclusion | undefined;
    if (role.part === "imatrix") excluded = "statistics";
    else if (role.bucket === "quant-side") excluded = "quant-side";
    else if (role.buffer || (integer && !packed)) excluded = "buffer";
    else if (duplicates?.has(tensor.name)) excluded = "duplicate";
    return { tensor, role, excluded, packed };
  };
}

/**
 * Output heads that are copies of the input table: only where config says that the two are tied, and the shapes agree.
 * (A header can't compare the bytes.)
 */
function tiedCopies(checkpoint: Checkpoint, classify: Classifier): ReadonlySet<string> {
  const tables: Tensor[] = [];
  const heads: Tensor[] = [];
  for (const tensor of checkpoint.tensors) {
    const { bucket, part, bias } = classify(tensor);
    if (bias) continue;
    if (bucket === "embedding" && part === "token") tables.push(tensor);
    else if (bucket === "head" && part === "lm_head") heads.push(tensor);
  }
  const copies = new Set<string>();
  const like = (a: Tensor, b: Tensor) => a.shape.length === b.shape.length && a.shape.every((n, i) => n === b.shape[i]);
  // Encoder and decoder of one model may each store the shared table (T5: `shared`, then `encoder.embed_tokens`).
  const [first, ...others] = tables;
  if (first) for (const copy of [...others, ...heads]) if (like(first, copy)) copies.add(copy.name);
  return copies;
}

/** Runs over the tensors once. `visit` sees each of them with its place, so that layers and mixes need no second walk. */
export function countAnatomy(
  checkpoint: Checkpoint,
  place: (tensor: Tensor) => PlacedTensor,
  visit: (placed: PlacedTensor) => void = () => {},
): Anatomy {
  const buckets = new Map<Bucket, BucketCount & { readonly byPart: Map<string, PartCount> }>();
  const excluded = new Map<Exclusion, ExcludedCount>();
  const packed: string[] = [];
  let [total, biases, stored, bytes, unknown, packedTensors] = [0, 0, 0, 0, 0, 0];
  for (const tensor of checkpoint.tensors) {
    const placed = place(tensor);
    const { role } = placed;
    stored += tensor.elements;
    bytes += tensor.sizeBytes;
    let bucket = buckets.get(role.bucket);
    if (!bucket) {
      bucket = { bucket: role.bucket, parameters: 0, biases: 0, bytes: 0, tensors: 0, parts: [], byPart: new Map() };
      buckets.set(role.bucket, bucket);
    }
    let part = bucket.byPart.get(role.part);
    if (!part) {
      part = { part: role.part, parameters: 0, bytes: 0, tensors: 0 };
      bucket.byPart.set(role.part, part);
      bucket.parts.push(part);
    }
    bucket.bytes += tensor.sizeBytes;
    bucket.tensors++;
    part.bytes += tensor.sizeBytes;
    part.tensors++;
    if (placed.excluded) {
      countExcluded(excluded, placed.excluded, tensor);
    } else {
      total += tensor.elements;
      bucket.parameters += tensor.elements;
      part.parameters += tensor.elements;
      if (role.bias) {
        biases += tensor.elements;
        bucket.biases += tensor.elements;
      }
      if (role.part === "unknown" || role.part === "other.unknown") unknown += tensor.elements;
      if (placed.packed && ++packedTensors <= EXAMPLES) packed.push(tensor.name);
    }
    visit(placed);
  }
  return {
    total,
    weights: total - biases,
    biases,
    stored,
    bytes,
    buckets: BUCKETS.flatMap((name) => {
      const count = buckets.get(name);
      if (!count) return [];
      const { byPart, ...bucket } = count;
      bucket.parts.sort((a, b) => b.parameters - a.parameters || b.bytes - a.bytes);
      return [bucket];
    }),
    excluded: [...excluded.values()],
    packed,
    packedTensors,
    unknown,
  };
}

function countExcluded(counts: Map<Exclusion, ExcludedCount>, reason: Exclusion, tensor: Tensor): void {
  let count = counts.get(reason);
  if (!count) {
    count = { reason, parameters: 0, bytes: 0, tensors: 0, examples: [] };
    counts.set(reason, count);
  }
  count.parameters += tensor.elements;
  count.bytes += tensor.sizeBytes;
  count.tensors++;
  if (count.examples.length < EXAMPLES) count.examples.push(tensor.name);
}
