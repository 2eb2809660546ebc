/** Which layers are dense and which are MoE. Told from the tensors, so no config key is believed or needed. */
import { ordinal, plural } from "../units.ts";
import { isOneMixerALayer } from "./mixer.ts";
import { type LayerPattern, type PatternRule, TENSORS } from "./pattern.ts";
import { allOf, everyNth, inLayers, listed } from "./words.ts";

/** Nothing where no layer is MoE, for that is what anyone expects. */
export const feedForwardPatterns: PatternRule = (stack) => {
  const { layers, incomplete } = stack;
  const indices = (wanted: (feedForward: string) => boolean) =>
    layers.filter(({ feedForward }) => wanted(feedForward)).map(({ index }) => index);
  const moe = indices((kind) => kind === "moe" || kind === "both");
  const both = indices((kind) => kind === "both");
  const dense = indices((kind) => kind === "dense");
  const none = indices((kind) => kind === "none");
  if (moe.length === 0 || isOneMixerALayer(stack)) return [];
  const of = incomplete ? [...moe, ...dense].sort((a, b) => a - b) : layers.map(({ index }) => index);
  const words = (() => {
    if (dense.length === 0 && (none.length === 0 || incomplete)) return allMoe(of.length, both.length);
    if (dense.length === 0) return { words: `MoE in ${inLayers(moe, of)}, no feed-forward in the rest`, layers: moe };
    return mixed(moe, dense, of);
  })();
  const pattern: LayerPattern = { subject: "feed-forward", stack: stack.stack, ...words, source: TENSORS };
  const beside =
    both.length > 0 && both.length < moe.length
      ? [{ ...pattern, words: `a dense branch beside the experts in ${inLayers(both, of)}`, layers: both }]
      : [];
  return [pattern, ...beside];
};

type Said = Pick<LayerPattern, "words" | "layers">;

function allMoe(total: number, both: number): Said {
  const beside = both === total ? ", each with a dense branch beside the experts" : "";
  return { words: `${allOf(total)} ${total === 1 ? "is" : "are"} MoE${beside}` };
}

function mixed(moe: readonly number[], dense: readonly number[], of: readonly number[]): Said {
  const [firstMoe = 0, lastDense = 0] = [moe[0], dense.at(-1)];
  const rest = moe.length + dense.length === of.length ? "the rest" : "others";
  if (lastDense < firstMoe && rest === "the rest") {
    return {
      words: `${plural(dense.length, "dense layer")}, then ${plural(moe.length, "MoE layer")}`,
      layers: dense,
    };
  }
  const isWhole = of.every((index, i) => index === i);
  const n = isWhole ? everyNth(moe, of.length) : undefined;
  if (n !== undefined) {
    return {
      words: `every ${ordinal(n)} layer is MoE (${moe.length} of ${of.length}), ${rest} dense`,
      layers: moe,
    };
  }
  const [few, kind, others] = moe.length <= dense.length ? [moe, "MoE", "dense"] : [dense, "dense", "MoE"];
  const verb = few.length === 1 ? "is" : "are";
  const which = listed(few);
  return {
    words: `${few.length} of ${plural(of.length, "layer")} ${verb} ${kind} (${which}), ${rest} ${others}`,
    layers: few,
  };
}
