/**
 * Takes a Hugging Face tensor name apart: wrappers off, layer and expert numbers found, the ending cut.
 */
import { EXPERT_LISTS, LAYER_LISTS, PAYLOADS, SINGLE_LAYERS, WRAPPERS } from "./hf-rules-names.ts";
import type { RoleFacts } from "./role.ts";

/** Real names have fewer than twenty segments. A longer one is no tensor of a known model, and matching it would cost. */
export const MAX_SEGMENTS = 64;
/** Longer digit runs are no index; they would lose precision as numbers. */
export const MAX_INDEX_DIGITS = 9;

/** A name taken apart. */
export interface NameParts {
  readonly raw: string;
  /** Segments without wrappers. */
  readonly segments: readonly string[];
  /** Where each segment stood in the name. */
  readonly rawAt: readonly number[];
  /** Index in `segments` of the layer number, -1 outside the layers. */
  readonly layerAt: number;
  readonly expertAt: number;
  /** First segment inside the layer; 0 outside. */
  readonly innerAt: number;
  readonly facts: RoleFacts;
  /** Set when a rule looked at a neighbour: the verdict then holds for this name only. */
  asked: boolean;
}

export const isNumber = (segment: string | undefined): boolean => segment !== undefined && /^\d{1,9}$/.test(segment);

/** Segments without wrappers, and where each stood in the name. */
function unwrap(name: string): { segments: string[]; rawAt: number[] } {
  const all = name.split(".");
  const segments: string[] = [];
  const rawAt: number[] = [];
  for (let i = 0; i < all.length; i++) {
    const segment = all[i] ?? "";
    const isFirst = segments.length === 0;
    if (WRAPPERS.has(segment) || (isFirst && segment === "module" && i < all.length - 1)) continue;
    // PEFT: `modules_to_save.<adapter>`, and `base_model.model.` in front of the model's own name.
    if (segment === "modules_to_save" || (isFirst && segment === "base_model" && all[i + 1] === "model")) i++;
    else {
      segments.push(segment);
      rawAt.push(i);
    }
  }
  return { segments, rawAt };
}

export function takeApart(raw: string, facts: RoleFacts): NameParts {
  const { segments, rawAt } = unwrap(raw);
  let layerAt = -1;
  let expertAt = -1;
  let single = -1;
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i] ?? "";
    const before = segments[i - 1] ?? "";
    if (isNumber(segment)) {
      if (layerAt < 0 && single < 0 && LAYER_LISTS.has(before)) layerAt = i;
      else if (expertAt < 0 && EXPERT_LISTS.has(before)) expertAt = i;
    } else if (expertAt < 0 && before === "experts" && /^expert_\d{1,9}$/.test(segment)) expertAt = i;
    else if (layerAt < 0 && single < 0 && i < segments.length - 1 && SINGLE_LAYERS.has(segment)) single = i;
  }
  const innerAt = Math.max(layerAt, single) + 1;
  return { raw, segments, rawAt, layerAt, expertAt, innerAt, facts, asked: false };
}

/** The word before the layer's number, or the layer's own where it has none (`mid_block`); empty outside the layers. */
export function layerList({ segments, layerAt, innerAt }: NameParts): string {
  if (innerAt === 0) return "";
  return segments[layerAt < 0 ? innerAt - 1 : layerAt - 1] ?? "";
}

/** Whether `sibling` stands where the last `cut` segments of the name stand. */
export function hasSibling(parts: NameParts, cut: number, sibling: string): boolean {
  const segments = parts.raw.split(".");
  return parts.facts.has([...segments.slice(0, Math.max(segments.length - cut, 0)), sibling].join("."));
}

/** As `hasSibling`, for questions whose answer may differ between names of one pattern. */
export function askSibling(parts: NameParts, cut: number, sibling: string): boolean {
  parts.asked = true;
  return hasSibling(parts, cut, sibling);
}

/** How the name ends: the path without `.weight`, `.bias` and their like, and whether that end was a bias. */
export function cutEnding(path: readonly string[]): { path: readonly string[]; bias: boolean; cut: number } {
  const last = path.at(-1) ?? "";
  const owner = path.at(-2) ?? "";
  if (PAYLOADS.has(last) && path.length > 1) {
    const rest = cutEnding(path.slice(0, -1));
    return { ...rest, cut: rest.cut + 1 };
  }
  if (last === "weight" || last === "weight_g" || last === "weight_v")
    return { path: path.slice(0, -1), bias: false, cut: 1 };
  // MLX writes `.biases` beside `.scales`; what comes here has no such neighbour.
  if (last === "biases") return { path: path.slice(0, -1), bias: true, cut: 1 };
  // TensorFlow's names of a norm's two vectors; `.scale` is JAX's. Elsewhere `beta` may be an activation's parameter.
  const ofNorm = /norm|^ln/i.test(owner);
  if (last === "bias" || (last === "beta" && ofNorm)) return { path: path.slice(0, -1), bias: true, cut: 1 };
  if ((last === "gamma" || last === "scale") && ofNorm) return { path: path.slice(0, -1), bias: false, cut: 1 };
  // torch.nn.utils.parametrizations.weight_norm
  if (path.at(-3) === "parametrizations") return { path: path.slice(0, -3), bias: false, cut: 3 };
  return { path, bias: false, cut: 0 };
}
