/**
 * What a GGUF checkpoint would take at another quantization, tensor by tensor, as `llama-quantize --dry-run` says it.
 *
 * Source: llama.cpp v0.5.0 src/llama-quant.cpp; src/llama-model-loader.h (weight_name_comparer) for the order in which it counts.
 */
import { GGML_TYPES, type Tensor } from "@checkpoint-inspect/parser";

import { type QuantLabel, quantLabel } from "./labels.ts";
import {
  type Category,
  categoryOf,
  fallbackType,
  headType,
  isQuantized,
  mixedType,
  needsImatrix,
  type Place,
  type QuantModel,
  VALUES,
} from "./rules.ts";

/** What a projection asks of a tensor: shapes are row-major, as in a checkpoint. */
export type QuantizableTensor = Pick<Tensor, "name" | "type" | "shape" | "elements" | "sizeBytes">;

export interface ProjectedTensor {
  readonly name: string;
  /** The ggml type that it would be stored as. */
  readonly type: string;
  readonly bytes: number;
}

export interface Projection {
  readonly label: string;
  readonly tensors: readonly ProjectedTensor[];
  /** Of all tensors, without padding. */
  readonly bytes: number;
  readonly bitsPerWeight: number;
  /** Whether llama-quantize refuses it without an importance matrix. */
  readonly needsImatrix: boolean;
  /** Tensors whose rows don't divide into the type's blocks, and are stored in another. */
  readonly fallbacks: number;
}

const TYPES = new Map(GGML_TYPES.map((type) => [type.name, type] as const));

/** A tensor as the rules see it, worked out once for all labels. */
interface Prepared {
  readonly tensor: QuantizableTensor;
  readonly category: Category;
  readonly row: number;
  readonly quantized: boolean;
  readonly experts: boolean;
  readonly layer: number;
}

export interface Projector {
  project(label: string): Projection | undefined;
}

/** Projects a checkpoint's tensors, with what of their names and shapes doesn't depend on the label done once. */
export function projector(tensors: readonly QuantizableTensor[], model: QuantModel): Projector {
  const prepared = tensors.map(prepare).sort(inOrder);
  const values = prepared.filter(({ category }) => VALUES.includes(category)).length;
  const elements = tensors.reduce((sum, tensor) => sum + tensor.elements, 0);
  return {
    project(name) {
      const label = quantLabel(name);
      return label && projectTo(label, prepared, values, elements, model);
    },
  };
}

function prepare(tensor: QuantizableTensor): Prepared {
  const { name, shape } = tensor;
  // Leading dimensions of one are none to ggml.
  let start = 0;
  while (start < shape.length && shape[start] === 1) start++;
  const dimensions = shape.length - start;
  return {
    tensor,
    category: categoryOf(name),
    row: shape.at(-1) ?? 1,
    quantized: isQuantized(name, dimensions),
    experts: (shape.at(-3) ?? 1) > 1,
    layer: Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1),
  };
}

/** By block, then by name; what stands in no block comes first. */
function inOrder(a: Prepared, b: Prepared): number {
  if (a.layer !== b.layer) return a.layer - b.layer;
  return a.tensor.name < b.tensor.name ? -1 : a.tensor.name > b.tensor.name ? 1 : 0;
}

function projectTo(
  { label, type: usual }: QuantLabel,
  prepared: readonly Prepared[],
  values: number,
  elements: number,
  model: QuantModel,
): Projection {
  const isMix = blockOf(usual) > 1;
  const seen = { values: 0, down: 0, gate: 0, up: 0 };
  const projected: ProjectedTensor[] = [];
  let [bytes, fallbacks, imatrix] = [0, 0, false];

  /** The n-th of its kind; where there are experts, by its block, for their tensors may stand in any order. */
  function placeOf({ category, layer }: Prepared): Place {
    if (VALUES.includes(category)) return { index: seen.values++, count: values };
    if (category !== "down" && category !== "gate" && category !== "up") return { index: 0, count: 1 };
    const counted = seen[category]++;
    const byBlock = model.experts > 1 && layer >= 0 && !LOW.test(label);
    return { index: byBlock ? layer : counted, count: model.layers };
  }

  for (const entry of prepared) {
    const { tensor, category, row, quantized } = entry;
    let { type, sizeBytes } = tensor as { type: string; sizeBytes: number };
    if (quantized) {
      type = usual;
      if (isMix) {
        const isHead = category === "output" || (model.tied && category === "token");
        if (isHead) type = headType(label, usual, row % blockOf(usual) === 0, model);
        else if (label === "MXFP4_MOE") type = entry.experts && isExpert(category, model) ? "MXFP4" : "Q8_0";
        else type = mixedType(label, usual, category, model, placeOf(entry));
        if (row % blockOf(type) !== 0) {
          fallbacks++;
          type = fallbackType(type);
          if (row % blockOf(type) !== 0) type = "F16";
        }
        imatrix ||= needsImatrix(type, category, label);
      }
      sizeBytes = bytesOf(type, tensor.elements);
    }
    bytes += sizeBytes;
    projected.push({ name: tensor.name, type, bytes: sizeBytes });
  }
  return {
    label,
    tensors: projected,
    bytes,
    bitsPerWeight: elements > 0 ? (8 * bytes) / elements : 0,
    needsImatrix: imatrix,
    fallbacks,
  };
}

/** Labels whose rules count tensors, also where there are experts. */
const LOW = /^IQ[12]_/;

/** Latent attention has matrices of three dimensions too; only this family's rule looks at the name. */
function isExpert(category: Category, { architecture }: QuantModel): boolean {
  return architecture !== "bailingmoe3" || category === "up" || category === "gate" || category === "down";
}

function blockOf(type: string): number {
  return TYPES.get(type)?.blockElements || 1;
}

function bytesOf(type: string, elements: number): number {
  const { blockElements = 1, blockBytes = 0 } = TYPES.get(type) ?? {};
  return (elements / (blockElements || 1)) * blockBytes;
}
