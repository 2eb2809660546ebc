/**
 * GGUF tensor names and what they are. A name here has no suffix (`.weight`, `.bias`) and `{}` for each number.
 *
 * A group gives the names that share a beginning. In `parts` a part stands before its names; in `names` the part is
 * `part` + the name, with `blk.{}.` left out and `{}` written N.
 *
 * Sources: gguf-py/gguf/constants.py (TENSOR_NAMES), llama.cpp src/llama-arch.cpp (LLM_TENSOR_NAMES),
 * tools/mtmd/clip-impl.h (towers and projectors).
 */
import type { Bucket, Stack } from "./role.ts";

export interface NameGroup {
  readonly bucket: Bucket;
  readonly stack: Stack;
  /** What the names begin with. */
  readonly at: string;
  readonly parts?: Readonly<Record<string, string>>;
  readonly part?: string;
  /** Separated by blanks. */
  readonly names?: string;
}

// clip.cpp builds the names of both towers from one template, with `v` or `a` in front.
const TOWER_BLOCK = {
  "attention.q": "attn_q",
  "attention.k": "attn_k",
  "attention.v": "attn_v",
  "attention.qkv": "attn_qkv",
  "attention.o": "attn_out",
  "attention.q_norm": "attn_q_norm",
  "attention.k_norm": "attn_k_norm",
  "attention.k_rel": "attn_k_rel",
  "attention.sink": "attn_sinks",
  "attention.per_dim_scale": "per_dim_scale",
  "attention.per_dim_k_scale": "per_dim_k_scale",
  "position.rel": "attn_rel_pos_emb",
  "position.linear_pos": "linear_pos",
  "position.bias_u": "pos_bias_u",
  "position.bias_v": "pos_bias_v",
  "ffn.gate": "ffn_gate",
  "ffn.up": "ffn_up",
  "ffn.down": "ffn_down",
  "ffn.gate_1": "ffn_gate_1",
  "ffn.up_1": "ffn_up_1",
  "ffn.down_1": "ffn_down_1",
  "ffn.scale": "ffn_scale",
  "ffn.scale_1": "ffn_scale_1",
  "expert.router": "ffn_gate_inp",
  "expert.router_correction": "exp_probs_b",
  "expert.routed.gate": "ffn_gate_exps",
  "expert.routed.up": "ffn_up_exps",
  "expert.routed.down": "ffn_down_exps",
  "conv.dw": "conv_dw",
  "conv.pw1": "conv_pw1",
  "conv.pw2": "conv_pw2",
  batchnorm_stat: "conv_norm_mean conv_norm_var",
  "other.layer_scale_1": "ls1",
  "other.layer_scale_2": "ls2",
  "other.layer_scale_out": "out_scale",
  "res2.N": "res2.{}",
  se_conv1: "se_conv1",
  se_conv2: "se_conv2",
} as const;

const TOWER_BLOCK_NORMS =
  "ln1 ln2 attn_out_norm attn_pre_norm attn_post_norm ffn_norm ffn_norm_1 ffn_post_norm ffn_post_norm_1 conv_norm " +
  "norm_conv layer_pre_norm";

// Q-Former projector of Granite speech and vision.
const QFORMER_BLOCK =
  "query linear norm post_norm img_pos self_attn_q self_attn_k self_attn_v self_attn_out self_attn_norm " +
  "cross_attn_q cross_attn_k cross_attn_v cross_attn_out cross_attn_norm ffn_up ffn_down ffn_norm";

const ENCODER_DECODER_FFN = { gate: "ffn_gate", up: "ffn_up", down: "ffn_down" } as const;
// T5 says attn_o where the others say attn_output.
const ENCODER_DECODER_ATTENTION = { q: "attn_q", k: "attn_k", v: "attn_v", o: "attn_o" } as const;

export const NAME_GROUPS: readonly NameGroup[] = [
  // Embeddings and positions
  {
    bucket: "embedding",
    stack: "text",
    at: "",
    parts: {
      token: "token_embd",
      token_type: "token_types",
      // Gemma 3n and 4: a table looked up for every layer, and its projection.
      per_layer_token: "per_layer_token_embd",
      per_layer_proj: "per_layer_model_proj",
      draft_clusters: "masked_embd_centroids masked_embd_ordering",
    },
  },
  {
    bucket: "embedding",
    stack: "text",
    at: "blk.{}.",
    parts: {
      per_layer_gate: "inp_gate",
      per_layer_out: "proj",
      per_layer_conv1d: "ple_conv1d",
      per_layer_key: "ple_key",
      per_layer_value: "ple_value",
      per_layer_norm_conv: "ple_norm_conv",
      per_layer_norm_key: "ple_norm_key",
      per_layer_norm_query: "ple_norm_query",
    },
  },
  {
    bucket: "position",
    stack: "text",
    at: "",
    parts: {
      learned: "position_embd",
      rope_freq_factors: "rope_freqs rope_factors_long rope_factors_short",
      rope_freq: "blk.{}.attn_rot_embd",
    },
  },
  { bucket: "position", stack: "encoder", at: "enc.blk.{}.", parts: { relative_bias: "attn_rel_b" } },
  {
    bucket: "position",
    stack: "decoder",
    at: "dec.blk.{}.",
    parts: { relative_bias: "attn_rel_b", "cross.relative_bias": "cross_attn_rel_b" },
  },

  // Token mixers
  {
    bucket: "attention",
    stack: "text",
    at: "blk.{}.",
    parts: {
      q: "attn_q",
      k: "attn_k",
      v: "attn_v",
      o: "attn_output",
      qkv: "attn_qkv",
      q_norm: "attn_q_norm",
      k_norm: "attn_k_norm",
      sink: "attn_sinks",
      out_gate: "attn_gate",
      // Multi-head latent attention (DeepSeek V2 and after)
      "mla.q_a": "attn_q_a",
      "mla.q_a_norm": "attn_q_a_norm",
      "mla.q_b": "attn_q_b",
      "mla.kv": "attn_kv",
      "mla.kv_a": "attn_kv_a_mqa",
      "mla.kv_a_norm": "attn_kv_a_norm",
      "mla.kv_b": "attn_kv_b",
      "mla.k_b": "attn_k_b",
      "mla.v_b": "attn_v_b",
      "mla.o_a": "attn_output_a",
      "mla.o_b": "attn_output_b",
      // Sparse attention: the indexer chooses keys, the compressor shortens them
      "indexer.q": "indexer.q_proj",
      "indexer.q_b": "indexer.attn_q_b",
      "indexer.q_norm": "indexer.q_norm",
      "indexer.k": "indexer.attn_k indexer.k_proj",
      "indexer.k_norm": "indexer.k_norm",
      "indexer.weights": "indexer.proj",
      "shortconv.in": "shortconv.in_proj",
      "shortconv.conv": "shortconv.conv",
      "shortconv.out": "shortconv.out_proj",
      // State-space mixers (Mamba)
      "ssm.in": "ssm_in",
      "ssm.conv": "ssm_conv1d",
      "ssm.x_proj": "ssm_x",
      "ssm.dt": "ssm_dt",
      "ssm.a": "ssm_a",
      "ssm.d": "ssm_d",
      "ssm.norm": "ssm_norm",
      "ssm.b_norm": "ssm_b_norm",
      "ssm.c_norm": "ssm_c_norm",
      "ssm.dt_norm": "ssm_dt_norm",
      "ssm.out": "ssm_out",
      // Linear attention (Qwen3-Next, Kimi) under the same prefix
      "linattn.a": "ssm_alpha",
      "linattn.b": "ssm_beta",
      "linattn.ba": "ssm_ba",
      "linattn.conv_q": "ssm_conv1d_q",
      "linattn.conv_k": "ssm_conv1d_k",
      "linattn.conv_v": "ssm_conv1d_v",
      "linattn.f_a": "ssm_f_a",
      "linattn.f_b": "ssm_f_b",
      "linattn.g": "ssm_g",
      "linattn.g_a": "ssm_g_a",
      "linattn.g_b": "ssm_g_b",
      // CogVLM's second set of weights for image tokens; not a mixture of experts
      "visual_expert.qkv": "vis_attn_qkv",
      "visual_expert.o": "vis_attn_output",
    },
  },
  { bucket: "attention", stack: "text", at: "blk.{}.attn_compressor_", part: "compressor.", names: "ape gate kv norm" },
  {
    bucket: "attention",
    stack: "text",
    at: "blk.{}.indexer_compressor_",
    part: "indexer.compressor_",
    names: "ape gate kv norm",
  },
  {
    bucket: "attention",
    stack: "text",
    at: "blk.{}.time_mix_",
    part: "rwkv.",
    names:
      "a0 a1 a2 decay decay_w1 decay_w2 first g1 g2 gate k_a k_k key lerp_fused lerp_g lerp_k lerp_r lerp_v lerp_w " +
      "lerp_x ln output r_k receptance v0 v1 v2 value w0 w1 w2",
  },
  { bucket: "attention", stack: "encoder", at: "enc.blk.{}.", parts: ENCODER_DECODER_ATTENTION },
  { bucket: "attention", stack: "decoder", at: "dec.blk.{}.", parts: ENCODER_DECODER_ATTENTION },
  { bucket: "attention", stack: "decoder", at: "dec.blk.{}.cross_attn_", part: "cross.", names: "q k v o" },

  // Feed-forward
  {
    bucket: "ffn",
    stack: "text",
    at: "blk.{}.",
    parts: {
      gate: "ffn_gate",
      up: "ffn_up",
      down: "ffn_down",
      act_scale: "ffn.act ffn",
      "visual_expert.gate": "vis_gate",
      "visual_expert.up": "vis_up",
      "visual_expert.down": "vis_down",
    },
  },
  {
    bucket: "ffn",
    stack: "text",
    at: "blk.{}.channel_mix_",
    part: "rwkv.",
    names: "key value receptance lerp_k lerp_r",
  },
  { bucket: "ffn", stack: "encoder", at: "enc.blk.{}.", parts: ENCODER_DECODER_FFN },
  { bucket: "ffn", stack: "decoder", at: "dec.blk.{}.", parts: ENCODER_DECODER_FFN },

  // Experts: `_exps` stacks all experts in one tensor, `ffn_up.{}` is the old form with one tensor each
  {
    bucket: "expert",
    stack: "text",
    at: "blk.{}.",
    parts: {
      router: "ffn_gate_inp",
      router_correction: "exp_probs_b exp_probs_b_vl",
      router_hash: "ffn_gate_tid2eid",
      "routed.gate": "ffn_gate_exps ffn_gate.{}",
      "routed.up": "ffn_up_exps ffn_up.{}",
      "routed.down": "ffn_down_exps ffn_down.{}",
      "routed.gate_up": "ffn_gate_up_exps",
      "routed_chunk.gate": "ffn_gate_chexps",
      "routed_chunk.up": "ffn_up_chexps",
      "routed_chunk.down": "ffn_down_chexps",
      "shared.gate": "ffn_gate_shexp",
      "shared.up": "ffn_up_shexp",
      "shared.down": "ffn_down_shexp",
      shared_gate: "ffn_gate_inp_shexp",
      latent: "ffn_latent_down ffn_latent_up ffn_routed_down ffn_routed_up",
      latent_norm: "ffn_routed_norm",
    },
  },

  // Norms
  {
    bucket: "norm",
    stack: "text",
    at: "",
    parts: { final: "output_norm", embedding: "token_embd_norm", classifier: "cls.norm", ple: "per_layer_proj_norm" },
  },
  {
    bucket: "norm",
    stack: "text",
    at: "blk.{}.",
    parts: {
      attn_pre: "attn_norm",
      attn_pre_2: "attn_norm_2",
      attn_inner: "attn_sub_norm",
      attn_post: "attn_output_norm post_attention_norm",
      ffn_pre: "ffn_norm pre_ffw_norm_2",
      ffn_inner: "ffn_sub_norm",
      ffn_post: "post_ffw_norm post_ffw_norm_1 post_ffw_norm_2",
      expert_pre: "ffn_norm_exps",
      layer_post: "layer_output_norm",
      ple: "post_norm",
      laurel: "laurel_post_norm",
      altup: "altup_router_norm",
    },
  },
  { bucket: "norm", stack: "encoder", at: "enc.", parts: { final: "output_norm" } },
  { bucket: "norm", stack: "encoder", at: "enc.blk.{}.", parts: { attn_pre: "attn_norm", ffn_pre: "ffn_norm" } },
  { bucket: "norm", stack: "decoder", at: "dec.", parts: { final: "output_norm" } },
  {
    bucket: "norm",
    stack: "decoder",
    at: "dec.blk.{}.",
    parts: { attn_pre: "attn_norm", cross_attn_pre: "cross_attn_norm", ffn_pre: "ffn_norm" },
  },

  // Heads
  {
    bucket: "head",
    stack: "text",
    at: "",
    parts: { lm_head: "output", classifier: "cls", classifier_out: "cls.output", embedding_dense: "dense_2 dense_3" },
  },

  // Next-token prediction and draft models
  {
    bucket: "mtp",
    stack: "mtp",
    at: "blk.{}.nextn.",
    part: "nextn.",
    names: "eh_proj embed_tokens enorm hnorm shared_head_head shared_head_norm",
  },
  {
    bucket: "mtp",
    stack: "mtp",
    at: "blk.{}.",
    parts: { "draft.attn_conv": "attn_conv_base attn_conv_proj", "draft.ffn_conv": "ffn_conv_base ffn_conv_proj" },
  },
  {
    bucket: "mtp",
    stack: "mtp",
    at: "",
    parts: {
      "nextn.projection": "nextn.pre_projection nextn.post_projection",
      "draft.fc": "fc",
      "draft.d2t": "d2t",
      "draft.markov": "markov_w1 markov_w2",
      "draft.selector": "selector_hidden selector_predecessor selector_successor",
      "draft.confidence": "conf_proj",
    },
  },

  // Vision tower
  { bucket: "vision", stack: "vision", at: "v.blk.{}.", parts: TOWER_BLOCK },
  { bucket: "vision", stack: "vision", at: "v.blk.{}.", part: "norm.", names: TOWER_BLOCK_NORMS },
  {
    bucket: "vision",
    stack: "vision",
    at: "v.",
    parts: {
      "embedding.patch": "patch_embd patch_embd.weight.{}",
      "embedding.cls": "class_embd",
      "embedding.conv_stem.conv": "conv_stem.conv",
      "position.learned": "position_embd vision_pos_embed",
      input_norm_stat: "std_bias std_scale",
    },
  },
  {
    bucket: "vision",
    stack: "vision",
    at: "v.",
    part: "norm.",
    names: "pre_ln post_ln patch_ln patch_norm.{} norm_embd backbone_ln conv_stem.bn",
  },
  { bucket: "vision", stack: "vision", at: "v.", part: "", names: "stage.{}.down.conv stage.{}.down.ln" },
  { bucket: "vision", stack: "vision", at: "mm.", parts: { embedding: "embedding" } },
  // MobileNetV5 (Gemma 3n): stage, then block
  {
    bucket: "vision",
    stack: "vision",
    at: "v.blk.{}.{}.",
    parts: {
      "attention.query": "attn.query.proj",
      "attention.key": "attn.key.proj",
      "attention.key_down_conv": "attn.key.down_conv",
      "attention.key_norm": "attn.key.norm",
      "attention.value": "attn.value.proj",
      "attention.value_down_conv": "attn.value.down_conv",
      "attention.value_norm": "attn.value.norm",
      "attention.output": "attn.output.proj",
      "other.layer_scale": "layer_scale.gamma",
    },
  },
  {
    bucket: "vision",
    stack: "vision",
    at: "v.blk.{}.{}.",
    part: "norm.",
    names: "norm bn1 bn2 dw_start.bn dw_mid.bn pw_exp.bn pw_proj.bn",
  },
  {
    bucket: "vision",
    stack: "vision",
    at: "v.blk.{}.{}.",
    part: "",
    names: "conv_exp conv_pwl dw_start.conv dw_mid.conv pw_exp.conv pw_proj.conv",
  },
  // The SAM encoder of DeepSeek-OCR
  {
    bucket: "vision",
    stack: "vision",
    at: "v.sam.",
    parts: {
      "attention.sam_qkv": "blk.{}.attn.qkv",
      "attention.sam_out": "blk.{}.attn.out",
      "position.sam_attn.pos_h": "blk.{}.attn.pos_h",
      "position.sam_attn.pos_w": "blk.{}.attn.pos_w",
      "position.sam_pos_embd": "pos_embd",
      "ffn.sam_lin1": "blk.{}.mlp.lin1",
      "ffn.sam_lin2": "blk.{}.mlp.lin2",
      "norm.sam.pre_ln": "blk.{}.pre_ln",
      "norm.sam.post_ln": "blk.{}.post_ln",
      "embedding.sam_patch": "patch_embd",
    },
  },
  { bucket: "vision", stack: "vision", at: "v.sam.", part: "sam.", names: "neck.{} net_2 net_3" },

  // Audio tower
  { bucket: "audio", stack: "audio", at: "a.blk.{}.", parts: TOWER_BLOCK },
  { bucket: "audio", stack: "audio", at: "a.blk.{}.", part: "norm.", names: TOWER_BLOCK_NORMS },
  {
    bucket: "audio",
    stack: "audio",
    at: "a.",
    part: "embedding.",
    names: "conv1d.{} conv2d.{} conv_out downsample.conv input_projection pre_encode.out",
  },
  {
    bucket: "audio",
    stack: "audio",
    at: "a.",
    part: "norm.",
    names: "pre_ln post_ln position_embd_norm conv1d.{}.norm downsample.norm",
  },
  {
    bucket: "audio",
    stack: "audio",
    at: "a.",
    part: "head.",
    names: "embd_to_logits enc_ctc_out enc_ctc_out_mid",
  },
  {
    bucket: "audio",
    stack: "audio",
    at: "a.",
    parts: { "position.learned": "position_embd", frontend_buffer: "mel_filters window" },
  },
  {
    bucket: "audio",
    stack: "audio",
    at: "a.",
    part: "",
    names:
      "asp_attn asp_tdnn rvq.codebook speaker_proj seanet.blk.{}.res_conv1 seanet.blk.{}.res_conv2 " +
      "seanet.blk.{}.scale_conv seanet.conv_in seanet.conv_out",
  },
  // Speech generators (Qwen3-TTS, Pocket TTS)
  {
    bucket: "audio",
    stack: "audio",
    at: "a.gen.",
    part: "gen.",
    names:
      "code.embd code.head code.out_embd code.proj_in emb_mean emb_std input_linear out_eos flow.blk.{}.ada " +
      "flow.blk.{}.up flow.blk.{}.down flow.cond_embd flow.final.ada flow.final.proj flow.input_proj " +
      "flow.time.{}.up flow.time.{}.down flow.time.{}.freqs",
  },
  {
    bucket: "audio",
    stack: "audio",
    at: "a.gen.wav.",
    part: "gen.wav.",
    names:
      "dac.entry dac.post_conv dac.post_snake dac.blk.{}.conv dac.blk.{}.snake dac.blk.{}.res.{}.act1 " +
      "dac.blk.{}.res.{}.act2 dac.blk.{}.res.{}.conv1 dac.blk.{}.res.{}.conv2 pre_conv quant.first.codebook " +
      "quant.first.in_proj quant.first.out_proj quant.rest.codebook quant.rest.in_proj quant.rest.out_proj " +
      "quant_out seanet.conv_in seanet.conv_out seanet.blk.{}.res_conv1 seanet.blk.{}.res_conv2 " +
      "seanet.blk.{}.scale_conv tfm.in_proj tfm.out_proj up.blk.{}.conv up.blk.{}.dwconv up.blk.{}.gamma " +
      "up.blk.{}.pw1 up.blk.{}.pw2 upsample",
  },
  {
    bucket: "audio",
    stack: "audio",
    at: "a.gen.",
    part: "norm.gen.",
    names: "code.output_norm flow.blk.{}.norm flow.time.{}.norm wav.tfm.output_norm wav.up.blk.{}.norm",
  },
  { bucket: "audio", stack: "audio", at: "mm.a.", parts: { embedding: "embedding", code_embd: "code_embd" } },
  {
    bucket: "audio",
    stack: "audio",
    at: "mm.a.local_blk.{}.",
    part: "mm_local.",
    names: "attn_q attn_k attn_v attn_out ffn_gate ffn_up ffn_down ln1 ln2",
  },
  // WavTokenizer's vocoder
  { bucket: "audio", stack: "audio", at: "", parts: { "wavtok.conv_in": "conv1d" } },
  { bucket: "audio", stack: "audio", at: "convnext.{}.", part: "wavtok.convnext_", names: "dw gamma norm pw1 pw2" },
  {
    bucket: "audio",
    stack: "audio",
    at: "posnet.{}.",
    part: "wavtok.posnet_",
    names: "attn_q attn_k attn_v attn_output attn_norm conv1 conv2 norm norm1 norm2",
  },

  // Projectors
  {
    bucket: "projector",
    stack: "projector",
    at: "mm.",
    part: "vision.",
    names:
      "{} gate up down input_projection input_norm hard_emb_norm soft_emb_norm pre_norm post_norm post_fc_norm " +
      "patch_merger merger.fc1 merger.fc2 model.fc model.mlp.{} model.peg.{} model.mb_block.{}.block.{}",
  },
  {
    bucket: "projector",
    stack: "projector",
    at: "mm.a.",
    part: "audio.",
    names: "fc mlp.{} input_projection hard_emb_norm soft_emb_norm local_norm norm_pre norm_mid",
  },
  {
    bucket: "projector",
    stack: "projector",
    at: "",
    parts: {
      // Learned separators that stand between images
      special_token:
        "mm.image_begin mm.image_end v.boi v.eoi v.image_newline v.view_seperator v.token_embd.img_break " +
        "v.token_embd.img_start v.token_embd.img_end v.token_embd.img_pad",
    },
  },
  {
    bucket: "projector",
    stack: "projector",
    at: "v.vit_merger.",
    part: "vit_merger.",
    names: "attn_q attn_k attn_v attn_out ds_ffn_up ds_ffn_down ds_ln ln1",
  },
  {
    bucket: "projector",
    stack: "projector",
    at: "v.deepstack.{}.",
    part: "deepstack.",
    names: "fc1 fc2 norm",
  },
  {
    bucket: "projector",
    stack: "projector",
    at: "v.msfa.",
    parts: { msfa: "norm ffn.pw_exp.bn ffn.pw_exp.conv ffn.pw_proj.bn ffn.pw_proj.conv" },
  },
  { bucket: "projector", stack: "projector", at: "v.proj_blk.{}.", part: "qformer.proj_blk.N.", names: QFORMER_BLOCK },
  { bucket: "projector", stack: "projector", at: "a.proj_blk.{}.", part: "qformer.proj_blk.N.", names: QFORMER_BLOCK },
  { bucket: "projector", stack: "projector", at: "v.", part: "qformer.", names: "proj_linear proj_norm proj_query" },
  { bucket: "projector", stack: "projector", at: "a.", part: "qformer.", names: "proj_linear proj_norm proj_query" },
  {
    bucket: "projector",
    stack: "projector",
    at: "resampler.",
    part: "resampler.",
    names: "query attn.q attn.k attn.v attn.out kv ln_q ln_kv ln_post pos_embd_k pos_embed_k proj",
  },
  {
    bucket: "projector",
    stack: "projector",
    at: "adapter.",
    part: "adapter.",
    names: "boi eoi conv linear.linear linear.gate linear.norm1 linear.dense_h_to_4h linear.dense_4h_to_h",
  },

  // What belongs to none of the buckets
  {
    bucket: "other",
    stack: "text",
    at: "",
    parts: {
      hyper_connection: "output_hc_base output_hc_fn output_hc_scale output_hc_norm output_hc_down output_hc_up",
      attn_residual: "output_res_score",
      altup: "altup_proj altup_unembd_proj",
      state_init: "hrm.z_l_init",
      control_vector: "direction.{}",
    },
  },
  {
    bucket: "other",
    stack: "text",
    at: "blk.{}.",
    parts: {
      // Residual streams that are mixed before and after each half of the block
      hyper_connection:
        "hc_attn_base hc_attn_fn hc_attn_scale hc_attn_norm hc_attn_down hc_attn_up hc_attn_inject " +
        "hc_ffn_base hc_ffn_fn hc_ffn_scale hc_ffn_norm hc_ffn_down hc_ffn_up hc_ffn_inject",
      attn_residual: "attn_res_score ffn_res_score",
      // Gemma 3n. The "router" chooses between residual streams, not between experts.
      altup: "altup_router altup_predict_coef altup_correct_coef altup_correct_scale",
      laurel: "laurel_l laurel_r",
      layer_scale: "layer_output_scale",
    },
  },
];

/** Derived, measured or integer tables: not learned, so never counted as parameters. */
export const BUFFER_NAMES: readonly string[] = [
  "rope_freqs",
  "rope_factors_long",
  "rope_factors_short",
  "blk.{}.attn_rot_embd",
  "blk.{}.ffn_gate_tid2eid",
  "d2t",
  "masked_embd_ordering",
  "v.blk.{}.conv_norm_mean",
  "v.blk.{}.conv_norm_var",
  "a.blk.{}.conv_norm_mean",
  "a.blk.{}.conv_norm_var",
  "v.std_bias",
  "v.std_scale",
  "a.mel_filters",
  "a.window",
  "a.gen.flow.time.{}.freqs",
];

/** A name that means something else in some architectures, or in some layers of them. The first row that fits wins. */
export interface NameOverride {
  readonly architectures: readonly string[];
  readonly names: Readonly<Record<string, { readonly bucket: Bucket; readonly part: string }>>;
  readonly stack?: Stack;
  /** Only in layers that hold this tensor (name after `blk.N.`). */
  readonly layerHas?: string;
  /** Only in layers that don't hold this tensor. */
  readonly layerLacks?: string;
}

function attention(part: string): { bucket: Bucket; part: string } {
  return { bucket: "attention", part };
}

// The delta-rule mixers write their tensors under the names of Mamba's.
const LINEAR_MIXER = {
  "blk.{}.ssm_in": attention("linattn.qkvz"),
  "blk.{}.ssm_conv1d": attention("linattn.conv"),
  "blk.{}.ssm_a": attention("linattn.a_log"),
  "blk.{}.ssm_dt": attention("linattn.dt"),
  "blk.{}.ssm_norm": attention("linattn.norm"),
  "blk.{}.ssm_out": attention("linattn.out"),
};

export const NAME_OVERRIDES: readonly NameOverride[] = [
  // Known wrong name: llama.cpp reads it as the output norm.
  { architectures: ["lfm2", "lfm2moe"], names: { token_embd_norm: { bucket: "norm", part: "final" } } },
  {
    architectures: ["qwen3next", "qwen35", "qwen35moe"],
    names: { "blk.{}.post_attention_norm": { bucket: "norm", part: "ffn_pre" } },
  },
  // The full-attention layers of these have attn_q, attn_k and attn_v, never attn_qkv or attn_gate.
  {
    architectures: ["qwen3next", "qwen35", "qwen35moe", "qwen4exp"],
    names: {
      ...LINEAR_MIXER,
      "blk.{}.attn_qkv": attention("linattn.qkv"),
      "blk.{}.attn_gate": attention("linattn.z"),
    },
  },
  // Kimi Delta Attention and latent attention share names; only the former's layers have convolutions.
  {
    architectures: ["kimi-linear", "kimi-k3", "bailingmoe3"],
    layerHas: "ssm_conv1d_q.weight",
    names: {
      ...LINEAR_MIXER,
      "blk.{}.attn_q": attention("linattn.q"),
      "blk.{}.attn_k": attention("linattn.k"),
      "blk.{}.attn_v": attention("linattn.v"),
      "blk.{}.attn_output": attention("linattn.out"),
    },
  },
  // Gate and up in one matrix of twice the rows.
  {
    architectures: ["phi3", "glm4", "chatglm", "modern-bert", "neo-bert", "jina-bert-v2", "plamo2", "plamo3"],
    layerLacks: "ffn_gate.weight",
    names: { "blk.{}.ffn_up": { bucket: "ffn", part: "gate_up" } },
  },
  // ln2: the norm before the channel mixer.
  { architectures: ["rwkv6", "rwkv7"], names: { "blk.{}.attn_norm_2": { bucket: "norm", part: "ffn_pre" } } },
  // In a draft model this normalises the target model's hidden state.
  {
    architectures: ["eagle3", "dflash"],
    stack: "text",
    names: { "enc.output_norm": { bucket: "norm", part: "hidden" } },
  },
];

/** `.scale` tensors that are learned weights, although the tensor they belong to is there (Gemma 4). */
export const SCALE_WEIGHTS: readonly Pick<NameOverride, "architectures" | "names">[] = [
  {
    architectures: ["gemma4"],
    names: {
      "blk.{}.ffn_gate_inp": { bucket: "expert", part: "router_scale" },
      "blk.{}.ffn_down_exps": { bucket: "expert", part: "expert_scale" },
    },
  },
];

/**
 * For names that no table holds, tried in this order on the name without suffix. The part is `part` and then what group
 * 1 matched, where either is given.
 */
export const FALLBACK_RULES: readonly {
  readonly name: RegExp;
  readonly bucket: Bucket;
  readonly stack?: Stack;
  readonly part?: string;
}[] = [
  { name: /\bnextn\.(.+)$/, bucket: "mtp", stack: "mtp", part: "nextn." },
  { name: /^v\.resample_query_\d+$/, bucket: "projector", stack: "projector", part: "resample_query" },
  { name: /^[va]\.(.*(?:merger|resampl|proj_blk|deepstack|msfa).*)$/, bucket: "projector", stack: "projector" },
  { name: /^mm\.a\.(.+)$/, bucket: "projector", stack: "projector", part: "audio." },
  { name: /^mm\.(.+)$/, bucket: "projector", stack: "projector", part: "vision." },
  { name: /^((?:resampler|adapter)\..+)$/, bucket: "projector", stack: "projector" },
  { name: /^v\.sam\.net_\d+$/, bucket: "vision", stack: "vision", part: "sam.net_N" },
  { name: /^v\.(.+)$/, bucket: "vision", stack: "vision" },
  { name: /^a\.(.+)$/, bucket: "audio", stack: "audio" },
  { name: /^(?:blk\.\{\}\.|output_)hc_/, bucket: "other", part: "hyper_connection" },
  { name: /^blk\.\{\}\.ffn_(\w+)_exps$/, bucket: "expert", part: "routed." },
  { name: /^blk\.\{\}\.ffn_(\w+)_chexps$/, bucket: "expert", part: "routed_chunk." },
  { name: /^blk\.\{\}\.ffn_(\w+)_shexp$/, bucket: "expert", part: "shared." },
  { name: /^blk\.\{\}\.ffn_gate_inp_(\w+)$/, bucket: "expert", part: "router_" },
  { name: /^blk\.\{\}\.ssm_(\w+)$/, bucket: "attention", part: "ssm." },
  { name: /^blk\.\{\}\.time_mix_(\w+)$/, bucket: "attention", part: "rwkv." },
  { name: /^blk\.\{\}\.shortconv\.(.+)$/, bucket: "attention", part: "shortconv." },
  { name: /^blk\.\{\}\.indexer[._](.+)$/, bucket: "attention", part: "indexer." },
  { name: /^blk\.\{\}\.channel_mix_(\w+)$/, bucket: "ffn", part: "rwkv." },
  { name: /^blk\.\{\}\.attn_([qkv]_norm)$/, bucket: "attention" },
  { name: /^blk\.\{\}\.(?:.*\.)?(\w*norm\w*)$/, bucket: "norm" },
  { name: /^(\w*norm)$/, bucket: "norm" },
  { name: /^blk\.\{\}\.attn_(.+)$/, bucket: "attention" },
  { name: /^blk\.\{\}\.ffn_(.+)$/, bucket: "ffn" },
  { name: /^rope_(\w+)$/, bucket: "position", part: "rope_" },
  { name: /^(\w*embd\w*)$/, bucket: "embedding" },
];
