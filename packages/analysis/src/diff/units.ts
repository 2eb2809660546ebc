/**
 * The weights of one side: each with what unpacks it, under the name that it would have unpacked. Everything that is compared is
 * a weight; scales, zeros and maps only add their bytes.
 */
import { type PlacedTensor, UNKNOWN_PACKING } from "../placed-tensor.ts";
import type { Packing } from "../quantization/packing.ts";
import { INTEGER_TYPES } from "../quantization/scheme.ts";
import type { DiffSide } from "./types.ts";

export interface Unit {
  /** `model.layers.0.self_attn.q_proj.weight` of `…q_proj.qweight`. */
  readonly name: string;
  /** Place among the side's units. */
  readonly index: number;
  readonly weight: PlacedTensor;
  readonly sides: PlacedTensor[];
  readonly type: string;
  /** Logical elements, of what isn't counted as parameters too. */
  readonly size: number;
  /** Whether `weight.shape` is that of the weight, not of the words that pack it. */
  readonly hasShape: boolean;
  /** False where the packing isn't known, and `size` counts words. */
  readonly known: boolean;
}

export function unitsOf({ tensors, packing }: DiffSide): readonly Unit[] {
  const units: Unit[] = [];
  const byName = new Map<string, Unit>();
  const sides: PlacedTensor[] = [];
  const add = (placed: PlacedTensor, name: string): void => {
    const unit = unitOf(placed, name, units.length);
    units.push(unit);
    // Of two copies of a weight, sides unpack the packed one.
    if (!byName.has(name) || (placed.packed !== undefined && byName.get(name)?.weight.packed === undefined))
      byName.set(name, unit);
  };
  for (const placed of tensors) {
    const { name } = placed.tensor;
    if (placed.role.bucket === "quant-side" || isSide(packing, name)) sides.push(placed);
    else add(placed, ownerOf(packing, name) ?? name);
  }
  for (const side of sides) {
    const owner = ownersOf(packing, side.tensor.name).find((name) => byName.has(name));
    if (owner !== undefined) byName.get(owner)?.sides.push(side);
    // What unpacks nothing that is there is a difference of its own, if the other side lacks it.
    else units.push(unitOf(side, side.tensor.name, units.length));
  }
  return units;
}

function unitOf(weight: PlacedTensor, name: string, index: number): Unit {
  const { shape, parameters, packed } = weight;
  const elements = shape.reduce((product, n) => product * n, 1);
  const hasShape = packed === undefined || elements === parameters;
  return {
    name,
    index,
    weight,
    sides: [],
    type: typeOf(weight, parameters || elements),
    size: parameters || elements,
    hasShape,
    known: packed !== UNKNOWN_PACKING,
  };
}

/** What a person would call it: `I32` says nothing of weights of four bits. */
export function typeOf({ tensor, packed }: PlacedTensor, elements: number): string {
  if (packed === undefined || packed === UNKNOWN_PACKING || !INTEGER_TYPES.has(tensor.type)) return tensor.type;
  const bits = elements > 0 ? Math.round((8 * tensor.sizeBytes) / elements) : 0;
  // Some schemes have their width in their name: `bitsandbytes-4bit`.
  return bits === 0 || /\d/.test(packed) ? packed : `${packed} ${bits}-bit`;
}

/** Names of a pipeline begin with the component's; what packs its weights is known under the component's own names. */
function prefixOf(packing: Packing | undefined, name: string): string {
  return packing?.components ? name.slice(0, name.indexOf("/") + 1) : "";
}

function isSide(packing: Packing | undefined, name: string): boolean {
  return packing?.container(name) === undefined && packing?.sideOf(name) !== undefined;
}

function ownerOf(packing: Packing | undefined, name: string): string | undefined {
  const owner = packing?.container(name)?.owner;
  return owner === undefined ? undefined : prefixOf(packing, name) + owner;
}

/** The weights that a side tensor may belong to, the likeliest first. */
function ownersOf(packing: Packing | undefined, name: string): readonly string[] {
  const owner = packing?.sideOf(name);
  const dot = name.lastIndexOf(".");
  const stem = dot < 0 ? name : name.slice(0, dot);
  return [...(owner === undefined ? [] : [prefixOf(packing, name) + owner]), `${stem}.weight`, stem];
}
