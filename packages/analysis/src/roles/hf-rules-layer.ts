/**
 * Rules for what stands inside a layer: experts, token mixers, feed-forward networks, norms.
 * Order: oddities first, experts before attention and ffn, q/k norms before norms, recurrent mixers before attention.
 * See `hf-rules.ts` for how to read a row.
 */
import { type HfRuleTable, table } from "./hf-rules.ts";

/** Derived or fixed tensors. They keep no role: they are listed apart and never counted. */
const BUFFERS: readonly HfRuleTable[] = [
  table("position", [["inv_freq|original_inv_freq", "buffer.rope", { buffer: true }]]),
  table("other", [
    ["position_ids|token_type_ids|num_batches_tracked|running_mean|running_var", "buffer", { buffer: true }],
    ["relative_position_index|relative_coords_table|mel_filters|attn_mask", "buffer", { buffer: true }],
    // GPT-2 and GPT-NeoX saved their causal masks under names that look like biases.
    ["attn|attention.masked_bias", "buffer", { buffer: true, bias: false }],
  ]),
];

/** Residual-stream machinery and per-layer scales. First, for their leaves look like routers, norms and projections. */
const RESIDUAL: readonly HfRuleTable[] = [
  table("norm", [
    ["altup.router_norm", "altup"],
    ["laurel.post_laurel_norm", "laurel"],
    ["post_per_layer_input_norm", "ple"],
  ]),
  table("other", [
    // altup.modality_router is no MoE router.
    ["altup *", "altup"],
    ["laurel *", "laurel"],
    ["hc_attn_*|hc_ffn_*|hc_mlp_*|hc_head_*", "hyper_connection"],
    ["attn_hc|ffn_hc|mlp_hc|hc_pre|hc_post *", "hyper_connection"],
    ["layer_scalar|lambda_1|lambda_2|ls1|ls2|gamma_1|gamma_2", "layer_scale"],
    ["ls_1|ls_2|layer_scale|layer_scale1|layer_scale2|ls1|ls2.gamma|lambda1|scale", "layer_scale"],
  ]),
  table("embedding", [
    ["per_layer_input_gate|per_layer_projection", "per_layer_proj"],
    ["ple_*", "per_layer_proj"],
  ]),
];

/** Everything of an MoE layer but its norms. */
const EXPERTS: readonly HfRuleTable[] = [
  table("expert", [
    // Counted as router, kind "correction": a selection offset, no bias of the linear, whatever its name ends in.
    ["e_score_correction_bias|expert_bias|router_bias", "router_correction", { bias: false }],
    ["per_expert_scale", "expert_scale"],
    ["tid2eid", "router_hash", { buffer: true }],
    ["router|gate.scale|global_scale", "router_scale"],
    ["shared_expert_gate|shared_experts_gate", "shared_gate"],
    // MiniMax-Text-01: the weight between its shared MLP and the experts.
    ["^coefficient", "shared_gate"],

    // Shared experts: always on. Granite 4's `shared_mlp`, Step's `share_expert`, Hunyuan's `mlp.shared_mlp`.
    ["shared_expert|shared_experts|share_expert|shared_mlp gate_proj|w1|linear_gate|shared_w1", "shared.gate"],
    ["shared_expert|shared_experts|share_expert|shared_mlp up_proj|w3|shared_w3", "shared.up"],
    ["shared_expert|shared_experts|share_expert|shared_mlp down_proj|w2|shared_w2|output_linear", "shared.down"],
    ["shared_expert|shared_experts|share_expert|shared_mlp gate_up_proj|input_linear|w13|shared_w13", "shared.gate_up"],

    // Routers: `mlp.gate` is one, `mlp.gate_proj` is a feed-forward gate. Before the experts, for JetMoE nests its router.
    ["router|gate.layer|classifier|gate|proj|wg", "router"],
    ["mlp|moe|feed_forward|mixer|block_sparse_moe|text_moe|vision_moe.router", "router"],
    ["mlp|moe|feed_forward|mixer|block_sparse_moe|text_moe|vision_moe.gate", "router"],
    ["mlp.gate.weight_*", "router"],
    ["^gate|router", "router"],
    // DeepSeek's own files: `ffn.gate.bias` is the correction of trap "looks like a bias".
    ["ffn.gate", "router"],
    ["ffn.router", "router"],

    // GroveMoE: a small expert beside each group of experts.
    ["chunk_experts gate_proj", "routed_chunk.gate"],
    ["chunk_experts up_proj", "routed_chunk.up"],
    ["chunk_experts down_proj", "routed_chunk.down"],
    // Nemotron 3: to the width that the experts work at, and back.
    ["fc1_latent_proj|fc2_latent_proj", "latent"],
    ["primary_router", "router"],

    // DBRX keeps all experts in one flattened 2-D tensor; there w1 = gate, v1 = up, w2 = down.
    ["experts.mlp.v1", "routed.up"],
    // Nomic's experts have no gate: w1 = up.
    ["experts.mlp.w1", "routed.up", { architectures: ["nomic_bert"] }],
    // Mixtral, DeepSeek, Mistral: w1 = gate, w2 = down, w3 = up.
    ["experts|switch_mlp|mlps|moe gate_proj|w1", "routed.gate"],
    ["experts|switch_mlp|mlps|moe up_proj|w3|linear_v", "routed.up"],
    ["experts|switch_mlp|mlps|moe down_proj|w2|wo|output_linear|linear_1", "routed.down"],
    ["experts|switch_mlp|mlps|moe gate_up_proj|w13|input_linear", "routed.gate_up"],
    // Switch: a plain `wi` is up, as in T5.
    ["experts wi", "routed.up"],
    ["moe.linear", "routed.gate"],
    ["block_sparse_moe.input_linear", "routed.gate_up"],
    ["block_sparse_moe.output_linear", "routed.down"],
    ["mlp.input_linear", "routed.gate_up"],
    ["mlp.output_linear", "routed.down"],
    ["mlp.mlp1", "routed.gate_up"],
    ["mlp.mlp2", "routed.down"],
    ["experts.up_proj|fc1", "routed.up"],
    ["experts.fc2", "routed.down"],
    ["experts", "routed.bias"],
    ["mlp", "routed.bias", { architectures: ["jetmoe"] }],
    ["experts *", "routed.{leaf}"],
  ]),
];

const POSITIONS: readonly HfRuleTable[] = [
  table("position", [
    ["relative_position_embedding.pos_proj", "relative_bias"],
    [
      "relative_attention_bias|relative_position_bias_table|rel_pos_emb|rel_pos_h|rel_pos_w",
      "relative_bias",
      { bias: false },
    ],
    ["linear_pos|pos_bias_u|pos_bias_v|relative_k_proj", "relative_bias", { bias: false }],
  ]),
];

/** Norms that belong to the token mixer: q/k norms, latent norms of MLA, norms of the indexer and the compressor. */
const MIXER_NORMS: readonly HfRuleTable[] = [
  table("attention", [
    ["indexer k_norm|q_norm", "indexer.{leaf}"],
    ["indexer norm|kv_norm", "indexer.norm"],
    ["compressor norm|kv_norm", "compressor.norm"],
    ["mla|self_attn|attn|attention.q_a_layernorm|q_a_norm", "mla.q_a_norm"],
    ["mla|self_attn|attn|attention.kv_a_layernorm|kv_a_norm|kv_norm", "mla.kv_a_norm"],
    // DeepSeek's own files call the latent norm `attn.q_norm`; V4 norms heads under the same name (no `wkv_a` there).
    ["attn.q_norm", "mla.q_a_norm", { sibling: "wkv_a.weight" }],
    ["attn.norm", "mla.kv_a_norm", { sibling: "wkv.weight" }],
    ["q_norm|q_layernorm|query_layernorm|query_norm|norm_q|norm_added_q|q_ln|ln_q", "q_norm"],
    ["k_norm|k_layernorm|key_layernorm|key_norm|norm_k|norm_added_k|k_ln|ln_k", "k_norm"],
  ]),
];

/** Mixers that replace attention; the prefix of `part` keeps them apart in every view. */
const RECURRENT: readonly HfRuleTable[] = [
  table("attention", [
    ["indexer position_bias", "indexer.position_bias", { bias: false }],
    ["compressor position_bias", "compressor.position_bias", { bias: false }],
    ["indexer *", "indexer.{leaf}"],
    ["compressor *", "compressor.{leaf}"],

    // Qwen3-Next, Qwen3.5, OLMo hybrid (gated delta net); xLSTM.
    ["linear_attn dt_bias", "linattn.dt_bias", { bias: false }],
    ["linear_attn|mlstm_layer *", "linattn.{leaf}"],
    // Kimi-Linear (KDA) inside `self_attn`. The segments must match whole, or MLA's `kv_b_proj` would end in `b_proj`.
    ["self_attn b_proj|f_a_proj|f_b_proj|g_a_proj|g_b_proj|q_conv1d|k_conv1d|v_conv1d", "linattn.{leaf}"],
    ["self_attn o_norm", "linattn.norm"],
    // MiniMax (lightning attention): the layers with a norm inside are the linear ones.
    ["self_attn.norm", "linattn.norm"],
    ["self_attn.qkv_proj", "linattn.qkv", { sibling: "norm.weight" }],
    ["self_attn.slope_rate", "linattn.slope_rate", { buffer: true }],
    ["self_attn.key_decay|query_decay|diagonal_decay", "ssm.{leaf}", { buffer: true }],

    // Short convolutions: LFM2, Inkling.
    ["^conv.in_proj|out_proj|conv", "shortconv.{leaf}"],
    ["^attn_sconv", "shortconv.attn_sconv"],
    ["k_sconv|v_sconv", "shortconv.{leaf}"],
    ["attn_sconv|k_sconv|v_sconv.conv1d", "ssm.conv1d"],

    // RWKV 4-7: `att` in BlinkDL's files, `attention` in the port, `attn` with its own leaves in fla's.
    ["att *", "rwkv.{leaf}"],
    ["attn *_lora.lora", "rwkv.w_lora"],
    ["attn x_r|x_w|x_k|x_v|x_a|x_g|k_k|k_a|r_k|r_proj|g_norm", "rwkv.{leaf}"],
    ["attention.time_*", "rwkv.{leaf}"],
    ["attention.receptance|key|value|output|gate", "rwkv.{leaf}", { sibling: "time_decay" }],

    // phi-1 calls plain attention `mixer`, as Mamba calls its own: the fused projection beside it tells.
    ["mixer.out_proj", "o", { sibling: "Wqkv.weight" }],
    ["mixer.Wqkv", "qkv"],
    // Mamba 1 and 2 and the hybrids. `dt_bias` is an SSM parameter, no bias of a projection.
    ["dt_bias", "ssm.dt_bias", { bias: false }],
    // So is what Mamba 1 adds to its projection: GGUF calls both ssm_dt.bias.
    ["dt_proj", "ssm.dt_proj", { bias: false }],
    ["A_log|D|conv1d|conv_1d|x_proj", "ssm.{leaf}"],
    ["mamba|mixer.in_proj|out_proj|norm|dt_layernorm|b_layernorm|c_layernorm|dt_norm|b_norm|c_norm", "ssm.{leaf}"],
    // Griffin (RecurrentGemma).
    ["temporal_block linear_x|linear_y|linear_out|recurrent_param|input_gate|recurrent_gate", "ssm.{leaf}"],
  ]),
];

/** Inkling also mixes along the sequence inside its feed-forward part. */
const FFN_CONVOLUTION: readonly HfRuleTable[] = [
  table("ffn", [
    ["mlp_sconv", "shortconv.mlp_sconv"],
    ["mlp_sconv.conv1d", "shortconv.conv1d"],
  ]),
];

const SINKS: readonly HfRuleTable[] = [
  table("attention", [["sinks|attn_sink|learnable_sink_param|attention_sink_bias|sink_bias", "sink", { bias: false }]]),
];

const NORMS: readonly HfRuleTable[] = [
  table("other", [
    // Modulation MLPs of diffusion transformers: a quarter of FLUX.1, and no norms whatever they are called.
    ["norm|norm1|norm2|norm3|norm1_context|norm_out|norm2_context|attn_norm.linear|linear_1|linear_2", "modulation"],
    ["modulation|img_mod|txt_mod|adaLN_modulation|scale_shift_table", "modulation"],
    ["modulation|img_mod|txt_mod.lin", "modulation"],
  ]),
  table("embedding", [
    // DiT keeps its class embedder inside the norm that it steers.
    ["norm1.emb embedding_table", "class"],
    ["norm1.emb *", "conditioning"],
    // Chroma's guidance layers are the only ones with these two on their own.
    ["^linear_1|linear_2", "conditioning"],
  ]),
  table("norm", [
    // Groups inside the blocks of a UNet or VAE.
    ["resnets norm1|norm2", "block"],
    ["attentions.norm|group_norm", "attn"],

    // BERT: the norm after each sub-layer.
    ["crossattention.output.LayerNorm", "cross_attn"],
    ["attention.output.LayerNorm|layer_norm", "attn_post"],
    ["output_query|output.LayerNorm|layer_norm", "ffn_post"],
    ["output_layer_norm", "ffn_post"],
    ["sa_layer_norm", "attn_post"],

    // gpt-oss' own files put the norm inside the module that it precedes.
    ["attn.norm", "attn_pre"],
    ["mlp.norm", "ffn_pre"],
    // BitNet's sub-norms.
    ["attn_sub_norm", "block"],
    ["ffn_sub_norm", "ffn_pre"],

    ["encoder_attn_layer_norm|pre_cross_attn_layernorm|post_cross_attn_layernorm", "cross_attn"],
    ["self_attn_layer_norm|post_self_attn_layernorm|post_attention_layernorm|post_attn_norm", "attn_post"],
    // The second norm of a BART-like layer; a ViT or GPT layer has none of this name.
    ["final_layer_norm|post_feedforward_layernorm|post_mlp_layernorm|post_moe_norm|post_ffn_norm", "ffn_post"],
    ["post_feedforward_layernorm_1|post_feedforward_layernorm_2", "ffn_post"],
    ["pre_feedforward_layernorm|pre_feedforward_layernorm_2|pre_mlp_layernorm|pre_moe_norm", "ffn_pre"],
    ["feedforward_layernorm|feedforward_layer_norm|norm_ffn|ffn_norm|ffn_norm1|mlp_norm|ln_mlp", "ffn_pre"],
    ["feed_forward_in|feed_forward_out.layer_norm", "ffn_pre"],
    ["input_layernorm|attention_norm|attention_norm1|attn_norm|pre_attn_norm|operator_norm", "attn_pre"],
    ["attention_layernorm|ln_attn|layer_norm1|pre_self_attn_norm", "attn_pre"],
    // FFN side of the pairs that a digit tells apart.
    ["layer_norm2|norm2|ln_2|ln2|norm_2", "ffn_pre"],
    ["norm1|ln_1|ln1|norm_1", "attn_pre"],
    ["ln0", "embedding"],
    // Grok-1 numbers its four norms.
    ["rms_norm", "attn_pre"],
    ["rms_norm_1", "attn_post"],
    ["rms_norm_2", "ffn_pre"],
    ["rms_norm_3", "ffn_post"],
    // Batch norms of convolutional towers.
    ["bn|bn1|bn2|bn3", "block"],
    // One norm a layer: the parallel block of phi-1 and GPT-J.
    ["^ln", "attn_pre"],
    ["*norm|*norm1|*norm2|*norm_att|*layernorm*|LayerNorm|ln|pre_ln|norm*|*_norm_*", "block"],
  ]),
];

const ATTENTION: readonly HfRuleTable[] = [
  table("attention", [
    ["self_attn.vision_expert_query_key_value", "visual_expert.qkv"],
    ["self_attn.vision_expert_dense", "visual_expert.o"],

    // Cross attention: BART, T5, T5Gemma, Mllama, Wan, the Q-Former.
    ["encoder_attn|cross_attn|EncDecAttention|crossattention q_proj|q|query", "cross.q"],
    ["encoder_attn|cross_attn|EncDecAttention|crossattention k_proj|k|key", "cross.k"],
    ["encoder_attn|cross_attn|EncDecAttention|crossattention v_proj|v|value", "cross.v"],
    ["encoder_attn|cross_attn|EncDecAttention|crossattention out_proj|o_proj|o|dense", "cross.o"],
    // Mllama: scalars at the exit of its cross-attention layers.
    ["cross_attn_attn_gate", "cross.out_gate"],
    ["cross_attn_mlp_gate", "cross.scale"],

    ["gate_attn", "out_gate"],
    // Output gates: `self_attn.gate_proj` (AFMoE) is no feed-forward gate.
    ["self_attn|attn|attention.gate_proj|g_proj|linear_gate|output_gate", "out_gate"],

    // Multi-head latent attention.
    ["q_a_proj|wq_a", "mla.q_a"],
    ["q_b_proj|wq_b", "mla.q_b"],
    ["kv_a_proj_with_mqa|wkv_a|wkv_a_with_mqa|kv_a_proj", "mla.kv_a"],
    ["attn.wkv", "mla.kv_a"],
    ["kv_b_proj|wkv_b", "mla.kv_b"],
    ["k_b_proj", "mla.k_b"],
    ["v_b_proj", "mla.v_b"],
    // mlx-lm keeps the two halves of kv_b apart, one matrix a head.
    ["self_attn.embed_q", "mla.k_b"],
    ["self_attn.unembed_out", "mla.v_b"],
    // OLMo 1.
    ["^att_proj", "qkv"],
    ["^attn_out", "o"],
    ["o_a_proj|wo_a", "mla.o_a"],
    ["o_b_proj|wo_b", "mla.o_b"],

    // Fused projections.
    ["qkv_proj|query_key_value|c_attn|Wqkv|wqkv|W_pack|qkv|gqkv_proj|in_proj_qkv", "qkv"],
    ["self_attn|attn|attention|self_attention.in_proj", "qkv"],
    ["to_qkv_mlp_proj", "fused_qkv_mlp"],
    ["kv_proj|to_kv", "kv"],

    ["q_proj|query_proj|q_lin|wq|wq_du|to_q|add_q_proj|to_add_q", "q"],
    ["k_proj|key_proj|k_lin|wk|wk_dv|to_k|add_k_proj", "k"],
    ["v_proj|value_proj|v_lin|wv|wv_dv|to_v|add_v_proj", "v"],
    ["self_attn|attn|attention|SelfAttention|self|multi_head_attention.q|query", "q"],
    ["self_attn|attn|attention|SelfAttention|self|multi_head_attention.k|key", "k"],
    ["self_attn|attn|attention|SelfAttention|self|multi_head_attention.v|value", "v"],

    ["o_proj|out_lin|to_out|to_add_out|wo_ud", "o"],
    ["self_attn|attn|attention|self_attention|multi_head_attention.out_proj|c_proj|dense|linear|Wo|wo|out|o", "o"],
    ["SelfAttention.o", "o"],
    ["attn|img_attn|txt_attn.proj", "o"],
    ["self_attn|attention.projection|projection_layer", "o"],
    ["attention.output.dense|o", "o"],
    ["attention.output", "o"],
    // Inkling turns relative positions into scores with a projection of its own.
    ["self_attn|attn.wr_du", "rel_logits"],
    // The differential transformer's.
    ["self_attn.lambda_*", "lambda"],
    // The conformer of Gemma 3n: `attention.attn.q_proj`, `attention.post`.
    ["attention.post", "o"],
    ["per_dim_scale", "scale"],
    // Kimi's vision blocks keep them bare.
    ["^wo", "o"],
    // Stable Diffusion wraps its transformer blocks in two projections.
    ["attentions|*_block|input_blocks|output_blocks.proj_in", "block_proj_in"],
    ["attentions|*_block|input_blocks|output_blocks.proj_out", "block_proj_out"],
    ["^proj_in", "block_proj_in"],
  ]),
];

const FFN: readonly HfRuleTable[] = [
  table("ffn", [
    ["vision_mlp gate_proj", "visual_expert.gate"],
    ["vision_mlp up_proj", "visual_expert.up"],
    ["vision_mlp down_proj", "visual_expert.down"],
    ["adapter_list|*_adapter_list *", "adapter"],
    ["gate_up_proj_adapter_list", "adapter"],
    // Learned activations (Apertus' xIELU): `beta` and `eps` are weights.
    ["act_fn.alpha_p|alpha_n|beta|eps", "act", { bias: false }],

    // RWKV's channel mix.
    ["ffn|feed_forward.key|receptance|value|time_mix_key|time_mix_receptance|time_maa_k|time_maa_r|x_k", "rwkv.{leaf}"],

    // Qwen-1: w1 = UP, w2 = GATE, told by the `c_proj` beside them.
    ["mlp.w1", "up", { sibling: "c_proj.weight" }],
    ["mlp.w2", "gate", { sibling: "c_proj.weight" }],
    // Jais: c_fc2 is the gate of its SwiGLU.
    ["mlp.c_fc2", "gate"],
    // EXAONE 3; Nomic; Jina BERT v2; OLMo 1.
    ["mlp.c_fc_0", "gate"],
    ["mlp.c_fc_1", "up"],
    ["mlp.fc12", "gate"],
    ["mlp.fc11", "up"],
    ["mlp.gated_layers_w", "gate"],
    ["mlp.gated_layers_v", "up"],
    ["mlp.gated_layers", "gate_up"],
    ["^ff_proj", "gate_up"],
    ["^ff_out", "down"],
    // NeoBERT: w12 fused, w3 = DOWN.
    ["ffn.w12", "gate_up"],
    ["ffn.w3", "down", { sibling: "w12.weight" }],

    ["gate_up_proj|Wi|up_gate_proj|w13|proj_1|fc1_gate", "gate_up"],
    ["gate_proj|linear_gate|wi_0|proj_up_gate|w1", "gate"],
    ["up_proj|c_fc|fc_in|fc1|linear_fc1|lin1|dense_h_to_4h|wi|wi_1|w3|proj_up|intermediate_dense", "up"],
    ["intermediate|intermediate_query.dense", "up"],
    // Lumina counts its SwiGLU as Llama does (1 gate, 2 down, 3 up); AuraFlow: 1 gate, 2 up.
    ["feed_forward|ff|ff_context.linear_1", "gate"],
    ["feed_forward.linear_2", "down"],
    ["feed_forward.linear_3", "up"],
    ["ff|ff_context.linear_2", "up"],
    ["ff|ff_context.out_projection", "down"],
    ["ffw_layer_1", "up"],
    ["ffw_layer_2", "down"],
    ["ff.ff.0", "up"],
    ["ff.ff.2|3", "down"],
    ["proj_mlp", "up"],
    ["ff|ff_context.linear_in", "up"],
    ["net.proj", "up"],
    ["net.2", "down"],
    ["img_mlp|txt_mlp|ffn.0", "up"],
    ["img_mlp|txt_mlp|ffn.2", "down"],
    // ALBERT calls its two halves `ffn` and `ffn_output`.
    ["albert_layers.ffn", "up"],
    ["albert_layers.ffn_output", "down"],

    ["down_proj|fc_out|fc2|linear_fc2|lin2|dense_4h_to_h|wo|w2|proj_2|proj_down|output_dense", "down"],
    ["mlp|ffn.c_proj|Wo", "down"],
    ["output|output_query.dense", "down"],
    ["ff|ff_context.linear_out", "down"],
    ["mlp.fc0", "up"],
    // Mllama's scalar at the exit of a global vision layer.
    ["gate_ffn", "up"],
    // FLUX single blocks: attention output and feed-forward down in one.
    ["^proj_out|linear2", "fused_o_down"],
  ]),
  table("attention", [["^linear1", "fused_qkv_mlp"]]),
];

/** Convolutions (UNet and VAE blocks, conformer layers, vocoders) and what else joins parts of a layer. */
const CONVOLUTIONS: readonly HfRuleTable[] = [
  // UNet of the LDM files: `in_layers.0` and `out_layers.0` are GroupNorms, the digit decides.
  table("norm", [["in_layers|out_layers.0", "block"]]),
  table("other", [
    // Zamba brings the shared block's output back to the Mamba layer's width.
    ["^linear", "hybrid_linear"],
    ["act.alpha|beta", "activation", { bias: false }],
    ["time_emb_proj|emb_layers", "conv"],
    ["in_layers|out_layers", "conv"],
    ["resnets|downsamplers|upsamplers|lconv1d *", "conv"],
    ["conv*|*_conv|*_conv_1d|convs*|tdnn* *", "conv"],
    ["conv*|*_conv|*_conv_1d|convs*|ups|nin_shortcut", "conv"],
  ]),
];

/** Asked with the whole name, before `.bias` is cut. */
export const BIAS_TABLES: readonly HfRuleTable[] = [
  // GPT-2 and GPT-NeoX saved their causal masks under a bias's name.
  table("other", [["attn|attention.bias", "buffer", { buffer: true, bias: false }]]),
  // DeepSeek's own files: the selection offset of the router.
  table("expert", [["ffn.gate.bias", "router_correction", { bias: false }]]),
];

export const LAYER_TABLES: readonly HfRuleTable[] = [
  ...BUFFERS,
  ...RESIDUAL,
  ...EXPERTS,
  ...POSITIONS,
  ...MIXER_NORMS,
  ...FFN_CONVOLUTION,
  ...RECURRENT,
  ...SINKS,
  ...NORMS,
  ...ATTENTION,
  ...FFN,
  ...CONVOLUTIONS,
];
