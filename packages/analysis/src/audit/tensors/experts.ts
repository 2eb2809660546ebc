/**
 * Sets of routed experts: every MoE layer has experts 0 to E-1, each with all of its matrices, as tensors of their own or in stacks
 * with the experts in front; and a router with a row for each.
 */
import { type Evidence, quoted } from "@checkpoint-inspect/parser";

import type { TensorKind } from "../../patterns/traits.ts";
import { rangesOf } from "../../patterns/words.ts";
import type { Stack } from "../../roles/role.ts";
import type { AuditRule } from "../rule.ts";
import { type HeldLayer, isWholeModel, layerWords, mainLayers, shortRanges, weightShape } from "../stacks.ts";
import type { Subject } from "../subject.ts";
import { isPlain } from "./plain-models.ts";

/** What one layer has of its routed experts. */
export interface ExpertLayer {
  readonly held: HeldLayer;
  /** Tensors of each part, where an expert has its own. */
  readonly numbered: ReadonlyMap<string, number>;
  /** Experts in the stack of each part. */
  readonly stacked: ReadonlyMap<string, number>;
}

/** Parts that every expert has one of. */
const MATRIX = /^routed\.(gate|up|down|gate_up)$/;

/** The layers of the text, encoder or decoder that have routed experts. */
export function expertLayers(subject: Subject): readonly ExpertLayer[] {
  return mainLayers(subject).flatMap((held): ExpertLayer[] => {
    const numbered = new Map<string, number>();
    const stacked = new Map<string, number>();
    for (const [kind, count] of held.kinds) {
      const part = kind.bucket === "expert" && !kind.bias && !kind.excluded ? MATRIX.exec(kind.part)?.[1] : undefined;
      if (!part) continue;
      const shape = weightShape(subject, kind);
      // A lone matrix may be all experts in one (DBRX), or a model of one expert.
      if (count > 1 && kind.dimensions < 3) numbered.set(part, (numbered.get(part) ?? 0) + count);
      else if (count === 1 && shape?.length === 3) stacked.set(part, shape[0] ?? 0);
    }
    return numbered.size + stacked.size > 0 ? [{ held, numbered, stacked }] : [];
  });
}

/** How many experts most layers show in most of their parts; undefined where none shows any. */
export function usualExperts(layers: readonly ExpertLayer[]): number | undefined {
  const votes = new Map<number, number>();
  for (const { numbered, stacked } of layers) {
    for (const count of [...numbered.values(), ...stacked.values()]) votes.set(count, (votes.get(count) ?? 0) + 1);
  }
  let usual: number | undefined;
  for (const [count, n] of votes) if (usual === undefined || n > (votes.get(usual) ?? 0)) usual = count;
  return usual;
}

/** Weights that stand twice are counted twice. */
function isCountable(subject: Subject): boolean {
  return subject.complete && isWholeModel(subject) && (subject.packing?.copies.length ?? 0) === 0;
}

/** What a layer with routed experts can't do without, where layers are built alike. */
const OF_EXPERTS: readonly (readonly [what: string, part: RegExp])[] = [
  ["router", /^router$/],
  ["down matrices of the experts", /^routed\.down$/],
  ["up matrices of the experts", /^routed\.(?:up|gate_up)$/],
  ["gate matrices of the experts", /^routed\.(?:gate|gate_up)$/],
];

/** What one layer of ten or more lacks is named with the other parts of layers: here is what more of them lack, or one of few. */
function* lostOfAll(subject: Subject): Iterable<Evidence> {
  // A part of a model, cut out on purpose, lacks layers too.
  if (!isPlain(subject) || mainLayers(subject).length !== subject.facts.layers) return;
  const layers = mainLayers(subject).flatMap(({ layer, kinds }) => {
    const parts = [...kinds.keys()].flatMap(({ bucket, part, bias }) => (bucket === "expert" && !bias ? [part] : []));
    return parts.some((part) => part.startsWith("routed.")) ? [{ layer, parts }] : [];
  });
  for (const [what, wanted] of OF_EXPERTS) {
    const lacking = layers.filter(({ parts }) => !parts.some((part) => wanted.test(part)));
    const [first] = lacking;
    const isNamed = layers.length >= 4 && lacking.length <= Math.max(1, layers.length / 10);
    if (!first || isNamed) continue;
    const indexes = lacking.map(({ layer }) => layer.index);
    yield {
      message: `${layerWords(first.layer.stack, indexes)} ${lacking.length === 1 ? "lacks" : "lack"} the ${what}`,
    };
  }
}

function* expertSets(subject: Subject): Iterable<Evidence> {
  if (!isCountable(subject)) return;
  yield* lostOfAll(subject);
  const layers = expertLayers(subject);
  const usual = usualExperts(layers);
  if (usual === undefined) return;
  const short: ExpertLayer[] = [];
  for (const layer of layers) {
    const { numbered, stacked } = layer;
    const counts = [...numbered.values()];
    // Layers may have their own number of experts (pruned models), but each expert has all of its parts.
    const isUneven = new Set(counts).size > 1 || (new Set(numbered.keys()).size === 1 && counts[0] !== usual);
    const isBelow = counts.some((count) => count < usual) && subject.facts.experts === usual;
    if (isUneven || isBelow) short.push(layer);
    // llama.cpp's rules hold stacks of GGUF against expert_count.
    if (subject.checkpoint.format === "safetensors") yield* unevenStacks(layer, stacked, usual, subject.facts.experts);
  }
  if (short.length > 0) yield* missingExperts(subject, short, usual);
}

function* unevenStacks(
  { held }: ExpertLayer,
  stacked: ReadonlyMap<string, number>,
  usual: number,
  declared: number | undefined,
): Iterable<Evidence> {
  const odd = [...stacked].filter(([, count]) => count !== usual);
  if (odd.length === 0) return;
  const isUneven = new Set(stacked.values()).size > 1;
  if (!isUneven && declared !== usual) return;
  const words = odd.map(([part, count]) => `${part} of ${count}`).join(", ");
  yield {
    message: `${layerWords(held.layer.stack, [held.layer.index])} stacks ${words} experts, where ${usual} are usual`,
  };
}

/** Which experts lack which parts: known from the names alone, so the tensors are walked over once more. */
function* missingExperts(subject: Subject, layers: readonly ExpertLayer[], usual: number): Iterable<Evidence> {
  const seen = new Map<string, Map<string, Set<number>>>();
  const keyOf = (stack: Stack, layer: number) => `${stack} ${layer}`;
  for (const { held, numbered } of layers) {
    const parts = new Map([...numbered.keys()].map((part) => [part, new Set<number>()]));
    seen.set(keyOf(held.layer.stack, held.layer.index), parts);
  }
  for (const tensor of subject.checkpoint.tensors) {
    const { role, excluded } = subject.place(tensor);
    if (excluded || role.bias || role.layer === undefined || role.expert === undefined) continue;
    const part = MATRIX.exec(role.part)?.[1];
    if (part) seen.get(keyOf(role.stack, role.layer))?.get(part)?.add(role.expert);
  }
  for (const { held } of layers) {
    const { stack, index } = held.layer;
    const lacking = new Map<string, string[]>();
    for (const [part, experts] of seen.get(keyOf(stack, index)) ?? []) {
      const missing: number[] = [];
      for (let i = 0; i < usual && experts.size > 0; i++) if (!experts.has(i)) missing.push(i);
      if (missing.length === 0) continue;
      const ranges = shortRanges(rangesOf(missing));
      lacking.set(ranges, [...(lacking.get(ranges) ?? []), part]);
    }
    for (const [ranges, parts] of lacking) {
      const which = /^\d+$/.test(ranges) ? `expert ${ranges}` : `experts ${ranges}`;
      yield {
        message: `${layerWords(stack, [index])} lacks ${parts.join(", ")} of ${which}; the set is 0-${usual - 1}`,
      };
    }
  }
}

function* routers(subject: Subject): Iterable<Evidence> {
  const hidden = subject.facts.hiddenSize;
  if (!isCountable(subject) || !hidden) return;
  const layers = expertLayers(subject);
  const usual = usualExperts(layers);
  if (usual === undefined) return;
  const odd = new Map<TensorKind, { rows: number; experts: number; stack: Stack; layers: number[] }>();
  for (const { held, numbered, stacked } of layers) {
    const experts = Math.max(...numbered.values(), ...stacked.values());
    const kinds = [...held.kinds].filter(
      ([kind]) => kind.bucket === "expert" && kind.part === "router" && !kind.bias && !kind.excluded,
    );
    let rows = 0;
    for (const [kind, count] of kinds) {
      const [out = 0, width = 0, ...more] = weightShape(subject, kind) ?? [];
      // [E, hidden], or [hidden, E]; of what reads anything else nothing is known.
      const own = more.length > 0 ? 0 : width === hidden ? out : out === hidden ? width : 0;
      rows = own === 0 ? Number.NaN : rows + count * own;
    }
    const [first] = kinds;
    // More rows than experts is a router that may also choose none (LongCat).
    if (!first || !(rows < experts)) continue;
    const known = odd.get(first[0]);
    if (known) known.layers.push(held.layer.index);
    else odd.set(first[0], { rows, experts, stack: held.layer.stack, layers: [held.layer.index] });
  }
  for (const [kind, { rows, experts, stack, layers: indexes }] of odd) {
    yield {
      message: `the router of ${layerWords(stack, indexes)} chooses among ${rows} experts, of ${experts} that are there (${quoted(kind.first.name)})`,
      tensor: kind.first.name,
    };
  }
}

export const EXPERT_RULES: readonly AuditRule[] = [
  {
    id: "tensors/expert-set",
    severity: "error",
    means: "a mixture-of-experts layer lacks experts, parts of them or their router",
    why: "a loader fails, or fills the missing matrices with random numbers",
    fix: "download or convert the model again; a shard or a part of the conversion is missing",
    check: expertSets,
  },
  {
    id: "tensors/router",
    severity: "error",
    means: "a router chooses among fewer experts than the layer has",
    why: "the experts beyond its rows are never used, or the loader refuses the shape",
    fix: "take router and experts from the same model",
    check: routers,
  },
];
