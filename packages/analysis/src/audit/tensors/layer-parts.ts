/**
 * Layers that lack a part which layers like them have.
 *
 * Layers are compared with those of their own make-up (mixer and feed-forward), so that hybrids and dense first layers are held
 * against their like. Only parts that a layer can't do without count; what models leave out on purpose is in the tables below.
 */
import { type Evidence, quoted } from "@checkpoint-inspect/parser";

import type { TensorKind } from "../../patterns/traits.ts";
import type { Stack } from "../../roles/role.ts";
import { plural } from "../../units.ts";
import { stated } from "../config/read.ts";
import type { AuditRule } from "../rule.ts";
import { type HeldLayer, innerRole, isWholeModel, layersByStack, layerWords, partOf } from "../stacks.ts";
import type { Subject } from "../subject.ts";
import { isPlain, statesLayers } from "./plain-models.ts";

/** Parts without which a layer of their kind doesn't run. */
const NEEDED: Readonly<Record<string, RegExp | undefined>> = {
  attention:
    /^(?:(?:cross\.|visual_expert\.)?(?:q|k|v|o|qkv|kv)|[qk]_norm|mla\.\w+|linattn\..+|ssm\..+|rwkv\..+|shortconv\.(?:in|out|conv)\w*)$/,
  ffn: /^(?:visual_expert\.|rwkv\.)?(?:gate|up|down|gate_up|key|value|receptance)$/,
  expert: /^(?:router|router_correction|shared_gate|(?:routed|shared)\.(?:gate|up|down|gate_up))$/,
  norm: /^(?!altup|laurel|ple)/,
};

/**
 * What first layers have in any model. Norms, states and corrections may begin with a later one (ModernBERT, RWKV-7, DeepSeek-V4's
 * layers that route by a table).
 */
const NEEDED_IN_FIRST = /^(?:attention (?:q|k|v|o|qkv)|ffn (?:gate|up|down|gate_up)|expert (?!router_correction).*)$/;

/** What layers lack that attend to the keys and values of another one (Gemma 3n, Gemma 4, YOCO). */
const KEYS_AND_VALUES = /^attention (?:k|v|kv|k_norm|v_norm)(?: bias)?$/;

/** Parts that are counted elsewhere: one for each expert. */
const ROUTED = /^expert routed\./;

/** Layers of one make-up below which none is the odd one out. */
const FEWEST_ALIKE = 4;

/** Of so many alike, one may lack a part by mistake; more are a pattern. */
const ALIKE_PER_LOSS = 10;

/** Parts that a layer may lack and still be told to be of the others' make-up. */
const MOST_LOST = 2;

interface Sized extends HeldLayer {
  /** Needed parts, and how many tensors it has of each. */
  readonly parts: ReadonlyMap<string, number>;
}

/** Whether a layer of its kind doesn't run without the part. */
export function isNeeded(kind: TensorKind): boolean {
  const [bucket, part] = innerRole(kind);
  return !kind.excluded && (NEEDED[bucket]?.test(part) ?? false);
}

function neededParts(held: HeldLayer): Sized {
  const parts = new Map<string, number>();
  for (const [kind, count] of held.kinds) {
    if (isNeeded(kind)) parts.set(partOf(kind), (parts.get(partOf(kind)) ?? 0) + count);
  }
  return { ...held, parts };
}

function fewOf(count: number): number {
  return Math.max(1, Math.floor(count / ALIKE_PER_LOSS));
}

/**
 * Layers of one make-up together. Where a lost tensor was what its mixer is told by, the layer stands alone: it joins the most
 * numerous ones if it has all that they have but for a part or two.
 */
function madeAlike(layers: readonly HeldLayer[]): readonly (readonly Sized[])[] {
  const groups = new Map<string, Sized[]>();
  for (const held of layers) {
    const { mixers, feedForward } = held.layer;
    const key = `${mixers.join("+")} ${feedForward}`;
    const group = groups.get(key);
    if (group) group.push(neededParts(held));
    else groups.set(key, [neededParts(held)]);
  }
  const [main, ...others] = [...groups.values()].sort((a, b) => b.length - a.length);
  if (!main || main.length < FEWEST_ALIKE) return others;
  const few = fewOf(layers.length);
  const common = [...(main[0]?.parts ?? [])].filter(([part]) => main.every(({ parts }) => parts.has(part)));
  const alone = others.filter((group) => group.length > few || !group.every((own) => lacksLittle(own, common)));
  const joined = others.filter((group) => !alone.includes(group)).flat();
  return [[...main, ...joined].sort((a, b) => a.layer.index - b.layer.index), ...alone];
}

/** Whether a layer has nothing but the common parts, and nearly all of them. */
function lacksLittle({ parts }: Sized, common: readonly (readonly [part: string, count: number])[]): boolean {
  const known = new Set(common.map(([part]) => part));
  for (const part of parts.keys()) if (!known.has(part)) return false;
  return parts.size >= known.size - MOST_LOST;
}

/** Checkpoints of which the layers are a model's own: adapters, draft heads and pipelines have as many as someone chose. */
function hasOwnLayers(subject: Subject): boolean {
  return isWholeModel(subject) || (!subject.checkpoint.components && subject.model.kind === "speech");
}

/** Widths of one norm from which the layers are stages of different widths (Swin, SegFormer): their last one ends otherwise. */
const WIDTHS_OF_STAGES = 3;

function isHierarchy(group: readonly Sized[]): boolean {
  const widths = new Map<string, Set<number>>();
  for (const { kinds } of group) {
    for (const kind of kinds.keys()) {
      const [width, ...more] = kind.shape;
      if (innerRole(kind)[0] !== "norm" || width === undefined || more.length > 0) continue;
      const known = widths.get(partOf(kind));
      if (known) known.add(width);
      else widths.set(partOf(kind), new Set([width]));
    }
  }
  return [...widths.values()].some(({ size }) => size >= WIDTHS_OF_STAGES);
}

interface Loss {
  readonly layers: readonly number[];
  readonly parts: { readonly part: string; readonly kind: TensorKind }[];
}

/** Parts of which a layer that has any of its bucket's can't do without one; a fused tensor stands for several. */
const ONE_OF: readonly (readonly string[])[] = [
  ["attention q", "attention qkv"],
  ["attention k", "attention qkv", "attention kv"],
  ["attention v", "attention qkv", "attention kv"],
  ["attention o"],
  ["ffn up", "ffn gate_up"],
  ["ffn down"],
];

/** What no layer of a plain architecture has, though its layers can't do without it: a comparison of layers doesn't see that. */
function* missingEverywhere(subject: Subject): Iterable<Evidence> {
  const layers = (layersByStack(subject).get("text") ?? []).map((held) => neededParts(held));
  const all = new Set(layers.flatMap(({ parts }) => [...parts.keys()]));
  if (layers.length < 2 || [...all].some((part) => part.startsWith("attention mla."))) return;
  for (const names of ONE_OF) {
    const [first = ""] = names;
    const [bucket = ""] = first.split(" ");
    const others = ONE_OF.flat().filter((name) => name.startsWith(bucket) && all.has(name));
    if (others.length === 0 || names.some((name) => all.has(name))) continue;
    const message = `no layer has a tensor for ${first}, though ${plural(layers.length, "layer has", "layers have")} ${others.join(", ")}`;
    yield { message };
  }
}

function* incompleteLayers(subject: Subject): Iterable<Evidence> {
  if (!subject.complete || !hasOwnLayers(subject)) return;
  if (isPlain(subject)) yield* missingEverywhere(subject);
  for (const [stack, layers] of layersByStack(subject)) {
    for (const group of madeAlike(layers)) {
      if (group.length < FEWEST_ALIKE || isHierarchy(group)) continue;
      for (const loss of lossesIn(subject, group)) yield lossEvidence(subject, stack, group, loss);
    }
  }
}

/** What few layers of a group lack, and all others have; layers that lack the same together. */
function lossesIn(subject: Subject, group: readonly Sized[]): readonly Loss[] {
  // Where all layers are built alike, no number of them and no place may lack a part that others have.
  const plain = isPlain(subject) && !subject.facts.kvSharedLayers;
  const losses = new Map<string, Loss>();
  for (const [part, kind] of partsOf(group)) {
    const usual = plain ? Math.max(1, usualCount(group, part)) : usualCount(group, part);
    const lacking = group.flatMap(({ layer, parts }) => ((parts.get(part) ?? 0) < usual ? [layer.index] : []));
    if (lacking.length === 0 || (!plain && lacking.length > fewOf(group.length))) continue;
    if (!plain && !NEEDED_IN_FIRST.test(part) && isRun(lacking, group.slice(0, lacking.length))) continue;
    if (!plain && KEYS_AND_VALUES.test(part) && mayShareKeys(subject, lacking, group)) continue;
    const key = lacking.join(" ");
    const known = losses.get(key);
    if (known) known.parts.push({ part, kind });
    else losses.set(key, { layers: lacking, parts: [{ part, kind }] });
  }
  return [...losses.values()];
}

/** The parts of a group, each with a tensor for an example. */
function partsOf(group: readonly Sized[]): ReadonlyMap<string, TensorKind> {
  const parts = new Map<string, TensorKind>();
  for (const { kinds } of group) {
    for (const kind of kinds.keys()) if (isNeeded(kind) && !parts.has(partOf(kind))) parts.set(partOf(kind), kind);
  }
  return parts;
}

/** How many tensors of a part most layers have. One, where experts have one each: they are counted by another rule. */
function usualCount(group: readonly Sized[], part: string): number {
  const votes = new Map<number, number>();
  for (const { parts } of group) votes.set(parts.get(part) ?? 0, (votes.get(parts.get(part) ?? 0) ?? 0) + 1);
  const [usual = 0] = [...votes].sort((a, b) => b[1] - a[1])[0] ?? [];
  return ROUTED.test(part) ? Math.min(usual, 1) : usual;
}

function isRun(indexes: readonly number[], layers: readonly Sized[]): boolean {
  return indexes.every((index, i) => layers[i]?.layer.index === index);
}

/** Keys and values may be another layer's: as config says it, or where the last layers lack them, or where the key is the value. */
function mayShareKeys({ facts, checkpoint }: Subject, lacking: readonly number[], group: readonly Sized[]): boolean {
  if (facts.kvSharedLayers || checkpoint.config?.json.attention_k_eq_v || /gemma-?4/.test(facts.architecture ?? ""))
    return true;
  return lacking.length > 1 && isRun(lacking, group.slice(-lacking.length));
}

/** Parts that a message names. */
const MAX_PARTS = 3;

function lossEvidence(subject: Subject, stack: Stack, group: readonly Sized[], { layers, parts }: Loss): Evidence {
  const [index = 0] = layers;
  const names = parts.slice(0, MAX_PARTS).map(({ part, kind }) => nameIn(subject, kind, stack, index) ?? part);
  const more = parts.length > MAX_PARTS ? ` and ${parts.length - MAX_PARTS} more` : "";
  const others = group.length - layers.length;
  const also = layers.length > 1 ? ` and its like in ${layerWords(stack, layers.slice(1))}` : "";
  return {
    message: `${layerWords(stack, [index])} lacks ${names.join(", ")}${more}${also}; the ${others} other layers of its make-up have ${
      parts.length === 1 ? "it" : "them"
    }`,
  };
}

/** What the lacking tensor is called: the name of another layer's, with this layer's number. */
export function nameIn(subject: Subject, { first }: TensorKind, stack: Stack, index: number): string | undefined {
  const { role } = subject.place(first);
  if (role.stack !== stack || role.layer === undefined) return undefined;
  const segments = first.name.split(".");
  const at = segments.indexOf(String(role.layer));
  if (at < 0) return undefined;
  segments[at] = String(index);
  return quoted(segments.join("."));
}

// --- layers without a mixer or a feed-forward part -----------------------------------------------------------------------

/** Layers below which nothing is said of one that is made differently. */
const FEWEST_LAYERS = 8;

/** More than that are a pattern. */
const MOST_ODD = 2;

function* oddLayers(subject: Subject): Iterable<Evidence> {
  if (!subject.complete || !isWholeModel(subject)) return;
  const known = isPlain(subject) ? PLAINLY : {};
  for (const [stack, layers] of layersByStack(subject)) {
    if (layers.length < FEWEST_LAYERS) continue;
    const most = isPlain(subject) ? Math.floor(layers.length / 2) : MOST_ODD;
    if (!isPlain(subject) && statesPattern(subject)) {
      if (stack === "text") yield* withoutStated(subject, layers);
      continue;
    }
    yield* oddIn(stack, layers, "feed-forward part", ({ layer }) => layer.feedForward === "none", most, known);
    yield* oddIn(stack, layers, "attention or another mixer", ({ layer }) => layer.mixers.length === 0, most, known);
  }
}

/** Of architectures whose layers are all built alike a loader wants the part in every layer. */
const PLAINLY: Partial<Evidence> = {
  severity: "error",
  why: "the loaders of this architecture want it in every layer: they fail, or fill it with random numbers",
  fix: "download or convert the model again; the tensors were lost on the way",
};

function* oddIn(
  stack: Stack,
  layers: readonly HeldLayer[],
  what: string,
  lacks: (held: HeldLayer) => boolean,
  most: number,
  known: Partial<Evidence>,
): Iterable<Evidence> {
  const lacking = layers.filter(lacks);
  if (lacking.length === 0 || lacking.length > most + (most > MOST_ODD ? 0 : fewOf(layers.length))) return;
  // Those that lack a tensor or two are named by the other rule.
  const groups = madeAlike(layers).filter((group) => group.length <= most);
  const odd = new Set(groups.flatMap((group) => group.map(({ layer }) => layer)));
  const indexes = lacking.flatMap(({ layer }) => (odd.has(layer) ? [layer.index] : []));
  if (indexes.length === 0 || indexes.length > most) return;
  const have = indexes.length === 1 ? "has" : "have";
  const others = layers.length - lacking.length;
  yield {
    message: `${layerWords(stack, indexes)} ${have} no ${what}; the ${others} others of the stack have one`,
    ...known,
  };
}

/** Kinds of layers that have attention, as configs write them. */
const ATTENDING = /^(?:full|sliding|chunked)_attention$/;

/** Layers that the config says to attend, and that have nothing to do it with; most of those of its kind have. */
function* withoutStated(subject: Subject, layers: readonly HeldLayer[]): Iterable<Evidence> {
  const types = subject.facts.layerTypes;
  if (!types || statesLayers(subject) || subject.checkpoint.config?.json.auto_map !== undefined) return;
  const attending = layers.filter(({ layer }) => ATTENDING.test(types[layer.index] ?? ""));
  const lacking = attending.filter(({ layer }) => layer.mixers.length === 0).map(({ layer }) => layer.index);
  if (lacking.length === 0 || lacking.length > fewOf(attending.length)) return;
  const others = attending.length - lacking.length;
  const have = lacking.length === 1 ? "has" : "have";
  yield {
    ...PLAINLY,
    message: `${layerWords("text", lacking)} ${have} no attention, which ${stated(subject, "layerTypes")} says of ${lacking.length === 1 ? "it" : "them"}; the ${others} others that it says so of have it`,
  };
}

/** Whether it is stated which layers do what, so that a layer may be made differently on purpose. */
function statesPattern(subject: Subject): boolean {
  return subject.facts.layerTypes !== undefined || statesLayers(subject);
}

export const LAYER_RULES: readonly AuditRule[] = [
  {
    id: "tensors/incomplete-layer",
    severity: "error",
    means: "a layer lacks a part that all layers like it have",
    why: "a loader fails, or fills the missing tensor with random numbers",
    fix: "download or convert the model again; the tensor was lost on the way",
    check: incompleteLayers,
  },
  {
    id: "tensors/odd-layer",
    severity: "warning",
    severities: ["error"],
    means: "some layers have no mixer or no feed-forward part, and nothing says that they shouldn't",
    why: "if the part was lost, a loader fails or fills it with random numbers",
    fix: "compare with the original model; a pruned one states which layers it keeps",
    check: oddLayers,
  },
];
