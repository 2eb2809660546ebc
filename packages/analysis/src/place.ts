/**
 * What each tensor is and how much of it counts: its role, its logical size, and why it is left out where it is.
 * Nothing is kept per tensor, so placing costs no memory beyond what names and packed containers need.
 */
import type { Checkpoint, Tensor } from "@checkpoint-inspect/parser";

import { componentPlacer } from "./components.ts";
import { type ModelFacts, modelFacts } from "./facts.ts";
import { type Packing, packingOf } from "./quantization/packing.ts";
import { INTEGER_TYPES } from "./quantization/scheme.ts";
import { ggufClassifier } from "./roles/gguf-classifier.ts";
import { hfClassifier } from "./roles/hf-classifier.ts";
import type { Classifier, Role } from "./roles/role.ts";

/** Why a tensor is in the file but not among the parameters. */
export type Exclusion = "buffer" | "duplicate" | "quant-side" | "statistics";

/** A tensor with its role and what counts of it. */
export interface PlacedTensor {
  readonly tensor: Tensor;
  readonly role: Role;
  readonly excluded: Exclusion | undefined;
  /** Logical elements that count as parameters; 0 for what is excluded. */
  readonly parameters: number;
  /** Row-major logical shape: the tensor's own, or of the matrix inside a packed container where it is known. */
  readonly shape: readonly number[];
  /** Scheme of the packed container, or `unknown`: then `parameters` counts stored words. */
  readonly packed?: string;
}

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
  let names: Set<string> | undefined;
  const has = (name: string) => {
    names ??= new Set(checkpoint.tensors.map((tensor) => tensor.name));
    return names.has(name);
  };
  const makeClassifier = checkpoint.format === "gguf" ? ggufClassifier : hfClassifier;
  const classify: Classifier = makeClassifier({ architecture: facts.architecture, textLayers: facts.layers, has });
  const duplicates = facts.tiedEmbeddings ? tiedCopies(checkpoint, classify, packing) : undefined;
  // Integers beside scales are words of a packing that no scheme knows. Without any scales they are tables.
  const quantized =
    checkpoint.format === "safetensors" &&
    (packing !== undefined || checkpoint.tensors.some((tensor) => classify(tensor).bucket === "quant-side"));

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
    const role = sideRole(tensor, packing, classify) ?? classify(tensor);
    const integer = INTEGER_TYPES.has(tensor.type);
    const unknownPacking = quantized && integer && !role.buffer && role.bucket !== "quant-side" && shape.length > 0;
    let excluded: Exclusion | undefined;
    if (role.part === "imatrix") excluded = "statistics";
    else if (role.bucket === "quant-side") excluded = "quant-side";
    else if (role.buffer || (integer && !unknownPacking)) excluded = "buffer";
    else if (duplicates?.has(tensor.name)) excluded = "duplicate";
    const parameters = excluded ? 0 : tensor.elements;
    return { tensor, role, excluded, parameters, shape, ...(unknownPacking && { packed: UNKNOWN_PACKING }) };
  };
}

/** A type that no table of types knows, so that no rule takes the weight for integers. */
const UNPACKED = "unpacked";

export const UNKNOWN_PACKING = "unknown";

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
    if (packing?.sideOf(tensor.name) !== undefined) continue;
    const container = packing?.container(tensor.name);
    const shape = container?.unpacked.shape ?? tensor.shape;
    const { bucket, part, bias } = container
      ? classify({ name: container.owner, shape, type: UNPACKED })
      : classify(tensor);
    if (bias) continue;
    if (bucket === "embedding" && part === "token") tables.push({ name: tensor.name, shape });
    else if (bucket === "head" && part === "lm_head") heads.push({ name: tensor.name, shape });
  }
  const copies = new Set<string>();
  // Encoder and decoder of one model may each store the shared table (T5: `shared`, then `encoder.embed_tokens`).
  const [first, ...others] = tables;
  if (first) for (const copy of [...others, ...heads]) if (alike(first, copy)) copies.add(copy.name);
  return copies;
}

interface Table {
  readonly name: string;
  readonly shape: readonly number[];
}

function alike(a: Table, b: Table): boolean {
  return a.shape.length === b.shape.length && a.shape.every((n, i) => n === b.shape[i]);
}
