/** Layers that hold more or less than their neighbours: widths that vary, missing halves, blocks that are run again. */
import { formatExact } from "../units.ts";
import { isOneMixerALayer } from "./mixer.ts";
import { type LayerPattern, type PatternRule, type StackLayers, TENSORS } from "./pattern.ts";
import { inLayers } from "./words.ts";

export const shapePatterns: PatternRule = (stack) => [
  ...widths(stack),
  ...heads(stack),
  ...missingHalves(stack),
  ...relativePositions(stack),
  ...reuse(stack),
];

function pattern(
  { stack }: StackLayers,
  words: string,
  layers?: readonly number[],
  source: string = TENSORS,
): LayerPattern {
  return { subject: "shape", stack, words, ...(layers && { layers }), source };
}

/** FFN width = parameters of `up` / model width; said only where it varies and is a whole number everywhere. */
function widths(stack: StackLayers): LayerPattern[] {
  const { hiddenSize } = stack.facts;
  if (!hiddenSize) return [];
  const byWidth = new Map<number, number[]>();
  for (const { ffnUp, index } of stack.layers) {
    if (ffnUp === undefined) continue;
    const width = ffnUp / hiddenSize;
    if (!Number.isInteger(width)) return [];
    const indices = byWidth.get(width) ?? [];
    indices.push(index);
    byWidth.set(width, indices);
  }
  const sorted = [...byWidth].sort((a, b) => a[1].length - b[1].length || a[0] - b[0]);
  const [few, many] = sorted;
  if (!few || !many) return [];
  const of = [...few[1], ...many[1]].sort((a, b) => a - b);
  if (sorted.length === 2) {
    const words = `FFN width ${formatExact(few[0])} in ${inLayers(few[1], of)}, ${formatExact(many[0])} in the rest`;
    return [pattern(stack, words, few[1])];
  }
  const [least, most] = extremes(sorted.map(([width]) => width));
  return [pattern(stack, `FFN width varies from ${formatExact(least)} to ${formatExact(most)}`)];
}

/** Least and most. Lists come from the file, and `Math.min(...list)` can't take one of any length. */
function extremes(values: readonly number[]): readonly [number, number] {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return [least, most];
}

/** Head counts that vary, by metadata; 0 means a layer without attention, which tensors tell better. */
function heads(stack: StackLayers): LayerPattern[] {
  const { facts } = stack;
  const spread = (counts: number | readonly number[] | undefined) => {
    const some = typeof counts === "object" ? counts.filter((count) => count > 0) : [];
    const [least, most] = extremes(some);
    return least < most ? `from ${formatExact(least)} to ${formatExact(most)}` : undefined;
  };
  const [query, kv] = [spread(facts.attentionHeads), spread(facts.kvHeads)];
  const words = [query && `attention heads vary ${query}`, kv && `KV heads ${query ? "" : "vary "}${kv}`].filter(
    (part) => part !== undefined,
  );
  if (words.length === 0) return [];
  const source = facts.statedIn?.[query ? "attentionHeads" : "kvHeads"] ?? "metadata";
  return [pattern(stack, words.join(", "), undefined, source)];
}

/** Layers without attention or without a feed-forward part, in models whose layers otherwise have both (DeciLM). */
function missingHalves(stack: StackLayers): LayerPattern[] {
  const { layers, incomplete } = stack;
  if (incomplete || isOneMixerALayer(stack)) return [];
  const of = layers.map(({ index }) => index);
  const noMixer = layers.filter(({ mixers }) => mixers.length === 0).map(({ index }) => index);
  const noFeedForward = layers.filter(({ feedForward }) => feedForward === "none").map(({ index }) => index);
  const some: LayerPattern[] = [];
  if (noMixer.length > 0 && noMixer.length * 2 < layers.length) {
    const isAttention = layers.every(({ mixers }) => mixers.every((mixer) => mixer === "attention"));
    some.push(pattern(stack, `no ${isAttention ? "attention" : "token mixer"} in ${inLayers(noMixer, of)}`, noMixer));
  }
  // Where some layers are MoE, the sentence on the feed-forward tells the rest.
  if (noFeedForward.length === 0 || noFeedForward.length === layers.length) return some;
  if (layers.some(({ feedForward }) => feedForward !== "none" && feedForward !== "dense")) return some;
  if (noFeedForward.length * 2 < layers.length) {
    some.push(pattern(stack, `no feed-forward in ${inLayers(noFeedForward, of)}`, noFeedForward));
  } else {
    const lacking = new Set(noFeedForward);
    const has = of.filter((index) => !lacking.has(index));
    some.push(pattern(stack, `feed-forward only in ${inLayers(has, of)}`, has));
  }
  return some;
}

/** T5 keeps one table of relative positions a stack, in its first layer. */
function relativePositions(stack: StackLayers): LayerPattern[] {
  const { layers } = stack;
  const [first, ...others] = layers.filter((layer) => layer.relativePositions);
  if (!first || others.length > 0 || layers.length < 2) return [];
  const words = `layer ${first.index} holds the relative position table for all ${layers.length} layers`;
  return [pattern(stack, words, [first.index])];
}

/** Blocks that run more than once, and keys and values that later layers take from earlier ones. */
function reuse(stack: StackLayers): LayerPattern[] {
  const { layers: declared, numHiddenGroups: groups, loops, kvSharedLayers: shared, statedIn } = stack.facts;
  const found: LayerPattern[] = [];
  if (groups && declared && groups < declared) {
    const words =
      groups === 1 ? `one block, run ${declared} times` : `${groups} groups of blocks, run ${declared} times in all`;
    found.push(pattern(stack, words, undefined, statedIn?.numHiddenGroups));
  }
  if (loops && loops > 1) found.push(pattern(stack, `all layers run ${loops} times over`, undefined, statedIn?.loops));
  const total = stack.layers.length;
  if (shared && shared < total && !stack.incomplete) {
    const layers = stack.layers.slice(-shared).map(({ index }) => index);
    const words = `the last ${shared === 1 ? "layer reuses" : `${shared} of ${total} layers reuse`} the keys and values of earlier ones`;
    found.push(pattern(stack, words, layers, statedIn?.kvSharedLayers));
  }
  return found;
}
