/**
 * Layer patterns in words: which layers are MoE, which attend and how far, which are stored or shaped differently.
 *
 * Told from the tensors, from what config or metadata state, and last from the tables of the runtimes; each sentence says
 * from which. A model whose layers are all alike in the usual way has none.
 */
import type { ModelFacts } from "./facts.ts";
import type { Layer } from "./layers.ts";
import { feedForwardPatterns } from "./patterns/feed-forward.ts";
import { mixerPatterns } from "./patterns/mixer.ts";
import type { LayerPattern, PatternRule, StackLayers } from "./patterns/pattern.ts";
import { quantizationPatterns } from "./patterns/quantization.ts";
import { shapePatterns } from "./patterns/shape.ts";
import type { LayerTraits } from "./patterns/traits.ts";
import { windowPatterns } from "./patterns/window.ts";

export type { LayerPattern } from "./patterns/pattern.ts";

/** Stacks of a language model. Of towers and MTP blocks only the storage is told, for their make is that of their kind. */
const MODEL_STACKS: readonly string[] = ["text", "encoder", "decoder"];

/** Stacks that the facts speak of, the first that there is. */
const MAIN_STACKS: readonly string[] = ["text", "decoder", "encoder"];

const RULES: readonly { readonly rule: PatternRule; readonly stacks: "all" | "model" | "main" }[] = [
  { rule: feedForwardPatterns, stacks: "model" },
  { rule: mixerPatterns, stacks: "model" },
  { rule: windowPatterns, stacks: "main" },
  { rule: shapePatterns, stacks: "model" },
  { rule: quantizationPatterns, stacks: "all" },
];

/** Facts that are of the main stack only; of the others they'd be said wrongly. */
const MAIN_FACTS = ["attentionHeads", "kvHeads", "numHiddenGroups", "loops", "kvSharedLayers", "layers"] as const;

/**
 * The sentences on a checkpoint's layers, stack by stack in the order of `layers`.
 * @param traits of each of `layers`, as the collector's profile gives them
 * @param about the container, and whether files or tensors of the checkpoint are missing: then nothing is concluded
 *   from what isn't there
 */
export function layerPatterns(
  layers: readonly Layer[],
  facts: ModelFacts,
  traits: readonly LayerTraits[],
  about: { readonly format: "gguf" | "safetensors"; readonly incomplete?: boolean },
): readonly LayerPattern[] {
  const stacks = new Map<string, (LayerTraits & { index: number })[]>();
  layers.forEach(({ stack, index }, i) => {
    const own = traits[i];
    if (!own) return;
    const list = stacks.get(stack) ?? [];
    list.push({ ...own, index });
    stacks.set(stack, list);
  });
  const main = MAIN_STACKS.find((stack) => stacks.has(stack));
  const found: LayerPattern[] = [];
  for (const [stack, own] of stacks) {
    const isMain = stack === main;
    // Only the text stack is sure to be the one that `layers` counts; blocks that are run again are stored once.
    const few = stack === "text" && !facts.numHiddenGroups && facts.layers !== undefined && own.length < facts.layers;
    const one: StackLayers = {
      stack,
      layers: own.sort((a, b) => a.index - b.index),
      facts: isMain ? facts : Object.fromEntries(Object.entries(facts).filter(([key]) => !isMainFact(key))),
      format: about.format,
      incomplete: (about.incomplete ?? false) || few,
    };
    for (const { rule, stacks: where } of RULES) {
      if (where === "main" && !isMain) continue;
      if (where === "model" && !MODEL_STACKS.includes(stack)) continue;
      found.push(...rule(one).map((pattern) => (few ? partial(pattern, own.length, facts.layers) : pattern)));
    }
  }
  return found;
}

const isMainFact = (key: string): boolean => (MAIN_FACTS as readonly string[]).includes(key);

/** What is true of the layers that are here needn't be true of the others. */
function partial(pattern: LayerPattern, here: number, declared: number | undefined): LayerPattern {
  return { ...pattern, words: `${pattern.words}, as far as the ${here} of ${declared} layers here show` };
}
