/** What a row of layers is called: which layers they are, and what sets their kind apart from the others of their stack. */
import { formatRanges, type Layer, type LayerGroup } from "@checkpoint-inspect/analysis";

import { cut, safe, width, wrapList } from "./text.ts";

const MIXER_WORDS: Readonly<Record<Layer["mixers"][number], string>> = {
  attention: "attention",
  mla: "latent attention",
  cross: "cross-attention",
  ssm: "Mamba",
  linattn: "linear attention",
  rwkv: "RWKV",
  shortconv: "convolution",
};

const FEED_FORWARD_WORDS: Readonly<Record<Layer["feedForward"], string>> = {
  dense: "dense",
  moe: "MoE",
  both: "dense + MoE",
  none: "",
};

/**
 * "attention, MoE", "Mamba, dense": the mixer where the layers of a stack differ in it, the feed-forward where they differ in
 * that. Empty where all are of one kind, for then there is nothing to tell apart.
 */
export function kindNames(groups: readonly LayerGroup[]): (group: LayerGroup) => string {
  const mixer = ({ layer }: LayerGroup) => layer.mixers.map((name) => MIXER_WORDS[name]).join(" + ");
  const feedForward = ({ layer }: LayerGroup) =>
    // A layer of its own, not the second half of one.
    layer.mixers.length === 0 && layer.feedForward === "dense" ? "feed-forward" : FEED_FORWARD_WORDS[layer.feedForward];
  const differ = (stack: string, of: (group: LayerGroup) => string) => {
    const own = groups.filter((group) => group.stack === stack);
    // Blocks of convolutions beside others aren't told apart in these words.
    return own.every((group) => mixer(group) || feedForward(group)) && new Set(own.map(of)).size > 1;
  };
  const told = new Map(
    [...new Set(groups.map(({ stack }) => stack))].map((stack) => [
      stack,
      [mixer, feedForward].filter((of) => differ(stack, of)),
    ]),
  );
  return (group) =>
    (told.get(group.stack) ?? [])
      .map((of) => of(group))
      .filter(Boolean)
      .join(", ");
}

/** Rows of like layers that hold as much, and so differ in how it is stored. */
export function differInType(groups: readonly LayerGroup[]): boolean {
  return new Set(groups.map(({ stack, layer }) => `${stack} ${layer.parameters}`)).size < groups.length;
}

/** All of a row's layers, over as many lines as it takes. */
export function rangeLines({ ranges }: LayerGroup, columns: number): readonly string[] {
  return wrapList(formatRanges(ranges).split(", "), columns);
}

/**
 * A row's layers in one line: of a list that is too long the middle is left out, and of a stack's name what doesn't fit.
 * @param named whether the stack is named
 */
export function shortRanges(group: LayerGroup, named: boolean, columns: number, ellipsis: string): string {
  if (!named) return shortList(group, columns, ellipsis);
  const stack = safe(group.stack);
  const list = shortList(group, Math.max(columns - width(stack) - 1, Math.ceil(columns / 2)), ellipsis);
  return `${cut(stack, columns - width(list) - 1, "middle", ellipsis)} ${list}`;
}

function shortList({ ranges }: LayerGroup, columns: number, ellipsis: string): string {
  const full = formatRanges(ranges);
  if (full.length <= columns) return full;
  const each = ranges.map((range) => formatRanges([range]));
  // Runs in short say more, but may be longer than the room that there is.
  for (const pieces of [full.split(", "), each]) {
    for (let kept = pieces.length - 2; kept > 0; kept--) {
      const short = `${pieces.slice(0, kept).join(", ")} ${ellipsis} ${each.at(-1)}`;
      if (width(short) <= columns) return short;
    }
  }
  return `${ranges[0]?.[0]} ${ellipsis} ${ranges.at(-1)?.[1]}`;
}
