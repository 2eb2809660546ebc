/** What mixes the tokens from layer to layer: attention, recurrent mixers, both side by side or in turn. */
import { plural } from "../units.ts";
import { type LayerPattern, type PatternRule, type StackLayers, TENSORS } from "./pattern.ts";
import type { LayerTraits, Mixer } from "./traits.ts";
import { allOf, inLayers, joined, listed } from "./words.ts";

const MIXER_WORDS: Readonly<Record<Mixer, string>> = {
  attention: "attention",
  mla: "multi-head latent attention",
  cross: "cross-attention",
  ssm: "Mamba-2",
  linattn: "linear attention",
  rwkv: "RWKV",
  shortconv: "short convolution",
};

/** What an architecture calls its own mixer. Source: the papers and model cards of the families. */
const OWN_WORDS: readonly { readonly mixer: Mixer; readonly architectures: RegExp; readonly words: string }[] = [
  // arXiv:2412.06464; config `linear_attention` of Qwen3-Next, Qwen3.5, OLMo Hybrid
  {
    mixer: "linattn",
    architectures: /^(?:qwen3[-_]?next|qwen3[-_.]?5|qwen35|qwen4exp|olmo[-_]?hybrid)/,
    words: "gated delta net",
  },
  // arXiv:2510.26692
  { mixer: "linattn", architectures: /^kimi/, words: "Kimi delta attention" },
  // arXiv:2501.08313
  { mixer: "linattn", architectures: /^minimax/, words: "lightning attention" },
  // arXiv:2405.04517
  { mixer: "linattn", architectures: /^xlstm/, words: "mLSTM" },
  // arXiv:2402.19427
  { mixer: "ssm", architectures: /^(?:recurrent_?gemma|griffin)/, words: "RG-LRU" },
];

const RECURRENT: ReadonlySet<string> = new Set<Mixer>(["ssm", "linattn", "rwkv", "shortconv"]);

/** Nemotron-H: each block is either a mixer or a feed-forward part, never both. */
export function isOneMixerALayer({ layers }: Pick<StackLayers, "layers">): boolean {
  const isFeedForward = ({ feedForward }: LayerTraits) => feedForward !== "none";
  return (
    layers.length > 2 &&
    layers.every((layer) => layer.mixers.length > 0 !== isFeedForward(layer)) &&
    layers.some(isFeedForward) &&
    layers.filter((layer) => layer.mixers.length > 0).length > 1
  );
}

/** Nothing where every layer has plain attention, for that is what anyone expects. */
export const mixerPatterns: PatternRule = (stack) => {
  const { layers } = stack;
  const said = isOneMixerALayer(stack) ? oneMixerALayer(stack) : mixersInTurn(stack);
  if (!said || layers.length === 0) return [];
  return [{ subject: "mixer", stack: stack.stack, ...said, source: TENSORS }];
};

type Said = Pick<LayerPattern, "words" | "layers">;

function oneMixerALayer(stack: StackLayers): Said {
  const kinds = byWords(stack.layers, (layer) => {
    if (layer.mixers.length > 0) return mixerWords(layer, stack);
    return layer.feedForward === "dense" ? "feed-forward" : "MoE";
  });
  const fewest = kinds.at(-1);
  const words = kinds.map(([kind, indices]) => plural(indices.length, `${kind} layer`));
  if (!fewest || fewest[1].length * 4 > stack.layers.length) return { words: words.join(", ") };
  return { words: `${words.join(", ")} (${listed(fewest[1])})`, layers: fewest[1] };
}

function mixersInTurn(stack: StackLayers): Said | undefined {
  const layers = stack.layers.filter(({ mixers }) => mixers.length > 0);
  const isMixed = layers.length < stack.layers.length;
  const kinds = byWords(layers, (layer) => mixerWords(layer, stack));
  const [most] = kinds;
  if (!most) return undefined;
  const of = (stack.incomplete ? layers : stack.layers).map(({ index }) => index);
  const { mixers = [] } = layers.find(({ index }) => index === most[1][0]) ?? {};
  if (kinds.length === 1) {
    if (mixers.join() === "attention") return undefined;
    const where = isMixed && !stack.incomplete ? inLayers(most[1], of) : undefined;
    if (mixers.length === 1 && RECURRENT.has(mixers[0] ?? "")) {
      if (where) return { words: `${most[0]} in ${where}, no attention`, layers: most[1] };
      return { words: `${allOf(of.length)} ${most[0]}, no attention` };
    }
    const beside = mixers.some((mixer) => RECURRENT.has(mixer)) ? " side by side" : "";
    return where
      ? { words: `${most[0]}${beside} in ${where}`, layers: most[1] }
      : { words: `${most[0]}${beside} in ${allOf(of.length)}` };
  }
  // The rarer kinds by their layers, the commonest as the rest.
  const rare = kinds.slice(1).reverse();
  const hasCross = layers.some(({ mixers }) => mixers.includes("cross"));
  const name = (words: string) => (hasCross && words === MIXER_WORDS.attention ? "self-attention" : words);
  const words = rare.map(([kind, indices]) => `${name(kind)} in ${inLayers(indices, of)}`);
  const rest = isMixed && !stack.incomplete ? `in ${most[1].length} others` : "in the rest";
  return {
    words: `${words.join(", ")}, ${name(most[0])} ${rest}`,
    layers: rare.flatMap(([, indices]) => indices).sort((a, b) => a - b),
  };
}

/** Layers by what is said of them, the commonest first. */
function byWords(
  layers: StackLayers["layers"],
  words: (layer: StackLayers["layers"][number]) => string,
): readonly (readonly [string, readonly number[]])[] {
  const kinds = new Map<string, number[]>();
  for (const layer of layers) {
    const kind = words(layer);
    const indices = kinds.get(kind) ?? [];
    indices.push(layer.index);
    kinds.set(kind, indices);
  }
  return [...kinds].sort((a, b) => b[1].length - a[1].length || (a[0] < b[0] ? -1 : 1));
}

function mixerWords({ mixers, mamba1 }: LayerTraits, { facts }: Pick<StackLayers, "facts">): string {
  const words = mixers.map((mixer) => {
    const own = OWN_WORDS.find((row) => row.mixer === mixer && row.architectures.test(facts.architecture ?? ""));
    if (own) return own.words;
    if (mixer === "ssm" && mamba1) return "Mamba";
    return mixer === "attention" && mixers.includes("cross") ? "self-attention" : MIXER_WORDS[mixer];
  });
  return joined(words);
}
