/**
 * Words of Hugging Face tensor names that say where a tensor stands rather than what it is: wrappers, lists of layers,
 * experts, towers, projectors, MTP blocks; and the suffixes of quantisation schemes and adapters.
 */

/** Segments that training wrappers put into a name, wherever they occur (torch.compile, FSDP, activation checkpoints, PEFT). */
export const WRAPPERS: ReadonlySet<string> = new Set([
  "_orig_mod",
  "_fsdp_wrapped_module",
  "_checkpoint_wrapped_module",
  "base_layer",
  "original_module",
]);

/** Lists of layers: a number right after one of these is a layer index. The first one in the name counts. */
export const LAYER_LISTS: ReadonlySet<string> = new Set([
  "layers",
  "layer",
  "h",
  "blocks",
  "block",
  "blk",
  "resblocks",
  "encoders",
  "decoder_layer",
  "encoder_layer",
  "encoder_layers",
  "transformer_encoder",
  "groups",
  "conformer",
  "albert_layer_groups",
  "mtp_layers",
  "mtp_block",
  "mtp",
  "transformer_blocks",
  "single_transformer_blocks",
  "joint_transformer_blocks",
  "double_blocks",
  "single_blocks",
  "joint_blocks",
  "double_layers",
  "single_layers",
  "refiner_blocks",
  "noise_refiner",
  "context_refiner",
  "down_blocks",
  "up_blocks",
  "input_blocks",
  "output_blocks",
]);

/** Lists that stand side by side in one model: layer 0 of each is another row, so the list names the stack. */
export const NAMED_LISTS: ReadonlySet<string> = new Set([
  "transformer_blocks",
  "single_transformer_blocks",
  "joint_transformer_blocks",
  "double_blocks",
  "single_blocks",
  "joint_blocks",
  "double_layers",
  "single_layers",
  "refiner_blocks",
  "noise_refiner",
  "context_refiner",
  "down_blocks",
  "up_blocks",
  "input_blocks",
  "output_blocks",
]);

/** A layer that stands alone, so it carries no number (the middle of a UNet). */
export const SINGLE_LAYERS: ReadonlySet<string> = new Set(["mid_block", "middle_block"]);

/** A number after one of these is an expert index: `mlps` is LongCat's word, `moe` Grok-1's. */
export const EXPERT_LISTS: ReadonlySet<string> = new Set(["experts", "chunk_experts", "mlps", "moe", "local_experts"]);

/** Segments before the layers that name a stack of their own. `encoder` and `decoder` are handled with the layer lists. */
export const STACK_NAMES: ReadonlyMap<string, string> = new Map([
  ["talker", "talker"],
  ["H_module", "H_module"],
  ["L_module", "L_module"],
  ["first_stage_model", "vae"],
  ["cond_stage_model", "text-encoder"],
  ["conditioner", "text-encoder"],
]);

/**
 * Segments that may stand before the layers of the text stack. Only under these does a layer index at or above the
 * number of text layers mean MTP: a tower of unknown name may well be deeper than the text.
 */
export const TEXT_PREFIXES: ReadonlySet<string> = new Set([
  "model",
  "transformer",
  "language_model",
  "text_model",
  "llm",
  "backbone",
  "thinker",
  "gpt_neox",
  "encoder",
]);

/** What maps a tower's width to the text's. Asked before the towers: `visual.merger.*` is a projector inside a tower. */
export const PROJECTORS: ReadonlySet<string> = new Set([
  "multi_modal_projector",
  "mm_projector",
  "pre_mm_projector_norm",
  "mlp1",
  "mlp_AR",
  "connector",
  "aligner",
  "embed_vision",
  "embed_audio",
  "embed_audio_tokens",
  "merger",
  "merger_list",
  "deepstack_merger_list",
  "vision_adapter",
  "vision_language_adapter",
  "patch_merger",
  "patch_merge_mlp",
  "resampler",
  "resampler_model",
  "attn_pool",
  "perceiver",
  "qformer",
  "query_tokens",
  "projector",
  "vit_large_projector",
  "linear_proj",
  "language_projection",
  "visual_projection",
  "text_projection",
  "img_projection",
  "img_projection_up",
  "img_projection_down",
  "global_img_feature_extensor",
  "sub_img_feature_extensor",
  "glb_GN",
  "sub_GN",
  "up_proj_for_speech",
  "down_proj_for_speech",
  "up_proj_for_vision_speech",
  "down_proj_for_vision_speech",
  "thinker_to_talker_proj",
  "hidden_projection",
  "text_hidden_projection",
  "image_newline",
  "view_seperator",
  "view_separator",
]);

export const TOWERS: ReadonlyMap<string, "vision" | "audio"> = new Map([
  ["vision_tower", "vision"],
  ["vision_tower_high", "vision"],
  ["vision_tower_low", "vision"],
  ["vision_model", "vision"],
  ["vision_encoder", "vision"],
  // CogVLM: `model.vision.transformer.layers`; Hunyuan-VL: `vit.layers`.
  ["vision", "vision"],
  ["vit", "vision"],
  ["visual", "vision"],
  ["vpm", "vision"],
  ["vision_embed_tokens", "vision"],
  ["image_encoder", "vision"],
  ["image_embed", "vision"],
  ["img_processor", "vision"],
  ["sam_model", "vision"],
  ["high_res_vision_model", "vision"],
  ["audio_tower", "audio"],
  ["audio", "audio"],
  ["audio_embed", "audio"],
  ["audio_encoder", "audio"],
  ["speech_encoder", "audio"],
  ["conformer", "audio"],
  ["apm", "audio"],
  ["token2wav", "audio"],
  ["code2wav", "audio"],
]);

/** Second lists of layers inside a tower: they are stacks of their own, or their layers would fall on the first list's. */
export const TOWER_STACKS: ReadonlyMap<string, string> = new Map([
  // Mllama: local layers for each tile, then global ones.
  ["global_transformer", "global"],
  // DeepSeek-OCR and DeepSeek-VL: a SAM encoder beside the CLIP or SigLIP one.
  ["sam_model", "sam"],
  ["vision_tower_high", "high"],
  ["high_res_vision_model", "high"],
  // Qwen Omni's speech decoder: the speaker's encoder and the vocoder beside the transformer.
  ["spk_encoder", "speaker"],
  ["code2wav_bigvgan_model", "vocoder"],
]);

/** First segments after a tower's name that leave it for the text's width: projectors without a module of their own. */
export const TOWER_EXITS: ReadonlySet<string> = new Set([
  "proj",
  "proj1",
  "proj2",
  "downsample",
  "downsampler1",
  "downsampler2",
  "vit_downsampler1",
  "vit_downsampler2",
]);

/** Models whose plain `encoder.` is an audio tower beside a language model. */
export const AUDIO_ENCODER_ARCHITECTURES: ReadonlySet<string> = new Set(["granite_speech"]);

/** Blocks that draft tokens ahead: whole segments of a name. */
export const MTP_SEGMENTS: ReadonlySet<string> = new Set([
  "mtp",
  "mtp_block",
  "mtp_layers",
  "mtp_head",
  "nextn",
  "model_nextn",
]);

/** Tensors that only an MTP block has, so they give it away even where the number of text layers is unknown. */
export const MTP_LEAVES: ReadonlySet<string> = new Set(["eh_proj", "enorm", "hnorm", "shared_head"]);

export interface SideSuffix {
  readonly part: string;
  /** Suffixes that must stand in this one's place on another tensor: without it, the name is a weight. */
  readonly siblings?: readonly string[];
}

/**
 * Last segments of tensors that a quantisation scheme lays beside the packed weight (anatomy of each scheme: its own docs).
 * In a checkpoint where nothing is quantized, all of these are learned.
 */
export const QUANT_SIDE: ReadonlyMap<string, SideSuffix> = new Map([
  // GPTQ, AWQ, MLX. `.biases` are MLX group offsets beside `.scales`; alone they would be plain biases.
  ["qzeros", { part: "zeros" }],
  ["scales", { part: "scale" }],
  ["g_idx", { part: "g_idx" }],
  ["biases", { part: "mlx_bias", siblings: ["scales"] }],
  // compressed-tensors, FP8, NVFP4
  ["weight_scale", { part: "scale" }],
  ["weight_scale_inv", { part: "scale" }],
  ["weight_scale_2", { part: "scale" }],
  ["weight_global_scale", { part: "scale" }],
  ["weight_shape", { part: "shape" }],
  ["weight_zero_point", { part: "zeros" }],
  ["weight_g_idx", { part: "g_idx" }],
  ["input_scale", { part: "input_scale" }],
  ["input_global_scale", { part: "input_scale" }],
  ["input_zero_point", { part: "input_scale" }],
  ["output_scale", { part: "input_scale" }],
  ["pre_quant_scale", { part: "input_scale" }],
  ["act_scale", { part: "input_scale", siblings: ["weight", "qweight"] }],
  ["k_scale", { part: "kv_scale" }],
  ["v_scale", { part: "kv_scale" }],
  ["kv_scale", { part: "kv_scale" }],
  ["k_zero_point", { part: "kv_scale" }],
  ["v_zero_point", { part: "kv_scale" }],
  // DeepSeek's own files and HQQ; a norm's `.scale` is a weight, so the sibling decides.
  ["scale", { part: "scale", siblings: ["weight", "W_q"] }],
  ["zero", { part: "zeros", siblings: ["W_q"] }],
  // bitsandbytes
  ["absmax", { part: "bnb" }],
  ["quant_map", { part: "bnb" }],
  ["nested_absmax", { part: "bnb" }],
  ["nested_quant_map", { part: "bnb" }],
  ["SCB", { part: "bnb" }],
  ["weight_format", { part: "bnb" }],
  // EXL2, EXL3, AQLM, QuIP#, torchao
  ["q_scale", { part: "scale" }],
  ["q_scale_max", { part: "scale" }],
  ["q_groups", { part: "g_idx" }],
  ["q_group_map", { part: "g_idx" }],
  ["q_invperm", { part: "g_idx" }],
  ["q_perm", { part: "g_idx" }],
  ["suh", { part: "exl_quip" }],
  ["svh", { part: "exl_quip" }],
  ["SU", { part: "exl_quip" }],
  ["SV", { part: "exl_quip" }],
  ["mcg", { part: "exl_quip", siblings: ["trellis"] }],
  ["mul1", { part: "exl_quip", siblings: ["trellis"] }],
  ["codebooks", { part: "aqlm" }],
  ["codebook_id", { part: "exl_quip" }],
  ["weight:_scale", { part: "scale" }],
  ["weight:_zero_point", { part: "zeros" }],
  // Other names of scales and ranges: Mistral's own files, TensorRT-LLM, EETQ, Ascend ModelSlim, vLLM's caches, SmoothQuant
  ["qscale_weight", { part: "scale" }],
  ["qscale_act", { part: "input_scale" }],
  ["weights_scaling_factor", { part: "scale" }],
  ["weights_scaling_factor_2", { part: "scale" }],
  ["activation_scaling_factor", { part: "input_scale" }],
  ["prequant_scaling_factor", { part: "input_scale" }],
  ["kv_cache_scaling_factor", { part: "kv_scale" }],
  ["per_channel_scale", { part: "scale" }],
  ["weight_scales", { part: "scale" }],
  ["weight_scale_1", { part: "scale" }],
  ["weight_offset", { part: "zeros" }],
  ["weight_amax", { part: "scale" }],
  ["input_offset", { part: "input_scale" }],
  ["input_amax", { part: "input_scale" }],
  ["act_scales", { part: "input_scale" }],
  ["smooth_scale", { part: "input_scale" }],
  ["smooth_scales", { part: "input_scale" }],
  ["input_smooth_scale", { part: "input_scale" }],
  ["channel_scale", { part: "scale" }],
  ["deq_scale", { part: "scale" }],
  ["quant_bias", { part: "zeros" }],
  ["prob_scale", { part: "kv_scale" }],
  ["k_cache_scale", { part: "kv_scale" }],
  ["v_cache_scale", { part: "kv_scale" }],
  ["q_global_scale", { part: "kv_scale" }],
  ["k_global_scale", { part: "kv_scale" }],
  ["v_global_scale", { part: "kv_scale" }],
  // QServe; Nunchaku (SVDQuant), whose low-rank factors are learned; SqueezeLLM
  ["s1_scales", { part: "scale" }],
  ["s1_szeros", { part: "zeros" }],
  ["s2_scales", { part: "scale" }],
  ["s2_zeros", { part: "zeros" }],
  ["wscales", { part: "scale" }],
  ["wzeros", { part: "zeros" }],
  ["wtscale", { part: "scale" }],
  ["wcscales", { part: "scale" }],
  ["smooth", { part: "input_scale", siblings: ["qweight"] }],
  ["smooth_orig", { part: "input_scale", siblings: ["qweight"] }],
  ["lookup_table", { part: "scale", siblings: ["qweight"] }],
  // ComfyUI
  ["scaled_fp8", { part: "marker" }],
  ["comfy_quant", { part: "marker" }],
  ["scale_weight", { part: "scale" }],
  ["scale_input", { part: "input_scale" }],
]);

/** Names that no learned tensor has: sides whatever stands around them, also in a shard or a file that holds nothing else. */
export const CERTAIN_SIDES: ReadonlySet<string> = new Set([
  "qzeros",
  "g_idx",
  "weight_scale_inv",
  "weight_scale_2",
  "weight_global_scale",
  "input_global_scale",
  "weight_zero_point",
  "weight_g_idx",
  "weight_shape",
  "quant_map",
  "nested_absmax",
  "nested_quant_map",
  "SCB",
  "weight_format",
  "q_scale_max",
  "q_group_map",
  "q_invperm",
  "q_perm",
  "suh",
  "svh",
  "weight:_scale",
  "weight:_zero_point",
  "scaled_fp8",
  "comfy_quant",
]);

/** Behind the name of a stack of experts: `gate_up_proj_weight_scale` beside `gate_up_proj`. The longer ones first. */
export const STACK_SIDES: readonly (readonly [ending: string, part: string])[] = [
  ["_weight_scale_inv", "scale"],
  ["_weight_scale_2", "scale"],
  ["_weight_scale", "scale"],
  ["_input_scale", "input_scale"],
  ["_scale_inv", "scale"],
  ["_scale", "scale"],
];

/** Last segments that carry the packed weight itself: they are cut, and the owner's rule decides. */
export const PAYLOADS: ReadonlySet<string> = new Set([
  "qweight",
  "weight_packed",
  "q_weight",
  "trellis",
  "codes",
  "W_q",
  "Qidxs",
  "weight:_data",
  "blocks",
]);

/** Last segments (or the word that a segment before the last starts with) that mark an adapter's factor. */
export const LORA_WORDS: ReadonlyMap<string, string> = new Map([
  ["lora_A", "lora.lora_A"],
  ["lora_B", "lora.lora_B"],
  ["lora_a", "lora.lora_A"],
  ["lora_b", "lora.lora_B"],
  ["lora_up", "lora.lora_up"],
  ["lora_down", "lora.lora_down"],
  ["lora_mid", "lora.lora_mid"],
  ["lora_embedding_A", "lora.embedding_A"],
  ["lora_embedding_B", "lora.embedding_B"],
  ["lora_magnitude_vector", "lora.magnitude"],
  ["dora_scale", "lora.magnitude"],
  ["ia3_l", "lora.ia3_l"],
  ["prompt_embeddings", "prompt_tuning"],
]);

export const LORA_PREFIXES: readonly (readonly [prefix: string, part: string])[] = [
  ["hada_", "lora.loha"],
  ["lokr_", "lora.lokr"],
  ["oft_", "lora.oft"],
  ["boft_", "lora.oft"],
  ["vera_lambda_", "lora.vera"],
];

/** Tensors beside which `.alpha` is a LoRA scale; the `.alpha` of an activation layer is a weight. */
export const LORA_ALPHA_SIBLINGS: readonly string[] = [
  "lora_down.weight",
  "lora_up.weight",
  "lora_A.weight",
  "hada_w1_a",
  "lokr_w1",
  "lokr_w1_a",
];
