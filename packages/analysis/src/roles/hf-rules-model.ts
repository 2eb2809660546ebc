/**
 * Rules for what stands outside the layers: tables, stems, heads, final norms, conditioning of diffusion models.
 * See `hf-rules.ts` for how to read a row.
 */
import { type HfRuleTable, table } from "./hf-rules.ts";

const FIXED: readonly HfRuleTable[] = [
  table("position", [
    ["rope.freqs", "buffer.rope", { buffer: true }],
    // Stable Diffusion 3 stores a table of 56 million sines, which it never trains.
    ["pos_embed.pos_embed", "learned", { buffer: true }],
  ]),
  table("other", [
    // The noise schedule of LDM checkpoints.
    ["^alphas_cumprod*|betas|sqrt_*|log_one_minus_*|posterior_*|logvar", "buffer", { buffer: true }],
    ["^model_ema *", "buffer", { buffer: true }],
    // Vocabulary maps of draft models, ordering tables: integers.
    ["^d2t|t2d|masked_embd_ordering", "buffer", { buffer: true }],
    ["hc_head|hc_pre *", "hyper_connection"],
    ["hc_head_*", "hyper_connection"],
    ["altup_projections|altup_unembed_projections", "altup"],
  ]),
  // BART's is a buffer of zeros; SigLIP's `logit_bias` and CLIP's `logit_scale` are learned scalars.
  table("head", [
    ["final_logits_bias", "head", { bias: false, buffer: true }],
    ["logit_bias|logit_scale", "head", { bias: false }],
  ]),
];

const POSITIONS: readonly HfRuleTable[] = [
  table("position", [
    ["relative_attention_bias|relative_attention_bias_layer.bias_values", "relative_bias", { bias: false }],
    ["relative_attention_bias|bias_values", "relative_bias", { bias: false }],
    ["wpe|embed_positions|position_embeddings|position_embedding|positional_embedding|pos_embedding", "learned"],
    ["pos_frequencies|pos_embed|pos_emb|positional_embedding_vlm|pos_embedder", "learned"],
    // Mllama: tables for tiles, each with a scalar gate.
    ["gated_positional_embedding|pre_tile_positional_embedding|post_tile_positional_embedding *", "learned"],
    // wav2vec 2.0: a convolution whose weight is stored as norm and direction.
    ["pos_conv_embed *", "learned"],
    ["pos_conv_embed.conv", "learned"],
  ]),
];

const NORMS: readonly HfRuleTable[] = [
  table("norm", [
    ["per_layer_projection_norm", "ple"],
    ["word_embeddings_layernorm|layernorm_embedding|embedding_norm|emb_ln|embed_norm|ln_pre", "embedding"],
    ["embeddings.LayerNorm|norm|layer_norm", "embedding"],
    // Norms in the stems and ends of UNets and video transformers.
    ["conv_norm_out|txt_norm|norm_final", "block"],
    ["norm_out.norm", "block"],
    ["distilled_guidance_layer norms", "block"],
    // LDM writes the UNet's exit as a list: 0 = norm, 2 = convolution.
    ["model.diffusion_model.out.0", "block"],
    // A draft block's own norms.
    ["pre_fc_norm_embedding|pre_fc_norm_hidden", "norm"],
  ]),
];

const EMBEDDINGS: readonly HfRuleTable[] = [
  table("embedding", [
    ["embed_tokens_per_layer", "per_layer_token"],
    ["per_layer_model_projection", "per_layer_proj"],
    ["token_type_embeddings", "token_type"],
    ["embedding_hidden_mapping_in|embeddings_project", "projection"],
    ["embeddings.patch_embeddings|patch_embedding", "patch"],
    ["patch_embeddings.projection", "patch"],
    ["cls_token|mask_token|register_tokens|class_embedding|probe|class_token|prefix_tokens", "special"],
    ["masked_spec_embed", "token"],

    // Conditioning of diffusion models: time, guidance, pooled text.
    ["time_embedding|add_embedding|time_embed|time_text_embed|time_guidance_embed *", "conditioning"],
    ["condition_embedder|label_emb|distilled_guidance_layer *", "conditioning"],
    ["time_in|vector_in|guidance_in|t_embedder|y_embedder|time_caption_embed *", "conditioning"],
    ["time_embed|label_emb|time_projection|time_step_proj|timestep_proj|global_proj|time_proj", "conditioning"],
    ["adaln_single.emb *", "conditioning"],
    ["time_step_proj *", "conditioning"],
    ["time_embedding", "conditioning"],

    // What brings latents, patches and text to the model's width.
    ["pos_embed|patch_embed|x_embedder.proj", "input"],
    ["patch_embed.text_proj", "input"],
    ["^context_embedder|x_embedder|proj_in|img_in|txt_in|cap_embedder|x_pad_token|cap_pad_token", "input"],
    ["context_embedder.proj_in", "input"],
    ["caption_projection|all_x_embedder *", "input"],
    ["^text_embedding|cross_attention_proj", "input"],
    ["^patch_embedding", "input"],

    ["conv_layers.conv", "patch"],
    ["feature_projection.projection", "patch"],
    ["controlnet_cond_embedding *", "patch"],
    ["adapter.conv_in", "patch"],
    ["encoder.conv1|conv2", "patch"],
    ["patch_conv", "patch"],

    ["embed_tokens|tok_embeddings|word_embeddings|word_embedding|token_embedding|wte|embed_in|codec_embed", "token"],
    ["^embed|emb|embedding|shared|in_out_embed", "token"],
    ["model|transformer|backbone|rwkv|llm.embed|embeddings|embedding|shared|in_out_embed|tok_embeddings", "token"],
    // NeoBERT calls its table `encoder`.
    ["^encoder", "token"],
  ]),
];

const HEADS: readonly HfRuleTable[] = [
  table("norm", [
    // Norms inside heads: BERT's transform, RoBERTa's, ModernBERT's.
    ["predictions|transform|lm_head|head.LayerNorm|layer_norm|norm|ln", "final"],
  ]),
  table("head", [
    ["lm_head|embed_out|unembed|unembedding|output_layer", "lm_head"],
    ["lm_head *", "lm_head"],
    ["^output|head", "lm_head"],
    // ModernBERT's decoder is the table's transpose.
    ["^decoder", "lm_head"],
    ["^head.head", "denoise"],
    [
      "score|classifier|pre_classifier|codec_head|qa_outputs|vocab_transform|vocab_projector|start_logits|end_logits",
      "head",
    ],
    ["classifier|classification_head|pooler|cls|predictions|discriminator_predictions|head *", "head"],
    // The bias of BERT's output layer: `cls.predictions.bias`.
    ["predictions", "head"],
    ["text_model.head", "head"],
    ["^linear", "dense"],
    ["proj_out|proj_out_1|proj_out_2|conv_out", "denoise"],
    ["final_layer|all_final_layer linear", "denoise"],
    ["model.diffusion_model.out.2", "denoise"],
  ]),
];

const REST: readonly HfRuleTable[] = [
  table("other", [
    ["adaLN_modulation|scale_shift_table", "modulation"],
    ["norm_out|double_stream_modulation_*|single_stream_modulation|adaln_single.linear", "modulation"],
    ["norm_out.linear_1|linear_2", "modulation"],
    ["conv*|*_conv", "conv"],
    ["controlnet_down_blocks|controlnet_mid_block", "conv"],
    ["first_stage_model|adapter *", "conv"],
    ["act|activation_post.alpha|beta", "activation", { bias: false }],
    // Hierarchical reasoning models start their recurrent state from a vector.
    ["*_init", "initial_state"],
  ]),
  table("norm", [["*norm*|LayerNorm|ln|ln_f|ln_out|ln_post|ln_q|norm_f|*_ln", "final"]]),
];

export const MODEL_TABLES: readonly HfRuleTable[] = [
  ...FIXED,
  ...POSITIONS,
  ...NORMS,
  ...EMBEDDINGS,
  ...HEADS,
  ...REST,
];

/** Projectors whose last segment says too little, asked with the whole name. Otherwise that segment is the part. */
export const PROJECTOR_TABLES: readonly HfRuleTable[] = [
  table("projector", [
    // Mistral's own files.
    ["^pre_mm_projector_norm", "norm"],
    ["^patch_merger.merging_layer", "patch_merger"],
    // MiniCPM-V, Qwen-VL.
    ["^resampler.attn.in_proj", "resampler.qkv"],
    ["^resampler.query", "resampler.query"],
    ["attn_pool.in_proj", "attn_pool"],
    // Phi-3-Vision; Phi-4's two halves say in their names which they are.
    ["vision_embed_tokens.img_projection", "img_projection"],
    // LLaVA's own files; the port calls the same vector by its name.
    ["image_newline", "special_token", { sibling: "mm_projector.0.weight" }],
  ]),
];

/** Asked before the rules above for tensors of a vision or audio tower, whose path begins after the tower's name. */
export const TOWER_TABLES: readonly HfRuleTable[] = [
  table("position", [["pos_emb.position_embeddings", "learned"]]),
  table("embedding", [
    ["patch_embed|patch_embedding|patch_embeddings|embeddings.proj|linear|projection", "patch"],
    ["patch_embed|patch_embedding|patch_embeddings", "patch"],
    ["conv1|conv2|conv2d1|conv2d2|conv2d3|conv_out|input_linear", "patch"],
    ["encoder_embedding.global_mean|global_invstd", "patch"],
    ["embed.out", "patch"],
    ["audio_bos_eos_token", "special"],
    ["input_embed.proj", "input"],
    ["spk_encoder.fc", "conditioning"],
  ]),
  // The CTC heads of Granite Speech.
  table("head", [["^out|out_mid", "ctc"]]),
  table("norm", [
    ["embeddings.norm|LayerNorm", "embedding"],
    // The pooling head of SigLIP is a little transformer block of its own.
    ["head.layernorm", "final"],
  ]),
  table("attention", [
    ["head.attention.in_proj", "qkv"],
    ["head.attention.out_proj", "o"],
  ]),
  table("ffn", [
    ["head.mlp.fc1", "up"],
    ["head.mlp.fc2", "down"],
    ["vit_merger.linear_1", "up"],
    ["vit_merger.linear_2", "down"],
  ]),
];
