/**
 * Models of made-up shape, with the bytes that llama.cpp v0.5.0 allocates for their caches: hyper-parameters chosen at random within what
 * its loader takes, create_memory called for each, the sizes of all buffers summed.
 *
 * A model is its architecture, its keys, and one line for each way of running it: bytes, context x sequences, the types of keys and
 * values, flags.
 */
const MEASURED = `
llama
  block_count 9, nextn_predict_layers 1, embedding_length 256, attention.head_count 8, attention.key_length 32,
  attention.value_length 32
  = 165675008: 20000 x 1 ubatch 128 F16 F16 unified full
  = 25690112: 4096 x 1 ubatch 128 Q8_0 F16 no-fa full
  = 331350016: 20000 x 2 ubatch 64 F16 F16 no-fa
gemma2
  block_count 7, nextn_predict_layers 1, embedding_length 512, attention.head_count 8, attention.head_count_kv 2,
  attention.key_length 64, attention.sliding_window 300,
  attention.sliding_window_pattern [yes yes yes yes yes yes no]
  = 7077888: 300 x 3 ubatch 512 F32 F16 no-fa
  = 1572864: 1 x 2 ubatch 512 F16 F16 full
  = 835584: 4096 x 1 ubatch 128 Q8_0 Q8_0 unified
gemma3n
  embedding_length 64, block_count 22, attention.head_count 1, attention.head_count_kv 1,
  attention.sliding_window 32, attention.sliding_window_pattern 2
  = 55705600: 20000 x 2 ubatch 512 Q8_0 Q8_0 unified
  = 8529920: 4096 x 1 ubatch 128 Q8_0 F16 unified no-fa
  = 5242880: 1 x 2 ubatch 128 F32 F32 full
gemma4
  attention.sliding_window 32, block_count 9, embedding_length 768, attention.head_count 8,
  attention.head_count_kv 1, attention.shared_kv_layers 2, attention.key_length 64, attention.value_length 64,
  attention.key_length_swa 64, attention.value_length_swa 64, attention.sliding_window_pattern [1 1 0 1 1 1 0 0 0]
  = 917504: 1 x 1 ubatch 128 F32 F32 unified full
  = 458752: 1 x 1 ubatch 512 F16 F16 no-fa
  = 5675008: 20000 x 1 ubatch 128 Q8_0 Q8_0 unified
llama4
  attention.sliding_window 32, block_count 9, nextn_predict_layers 1, embedding_length 256, attention.head_count 4,
  attention.sliding_window_pattern [yes no yes yes no yes yes yes yes]
  = 493879296: 20000 x 2 ubatch 128 F32 F16 unified no-fa full
  = 100663296: 4096 x 3 ubatch 64 F16 F16 unified
  = 284688384: 20000 x 3 ubatch 512 F16 F16 no-fa
smallthinker
  block_count 12, embedding_length 768, attention.head_count 8, attention.head_count_kv 2, attention.key_length 128,
  attention.key_length_swa 64, attention.value_length_swa 96, attention.sliding_window 1000
  = 103809024: 4096 x 3 ubatch 512 F16 F16 no-fa full
  = 2162688: 1 x 3 ubatch 128 F16 F16 unified full
  = 12976128: 1 x 3 ubatch 512 F32 F32 full
cohere2moe
  block_count 12, embedding_length 768, attention.head_count 8, attention.head_count_kv 1,
  attention.value_length 64, attention.sliding_window 300,
  attention.sliding_window_pattern [1 1 0 1 0 0 0 1 0 1 1 1]
  = 706560: 1 x 3 ubatch 64 Q8_0 F16 unified no-fa
  = 107216896: 20000 x 2 ubatch 128 F32 F16 no-fa
  = 1044480: 300 x 1 ubatch 64 Q8_0 Q8_0 full
laguna
  block_count 9, nextn_predict_layers 1, embedding_length 512, attention.head_count 4, attention.head_count_kv 4,
  attention.value_length 32, attention.key_length_swa 96, attention.value_length_swa 96,
  attention.sliding_window 100, attention.sliding_window_pattern [1 1 1 0 0 1 0 1 1]
  = 6684672: 1 x 2 ubatch 128 F16 F16 no-fa full
  = 469893120: 20000 x 3 ubatch 128 F32 F32 unified
  = 283115520: 4096 x 3 ubatch 64 F32 F32 full
exaone4
  block_count 64, nextn_predict_layers 0, embedding_length 768, attention.head_count 8, attention.head_count_kv 4,
  attention.sliding_window 100,
  attention.sliding_window_pattern [yes no no no yes yes no yes yes yes no yes yes no no no yes yes yes yes yes yes yes yes no yes yes yes yes yes yes yes yes no yes no no yes no yes no no yes yes yes yes yes no yes yes yes no no yes yes yes no yes no yes no yes no yes]
  = 924844032: 4096 x 3 ubatch 512 Q8_0 F16 unified no-fa full
  = 739074048: 20000 x 2 ubatch 128 Q8_0 Q8_0 unified
  = 402653184: 4096 x 1 ubatch 64 F16 F16 no-fa full
mimo2
  block_count 9, embedding_length 768, attention.head_count_kv [1 4 2 2 2 4 2 2 1], attention.head_count 8,
  attention.key_length_swa 64, attention.value_length_swa 96, attention.sliding_window 300,
  attention.sliding_window_pattern [yes yes yes yes yes yes no yes no]
  = 101711872: 4096 x 2 ubatch 512 F32 F16 unified no-fa full
  = 3375104: 1 x 3 ubatch 128 F32 F32 unified full
  = 10125312: 300 x 2 ubatch 512 F32 F32 unified
deci
  block_count 9, nextn_predict_layers 0, embedding_length 512, attention.head_count 4, attention.head_count_kv 2,
  attention.key_length 192
  = 465960960: 20000 x 2 ubatch 128 F16 F16 no-fa full
  = 283115520: 4096 x 3 ubatch 64 F32 F32 unified
  = 698941440: 20000 x 3 ubatch 64 F16 F16 no-fa
jamba
  block_count 9, embedding_length 256, attention.head_count_kv [2 4 1 1 0 0 2 1 0],
  attention.head_count [4 4 4 4 4 4 4 4 0], attention.key_length 128, attention.value_length 128, ssm.state_size 64,
  ssm.group_count 1, ssm.conv_kernel 4, ssm.inner_size 512
  = 95115264: 4096 x 3 ubatch 512 Q8_0 F16 unified no-fa full
  = 9885696: 300 x 3 ubatch 128 F16 F16 full
  = 1943552: 300 x 1 ubatch 512 Q8_0 Q8_0 unified
falcon-h1
  block_count 9, nextn_predict_layers 1, embedding_length 256, attention.head_count 4, attention.value_length 32,
  ssm.inner_size 512, ssm.state_size 128, ssm.group_count 1, ssm.conv_kernel 4
  = 7729152: 1 x 3 ubatch 512 Q8_0 F16 unified no-fa
  = 17129472: 1 x 3 ubatch 512 F32 F32 full
  = 20668416: 300 x 3 ubatch 128 F32 F32 unified
plamo2
  block_count 7, nextn_predict_layers 2, embedding_length 768, attention.head_count_kv [0 0 2 0 0 0 0],
  attention.head_count [8 0 8 8 8 8 0], attention.key_length 32, ssm.inner_size 512, ssm.state_size 128,
  ssm.group_count 1, ssm.conv_kernel 2
  = 13656064: 4096 x 2 ubatch 512 F32 F16 no-fa
  = 1323008: 300 x 1 ubatch 128 F16 F16 unified full
  = 3706880: 300 x 3 ubatch 64 F16 F16 unified
granitehybrid
  block_count 9, nextn_predict_layers 2, embedding_length 768, attention.head_count_kv [0 2 1 2 1 0 0 0 0],
  attention.head_count [4 4 4 4 4 0 4 0 0], ssm.state_size 64, ssm.group_count 2, ssm.conv_kernel 4,
  ssm.inner_size 1536
  = 4847616: 1 x 2 ubatch 512 F32 F16 unified no-fa full
  = 282064896: 20000 x 2 ubatch 128 F16 F16 no-fa
  = 3603456: 300 x 1 ubatch 128 F16 F16 unified full
nemotron_h
  block_count 7, embedding_length 256, attention.head_count_kv [0 0 4 0 0 0 2],
  attention.head_count [8 0 8 0 0 8 8], feed_forward_length [0 0 384 0 0 0 0], attention.key_length 128,
  attention.value_length 128, ssm.inner_size 256, ssm.state_size 64, ssm.group_count 2, ssm.conv_kernel 2
  = 11292672: 4096 x 2 ubatch 64 Q8_0 F16 unified no-fa full
  = 1007616: 1 x 2 ubatch 64 Q8_0 F16 unified no-fa
  = 13258752: 4096 x 2 ubatch 512 F16 F16 no-fa
lfm2
  shortconv.l_cache 3, block_count 9, embedding_length 768, attention.head_count_kv [0 0 0 0 0 0 0 2 1],
  attention.head_count [8 8 8 8 0 8 0 8 8], attention.key_length 192, attention.sliding_window 300
  = 1145856: 300 x 2 ubatch 64 Q8_0 F16 unified no-fa
  = 1615872: 300 x 1 ubatch 64 F32 F16 no-fa full
  = 1812480: 4096 x 1 ubatch 128 F32 F32 unified
qwen3next
  block_count 7, nextn_predict_layers 0, embedding_length 512, attention.head_count 8, attention.key_length 64,
  attention.value_length 64, attention.recurrent_layers [1 1 1 1 1 0 1], ssm.inner_size 256, ssm.state_size 128,
  ssm.group_count 1, ssm.conv_kernel 4
  = 96800768: 20000 x 3 ubatch 512 Q8_0 F16 unified no-fa full
  = 126726144: 20000 x 3 ubatch 128 F16 F16 no-fa full
  = 27635712: 4096 x 3 ubatch 64 F16 F16 full
qwen4exp
  hyper_connection.count 4, ple.layers [0], ple.ngram_size 3, ple.conv_kernel 4, attention.indexer.top_k 131072,
  block_count 9, nextn_predict_layers 1, embedding_length 256, attention.head_count 8, attention.head_count_kv 4,
  full_attention_interval 4, attention.recurrent_layers [1 0 1 1 1 1 0 1 0], ssm.inner_size 512, ssm.state_size 128,
  ssm.group_count 2, ssm.conv_kernel 2, attention.indexer.key_length 128
  = 68972544: 20000 x 3 ubatch 64 Q8_0 F16 no-fa full
  = 3207168: 300 x 1 ubatch 64 F32 F32 unified full
  = 97308672: 20000 x 3 ubatch 512 F16 F16 unified
kimi-linear
  attention.key_length 576, attention.key_length_mla 192, attention.value_length_mla 128,
  attention.kv_lora_rank 512, kda.head_dim 128, block_count 9, nextn_predict_layers 2, embedding_length 768,
  attention.head_count_kv [0 0 0 1 0 2 0 0 1], attention.head_count 4, attention.value_length 32, ssm.conv_kernel 4
  = 117454848: 4096 x 3 ubatch 128 F32 F16 unified no-fa
  = 117454848: 4096 x 3 ubatch 64 F32 F16 no-fa
  = 101822464: 20000 x 2 ubatch 64 Q8_0 Q8_0 full
minimax-01
  block_count 9, embedding_length 256, attention.head_count 4, attention.head_count_kv 2, attention.value_length 64
  = 1187840: 1 x 2 ubatch 512 Q8_0 Q8_0 full
  = 786432: 300 x 1 ubatch 64 F16 F16 unified full
  = 2162688: 1 x 3 ubatch 64 F32 F16 no-fa
mamba
  block_count 7, embedding_length 512, attention.head_count 4, attention.head_count_kv 1, ssm.state_size 64,
  ssm.group_count 2, ssm.conv_kernel 2, ssm.inner_size 1024
  = 1863680: 20000 x 1 ubatch 128 Q8_0 F16 unified no-fa
  = 5591040: 1 x 3 ubatch 512 F16 F16
  = 1863680: 4096 x 1 ubatch 512 F32 F16 no-fa
mamba2
  block_count 9, nextn_predict_layers 2, embedding_length 768, attention.head_count_kv [2 1 1 1 1 4 2 2 2],
  attention.head_count [8 8 8 8 8 8 8 8 8], attention.key_length 128, ssm.inner_size 256, ssm.state_size 64,
  ssm.group_count 2, ssm.conv_kernel 4
  = 1003520: 300 x 2 ubatch 128 F16 F16 no-fa full
  = 1505280: 300 x 3 ubatch 512 F32 F32 unified
  = 1505280: 300 x 3 ubatch 64 F16 F16
rwkv6
  wkv.head_size 128, block_count 9, nextn_predict_layers 0, embedding_length 512, attention.head_count 4,
  attention.head_count_kv 4, attention.value_length 64, token_shift_count 2
  = 7188480: 4096 x 3 ubatch 64 Q8_0 F16 no-fa
  = 2396160: 300 x 1 ubatch 64 Q8_0 Q8_0 full
  = 2396160: 300 x 1 ubatch 64 Q8_0 Q8_0 unified
rwkv7
  block_count 7, nextn_predict_layers 0, embedding_length 768, attention.head_count_kv [2 2 4 2 4 1 1],
  attention.head_count 4, attention.value_length 128, wkv.head_size 64
  = 4257792: 1 x 3 ubatch 128 F32 F16 no-fa full
  = 4257792: 300 x 3 ubatch 512 Q8_0 F16 unified no-fa
  = 1419264: 20000 x 1 ubatch 128 Q8_0 Q8_0 unified full
deepseek2
  attention.key_length_mla 192, attention.value_length_mla 128, attention.kv_lora_rank 512, block_count 7,
  nextn_predict_layers 0, embedding_length 512, attention.head_count_kv [4 4 2 1 1 4 4],
  attention.head_count [4 4 4 4 4 4 4], attention.key_length 128, attention.value_length 64
  = 2088960: 300 x 2 ubatch 64 Q8_0 F16 unified no-fa full
  = 103546880: 20000 x 1 ubatch 512 F16 F16 no-fa full
  = 165027840: 20000 x 3 ubatch 128 Q8_0 Q8_0 full
deepseek32
  attention.key_length_mla 192, attention.value_length_mla 128, attention.kv_lora_rank 512,
  attention.indexer.top_k 131072, block_count 7, embedding_length 512, attention.head_count 8,
  attention.head_count_kv 1, attention.key_length 128, attention.value_length 64, attention.indexer.key_length 64
  = 33030144: 4096 x 3 ubatch 128 F16 F16 unified
  = 28879872: 20000 x 1 ubatch 512 Q8_0 F16 no-fa full
  = 2752512: 1 x 2 ubatch 128 F32 F32 full
glm-dsa
  context_length 256, attention.key_length 576, attention.key_length_mla 192, attention.value_length_mla 128,
  attention.kv_lora_rank 512, attention.indexer.top_k 131072, block_count 7, nextn_predict_layers 0,
  embedding_length 256, attention.head_count_kv [4 2 4 1 2 1 1], attention.head_count [8 8 8 8 8 8 8],
  attention.value_length 128, attention.indexer.key_length 256
  = 32047104: 1 x 3 ubatch 512 F32 F16 no-fa full
  = 170917888: 4096 x 2 ubatch 512 F16 F16 full
  = 90800128: 4096 x 2 ubatch 128 Q8_0 F16 no-fa
hy_v4
  attention.value_length 512, attention.key_length_mla 192, attention.value_length_mla 128,
  attention.kv_lora_rank 512, block_count 7, nextn_predict_layers 0, embedding_length 512, attention.head_count 8,
  attention.key_length 64, attention.indexer.types [1 1 1 0 0 0 0], attention.indexer.key_length 256,
  attention.indexer.top_k 64
  = 13369344: 300 x 3 ubatch 512 F16 F16 no-fa full
  = 35651584: 4096 x 1 ubatch 512 F16 F16 unified no-fa
  = 4456448: 1 x 2 ubatch 512 F16 F16
dots3note
  embedding_length 128, block_count 2, attention.head_count 1, attention.head_count_kv 1, attention.key_length 576,
  attention.value_length 512, attention.key_length_mla 192, attention.value_length_mla 128,
  attention.key_length_swa 576, attention.value_length_swa 512, attention.indexer.types [1 0],
  attention.kv_lora_rank 512, attention.sliding_window 32, attention.sliding_window_pattern [0 1],
  attention.indexer.key_length 128, attention.indexer.top_k 131072
  = 1376256: 300 x 2 ubatch 128 F16 F16 unified no-fa
  = 58720256: 20000 x 2 ubatch 512 F16 F16
  = 29360128: 20000 x 1 ubatch 512 F16 F16 unified
deepseek4
  attention.key_length 64, attention.indexer.top_k 131072, block_count 9, nextn_predict_layers 1,
  embedding_length 512, attention.head_count 8, attention.value_length 32, attention.sliding_window 1000,
  attention.sliding_window_pattern [1 1 0 1 1 1 1 0 0], attention.indexer.key_length 128,
  attention.compress_ratios [4 128 128 4 128 0 4 0 128], attention.head_count_kv 1
  = 6365184: 4096 x 1 ubatch 64 F16 F16 unified no-fa full
  = 5332992: 1 x 3 ubatch 128 F32 F16 unified no-fa
  = 17719296: 4096 x 3 ubatch 64 F32 F16 no-fa
minimax-m3
  attention.indexer.top_k 131072, block_count 9, nextn_predict_layers 2, embedding_length 768,
  attention.head_count 4, attention.head_count_kv 2, attention.key_length 192, leading_dense_block_count 2,
  attention.indexer.key_length 64
  = 142606336: 4096 x 2 ubatch 128 F16 F16 no-fa full
  = 2367488: 1 x 3 ubatch 512 Q8_0 Q8_0 unified full
  = 3519488: 1 x 1 ubatch 512 Q8_0 F16 unified no-fa
nanbeige
  block_count 9, nextn_predict_layers 0, embedding_length 768, attention.head_count 8, attention.head_count_kv 4,
  attention.key_length 64, num_loops 2
  = 1852047360: 20000 x 2 ubatch 512 F32 F32 unified full
  = 33030144: 300 x 2 ubatch 128 F32 F16 no-fa full
  = 11796480: 1 x 3 ubatch 64 F32 F32 unified
graniteswitch
  block_count 9, nextn_predict_layers 2, embedding_length 768, attention.head_count 8, attention.head_count_kv 2,
  attention.key_length 64, attention.value_length 64
  = 354222080: 20000 x 3 ubatch 64 F32 F16 unified no-fa full
  = 25133056: 4096 x 2 ubatch 64 Q8_0 F16 unified no-fa
  = 2031616: 300 x 1 ubatch 512 F16 F16 no-fa full
dflash
  attention.sliding_window 32, block_count 9, nextn_predict_layers 1, embedding_length 256,
  attention.head_count_kv [4 1 4 2 4 4 2 2 2], attention.head_count 4, attention.key_length 128,
  attention.sliding_window_pattern [1 0 1 1 1 1 1 1 1]
  = 4063232: 1 x 3 ubatch 64 F32 F16 unified no-fa
  = 284673024: 20000 x 3 ubatch 64 Q8_0 Q8_0 full
  = 6881280: 4096 x 3 ubatch 64 F16 F16 unified
step35
  attention.sliding_window 32, block_count 9, embedding_length 256, attention.head_count 8,
  attention.head_count_kv 4, attention.value_length 32, attention.sliding_window_pattern [1 1 1 1 1 1 1 0 1]
  = 903168: 1 x 2 ubatch 128 Q8_0 F16 unified no-fa
  = 147271680: 20000 x 3 ubatch 512 Q8_0 Q8_0 unified full
  = 113246208: 4096 x 3 ubatch 64 F32 F32 full
phi3
  block_count 5, nextn_predict_layers 2, embedding_length 512, attention.head_count 8, attention.key_length_swa 64,
  attention.value_length_swa 96, attention.sliding_window 1000, attention.sliding_window_pattern 3
  = 559153152: 20000 x 3 ubatch 64 F32 F16 no-fa full
  = 3145728: 1 x 2 ubatch 512 F32 F32 unified
  = 1572864: 1 x 1 ubatch 64 F16 F16 unified full
`;

export interface MeasuredCache {
  readonly architecture: string;
  readonly keys: readonly (readonly [key: string, value: number | readonly number[] | readonly boolean[]])[];
  readonly sizes: readonly MeasuredSize[];
}

export interface MeasuredSize {
  readonly bytes: number;
  readonly context: number;
  readonly sequences: number;
  readonly ubatch: number;
  readonly keyType: string;
  readonly valueType: string;
  readonly flags: readonly string[];
}

function parseValue(text: string): number | readonly number[] | readonly boolean[] {
  if (!text.startsWith("[")) return Number(text);
  const items = text.slice(1, -1).split(" ");
  return /yes|no/.test(text) ? items.map((item) => item === "yes") : items.map(Number);
}

export const MEASURED_CACHES: readonly MeasuredCache[] = MEASURED.trim()
  .split(/\n(?=\S)/)
  .map((model) => {
    const [architecture = "", ...lines] = model.split("\n");
    const keys = lines
      .filter((line) => !line.startsWith("  ="))
      .join("")
      .trim()
      .split(/,\s+/)
      .map((item) => {
        const space = item.indexOf(" ");
        return [item.slice(0, space), parseValue(item.slice(space + 1))] as const;
      });
    const sizes = lines.flatMap((line): MeasuredSize[] => {
      const found = /^ {2}= (\d+): (\d+) x (\d+) ubatch (\d+) (\w+) (\w+) ?(.*)$/.exec(line);
      if (!found) return [];
      const [bytes = 0, context = 0, sequences = 0, ubatch = 0] = found.slice(1, 5).map(Number);
      const [keyType = "", valueType = "", flags = ""] = found.slice(5);
      return [{ bytes, context, sequences, ubatch, keyType, valueType, flags: flags.split(" ") }];
    });
    return { architecture, keys, sizes };
  });
