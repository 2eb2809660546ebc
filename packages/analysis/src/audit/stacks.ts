/** Layers and tables as the rules about tensors and config see them: by stack, with shapes that are surely the weights' own. */
import { inShort, quoted } from "@checkpoint-inspect/parser";

import { isAdapter } from "../adapter-names.ts";
import type { Layer, LayerKinds, RestKind } from "../layers.ts";
import type { TensorKind } from "../patterns/traits.ts";
import { rangesOf } from "../patterns/words.ts";
import { INTEGER_TYPES } from "../quantization/scheme.ts";
import type { Stack } from "../roles/role.ts";
import { formatRanges } from "../units.ts";
import type { Subject } from "./subject.ts";

/** A layer and its kinds of tensors. */
export interface HeldLayer {
  readonly layer: Layer;
  readonly kinds: LayerKinds;
}

/** Stacks whose sizes config.json and the hyper-parameters of GGUF give; towers have configs of their own. */
const MAIN_STACKS: readonly Stack[] = ["text", "decoder", "encoder"];

/** Every rule asks, and a hostile file has a layer a tensor. */
const remembered = new WeakMap<Subject, ReadonlyMap<Stack, readonly HeldLayer[]>>();

/** The layers of each stack, in order of their index. */
export function layersByStack(subject: Subject): ReadonlyMap<Stack, readonly HeldLayer[]> {
  const known = remembered.get(subject);
  if (known) return known;
  const { layers, kinds } = subject;
  const stacks = new Map<Stack, HeldLayer[]>();
  remembered.set(subject, stacks);
  for (const [i, layer] of layers.entries()) {
    const held = { layer, kinds: kinds[i] ?? new Map() };
    const stack = stacks.get(layer.stack);
    if (stack) stack.push(held);
    else stacks.set(layer.stack, [held]);
  }
  return stacks;
}

/** The layers that the model's sizes are about: of the text stack, or of encoder and decoder. */
export function mainLayers(subject: Subject): readonly HeldLayer[] {
  const stacks = layersByStack(subject);
  const text = stacks.get("text");
  return text ?? [...(stacks.get("decoder") ?? []), ...(stacks.get("encoder") ?? [])];
}

/** Tables, heads and norms outside of the layers, of the stacks that the model's sizes are about. */
export function mainRest({ restKinds }: Subject): readonly RestKind[] {
  return restKinds.filter(({ stack }) => MAIN_STACKS.includes(stack));
}

/** Buckets that keep the role of an inner tensor as `bucket.part`. */
const OUTER: ReadonlySet<string> = new Set(["vision", "audio", "mtp"]);

/** Bucket and part of a tensor, inside a tower or an MTP block as they'd be in the text stack. */
export function innerRole({ bucket, part }: TensorKind): readonly [bucket: string, part: string] {
  const dot = OUTER.has(bucket) ? part.indexOf(".") : -1;
  return dot < 0 ? [bucket, part] : [part.slice(0, dot), part.slice(dot + 1)];
}

/** `attention q`, `norm attn_pre`, `attention q bias`; of towers and MTP blocks without the outer bucket. */
export function partOf(kind: TensorKind): string {
  const [bucket, part] = innerRole(kind);
  return `${bucket} ${part}${kind.bias ? " bias" : ""}`;
}

/** Weights of some layers, each kind once: no biases, nothing that isn't counted. */
export function weightKinds(layers: readonly HeldLayer[]): ReadonlySet<TensorKind> {
  const found = new Set<TensorKind>();
  for (const { kinds } of layers) for (const kind of kinds.keys()) if (!kind.bias && !kind.excluded) found.add(kind);
  return found;
}

/** The shape of the weight itself; undefined where it is packed in a way that doesn't tell. */
export function weightShape({ packing }: Subject, { first, shape }: TensorKind): readonly number[] | undefined {
  const container = packing?.container(first.name);
  if (container) return container.unpacked.unknown ? undefined : container.unpacked.shape;
  return INTEGER_TYPES.has(first.type) ? undefined : shape;
}

/** Kinds of checkpoints that hold a model as its loader wants it: not a part of one, nor what changes one. */
const WHOLE_MODELS: ReadonlySet<string> = new Set(["llm", "encoder", "embedding", "reranker", "encoder-decoder"]);

/** Whether the checkpoint is one language model or encoder, so that its config is about its own layers. */
export function isWholeModel({ checkpoint, model }: Subject): boolean {
  return !checkpoint.components && WHOLE_MODELS.has(model.kind) && !isAdapter(checkpoint);
}

/** Ranges that a message lists. */
const MAX_RANGES = 8;

/** `3, 7-9`, with the rest counted where there are many. */
export function shortRanges(ranges: readonly (readonly [number, number])[]): string {
  const whole = formatRanges(ranges);
  if (whole.split(", ").length <= MAX_RANGES) return whole;
  return `${formatRanges(ranges.slice(0, MAX_RANGES))} and ${ranges.length - MAX_RANGES} more ranges`;
}

/** `layer 3`, `layers 3, 7-9`; those of another stack than the text's under its name: `vision layers 0-3`. */
export function layerWords(stack: Stack, indexes: readonly number[]): string {
  const name = stack === "text" ? "" : `${stack} `;
  return `${name}${indexes.length === 1 ? "layer" : "layers"} ${shortRanges(rangesOf(indexes))}`;
}

/** Names in quotes, the first of `count`. */
export function namesOf(names: readonly string[], count = names.length): string {
  return inShort(
    names.slice(0, 3).map((name) => quoted(name)),
    count,
  );
}
