/**
 * The states of recurrent layers as Transformers and vLLM keep them: a convolution's last inputs in the model's own type, and what the
 * layer remembers. One row a kind of mixer.
 *
 * Sources: the cache classes of transformers (MambaCache, Qwen3NextDynamicCache, Lfm2HybridConvCache); vLLM
 * model_executor/layers/mamba/mamba_utils.py.
 */
import type { ModelFacts } from "../../facts.ts";
import type { Mixer } from "../../patterns/traits.ts";
import type { Sourced } from "../sourced.ts";
import type { ConfigFields, FoundField } from "./config-fields.ts";

export interface LayerState {
  readonly kind: string;
  readonly conv: number;
  readonly state: number;
  readonly convWords: string;
  readonly stateWords: string;
  /** Storage of the second; the first has the model's own type. */
  readonly stateType: string;
  readonly inputs: readonly Sourced[];
}

/** What a row is told from. */
interface About {
  readonly facts: ModelFacts;
  readonly fields: ConfigFields;
  readonly dtype: string;
}

type StateRow = (about: About) => LayerState | { readonly missing: string };

const isMissing = (found: readonly (FoundField | undefined)[]): boolean => found.some((field) => field === undefined);

const GATED_DELTA_NET: StateRow = ({ fields }) => {
  const keyHeads = fields.count("linear_num_key_heads");
  const valueHeads = fields.count("linear_num_value_heads");
  const keyDim = fields.count("linear_key_head_dim");
  const valueDim = fields.count("linear_value_head_dim");
  const kernel = fields.count("linear_conv_kernel_dim");
  if (!keyHeads || !valueHeads || !keyDim || !valueDim || !kernel)
    return { missing: "the heads of linear attention (config.json linear_num_key_heads and its like)" };
  const channels = 2 * keyHeads.value * keyDim.value + valueHeads.value * valueDim.value;
  return {
    kind: "gated delta net",
    conv: channels * kernel.value,
    state: valueHeads.value * keyDim.value * valueDim.value,
    convWords: `(2 x ${keyHeads.value} x ${keyDim.value} + ${valueHeads.value} x ${valueDim.value}) x ${kernel.value} inputs`,
    stateWords: `${valueHeads.value} heads x ${keyDim.value} x ${valueDim.value}`,
    stateType: "F32",
    inputs: named({ "linear key heads": keyHeads, "linear value heads": valueHeads, "their widths": keyDim, kernel }),
  };
};

const KIMI_DELTA: StateRow = ({ fields }) => {
  const heads = fields.count("num_heads");
  const width = fields.count("head_dim");
  const kernel = fields.count("short_conv_kernel_size");
  if (!heads || !width || !kernel) return { missing: "the heads of linear attention (config.json linear_attn_config)" };
  return {
    kind: "Kimi delta attention",
    conv: 3 * heads.value * width.value * kernel.value,
    state: heads.value * width.value * width.value,
    convWords: `q, k, v x ${heads.value} heads x ${width.value} x ${kernel.value} inputs`,
    stateWords: `${heads.value} heads x ${width.value} x ${width.value}`,
    stateType: "F32",
    inputs: named({ heads, "their width": width, kernel }),
  };
};

const LIGHTNING: StateRow = ({ facts }) => {
  const heads = typeof facts.attentionHeads === "number" ? facts.attentionHeads : undefined;
  const width = facts.headDim;
  if (!heads || !width) return { missing: "the heads of linear attention (config.json num_attention_heads, head_dim)" };
  return {
    kind: "lightning attention",
    conv: 0,
    state: heads * width * width,
    convWords: "",
    stateWords: `${heads} heads x ${width} x ${width}`,
    stateType: "F32",
    inputs: [
      { name: "heads", value: heads, from: facts.statedIn?.attentionHeads ?? "config.json" },
      { name: "their width", value: width, from: facts.statedIn?.headDim ?? "config.json" },
    ],
  };
};

const MAMBA: StateRow = ({ facts, fields, dtype }) => {
  const { ssmStateSize: state, ssmConvKernel: kernel = 4, ssmGroups: groups } = facts;
  const heads = fields.count("mamba_n_heads", "mamba_num_heads", "n_mamba_heads");
  const headDim = fields.count("mamba_d_head", "mamba_head_dim", "mamba_headdim");
  const inner =
    facts.ssmInnerSize ?? (heads && headDim ? heads.value * headDim.value : fields.count("intermediate_size")?.value);
  if (!state || !inner)
    return { missing: "the sizes of the state-space mixer (config.json mamba_d_state, mamba_expand)" };
  // The second kind shares its input and output projections among heads in groups, and convolves those too.
  const isSecond = heads !== undefined || groups !== undefined;
  const channels = isSecond ? inner + 2 * (groups ?? 1) * state : inner;
  const stated = fields.text("mamba_ssm_cache_dtype", "mamba_ssm_dtype");
  return {
    kind: isSecond ? "Mamba-2" : "Mamba",
    conv: channels * kernel,
    state: inner * state,
    convWords: isSecond
      ? `(${inner} + 2 x ${groups ?? 1} groups x ${state}) x ${kernel} inputs`
      : `${inner} x ${kernel} inputs`,
    stateWords: `${inner} x ${state}`,
    stateType: stated === "float32" ? "F32" : dtype,
    inputs: [
      {
        name: "inner width",
        value: inner,
        from: facts.statedIn?.ssmInnerSize ?? "config.json mamba_expand x hidden_size",
      },
      { name: "state", value: state, from: facts.statedIn?.ssmStateSize ?? "config.json" },
      { name: "convolution", value: kernel, from: facts.statedIn?.ssmConvKernel ?? "transformers' default" },
    ],
  };
};

const SHORT_CONVOLUTION: StateRow = ({ facts, fields }) => {
  const cached = fields.count("conv_L_cache");
  const width = facts.hiddenSize;
  if (!cached || !width) return { missing: "the length of the short convolution (config.json conv_L_cache)" };
  return {
    kind: "short convolution",
    conv: width * cached.value,
    state: 0,
    convWords: `${width} x ${cached.value} inputs`,
    stateWords: "",
    stateType: "F32",
    inputs: [
      ...named({ "cached inputs": cached }),
      { name: "width", value: width, from: facts.statedIn?.hiddenSize ?? "config.json" },
    ],
  };
};

const RG_LRU: StateRow = ({ facts, fields }) => {
  const width = fields.count("lru_width")?.value ?? facts.hiddenSize;
  const kernel = fields.count("conv1d_width");
  if (!width || isMissing([kernel]) || !kernel)
    return { missing: "the sizes of the recurrent mixer (config.json lru_width, conv1d_width)" };
  return {
    kind: "RG-LRU",
    conv: width * (kernel.value - 1),
    state: width,
    convWords: `${width} x (${kernel.value} - 1) inputs`,
    stateWords: `${width}`,
    stateType: "F32",
    inputs: named({ kernel }),
  };
};

const RWKV: StateRow = ({ facts, fields }) => {
  const width = facts.hiddenSize;
  const head = fields.count("head_size", "head_dim");
  if (!width || !head) return { missing: "the head size of RWKV (config.json head_size)" };
  return {
    kind: "RWKV",
    conv: 2 * width,
    state: width * head.value,
    convWords: `2 token shifts x ${width}`,
    stateWords: `${width} x heads of ${head.value}`,
    stateType: "F32",
    inputs: named({ "head size": head }),
  };
};

function named(fields: Readonly<Record<string, FoundField | undefined>>): Sourced[] {
  return Object.entries(fields).flatMap(([name, field]) => (field ? [{ name, ...field }] : []));
}

/** The state of a layer with such a mixer; undefined for mixers that keep none. */
export function layerState(mixer: Mixer, about: About): LayerState | { readonly missing: string } | undefined {
  const { architecture = "" } = about.facts;
  if (mixer === "rwkv") return RWKV(about);
  if (mixer === "shortconv") return SHORT_CONVOLUTION(about);
  if (mixer === "ssm") return /^(?:recurrent_?gemma|griffin)/.test(architecture) ? RG_LRU(about) : MAMBA(about);
  if (mixer !== "linattn") return undefined;
  if (/^kimi/.test(architecture)) return KIMI_DELTA(about);
  return /^minimax/.test(architecture) ? LIGHTNING(about) : GATED_DELTA_NET(about);
}
