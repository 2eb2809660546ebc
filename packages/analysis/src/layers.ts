/**
 * Layer by layer: what each holds, and which are alike. Layers are keyed by (stack, index).
 *
 * Two layers are alike when they have the same tensors: same roles, shapes and storage types. A model of 80 layers is then
 * a handful of lines ("layers 3-60: 58 alike").
 */
import { type FeedForward, type LayerTraits, type Mixer, type TensorKind, traitsOf } from "./patterns/traits.ts";
import type { PlacedTensor } from "./placed-tensor.ts";
import { INTEGER_TYPES } from "./quantization/scheme.ts";
import type { Bucket, Stack } from "./roles/role.ts";

export interface LayerBucket {
  parameters: number;
  bytes: number;
}

export interface Layer {
  readonly stack: Stack;
  readonly index: number;
  parameters: number;
  bytes: number;
  tensors: number;
  readonly buckets: Partial<Record<Bucket, LayerBucket>>;
  /** Bytes by storage type. */
  readonly types: Record<string, number>;
  /** What mixes the tokens; empty where the layer only has a feed-forward part. */
  readonly mixers: readonly Mixer[];
  readonly feedForward: FeedForward;
}

/** Layers that are alike, wherever they stand in their stack. */
export interface LayerGroup {
  readonly stack: Stack;
  /** Index ranges `[first, last]`, ascending. */
  readonly ranges: readonly (readonly [number, number])[];
  readonly count: number;
  /** What one of them holds. */
  readonly layer: Layer;
}

export interface LayerProfile {
  readonly layers: readonly Layer[];
  /** Of each of `layers`, in their order: what layer patterns are told from. Not part of the report. */
  readonly traits: readonly LayerTraits[];
  /** Of each of `layers`: its kinds of tensors, and how many it has of each. */
  readonly kinds: readonly LayerKinds[];
  readonly groups: readonly LayerGroup[];
  /** What stands outside of all layers. */
  readonly rest: { readonly parameters: number; readonly bytes: number; readonly tensors: number };
  readonly restKinds: readonly RestKind[];
}

export type LayerKinds = ReadonlyMap<TensorKind, number>;

/** Tensors outside of all layers that are alike. */
export interface RestKind {
  readonly stack: Stack;
  readonly kind: TensorKind;
  count: number;
}

/** Layers that are told apart: models have below 200, llama.cpp takes 512. What is left of a hostile file's stands outside of them. */
const MAX_LAYERS = 20_000;

/** Kinds outside of layers that are kept: models have a few dozen, hostile files as many as tensors. */
const MAX_REST_KINDS = 10_000;

type OpenLayer = Omit<Layer, "mixers" | "feedForward"> & { readonly kinds: Map<number, number> };

/** Order of stacks on a page; unknown ones follow. */
const STACK_ORDER: readonly string[] = ["text", "encoder", "decoder", "vision", "audio", "projector", "mtp"];

/** Collects tensors one by one; `profile` closes the account. */
export function layerCollector(): { visit(placed: PlacedTensor): void; profile(): LayerProfile } {
  const layers = new Map<string, OpenLayer>();
  // A model has a few dozen kinds of tensors: what is known of each is kept once, and a layer holds their numbers.
  const kindIds = new Map<string, number>();
  const kinds: TensorKind[] = [];
  const rest = { parameters: 0, bytes: 0, tensors: 0 };
  const restKinds = new Map<string, RestKind>();

  function visit(placed: PlacedTensor): void {
    const { tensor, role, parameters } = placed;
    const key = `${role.stack} ${role.layer}`;
    let layer = role.layer === undefined ? undefined : layers.get(key);
    if (role.layer === undefined || (!layer && layers.size >= MAX_LAYERS)) {
      rest.parameters += parameters;
      rest.bytes += tensor.sizeBytes;
      rest.tensors++;
      const restKey = `${role.stack} ${kindKey(placed)}`;
      const known = restKinds.get(restKey);
      if (known) known.count++;
      else if (restKinds.size < MAX_REST_KINDS)
        restKinds.set(restKey, { stack: role.stack, kind: kindOf(placed), count: 1 });
      return;
    }
    if (!layer) {
      layer = {
        stack: role.stack,
        index: role.layer,
        parameters: 0,
        bytes: 0,
        tensors: 0,
        buckets: {},
        // Type names come from the file: without a prototype, `__proto__` is a name like any other.
        types: Object.create(null) as Record<string, number>,
        kinds: new Map(),
      };
      layers.set(key, layer);
    }
    layer.parameters += parameters;
    layer.bytes += tensor.sizeBytes;
    layer.tensors++;
    layer.buckets[role.bucket] ??= { parameters: 0, bytes: 0 };
    const bucket = layer.buckets[role.bucket] as LayerBucket;
    bucket.parameters += parameters;
    bucket.bytes += tensor.sizeBytes;
    layer.types[tensor.type] = (layer.types[tensor.type] ?? 0) + tensor.sizeBytes;
    const kind = kindKey(placed);
    let id = kindIds.get(kind);
    if (id === undefined) {
      id = kindIds.size;
      kindIds.set(kind, id);
      kinds.push(kindOf(placed));
    }
    layer.kinds.set(id, (layer.kinds.get(id) ?? 0) + 1);
  }

  function profile(): LayerProfile {
    const rank = (stack: string) => (STACK_ORDER.includes(stack) ? STACK_ORDER.indexOf(stack) : STACK_ORDER.length);
    const sorted = [...layers.values()].sort(
      (a, b) => rank(a.stack) - rank(b.stack) || (a.stack < b.stack ? -1 : a.stack > b.stack ? 1 : a.index - b.index),
    );
    const groups = new Map<string, { stack: Stack; ranges: [number, number][]; count: number; layer: Layer }>();
    const plain: Layer[] = [];
    const traits: LayerTraits[] = [];
    const ofLayers: LayerKinds[] = [];
    for (const { kinds: own, ...open } of sorted) {
      const trait = traitsOf([...own.keys()].flatMap((id) => kinds[id] ?? []));
      const layer: Layer = { ...open, mixers: trait.mixers, feedForward: trait.feedForward };
      plain.push(layer);
      traits.push(trait);
      ofLayers.push(new Map([...own].map(([id, count]) => [kinds[id] as TensorKind, count])));
      const alike = `${layer.stack} ${[...own].sort((a, b) => a[0] - b[0]).join(" ")}`;
      const group = groups.get(alike);
      if (!group) {
        groups.set(alike, { stack: layer.stack, ranges: [[layer.index, layer.index]], count: 1, layer });
        continue;
      }
      group.count++;
      const last = group.ranges.at(-1) as [number, number];
      if (last[1] + 1 === layer.index) last[1] = layer.index;
      else group.ranges.push([layer.index, layer.index]);
    }
    const outside = [...restKinds.values()];
    return { layers: plain, traits, kinds: ofLayers, groups: [...groups.values()], rest, restKinds: outside };
  }

  return { visit, profile };
}

function kindKey({ tensor, role, excluded }: PlacedTensor): string {
  return `${role.bucket}|${role.part}|${role.bias}|${tensor.type}|${tensor.shape}|${excluded ?? ""}`;
}

function kindOf({ tensor, role, excluded, parameters, shape, packed }: PlacedTensor): TensorKind {
  const words = packed !== undefined && INTEGER_TYPES.has(tensor.type) && parameters !== tensor.elements;
  const bits = parameters > 0 ? Math.round((8 * tensor.sizeBytes) / parameters) : 0;
  return {
    bucket: role.bucket,
    part: role.part,
    bias: role.bias,
    excluded: excluded !== undefined,
    stored: words && bits > 0 ? `${bits}-bit in ${tensor.type}` : tensor.type,
    dimensions: shape.length,
    parameters,
    bytes: tensor.sizeBytes,
    shape,
    first: tensor,
  };
}
