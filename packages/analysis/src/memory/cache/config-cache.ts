/**
 * What vLLM and Transformers keep of a text for a safetensors checkpoint, layer by layer, out of config.json.
 *
 * Which layers attend, and which recur, the tensors show; how wide their keys and values are, and how far they look back, the config
 * says. Sources: the configuration and cache classes of transformers; vLLM's KV cache specifications (v1/kv_cache_interface.py).
 */
import type { Checkpoint } from "@checkpoint-inspect/parser";

import type { ModelFacts } from "../../facts.ts";
import type { ModelKind } from "../../kind.ts";
import type { Layer } from "../../layers.ts";
import type { LayerTraits, Mixer } from "../../patterns/traits.ts";
import { type WindowedLayers, windowedLayers } from "../../patterns/window.ts";
import type { Sourced } from "../sourced.ts";
import type { CacheGroup, CacheSpec } from "./cache.ts";
import { type ConfigFields, configFields } from "./config-fields.ts";
import { layerState } from "./config-states.ts";
import { attentionKind } from "./kinds.ts";

export interface AboutConfig {
  readonly facts: ModelFacts;
  readonly kind: ModelKind;
  readonly layers: readonly Layer[];
  readonly traits: readonly LayerTraits[];
}

const NOTHING: Omit<CacheSpec, "missing"> = { groups: [], notes: [], padsValues: false };

/** Kinds that read a text as a whole. */
const AS_A_WHOLE: ReadonlySet<ModelKind> = new Set<ModelKind>(["encoder", "embedding", "reranker"]);

/** More layers than any model has: a config is not to be believed beyond. */
const MAX_LAYERS = 1000;

const DTYPES: Readonly<Record<string, string>> = { bfloat16: "BF16", float16: "F16", float32: "F32" };

export function configCache(checkpoint: Pick<Checkpoint, "config" | "format">, about: AboutConfig): CacheSpec {
  const { kind } = about;
  if (AS_A_WHOLE.has(kind)) {
    return { ...NOTHING, none: "it reads a text as a whole, and keeps nothing of it between tokens", missing: [] };
  }
  if (!checkpoint.config) {
    return { ...NOTHING, missing: ["config.json beside the weights (KV heads, width of a head, windows)"] };
  }
  const mixers = mixersOf(about);
  if (mixers.length === 0) return { ...NOTHING, missing: ["the number of layers (config.json num_hidden_layers)"] };
  const fields = configFields(checkpoint.config);
  const found = collect(about, mixers, fields, checkpoint.format);
  const missing = [...new Set(found.missing)];
  if (missing.length > 0) return { ...NOTHING, missing };
  return { ...NOTHING, groups: merged(found.groups), missing: [], notes: found.notes };
}

interface Found {
  readonly groups: CacheGroup[];
  readonly missing: string[];
  readonly notes: string[];
}

function collect(
  { facts, layers, traits }: AboutConfig,
  mixers: readonly (readonly Mixer[])[],
  fields: ConfigFields,
  format: Checkpoint["format"],
): Found {
  const groups: CacheGroup[] = [];
  const missing: string[] = [];
  const notes: string[] = [];
  const stack = layers.find((layer) => MAIN.includes(layer.stack))?.stack ?? "text";
  const windows = windowedLayers({
    stack,
    layers: traits.map((trait, index) => ({ ...trait, index })),
    facts,
    format,
    incomplete: false,
  });
  const compressRatios = fields.counts("compress_ratios");
  // Where keys are compressed beyond it, the window is on every layer.
  if (windows === "unknown" && !compressRatios)
    missing.push("which layers use the sliding window (config.json layer_types)");
  const known = windows === "unknown" ? undefined : windows;
  const dtype = DTYPES[fields.text("torch_dtype", "dtype") ?? ""] ?? "BF16";
  const own = mixers.length - Math.min(mixers.length, facts.kvSharedLayers ?? 0);
  for (const [layer, kinds] of mixers.entries()) {
    for (const mixer of kinds) {
      if (mixer === "attention" || mixer === "mla") {
        // The last layers of Gemma 3n and 4 look at the keys and values of an earlier one.
        if (layer >= own) continue;
        const kept =
          mixer === "mla" || (facts.kvLoraRank && facts.qkRopeHeadDim !== undefined)
            ? latent(layer, facts, fields)
            : compressRatios
              ? compressed(layer, compressRatios, facts, fields)
              : attention(layer, facts, fields, known);
        if ("missing" in kept) missing.push(kept.missing);
        else groups.push(...kept);
      } else if (mixer === "cross") {
        const kept = cross(layer, facts, fields);
        if ("missing" in kept) missing.push(kept.missing);
        else groups.push(...kept);
      } else {
        const state = layerState(mixer, { facts, fields, dtype });
        if (!state) continue;
        if ("missing" in state) {
          missing.push(state.missing);
          continue;
        }
        groups.push({
          rule: "state",
          layers: [layer],
          cells: { per: "sequence", rows: 1 },
          keyElements: state.conv,
          valueElements: state.state,
          keyType: dtype,
          valueType: state.stateType,
          keyWords: state.convWords === "" ? "no convolution" : `inputs ${state.convWords}`,
          ...(state.state > 0 && { valueWords: `state ${state.stateWords}` }),
          kind: state.kind,
          inputs: state.inputs,
        });
      }
    }
  }
  if (groups.some(({ expanded }) => expanded)) {
    notes.push(
      "vLLM keeps the latent, as counted here; Transformers kept whole keys and values until 2026 (--mla expanded).",
    );
  }
  if (groups.some(({ cells }) => cells.per === "window") && groups.some(({ cells }) => cells.per === "token")) {
    notes.push(
      "Windows are counted as windows, as Transformers and vLLM since 0.21 keep them; older vLLM gives every layer the whole context (--swa-full).",
    );
  }
  return { groups, missing, notes };
}

const MAIN: readonly string[] = ["text", "decoder"];

/** The mixers of each layer of the stack that writes: as the tensors show, or as the config says where there are none. */
function mixersOf({ facts, layers, traits }: AboutConfig): (readonly Mixer[])[] {
  const main = MAIN.find((stack) => layers.some((layer) => layer.stack === stack));
  const shown: (readonly Mixer[])[] = [];
  layers.forEach((layer, i) => {
    if (layer.stack !== main || layer.index >= MAX_LAYERS) return;
    shown[layer.index] = traits[i]?.mixers ?? [];
  });
  const declared = facts.layers ?? 0;
  if (declared > MAX_LAYERS) return [];
  // Parts may be missing, and blocks that run several times are stored once: then the config counts.
  const filled = Array.from(shown, (mixers) => mixers ?? []);
  const isWhole = filled.length > 0 && filled.some((mixers) => mixers.length > 0);
  if (isWhole && (declared === 0 || filled.length >= declared || main === "decoder")) return filled;
  if (declared === 0) return [];
  return Array.from(
    { length: declared },
    (_, i) => filled[i % Math.max(1, filled.length)] ?? declaredMixers(i, facts),
  ).map((mixers, i) => (isWhole && mixers.length > 0 ? mixers : declaredMixers(i, facts)));
}

const RECURRENT_TYPE = /linear|mamba|recurrent|conv|ssm/i;

function declaredMixers(layer: number, facts: ModelFacts): readonly Mixer[] {
  const attention: Mixer = facts.kvLoraRank ? "mla" : "attention";
  const { layerTypes, hybridPattern, fullAttentionInterval, attentionLayerPeriod, attentionLayerOffset = 0 } = facts;
  const recurrent: Mixer =
    facts.ssmStateSize !== undefined ? "ssm" : /conv/i.test(layerTypes?.join() ?? "") ? "shortconv" : "linattn";
  if (hybridPattern) {
    const letter = hybridPattern[layer];
    return letter === "M" ? ["ssm"] : letter === "*" ? ["attention"] : [];
  }
  if (layerTypes) return [RECURRENT_TYPE.test(layerTypes[layer] ?? "") ? recurrent : attention];
  if (fullAttentionInterval) return [(layer + 1) % fullAttentionInterval === 0 ? attention : recurrent];
  if (attentionLayerPeriod) return [layer % attentionLayerPeriod === attentionLayerOffset ? attention : recurrent];
  return [attention];
}

type Kept = readonly CacheGroup[] | { readonly missing: string };

const at = (value: number | readonly number[] | undefined, layer: number): number | undefined =>
  typeof value === "object" ? value[layer] : value;

/** Falcon and StarCoder say by a flag that all heads share one key and value, whatever the number beside it. */
function kvHeadsOf(layer: number, facts: ModelFacts, fields: ConfigFields): Sourced | undefined {
  if (fields.flag("multi_query") && !fields.flag("new_decoder_architecture"))
    return { name: "KV heads", value: 1, from: "config.json multi_query" };
  if (fields.flag("multi_query_attention")) {
    const groups = fields.count("multi_query_group_num");
    if (groups) return { name: "KV heads", ...groups };
  }
  const stated = at(facts.kvHeads, layer);
  if (stated !== undefined) return { name: "KV heads", value: stated, from: facts.statedIn?.kvHeads ?? "config.json" };
  const heads = at(facts.attentionHeads, layer);
  if (heads === undefined) return undefined;
  return {
    name: "KV heads",
    value: heads,
    from: `as many as heads (${facts.statedIn?.attentionHeads ?? "config.json"})`,
  };
}

function attention(layer: number, facts: ModelFacts, fields: ConfigFields, windows: WindowedLayers | undefined): Kept {
  const windowed = windows?.isWindowed(layer) ?? false;
  const tokens = windows?.window;
  if (windowed && !tokens) return { missing: "the length of the sliding window (config.json sliding_window)" };
  // Gemma 4 has other heads in the layers that see all, MiMo-V2 in those that don't.
  const other = windowed
    ? {
        kv: fields.count("swa_num_key_value_heads"),
        key: fields.count("swa_head_dim"),
        value: fields.count("swa_v_head_dim"),
      }
    : { kv: fields.count("num_global_key_value_heads"), key: fields.count("global_head_dim"), value: undefined };
  const isSplit = windows !== undefined;
  const kv = isSplit && other.kv ? { name: "KV heads", ...other.kv } : kvHeadsOf(layer, facts, fields);
  const heads = at(facts.attentionHeads, layer);
  const key = isSplit && other.key ? { name: "width of a head", ...other.key } : headWidth(layer, facts);
  if (!kv) return { missing: "the attention heads (config.json num_key_value_heads, num_attention_heads)" };
  if (!key) return { missing: "the width of a head (config.json head_dim, or hidden_size and num_attention_heads)" };
  if (kv.value === 0) return [];
  const stated = isSplit && other.value ? other.value.value : isSplit && other.key ? undefined : facts.vHeadDim;
  const value = stated ?? key.value;
  const rule = windowed ? (windows?.isChunked ? "chunk" : "window") : "kv";
  return [
    {
      rule,
      layers: [layer],
      cells: windowed && tokens ? { per: "window", tokens } : { per: "token" },
      keyElements: kv.value * key.value,
      valueElements: kv.value * value,
      kvHeads: kv.value,
      keyWords: `K ${kv.value} heads x ${key.value}`,
      valueWords: `V ${kv.value} heads x ${value}`,
      kind: attentionKind({ heads: heads ?? kv.value, kvHeads: kv.value }, rule, tokens ?? 0),
      inputs: [
        kv,
        key,
        ...(windowed && tokens
          ? [
              { name: "window", value: tokens, from: facts.statedIn?.slidingWindow ?? windows?.source ?? "" },
              { name: "windowed layers", value: "which", from: windows?.source ?? "" },
            ]
          : []),
      ],
    },
  ];
}

function headWidth(layer: number, facts: ModelFacts): Sourced | undefined {
  const name = "width of a head";
  if (facts.headDim) return { name, value: facts.headDim, from: facts.statedIn?.headDim ?? "config.json" };
  const heads = at(facts.attentionHeads, layer);
  const width = heads && facts.hiddenSize ? facts.hiddenSize / heads : undefined;
  if (!width || !Number.isInteger(width)) return undefined;
  return { name, value: width, from: "width of the model / heads (transformers' default)" };
}

/** Latent attention: the compressed keys and values with the rotary part, one for all heads (arXiv:2405.04434). */
function latent(layer: number, facts: ModelFacts, fields: ConfigFields): Kept {
  const { kvLoraRank: rank, qkRopeHeadDim: rope, qkNopeHeadDim: plain, vHeadDim: value } = facts;
  if (!rank || rope === undefined)
    return { missing: "the widths of the latent (config.json kv_lora_rank, qk_rope_head_dim)" };
  const heads = at(facts.attentionHeads, layer);
  const stated = (field: keyof ModelFacts) => facts.statedIn?.[field] ?? "config.json";
  const index = fields.count("index_head_dim");
  return [
    {
      rule: "latent",
      layers: [layer],
      cells: { per: "token" },
      keyElements: rank + rope,
      valueElements: 0,
      keyWords: `latent ${rank} + rotary part ${rope}`,
      kind: "MLA latent",
      ...(heads &&
        plain !== undefined &&
        value !== undefined && { expanded: { keyElements: heads * (plain + rope), valueElements: heads * value } }),
      inputs: [
        { name: "rank of the latent", value: rank, from: stated("kvLoraRank") },
        { name: "rotary part", value: rope, from: stated("qkRopeHeadDim") },
      ],
    },
    ...(index
      ? [
          {
            rule: "indexer" as const,
            layers: [layer],
            cells: { per: "token" as const },
            keyElements: index.value,
            valueElements: 0,
            keyWords: `index key ${index.value}`,
            kind: "sparse indexer",
            inputs: [{ name: "width of an index key", ...index }],
          },
        ]
      : []),
  ];
}

/** DeepSeek-V4: keys of a window, and of every few tokens beyond it; a key serves as the value too. */
function compressed(layer: number, ratios: readonly number[], facts: ModelFacts, fields: ConfigFields): Kept {
  const ratio = ratios[layer] ?? 0;
  const window = facts.slidingWindow;
  const key = headWidth(layer, facts);
  const kv = at(facts.kvHeads, layer);
  if (!window || !key || !kv)
    return { missing: "the window and heads (config.json sliding_window, head_dim, num_key_value_heads)" };
  const inputs = [key, { name: "window", value: window, from: facts.statedIn?.slidingWindow ?? "config.json" }];
  const keyElements = kv * key.value;
  const keyWords = `K ${kv} heads x ${key.value}`;
  const index = ratio === 4 ? fields.count("index_head_dim") : undefined;
  return [
    {
      rule: "window",
      layers: [layer],
      cells: { per: "window", tokens: window },
      keyElements,
      valueElements: 0,
      keyWords,
      kind: `window of ${window}`,
      inputs,
    },
    ...(ratio > 0
      ? [
          {
            rule: "compressed" as const,
            layers: [layer],
            cells: { per: "tokens" as const, tokens: ratio },
            keyElements,
            valueElements: 0,
            keyWords,
            kind: `one key for ${ratio}`,
            inputs: [...inputs, { name: "tokens for a key", value: ratio, from: "config.json compress_ratios" }],
          },
        ]
      : []),
    ...(index
      ? [
          {
            rule: "indexer" as const,
            layers: [layer],
            cells: { per: "tokens" as const, tokens: ratio },
            keyElements: index.value,
            valueElements: 0,
            keyWords: `index key ${index.value}`,
            kind: "sparse indexer",
            inputs: [{ name: "width of an index key", ...index }],
          },
        ]
      : []),
  ];
}

/** Keys and values of what the encoder made: once for every position of the input. */
function cross(layer: number, facts: ModelFacts, fields: ConfigFields): Kept {
  const heads = at(facts.attentionHeads, layer);
  const key = headWidth(layer, facts);
  const positions = fields.count("max_source_positions", "n_positions", "max_position_embeddings");
  if (!heads || !key) return { missing: "the heads of the decoder (config.json num_heads, d_kv)" };
  const elements = heads * key.value;
  return [
    {
      rule: "cross",
      layers: [layer],
      cells: { per: "sequence", rows: positions?.value ?? 0 },
      keyElements: elements,
      valueElements: elements,
      kvHeads: heads,
      keyWords: `K ${heads} heads x ${key.value}`,
      valueWords: `V ${heads} heads x ${key.value}`,
      kind: "cross-attention",
      inputs: [
        positions
          ? { name: "positions of the encoder", ...positions }
          : { name: "positions of the encoder", value: "as many as the context", from: "--source, else --context" },
        key,
      ],
    },
  ];
}

/** Layers that keep the same become one group. */
function merged(groups: readonly CacheGroup[]): CacheGroup[] {
  const found = new Map<string, CacheGroup>();
  for (const group of groups) {
    const { layers, ...rest } = group;
    const key = JSON.stringify(rest);
    const known = found.get(key);
    found.set(key, known ? { ...known, layers: [...known.layers, ...layers] } : group);
  }
  return [...found.values()];
}
