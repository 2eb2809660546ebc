/** What well-known metadata keys mean, in plain words. Sources: the GGUF specification (docs/gguf.md of ggml), Transformers' configurations. */

const WORDS: readonly (readonly [key: RegExp, words: string])[] = [
  [
    /(^|\.)general\.architecture$/,
    "which program code runs the model: every other key of the model begins with this name",
  ],
  [/general\.name$/, "what its makers call it"],
  [/general\.file_type$/, "the recipe of the quantization that the maker of the file used, as a number"],
  [/general\.quantization_version$/, "the version of the layouts of quantized blocks; 2 today"],
  [/general\.alignment$/, "each tensor begins at a multiple of so many bytes"],
  [/general\.size_label$/, "how large the model is, as its makers round it"],
  [/general\.license/, "under which terms it may be used"],
  [/block_count$|num_hidden_layers$|n_layer$/, "how many layers (blocks) the model has"],
  [
    /context_length$|max_position_embeddings$|n_positions$|n_ctx$/,
    "for how many tokens it was made, prompt and answer together",
  ],
  [
    /embedding_length$|hidden_size$|n_embd$|d_model$/,
    "how many numbers stand for one token inside of the model: its width",
  ],
  [/feed_forward_length$|intermediate_size$|n_inner$/, "how wide the FFN is inside: the width times about 3 or 4"],
  [/expert_feed_forward_length$|moe_intermediate_size$/, "how wide one expert is inside"],
  [
    /attention\.head_count$|num_attention_heads$|n_head$/,
    "into how many heads the attention is split, each looking for something else",
  ],
  [
    /head_count_kv$|num_key_value_heads$/,
    "how many heads have keys and values of their own; fewer make a smaller KV cache",
  ],
  [/key_length$|head_dim$/, "how many numbers a key (and query) of one head has"],
  [/value_length$/, "how many numbers a value of one head has"],
  [/expert_count$|num_local_experts$|n_routed_experts$|num_experts$/, "how many experts a layer has"],
  [/expert_used_count$|num_experts_per_tok$/, "how many experts work on each token"],
  [/shared/, "experts or sizes that work on every token"],
  [/sliding_window/, "how many tokens back a windowed layer looks"],
  [/rope.*freq_base$|rope_theta$/, "how slowly the positions turn (RoPE): larger reaches further back"],
  [/rope.*scaling|rope_scaling/, "how positions are stretched beyond what it was trained for"],
  [/layer_norm.*eps|rms_norm_eps|layer_norm_epsilon/, "a tiny number that keeps a division from failing"],
  [/vocab_size$/, "how many different tokens there are"],
  [/tie_word_embeddings$/, "whether the table that reads tokens also scores the next one"],
  [/torch_dtype$|(^|\.)dtype$/, "the number format in which the weights were saved"],
  [/tokenizer\.ggml\.tokens$/, "every token of the vocabulary, in the order of its ids"],
  [/tokenizer\.ggml\.scores$/, "how likely each token is to be taken when text is cut up"],
  [
    /tokenizer\.ggml\.token_type$/,
    "what each token is: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte",
  ],
  [/tokenizer\.ggml\.merges$/, "which pairs of pieces are joined, in order (BPE)"],
  [/tokenizer\.ggml\.model$/, "the kind of tokenizer"],
  [/tokenizer\.ggml\.pre$/, "how text is split before it is cut into tokens"],
  [/token_id$/, "the id of a token with a task of its own"],
  [/add_(bos|eos|space)/, "whether that token is put in by itself"],
  [/chat_template/, "how a conversation is written as one text for the model; v shows it in lines"],
  [/imatrix/, "from which texts it was measured which weights matter"],
  [/split\./, "which part of a file in several parts this is"],
  [/(^|\.)architectures$/, "the class that runs it in Transformers"],
  [/(^|\.)model_type$/, "the family of models, as Transformers names it"],
  [/transformers_version$/, "the version of Transformers that wrote the file"],
  [/quantization_config/, "how the weights were quantized"],
  [/hidden_act$|activation/, "the function between the matrices of the FFN"],
  [/dropout/, "used in training alone: parts that are switched off at random"],
  [/initializer_range/, "used before training alone: how large the first random weights are"],
  [/use_cache$/, "whether keys and values of earlier tokens are kept (the KV cache)"],
  [/(^|\.)format$/, "which library wrote the tensors: pt is PyTorch"],
];

/** One plain line on a key; undefined where it isn't known. */
export function keyWords(key: string): string | undefined {
  return WORDS.find(([pattern]) => pattern.test(key))?.[1];
}
