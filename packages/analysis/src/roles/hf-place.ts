/**
 * Where a Hugging Face tensor stands: text, tower, projector or MTP block, and in which stack of layers.
 * Towers and projectors are known by a segment, never by a whole prefix, for one model occurs under several.
 */
import { layerList, type NameParts } from "./hf-name.ts";
import {
  AUDIO_ENCODER_ARCHITECTURES,
  MTP_LEAVES,
  MTP_SEGMENTS,
  NAMED_LISTS,
  PROJECTORS,
  SINGLE_LAYERS,
  STACK_NAMES,
  TOWER_EXITS,
  TOWER_STACKS,
  TOWERS,
} from "./hf-rules-names.ts";
import type { Stack } from "./role.ts";

export interface Place {
  readonly kind: "text" | "vision" | "audio" | "projector" | "mtp";
  readonly stack: Stack;
  /** Where the path begins for the rules of tensors outside the layers. */
  readonly pathAt: number;
}

export function locate(parts: NameParts): Place {
  const { segments, layerAt, innerAt, facts } = parts;
  const outer = innerAt > 0 ? segments.slice(0, innerAt) : segments;
  const tower = outer.findIndex((segment) => TOWERS.has(segment));
  const projector = outer.findLastIndex((segment) => PROJECTORS.has(segment));
  if (projector >= 0) return { kind: "projector", stack: "projector", pathAt: projector };
  if (tower >= 0) {
    const kind = TOWERS.get(segments[tower] ?? "") ?? "vision";
    const inner = outer.findLastIndex((segment) => TOWERS.has(segment)) + 1;
    if (innerAt === 0 && TOWER_EXITS.has(segments[inner] ?? "")) {
      return { kind: "projector", stack: "projector", pathAt: inner };
    }
    const list = outer.map((segment) => TOWER_STACKS.get(segment)).find((name) => name !== undefined);
    return { kind, stack: list && innerAt > 0 ? `${kind}.${list}` : kind, pathAt: inner };
  }
  const coder = outer.findIndex(
    (segment, i) => (segment === "encoder" || segment === "decoder") && (i === 0 || segments[i - 1] === "model"),
  );
  if (coder >= 0 && segments[coder] === "encoder" && AUDIO_ENCODER_ARCHITECTURES.has(facts.architecture ?? "")) {
    return { kind: "audio", stack: "audio", pathAt: coder + 1 };
  }
  const mtp = segments.findIndex((segment) => MTP_SEGMENTS.has(segment));
  if (mtp >= 0) return { kind: "mtp", stack: "mtp", pathAt: mtp + 1 };
  const inner = layerAt < 0 ? [] : segments.slice(innerAt);
  if (inner.some((segment) => MTP_LEAVES.has(segment)) || inner[0] === "embed_tokens") {
    return { kind: "mtp", stack: "mtp", pathAt: innerAt };
  }

  const named = outer.map((segment) => STACK_NAMES.get(segment)).find((stack) => stack !== undefined);
  if (named) return { kind: "text", stack: named, pathAt: 0 };
  const list = layerList(parts);
  // `encoder.layer.3` is a BERT; an encoder beside a decoder writes `encoder.layers.3` or `encoder.block.3`.
  const isCoder = coder >= 0 && coder + 1 < segments.length - (layerAt < 0 ? 1 : 0) && list !== "layer";
  const prefix = isCoder ? (segments[coder] ?? "") : "";
  if (NAMED_LISTS.has(list) || SINGLE_LAYERS.has(list))
    return { kind: "text", stack: prefix ? `${prefix}.${list}` : list, pathAt: 0 };
  return { kind: "text", stack: prefix || "text", pathAt: 0 };
}
