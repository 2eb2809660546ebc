/** Which tensors and layers a cut file or a missing part takes with it, in words. */
import { grouped, inShort, plural, quoted } from "./words.ts";

/** `model.layers.12.`, `h.3.`, `blk.0.`, `blocks.7.`: the first number of a stack in a name. Everything before it names the stack. */
const LAYER = /(?:^|\.)(?:layers?|h|blk|blocks?)\.(\d{1,6})(?=\.|$)/;

/** Stacks of layers that a message tells apart. */
const MAX_STACKS = 3;

/** Numbers in ranges, ascending: `0-3, 7`. */
export function ranges(numbers: Iterable<number>): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const pieces: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    const from = sorted[i] as number;
    let to = from;
    while (sorted[++i] === to + 1) to++;
    pieces.push(from === to ? `${from}` : `${from}-${to}`);
  }
  const shown = pieces.slice(0, 8).join(", ");
  return pieces.length > 8 ? `${shown} and ${grouped(pieces.length - 8)} more ranges` : shown;
}

/**
 * The layers that tensors of these names are in: `layer 3`, `layers 5-20`, or, where there are several stacks,
 * `layers 5-20 of model, 0-3 of vision_tower`. Empty where no name has a layer's number.
 */
export function layersOf(names: Iterable<string>): string {
  const stacks = new Map<string, Set<number>>();
  for (const name of names) {
    const match = LAYER.exec(name);
    if (!match) continue;
    const stack = name.slice(0, match.index);
    const numbers = stacks.get(stack);
    if (numbers) numbers.add(Number(match[1]));
    else stacks.set(stack, new Set([Number(match[1])]));
  }
  const [only] = stacks.values();
  if (!only) return "";
  if (stacks.size === 1) return `${only.size === 1 ? "layer" : "layers"} ${ranges(only)}`;
  const listed = [...stacks].slice(0, MAX_STACKS).map(([stack, numbers]) => `${ranges(numbers)} of ${quoted(stack)}`);
  const more = stacks.size > MAX_STACKS ? ` and of ${grouped(stacks.size - MAX_STACKS)} more stacks` : "";
  return `layers ${listed.join(", ")}${more}`;
}

/** What is lost with these of `total` tensors: `3 of 20 tensors are cut or missing, of layers 5-6: "a", "b" and 1 more`. */
export function lostTensors(names: readonly string[], total: number): string {
  const layers = layersOf(names);
  const which = `${grouped(names.length)} of ${plural(total, "tensor")} ${names.length === 1 ? "is" : "are"} cut or missing`;
  return `${which}${layers && `, of ${layers}`}: ${inShort(
    names.slice(0, 3).map((name) => quoted(name)),
    names.length,
  )}`;
}
