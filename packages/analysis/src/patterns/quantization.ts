/**
 * Which layers are stored differently: llama.cpp's mixes give some layers more bits, and quantizers of safetensors leave
 * some layers whole. Weights only: norms, biases and other vectors nearly always stay in floats.
 */
import { plural } from "../units.ts";
import { partName, WHOLE_BUCKET } from "./part-names.ts";
import { type LayerPattern, type PatternRule, type StackLayers, TENSORS } from "./pattern.ts";
import type { StoredPart } from "./traits.ts";
import { joined, listed } from "./words.ts";

/** More sentences than this are a puzzle; then one says which parts vary. */
const MOST_SENTENCES = 3;
/** Names in one list. */
const MOST_PARTS = 5;
/** The stack's commonest type is what a part is compared with, if so much of the part's layers have it. */
const BASELINE_SHARE = 1 / 3;

interface PartLayers {
  readonly bucket: string;
  readonly part: string;
  /** Layer -> type, ascending. */
  readonly byLayer: ReadonlyMap<number, string>;
  /** Types by number of layers, the commonest first. */
  readonly types: readonly string[];
  readonly baseline: string;
}

/** Parts that differ in the same layers in the same way. */
interface Difference {
  readonly type: string;
  readonly baseline: string;
  readonly layers: readonly number[];
  readonly parts: PartLayers[];
}

/** Nothing where every part is stored in one type throughout. */
export const quantizationPatterns: PatternRule = (stack) => {
  if (stack.layers.length < 2) return [];
  const parts = partLayers(stack);
  const varying = parts.filter(({ types }) => types.length > 1);
  const differences = differencesOf(varying);
  const pattern = (words: string, layers?: readonly number[]): LayerPattern => ({
    subject: "quantization",
    stack: stack.stack,
    words,
    ...(layers && { layers }),
    source: TENSORS,
  });
  if (differences.length > MOST_SENTENCES) return [pattern(summary(varying, parts.length, stack))];
  return differences.map((difference) =>
    pattern(words(difference, parts, stack, differences.length > 1), difference.layers),
  );
};

function partLayers({ layers }: StackLayers): readonly PartLayers[] {
  const parts = new Map<string, StoredPart & { readonly byLayer: Map<number, string> }>();
  const bytesOf = new Map<string, number>();
  for (const { index, weights } of layers) {
    for (const [key, stored] of weights) {
      const type = joined(stored.types);
      bytesOf.set(type, (bytesOf.get(type) ?? 0) + stored.bytes);
      const part = parts.get(key) ?? { ...stored, byLayer: new Map() };
      part.byLayer.set(index, type);
      parts.set(key, part);
    }
  }
  const commonest = [...bytesOf].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0]?.[0];
  return [...parts.values()]
    .map(({ bucket, part, byLayer }): PartLayers => {
      const counts = new Map<string, number>();
      for (const type of byLayer.values()) counts.set(type, (counts.get(type) ?? 0) + 1);
      const types = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([type]) => type);
      const usual = commonest !== undefined && (counts.get(commonest) ?? 0) >= byLayer.size * BASELINE_SHARE;
      return { bucket, part, byLayer, types, baseline: (usual ? commonest : types[0]) ?? "" };
    })
    .sort((a, b) => (`${a.bucket} ${a.part}` < `${b.bucket} ${b.part}` ? -1 : 1));
}

function differencesOf(varying: readonly PartLayers[]): readonly Difference[] {
  const differences = new Map<string, Difference>();
  for (const part of varying) {
    for (const type of part.types) {
      if (type === part.baseline) continue;
      const layers = [...part.byLayer].filter(([, own]) => own === type).map(([layer]) => layer);
      const key = `${type}\n${part.baseline}\n${layers}`;
      const difference = differences.get(key) ?? { type, baseline: part.baseline, layers, parts: [] };
      difference.parts.push(part);
      differences.set(key, difference);
    }
  }
  return [...differences.values()];
}

/** @param several there are other differences, so "the rest" would say too much */
function words(
  { type, baseline, layers, parts }: Difference,
  all: readonly PartLayers[],
  stack: StackLayers,
  several: boolean,
): string {
  const ranges = listed(layers);
  // All that is otherwise stored so: the layers as such differ.
  const comparable = all.filter(
    (part) => part.baseline === baseline && layers.some((layer) => part.byLayer.has(layer)),
  );
  if (parts.length > 1 && comparable.length === parts.length) {
    const [noun, verb] = layers.length === 1 ? ["layer", "is"] : ["layers", "are"];
    return `${noun} ${ranges} ${verb} ${type}${several ? " instead of" : ", the rest"} ${baseline}`;
  }
  const names = partList(parts, all, stack.format);
  const of = parts.reduce((most, { byLayer }) => Math.max(most, byLayer.size), 0);
  const verb = names.plural ? "are" : "is";
  return `${names.words} ${verb} ${type} instead of ${baseline} in ${layers.length} of ${plural(of, "layer")} (${ranges})`;
}

/** Parts by name; where all of a bucket is meant, that. */
function partList(
  parts: readonly PartLayers[],
  all: readonly PartLayers[],
  format: "gguf" | "safetensors",
): { readonly words: string; readonly plural: boolean } {
  const names: string[] = [];
  for (const { bucket, part } of parts) {
    const own = parts.filter((other) => other.bucket === bucket).length;
    const whole = own > 1 && own === all.filter((other) => other.bucket === bucket).length;
    const name = (whole ? WHOLE_BUCKET[bucket] : undefined) ?? partName(bucket, part, format);
    if (!names.includes(name)) names.push(name);
  }
  const plural = names.length > 1 || names[0] === WHOLE_BUCKET.expert;
  if (names.length <= MOST_PARTS) return { words: joined(names), plural };
  return { words: joined([...names.slice(0, MOST_PARTS - 1), `${names.length - MOST_PARTS + 1} more parts`]), plural };
}

function summary(varying: readonly PartLayers[], total: number, { format }: StackLayers): string {
  // The parts with the most types first: they show best what was done.
  const sorted = [...varying].sort((a, b) => b.types.length - a.types.length);
  const shown = sorted
    .slice(0, MOST_PARTS - 1)
    .map(({ bucket, part, types }) => `${partName(bucket, part, format)} (${[...types].sort().join(", ")})`);
  const more = sorted.length - shown.length;
  const list = joined(more > 0 ? [...shown, `${more} more`] : shown);
  const which = varying.length === total ? `all ${total}` : `${varying.length} of ${total}`;
  return `${which} parts change their type from layer to layer: ${list}`;
}
