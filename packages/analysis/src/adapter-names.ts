/**
 * Names and shapes of adapters: which tensor is a factor of which module, and what rank its shape gives.
 *
 * Sources: PEFT (tuners/*, utils/save_and_load.py), diffusers (loaders/), kohya-ss sd-scripts (networks/lora.py), LyCORIS
 * (modules/), mlx-lm (tuner/lora.py), llama.cpp (convert_lora_to_gguf.py, src/llama-adapter.cpp).
 */
import type { Checkpoint, Tensor } from "@checkpoint-inspect/parser";

export type AdapterMethod =
  | "LoRA"
  | "DoRA"
  | "AdaLoRA"
  | "LoHa"
  | "LoKr"
  | "IA3"
  | "OFT"
  | "BOFT"
  | "VeRA"
  | "prompt tuning"
  | "full difference";

/** A factor: one of the tensors that make up the change of one module. */
export interface Factor {
  /** Path of the module as the file writes it, with dots or kohya's underscores. */
  readonly path: string;
  readonly method: AdapterMethod;
  /** Which dimension of the shape is the rank; undefined for factors that don't have it. */
  readonly rank?: number | undefined;
  /** The scalar by which kohya and LyCORIS scale a module. */
  readonly isAlpha: boolean;
}

interface FactorRow {
  readonly method: AdapterMethod;
  /** Index into the row-major shape, negative from its end. */
  readonly rank?: number;
}

/**
 * By the segment that says what the factor is. A is `[r, in]`, or `[r, in, 1, 1]` of a convolution; B is `[out, r]`.
 * A method that is made of another's factors stands by its own extra tensor (`lora_magnitude_vector`).
 */
const FACTORS: ReadonlyMap<string, FactorRow> = new Map<string, FactorRow>([
  ["lora_A", { method: "LoRA", rank: 0 }],
  ["lora_B", { method: "LoRA", rank: 1 }],
  ["lora_a", { method: "LoRA", rank: 0 }],
  ["lora_b", { method: "LoRA", rank: 1 }],
  ["lora_down", { method: "LoRA", rank: 0 }],
  ["lora_up", { method: "LoRA", rank: 1 }],
  ["lora_mid", { method: "LoRA", rank: 0 }],
  ["lora_embedding_A", { method: "LoRA", rank: 0 }],
  ["lora_embedding_B", { method: "LoRA", rank: 1 }],
  ["lora_magnitude_vector", { method: "DoRA" }],
  ["dora_scale", { method: "DoRA" }],
  ["lora_E", { method: "AdaLoRA", rank: 0 }],
  ["ranknum", { method: "AdaLoRA" }],
  ["hada_w1_a", { method: "LoHa" }],
  ["hada_w1_b", { method: "LoHa", rank: 0 }],
  ["hada_w2_a", { method: "LoHa" }],
  ["hada_w2_b", { method: "LoHa", rank: 0 }],
  ["hada_t1", { method: "LoHa", rank: 0 }],
  ["hada_t2", { method: "LoHa", rank: 0 }],
  // A factor that is small enough is stored whole (`lokr_w1`), and has no rank.
  ["lokr_w1", { method: "LoKr" }],
  ["lokr_w2", { method: "LoKr" }],
  ["lokr_w1_a", { method: "LoKr" }],
  ["lokr_w1_b", { method: "LoKr", rank: 0 }],
  ["lokr_w2_a", { method: "LoKr" }],
  ["lokr_w2_b", { method: "LoKr", rank: 0 }],
  ["lokr_t2", { method: "LoKr", rank: 0 }],
  ["ia3_l", { method: "IA3" }],
  ["on_input", { method: "IA3" }],
  ["oft_r", { method: "OFT" }],
  ["oft_R", { method: "OFT" }],
  ["oft_blocks", { method: "OFT" }],
  ["oft_diag", { method: "OFT" }],
  ["boft_R", { method: "BOFT" }],
  ["boft_s", { method: "BOFT" }],
  ["vera_lambda_b", { method: "VeRA" }],
  ["vera_lambda_d", { method: "VeRA", rank: 0 }],
  ["prompt_embeddings", { method: "prompt tuning" }],
  ["diff", { method: "full difference" }],
  ["diff_b", { method: "full difference" }],
]);

/** Words that elsewhere may be modules of a model. */
const ONLY_LAST: ReadonlySet<string> = new Set(["diff", "diff_b", "on_input"]);

/** GGUF: A is stored transposed for token embeddings, so the rank is read from B alone; experts add a first dimension. */
const GGUF_FACTORS: ReadonlyMap<string, FactorRow> = new Map<string, FactorRow>([
  ["lora_a", { method: "LoRA" }],
  ["lora_b", { method: "LoRA", rank: -1 }],
]);

/** mlx-lm writes `lora_a` [in, r] and `lora_b` [r, out] as bare arrays, without `.weight`. */
const MLX_FACTORS: ReadonlyMap<string, FactorRow> = new Map<string, FactorRow>([
  ["lora_a", { method: "LoRA", rank: -1 }],
  ["lora_b", { method: "LoRA", rank: -2 }],
]);

/** Older diffusers files: `to_q_lora.down`, `to_q.lora.down`, `q_proj.lora_linear_layer.down`. */
const OLD_LORA = /^(?:(.+)_)?lora(?:_linear_layer)?$/;

/** A piece of every name that the tables know: asked first, as a model's half a million names have none of them. */
const HINT = /lora|hada_|lokr_|ia3_|oft_|vera_|dora_|ranknum|on_input|prompt_embeddings|\.diff(?:_b)?$|\.alpha$/;

/** A factor's segment is followed by an adapter's name and `weight` at most. */
const SEGMENTS_FROM_END = 2;

/** Real names have a hundred characters or two. A longer one belongs to no known adapter, and matching it would cost. */
const MAX_NAME_LENGTH = 1000;

/** The factor that a tensor is, or undefined for any other tensor. */
export function factorOf(name: string, format: Checkpoint["format"]): Factor | undefined {
  if (name.length > MAX_NAME_LENGTH || !HINT.test(name)) return undefined;
  let end = name.length;
  let next = "";
  for (let i = 0; i <= SEGMENTS_FROM_END && end > 0; i++) {
    const dot = name.lastIndexOf(".", end - 1);
    const segment = name.slice(dot + 1, end);
    const before = name.slice(0, Math.max(dot, 0));
    const isLast = i === 0;
    if (format === "gguf") {
      const row = GGUF_FACTORS.get(segment);
      return row && { ...row, path: before.replace(/\.weight$/, ""), isAlpha: false };
    }
    if (isLast && segment === "alpha") return { path: modulePath(before), method: "LoRA", isAlpha: true };
    const row = (isLast ? MLX_FACTORS.get(segment) : undefined) ?? FACTORS.get(segment);
    if (row && (isLast || !ONLY_LAST.has(segment))) {
      return { ...row, path: modulePath(before) || segment, isAlpha: false };
    }
    const old = next === "down" || next === "up" ? OLD_LORA.exec(segment) : null;
    if (old) {
      const path = old[1] === undefined ? before : `${before}.${old[1]}`;
      return { path: modulePath(path), method: "LoRA", rank: next === "down" ? 0 : 1, isAlpha: false };
    }
    next = segment;
    end = dot;
  }
  return undefined;
}

/** Without what PEFT puts around the model and around a module that has several adapters. */
function modulePath(path: string): string {
  const bare = path.startsWith("base_model.model.") ? path.slice("base_model.model.".length) : path;
  return bare.includes(".base_layer") ? bare.replace(/\.base_layer(?=\.|$)/g, "") : bare;
}

/** The rank that a factor's shape gives; undefined where it gives none. */
export function rankIn({ rank }: Factor, { shape }: Tensor): number | undefined {
  if (rank === undefined || shape.length === 0) return undefined;
  return shape[rank < 0 ? shape.length + rank : rank];
}

/** Whether most tensors are factors of an adapter, and not of a whole model that carries one. */
export function isAdapter({ tensors, format }: Pick<Checkpoint, "tensors" | "format">): boolean {
  let [factors, others, whole] = [0, 0, 0];
  for (const { name } of tensors) {
    if (factorOf(name, format)) {
      factors++;
      continue;
    }
    if (++others * 2 >= tensors.length) return false;
    // A model saved with its adapter holds the base of every module that was changed.
    if (name.includes(".base_layer.")) whole++;
  }
  return factors > 0 && whole * 4 < factors;
}

// --- modules ------------------------------------------------------------------------------------------------------------

/** Words that name no module by themselves: the segment before them is needed too. */
const GENERIC = /^(?:\d+|net|proj|linear|lin|processor|default)$/;

/** The name that a person would write in `target_modules`: `q_proj`, `to_out.0`, `ff.net.0.proj`. */
export function moduleName(path: string): string {
  if (isFlat(path)) return flatModule(path);
  const segments = path.split(".").filter((segment) => segment !== "processor");
  let from = segments.length - 1;
  while (from > 0 && GENERIC.test(segments[from] as string)) from--;
  return segments.slice(from).join(".");
}

/** kohya joins the whole path with underscores: `lora_unet_down_blocks_0_attentions_0_..._attn1_to_q`. */
function isFlat(path: string): boolean {
  return /^(?:lora|lycoris|oft)_/.test(path) && !path.includes(".");
}

/**
 * Modules as flat names end, longest first where one ends in another. Dots are put back, so that the name is the one of the model.
 * Blocks: diffusers' UNet and transformers, LDM, CLIP and T5, FLUX, Wan, Llama.
 */
const FLAT_MODULES = [
  "ff_context.net.0.proj",
  "ff_context.net.2",
  "ff.net.0.proj",
  "ff.net.2",
  "to_out.0",
  "to_add_out",
  "to_qkv",
  "to_q",
  "to_k",
  "to_v",
  "add_q_proj",
  "add_k_proj",
  "add_v_proj",
  "q_proj",
  "k_proj",
  "v_proj",
  "o_proj",
  "out_proj",
  "gate_proj",
  "up_proj",
  "down_proj",
  "time_emb_proj",
  "proj_in",
  "proj_out",
  "proj_mlp",
  "conv_shortcut",
  "conv1",
  "conv2",
  "in_layers.2",
  "out_layers.3",
  "emb_layers.1",
  "skip_connection",
  "img_attn.qkv",
  "img_attn.proj",
  "img_mlp.0",
  "img_mlp.2",
  "img_mod.lin",
  "txt_attn.qkv",
  "txt_attn.proj",
  "txt_mlp.0",
  "txt_mlp.2",
  "txt_mod.lin",
  "modulation.lin",
  "norm1_context.linear",
  "norm1.linear",
  "norm.linear",
  "linear1",
  "linear2",
  "self_attn.q",
  "self_attn.k",
  "self_attn.v",
  "self_attn.o",
  "cross_attn.q",
  "cross_attn.k",
  "cross_attn.v",
  "cross_attn.o",
  "ffn.0",
  "ffn.2",
  "fc1",
  "fc2",
  "wi_0",
  "wi_1",
  "wo",
] as const;

const FLAT_ENDINGS = FLAT_MODULES.map((module) => ({ module, ending: `_${module.replaceAll(".", "_")}` }));

function flatModule(path: string): string {
  const known = FLAT_ENDINGS.find(({ ending }) => path.endsWith(ending));
  // Else what follows the last block number.
  return (
    known?.module ??
    (/(?:^|_)\d+_(\D.*)$/.exec(lastBlock(path))?.[1] || path.replace(/^lora_(?:unet|te\d?|transformer)_/, ""))
  );
}

/** From the last number that something other than a number follows. */
function lastBlock(path: string): string {
  const found = [...path.matchAll(/_\d+(?=_[a-z])/g)].at(-1);
  return found ? path.slice(found.index) : path;
}

/** A list of blocks and an index into it, with dots or underscores between them. */
const BLOCK =
  /(?:^|[._])((?:layers|layer|h|block|blocks|blk|groups|attentions|resnets|resblocks|[a-z_]{1,40}_blocks)[._]\d{1,6})(?=[._]|$)/g;

/** What tells one layer from another: the path up to the innermost block, or undefined for a module outside the layers. */
export function layerKey(path: string): string | undefined {
  let end: number | undefined;
  for (const match of path.matchAll(BLOCK)) {
    const isSubLayer = end !== undefined && /^layer[._]/.test(match[1] as string);
    // T5 numbers the parts of a block as layers: `encoder.block.3.layer.1`.
    if (!isSubLayer) end = match.index + match[0].length;
  }
  return end === undefined ? undefined : path.slice(0, end);
}
