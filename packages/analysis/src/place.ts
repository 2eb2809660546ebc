/**
 * What each tensor is and how much of it counts: its role, its logical size, and why it is left out where it is.
 * Nothing is kept per tensor, so placing costs no memory beyond what names and packed containers need.
 */
import type { Checkpoint, Tensor } from "@checkpoint-inspect/parser";

import { componentPlacer } from "./components.ts";
import { type ModelFacts, modelFacts } from "./facts.ts";
import { type Exclusion, type PlacedTensor, UNKNOWN_PACKING } from "./placed-tensor.ts";
import { type Packing, packingOf } from "./quantization/packing.ts";
import { INTEGER_TYPES } from "./quantization/scheme.ts";
import { ggufClassifier } from "./roles/gguf-classifier.ts";
import { hfClassifier } from "./roles/hf-classifier.ts";
import type { Bucket, Classifier, Role } from "./roles/role.ts";

/**
 * A function that places one tensor after the other.
 * @param packing the packed containers, where they have been worked out already
 */
export function placer(
  checkpoint: Checkpoint,
  facts: ModelFacts,
  packing: Packing | undefined = packingOf(checkpoint),
): (tensor: Tensor) => PlacedTensor {
  // Each model of a pipeline has names, a config and a packing of its own.
  const ofComponent = (view: Checkpoint) => placerOf(view, modelFacts(view), packing?.components?.get(view.label));
  return componentPlacer(checkpoint, ofComponent) ?? placerOf(checkpoint, facts, packing);
}

function placerOf(
  checkpoint: Checkpoint,
  facts: ModelFacts,
  packing: Packing | undefined,
): (tensor: Tensor) => PlacedTensor {
  let names: Map<string, Tensor> | undefined;
  const byName = (name: string) => {
    names ??= new Map(checkpoint.tensors.map((tensor) => [tensor.name, tensor]));
    return names.get(name);
  };
  const has = (name: string) => byName(name) !== undefined;
  const roleFacts = { architecture: facts.architecture, textLayers: facts.layers, has };
  const isGguf = checkpoint.format === "gguf";
  // Where nothing is quantized, `k_scale` and `codebooks` are learned.
  const asLearned: Classifier = isGguf
    ? ggufClassifier({ ...roleFacts, quantized: true })
    : hfClassifier({ ...roleFacts, quantized: false });
  const quantized = !isGguf && (packing !== undefined || checkpoint.tensors.some((t) => isQuantized(t, asLearned)));
  const classify = quantized ? hfClassifier({ ...roleFacts, quantized }) : asLearned;
  const duplicates = facts.tiedEmbeddings ? tiedCopies(checkpoint, classify, packing) : undefined;
  // What unpacks a copy is as needless as the copy.
  const copiedOwners = new Set([...(duplicates ?? [])].map((name) => packing?.container(name)?.owner));
  const unpacksCopy = (name: string) => copiedOwners.size > 0 && copiedOwners.has(packing?.sideOf(name) ?? "");

  return (tensor) => {
    const container = packing?.container(tensor.name);
    if (container) {
      const { unpacked, owner, scheme } = container;
      const shape = unpacked.shape ?? tensor.shape;
      // The type of the words says nothing of the weight inside.
      const role = classify({ name: owner, shape, type: UNPACKED });
      const excluded = duplicates?.has(tensor.name) ? "duplicate" : undefined;
      const packed = unpacked.unknown ? UNKNOWN_PACKING : scheme.id;
      return { tensor, role, excluded, parameters: excluded ? 0 : unpacked.parameters, shape, packed };
    }
    const { shape } = tensor;
    let role = sideRole(tensor, packing, classify) ?? classify(tensor);
    if (role.bucket === "quant-side" && isLearnedScale(tensor, packing, byName)) role = asLearned(tensor);
    const integer = INTEGER_TYPES.has(tensor.type);
    const unknownPacking = !isGguf && integer && isUnknownPacking(tensor, role, quantized, classify);
    let excluded: Exclusion | undefined;
    if (role.part === "imatrix") excluded = "statistics";
    else if (role.bucket === "quant-side") excluded = unpacksCopy(tensor.name) ? "duplicate" : "quant-side";
    else if (role.buffer || (integer && !unknownPacking)) excluded = "buffer";
    else if (duplicates?.has(tensor.name)) excluded = "duplicate";
    const parameters = excluded ? 0 : tensor.elements;
    const unknownSide = packing !== undefined && !excluded && !integer && isUnknownSide(tensor, role, packing);
    return {
      tensor,
      role: unknownPacking ? ownerRole(tensor, role, classify) : role,
      excluded,
      parameters,
      shape,
      ...(unknownPacking && { packed: UNKNOWN_PACKING }),
      ...(unknownSide && { unknownSide }),
    };
  };
}

// --- what no scheme took ------------------------------------------------------------------------------------------------

/** Floats of eight bits or fewer hold weights only in quantized checkpoints. */
const NARROW_FLOAT = /^F(?:4$|6_|8_)/;

function isQuantized(tensor: Tensor, classify: Classifier): boolean {
  if (NARROW_FLOAT.test(tensor.type)) return true;
  return INTEGER_TYPES.has(tensor.type) && isUnknownPacking(tensor, classify(tensor), false, classify);
}

/** How names end that hold packed weights and nothing else, and those that plain weights have too. */
const CONTAINER_ENDING =
  /(?:^|[./:_])(?:q_?weight|weight_packed|trellis|W_q|Qidxs|dense_weights|blocks|qdata|weight(?:[.:]_data)?(?:\._data)?)$/;

/** Types of counters, ids and masks. */
const COUNTING_TYPES: ReadonlySet<string> = new Set(["I64", "U64", "BOOL"]);

/** Buckets of what isn't a matrix that someone would quantize: their integers are tables. */
const TABLE_BUCKETS: ReadonlySet<Bucket> = new Set<Bucket>(["norm", "other", "position", "quant-side"]);

/**
 * Whether integers that no scheme took are weights all the same: by the ending of a container, or by the name of a matrix. In
 * a quantized checkpoint any matrix of integers may be one, else those alone whose place in the model is known. The rest
 * are tables.
 */
function isUnknownPacking(tensor: Tensor, role: Role, quantized: boolean, classify: Classifier): boolean {
  const { name, type, shape } = tensor;
  if (role.buffer || role.bucket === "quant-side" || shape.length === 0) return false;
  const hasEnding = CONTAINER_ENDING.test(name);
  if (shape.length < 2 && !(hasEnding && quantized)) return false;
  if (hasEnding) return true;
  if (COUNTING_TYPES.has(type)) return false;
  return quantized || isMatrix(role) || isMatrix(ownerRole(tensor, role, classify));
}

function isMatrix({ bucket, part, bias, buffer }: Role): boolean {
  return !bias && !buffer && !TABLE_BUCKETS.has(bucket) && !/(?:^|\.)(?:unknown|norm|position)/.test(part);
}

/** The role by the module's name, where the container's own ending tells nothing: `q_proj.some_codes` is a part of `q_proj`. */
function ownerRole(tensor: Tensor, role: Role, classify: Classifier): Role {
  if (role.part !== "unknown" && !role.part.endsWith(".unknown")) return role;
  const dot = tensor.name.lastIndexOf(".");
  return dot < 0
    ? role
    : classify({ name: `${tensor.name.slice(0, dot)}.weight`, shape: tensor.shape, type: UNPACKED });
}

/**
 * `X.scale` is a side of `X.weight` by its name. Not where the weight is dense, nor where its scheme has another scale: then it
 * is learned (Gemma's routers, learned scales beside FP8).
 */
function isLearnedScale({ name }: Tensor, packing: Packing | undefined, byName: (name: string) => Tensor | undefined) {
  if (!name.endsWith(".scale") || packing?.sideOf(name) !== undefined) return false;
  const stem = name.slice(0, -".scale".length);
  const weight = byName(`${stem}.weight`);
  if (!weight) return false;
  return packing?.isModule(stem) || !(NARROW_FLOAT.test(weight.type) || INTEGER_TYPES.has(weight.type));
}

/**
 * Whether a tensor of a packed module has a name that no rule knows, or one that a catch-all took as it is (`routed.zp`). What the
 * rules know is a bias, an adapter's factor, a weight of its own.
 */
function isUnknownSide({ name }: Tensor, { part, bias }: Role, packing: Packing): boolean {
  if (bias || part.startsWith("lora.")) return false;
  const dot = name.lastIndexOf(".");
  const last = name.slice(dot + 1);
  if (part !== last && !part.endsWith("unknown") && !part.endsWith(`.${last}`)) return false;
  if (dot > 0 && packing.isModule(name.slice(0, dot))) return true;
  const underscore = name.lastIndexOf("_");
  return underscore > dot && packing.isModule(name.slice(0, underscore));
}

/** A type that no table of types knows, so that no rule takes the weight for integers. */
const UNPACKED = "unpacked";

/** The role of scales, zeros and maps whose names alone don't tell: they stand in the layer of the weight that they unpack. */
function sideRole(tensor: Tensor, packing: Packing | undefined, classify: Classifier): Role | undefined {
  const owner = packing?.sideOf(tensor.name);
  if (owner === undefined) return undefined;
  const own = classify(tensor);
  if (own.bucket === "quant-side") return own;
  const { stack, layer, expert } = classify({ name: owner, shape: tensor.shape, type: UNPACKED });
  return {
    bucket: "quant-side",
    part: "scale",
    stack,
    ...(layer !== undefined && { layer }),
    ...(expert !== undefined && { expert }),
    bias: false,
  };
}

/**
 * Output heads that are copies of the input table: only where config says that the two are tied, and the shapes agree.
 * (A header can't compare the bytes.)
 */
function tiedCopies(checkpoint: Checkpoint, classify: Classifier, packing: Packing | undefined): ReadonlySet<string> {
  const tables: Table[] = [];
  const heads: Table[] = [];
  for (const tensor of checkpoint.tensors) {
    const { name } = tensor;
    if (packing?.sideOf(name) !== undefined) continue;
    const container = packing?.container(name);
    const { bucket, part, bias } = container
      ? classify({ name: container.owner, shape: container.unpacked.shape ?? tensor.shape, type: UNPACKED })
      : classify(tensor);
    if (bias || container?.unpacked.unknown) continue;
    const table: Table = container
      ? { name, shape: container.unpacked.shape, parameters: container.unpacked.parameters, isPacked: true }
      : { name, shape: tensor.shape, parameters: tensor.elements, isPacked: false };
    if (bucket === "embedding" && part === "token") tables.push(table);
    else if (bucket === "head" && part === "lm_head") heads.push(table);
  }
  const copies = new Set<string>();
  // Encoder and decoder of one model may each store the shared table (T5: `shared`, then `encoder.embed_tokens`).
  const [first, ...others] = tables;
  if (first) for (const copy of [...others, ...heads]) if (alike(first, copy)) copies.add(copy.name);
  return copies;
}

interface Table {
  readonly name: string;
  /** Absent for a container of which only the count is known. */
  readonly shape: readonly number[] | undefined;
  readonly parameters: number;
  readonly isPacked: boolean;
}

/** Kernels want packed heads with rows in multiples of these, at most. */
const FILLED_TO = 128;

function alike(a: Table, b: Table): boolean {
  if (!a.shape || !b.shape) return a.parameters === b.parameters;
  if (a.shape.length !== b.shape.length) return false;
  return a.shape.every((n, i) => {
    const other = b.shape?.[i] ?? 0;
    return n === other || (b.isPacked && other > n && other % FILLED_TO === 0 && other - n < FILLED_TO);
  });
}
