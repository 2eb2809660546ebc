/** The quantizations that a checkpoint could be turned into, each with what its weights would then take and where they'd lie. */
import type { Checkpoint } from "@checkpoint-inspect/parser";

import type { PlacedTensor } from "../placed-tensor.ts";
import type { QuantOption } from "./answer.ts";
import type { GgufHparams } from "./gguf-hparams.ts";
import type { MemoryModel } from "./model.ts";
import { asGguf } from "./quantize/from-roles.ts";
import { QUANT_LABELS } from "./quantize/labels.ts";
import { projector } from "./quantize/project.ts";
import type { QuantModel } from "./quantize/rules.ts";
import { schemeProjections } from "./quantize/schemes.ts";
import type { WeightInventory } from "./weights/inventory.ts";

export interface QuantsOptions {
  /** All that llama-quantize makes, and not only the usual ones. */
  readonly all: boolean;
  /** What the checkpoint is stored as now, by its label. */
  readonly declared: string | null;
  readonly imatrix?: boolean;
}

/**
 * For a GGUF file the sizes are what `llama-quantize --dry-run` says, to the byte. For safetensors those of vLLM's formats by formula, and
 * those of llama.cpp as far as conversion can be foreseen.
 */
export function quantOptions(
  checkpoint: Checkpoint,
  model: MemoryModel,
  place: (tensor: Checkpoint["tensors"][number]) => PlacedTensor,
  { all, declared, imatrix = false }: QuantsOptions,
): readonly QuantOption[] {
  const labels = QUANT_LABELS.filter(({ usual, label }) => all || usual || label === declared);
  const isGguf = checkpoint.format === "gguf";
  const placed = checkpoint.tensors.map(place);
  const text = { ...model.weights, bytes: model.weights.bytes - (isGguf ? 0 : towerBytes(model.weights)) };
  const project = projector(isGguf ? checkpoint.tensors : asGguf(placed), quantModel(checkpoint, model, imatrix));
  const llama = labels.flatMap(({ label, words }): QuantOption[] => {
    const projection = project.project(label);
    if (!projection) return [];
    const isThis = isGguf && label === declared;
    // What a file of this label holds may differ from what llama-quantize would make: the file itself is the truth.
    const bytes = isThis ? model.weights.bytes : projection.bytes;
    return [
      {
        label,
        words,
        engine: "llama.cpp",
        bytes,
        bitsPerWeight: isThis ? bitsOf(bytes, model) : projection.bitsPerWeight,
        exact: isGguf,
        needsImatrix: projection.needsImatrix,
        weights: isThis ? model.weights : scaled(text, bytes, projection.tensors),
        isThis,
      },
    ];
  });
  if (isGguf) return llama;
  const served = schemeProjections(placed).map(
    ({ label, words, bytes, bitsPerWeight }): QuantOption => ({
      label,
      words,
      engine: "vllm",
      bytes,
      bitsPerWeight,
      exact: false,
      needsImatrix: false,
      weights: scaled(model.weights, bytes, []),
      isThis: false,
    }),
  );
  return [...served, ...llama];
}

function bitsOf(bytes: number, { parameters }: MemoryModel): number {
  return parameters.total > 0 ? (8 * bytes) / parameters.total : 0;
}

function towerBytes({ asideBytes }: WeightInventory): number {
  return asideBytes;
}

function quantModel(checkpoint: Checkpoint, { shape, blocks, weights }: MemoryModel, imatrix: boolean): QuantModel {
  const tied = weights.tiedBytes > 0 || !checkpoint.tensors.some(({ name }) => name === "output.weight");
  const hparams = shape && "layersAll" in shape ? (shape as GgufHparams) : undefined;
  if (!hparams) {
    const experts = weights.experts?.count ?? 0;
    return { architecture: "", layers: blocks, experts, gqa: 0, is70B: false, tied: weights.tiedBytes > 0, imatrix };
  }
  const [heads = 0] = hparams.heads;
  const [kvHeads = 0] = hparams.kvHeads;
  return {
    architecture: hparams.architecture,
    layers: hparams.layersAll,
    experts: hparams.experts,
    gqa: kvHeads > 0 ? Math.floor(heads / kvHeads) : 0,
    is70B: hparams.architecture === "llama" && hparams.layersAll === 80 && heads !== kvHeads,
    tied,
    imatrix,
  };
}

/** The tables by their own projection, so that what stays on the host is right; the rest in proportion. */
function scaled(
  weights: WeightInventory,
  bytes: number,
  tensors: readonly { readonly name: string; readonly bytes: number }[],
): WeightInventory {
  const table = tensors.find(({ name }) => name === "token_embd.weight");
  const inputBytes = table?.bytes ?? (weights.inputBytes * bytes) / weights.bytes;
  const rest = weights.bytes - weights.inputBytes;
  const factor = rest > 0 ? (bytes - inputBytes) / rest : 0;
  const of = (value: number) => Math.round(value * factor);
  return {
    ...weights,
    bytes,
    inputBytes,
    tiedBytes: weights.tiedBytes > 0 ? inputBytes : 0,
    blocks: weights.blocks.map((block) => ({ ...block, bytes: of(block.bytes), routedBytes: of(block.routedBytes) })),
    headBytes: of(weights.headBytes),
    asideBytes: of(weights.asideBytes),
    routedBytes: of(weights.routedBytes),
    otherBytes: of(weights.otherBytes),
    activeBytes:
      weights.activeBytes === null
        ? null
        : of(weights.activeBytes - weights.tiedBytes) + (weights.tiedBytes > 0 ? inputBytes : 0),
  };
}
