/**
 * Where the parameters are: every tensor gets its role, and is counted in exactly one place.
 *
 * A parameter is a learned number. Counted are the logical elements of learned tensors; left out, and listed with the
 * reason, are buffers, tables that are stored twice, the side tensors of quantization, and statistics. So
 * `stored + unpacked = total + everything excluded`, always, where `unpacked` is what packed containers hold beyond their words.
 * The rules are in docs/counting-rules.md.
 */
import type { Checkpoint, Tensor } from "@checkpoint-inspect/parser";

import { exclusionWords } from "./exclusions.ts";
import { type Exclusion, type PlacedTensor, UNKNOWN_PACKING } from "./placed-tensor.ts";
import { type FusedFacts, splitFused } from "./roles/fused.ts";
import { ASIDE, type Aside, asideStack, BUCKETS, type Bucket, type Role } from "./roles/role.ts";

export interface PartCount {
  readonly part: string;
  parameters: number;
  bytes: number;
  tensors: number;
  /** What fused tensors of this part hold, where the model's sizes tell (q, k and v of `qkv`). Parameters, never bytes. */
  split?: { readonly part: string; parameters: number }[];
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
  /** What it is: `causal masks`, `rotary frequencies`. */
  readonly words: string;
  /** Elements as stored. */
  parameters: number;
  bytes: number;
  tensors: number;
  /** The first few names. */
  readonly examples: string[];
}

export interface AsideCount {
  readonly what: Aside;
  parameters: number;
  bytes: number;
  tensors: number;
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
  /** What packed containers hold beyond their words: logical weights minus stored elements. Negative where a row is padded. */
  readonly unpacked: number;
  /** Containers of a packing that no scheme knows, a few names of them; the totals then count words. */
  readonly unknownPacking: readonly string[];
  readonly unknownPackingTensors: number;
  /** Counted tensors of packed modules under names that no rule knows: a few of them. */
  readonly unknownSides: readonly string[];
  readonly unknownSideTensors: number;
  /** What stands beside the text stack and doesn't work on a text token, in this order. */
  readonly aside: readonly AsideCount[];
  /** Parameters that no rule could place. */
  readonly unknown: number;
}

/** How many names a list of examples keeps. */
const EXAMPLES = 5;

/** Longest name of a part, in characters. Those of real tensors have below 100. */
const MAX_PART_NAME = 200;

/** Parts of one bucket that are told apart; those beyond, which only hostile files have, are counted together. */
const MAX_PARTS = 5_000;
const FURTHER_PARTS = "further names";

type OpenBucket = BucketCount & { readonly byPart: Map<string, PartCount> };

/**
 * Runs over the tensors once. `visit` sees each of them with its place, so that layers and mixes need no second walk.
 * @param facts the model's sizes, by which fused tensors are split
 */
export function countAnatomy(
  checkpoint: Checkpoint,
  place: (tensor: Tensor) => PlacedTensor,
  facts: FusedFacts,
  visit: (placed: PlacedTensor) => void = () => {},
): Anatomy {
  const buckets = new Map<Bucket, OpenBucket>();
  const excluded = new Map<string, ExcludedCount>();
  const aside = new Map<Aside, AsideCount>();
  const unknownPacking: string[] = [];
  const unknownSides: string[] = [];
  let [total, biases, stored, bytes, unknown, unpacked, unknownPackingTensors] = [0, 0, 0, 0, 0, 0, 0];
  let unknownSideTensors = 0;

  function bucketOf(name: Bucket): OpenBucket {
    let bucket = buckets.get(name);
    if (!bucket) {
      bucket = { bucket: name, parameters: 0, biases: 0, bytes: 0, tensors: 0, parts: [], byPart: new Map() };
      buckets.set(name, bucket);
    }
    return bucket;
  }

  function add(
    role: Pick<Role, "bucket" | "part" | "bias">,
    parameters: number,
    size: number,
    tensors: number,
  ): PartCount {
    const bucket = bucketOf(role.bucket);
    // What no rule knows is called by its name, and a name may be a million characters long.
    const name = role.part.length > MAX_PART_NAME ? `${role.part.slice(0, MAX_PART_NAME)}\u2026` : role.part;
    const own = bucket.byPart.size < MAX_PARTS || bucket.byPart.has(name) ? name : FURTHER_PARTS;
    let part = bucket.byPart.get(own);
    if (!part) {
      part = { part: own, parameters: 0, bytes: 0, tensors: 0 };
      bucket.byPart.set(own, part);
      bucket.parts.push(part);
    }
    bucket.bytes += size;
    bucket.tensors += tensors;
    part.bytes += size;
    part.tensors += tensors;
    bucket.parameters += parameters;
    part.parameters += parameters;
    if (role.bias) bucket.biases += parameters;
    return part;
  }

  for (const tensor of checkpoint.tensors) {
    const placed = place(tensor);
    const { role, parameters } = placed;
    stored += tensor.elements;
    bytes += tensor.sizeBytes;
    if (placed.excluded) {
      add(role, 0, tensor.sizeBytes, 1);
      countExcluded(excluded, placed);
    } else {
      addSplit(placed);
      total += parameters;
      if (role.bias) biases += parameters;
      if (role.part === "unknown" || role.part === "other.unknown") unknown += parameters;
      unpacked += parameters - tensor.elements;
      if (placed.packed === UNKNOWN_PACKING && ++unknownPackingTensors <= EXAMPLES) unknownPacking.push(tensor.name);
      if (placed.unknownSide && ++unknownSideTensors <= EXAMPLES) unknownSides.push(tensor.name);
    }
    const beside = asideOf(role);
    if (beside) countAside(aside, beside, placed);
    visit(placed);
  }

  /** A fused tensor counts under its own part; what it holds of another bucket (FLUX: half of it is FFN) counts there. */
  function addSplit({ role, tensor, parameters, shape }: PlacedTensor): void {
    const shares = parameters > 0 ? splitFused(role, shape, facts) : undefined;
    if (!shares || shares.reduce((sum, share) => sum + share.parameters, 0) !== parameters) {
      add(role, parameters, tensor.sizeBytes, 1);
      return;
    }
    let [own, ownBytes] = [parameters, tensor.sizeBytes];
    for (const share of shares) {
      if (share.bucket === role.bucket) continue;
      const moved = Math.round((tensor.sizeBytes * share.parameters) / parameters);
      add({ ...share, bias: role.bias }, share.parameters, moved, 0);
      own -= share.parameters;
      ownBytes -= moved;
    }
    const part = add(role, own, ownBytes, 1);
    part.split ??= [];
    for (const share of shares) {
      if (share.bucket !== role.bucket) continue;
      const known = part.split.find(({ part: name }) => name === share.part);
      if (known) known.parameters += share.parameters;
      else part.split.push({ part: share.part, parameters: share.parameters });
    }
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
    excluded: [...excluded.values()].sort((a, b) => b.parameters - a.parameters),
    unpacked,
    unknownPacking,
    unknownPackingTensors,
    unknownSides,
    unknownSideTensors,
    aside: ASIDE.flatMap((what) => aside.get(what) ?? []),
    unknown,
  };
}

/**
 * Parameters of a bucket by part, with fused tensors split where the model's sizes tell: so that Q, K, V and O of two models
 * compare, however they are stored. In order of size.
 */
export function splitParts({ parts }: Pick<BucketCount, "parts">): readonly { part: string; parameters: number }[] {
  const counts = new Map<string, number>();
  for (const { part, parameters, split } of parts) {
    for (const share of split ?? [{ part, parameters }]) {
      counts.set(share.part, (counts.get(share.part) ?? 0) + share.parameters);
    }
    // Tensors of the same part that couldn't be split.
    const rest = split ? parameters - split.reduce((sum, share) => sum + share.parameters, 0) : 0;
    if (rest > 0) counts.set(part, (counts.get(part) ?? 0) + rest);
  }
  return [...counts].map(([part, parameters]) => ({ part, parameters })).sort((a, b) => b.parameters - a.parameters);
}

function countExcluded(counts: Map<string, ExcludedCount>, placed: PlacedTensor): void {
  const { tensor, excluded: reason } = placed;
  if (!reason) return;
  const words = exclusionWords(placed);
  let count = counts.get(words);
  if (!count) {
    count = { reason, words, parameters: 0, bytes: 0, tensors: 0, examples: [] };
    counts.set(words, count);
  }
  count.parameters += tensor.elements;
  count.bytes += tensor.sizeBytes;
  count.tensors++;
  if (count.examples.length < EXAMPLES) count.examples.push(tensor.name);
}

/** By bucket, or by stack: the layers of a Q-Former are attention and FFN, and still only join a tower to the text. */
function asideOf({ bucket, stack }: Role): Aside | undefined {
  return ASIDE.find((what) => bucket === what) ?? asideStack(stack);
}

function countAside(counts: Map<Aside, AsideCount>, what: Aside, { tensor, parameters }: PlacedTensor): void {
  let count = counts.get(what);
  if (!count) {
    count = { what, parameters: 0, bytes: 0, tensors: 0 };
    counts.set(what, count);
  }
  count.parameters += parameters;
  count.bytes += tensor.sizeBytes;
  count.tensors++;
}
