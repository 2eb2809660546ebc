/**
 * Rules for families that give a common name a meaning of their own. Asked before `hf-rules-layer.ts` and
 * `hf-rules-model.ts`; each row is confined by architecture, by list of layers, by a neighbour, or by a word that no other
 * family uses. See `hf-rules.ts` for how to read a row.
 */
import { type HfRuleTable, table } from "./hf-rules.ts";

/** The short stacks that prepare noise and text before the main layers of a diffusion transformer. */
const REFINERS = ["noise_refiner", "context_refiner", "refiner_blocks"];

export const FAMILY_LAYER_TABLES: readonly HfRuleTable[] = [
  table("norm", [
    // DeepSeek V4; the native files call it kv_norm.
    ["^attn.norm", "block", { architectures: ["deepseek_v4"] }],
    // MiniMax in transformers; the makers' own code calls itself minimax_text_01 or minimax_m1.
    ["self_attn.norm", "block", { architectures: ["minimax"] }],
    ["mlstm_layer.multihead_norm", "block"],
    ["post_feedforward_layernorm_1", "attn_pre", { architectures: ["gemma4_text"] }],
    // state-spaces' own Mamba files; the port says `embeddings`.
    ["^norm", "attn_pre", { having: "backbone.embedding.weight" }],

    // ALBERT and MPNet keep the norm after attention beside its projections.
    ["albert_layers.full_layer_layer_norm", "final"],
    ["albert_layers.attention.LayerNorm", "final"],
    ["attention.LayerNorm", "block"],
    // The Q-Former's second feed-forward half.
    ["output_query.LayerNorm", "block"],
    ["^layer_norm", "final", { architectures: ["inkling_mm_model"], lists: ["encoder_layers"] }],

    // The transformer blocks inside a UNet: before self-attention, cross-attention, feed-forward.
    ["attentions transformer_blocks.norm1|norm2", "attn"],
    ["attentions transformer_blocks.norm3", "ffn_pre"],
    // Diffusion transformers.
    ["attention_norm1", "attn", { lists: REFINERS }],
    ["^norm1|norm2|ffn_norm1", "block", { lists: REFINERS }],
    ["^ffn_norm1", "attn_pre", { lists: ["layers"] }],
    ["^norm1.norm", "attn_pre", { lists: ["layers"] }],
    ["^norm1", "block", { lists: ["transformer_blocks"] }],
  ]),
  table("embedding", [
    // Squeeze and excitation in the stem of Qwen Omni's speaker encoder.
    ["^se_block.conv1|conv2", "patch"],
  ]),
  table("expert", [
    // MiniMax M3 calls the plain MLP of its vision layers a mixture of experts.
    ["block_sparse_moe.fc1", "routed.up"],
    ["block_sparse_moe.fc2", "routed.down"],
    ["experts wi", "routed.gate_up", { architectures: ["switch_transformers"] }],
  ]),
  table("attention", [
    ["self_attn.qkv_proj", "qkv", { architectures: ["minimax"] }],
    ["attn.in_proj_bias", "ssm.in_proj_bias", { architectures: ["step3p7"] }],
    // The speech decoder of Qwen Omni steers attention here.
    ["attn_norm.linear", "o"],
    // Inkling: what turns relative positions into scores.
    ["self_attn.r_proj", "o"],
    ["rel_logits_proj.proj", "o"],
    // Zamba and Griffin hold plain tensors whose names end in `_weight` and `_bias`.
    ["mamba.x_proj_weight|dt_proj_weight", "ssm.{leaf}"],
    ["mamba.dt_proj_bias", "ssm.{leaf}", { bias: false }],
    ["temporal_block rg_lru.*_gate_weight|*_gate_bias", "ssm.{leaf}"],
  ]),
  table("ffn", [
    // ChatGLM fuses gate and up under GPT-NeoX' name for up.
    ["mlp.dense_h_to_4h", "gate_up", { architectures: ["chatglm"] }],
    ["mlp.dense_h_to_4h", "gate_up", { having: "transformer.embedding.word_embeddings.weight" }],
    // Kimi's vision blocks count their two from zero; K2.5's count as one.
    ["mlp.fc0", "other", { architectures: ["kimi_k25"] }],
    // SANA's feed-forward of convolutions is one module: widen, mix, narrow.
    ["ff.conv_inverted|conv_depth|conv_point", "down"],
    // Lumina, AuraFlow.
    ["feed_forward.linear_1", "down", { lists: REFINERS }],
    ["feed_forward.linear_1", "up", { lists: ["layers"] }],
    ["ff.linear_1", "down", { lists: ["single_transformer_blocks"] }],
  ]),
];

/** Asked in a tower, with the path after its name. */
export const FAMILY_TOWER_TABLES: readonly HfRuleTable[] = [
  table("norm", [
    ["^post_layernorm", "embedding", { architectures: ["phi4_multimodal"] }],
    ["^head.layernorm", "embedding", { architectures: ["phi4_multimodal"] }],
  ]),
  // Qwen Omni's speech decoder ends in a spectrogram.
  table("head", [["^code2wav_dit_model.proj_out", "lm_head"]]),
];

/** Asked with the whole name, before `.bias` is cut. */
export const FAMILY_BIAS_TABLES: readonly HfRuleTable[] = [
  table("expert", [["ffn.gate.bias", "router", { bias: false, architectures: ["deepseek_v4"] }]]),
];
