/** The command that runs a model as it was planned, to be copied. */
import type { Engine, MemorySettings } from "./settings.ts";

export interface CommandFacts {
  readonly engine: Engine;
  readonly target: string;
  readonly settings: MemorySettings;
  /** How many GPUs, and what stays off them. */
  readonly gpus: number;
  readonly gpuLayers?: number;
  readonly cpuMoeLayers?: number;
  /** The share of each GPU, where it isn't vLLM's own. */
  readonly utilization?: number;
  /** Blocks of the model. */
  readonly blocks: number;
  readonly isEncoder?: boolean;
}

/** `-ngl 99` is what people write for "all"; a model of more layers has its own number. */
const ALL_LAYERS = 99;

/** Words of a command line, not yet quoted. Sources: llama.cpp common/arg.cpp (v0.5.0); vLLM's engine arguments. */
export function runCommand(facts: CommandFacts): readonly string[] {
  return facts.engine === "llama.cpp" ? llamaServer(facts) : vllmServe(facts);
}

function llamaServer({ target, settings, gpus, gpuLayers, cpuMoeLayers, blocks, isEncoder }: CommandFacts): string[] {
  const { context, sequences, keyType, valueType, ubatch, flashAttention, unified, windowsInFull } = settings;
  // llama-server splits its context over the sequences, unless they share one cache.
  const words = ["llama-server", "-m", target, "-c", `${context * sequences}`, "-np", `${sequences}`];
  if (gpus > 0) words.push("-ngl", `${gpuLayers ?? Math.max(ALL_LAYERS, blocks + 1)}`);
  if (cpuMoeLayers) words.push("--n-cpu-moe", `${cpuMoeLayers}`);
  if (isEncoder) words.push("--embedding");
  const quantized = valueType !== "F16" && valueType !== "F32" && valueType !== "BF16";
  // Values can't be quantized without it, and `auto` may leave it off.
  if (!flashAttention) words.push("-fa", "off");
  else if (quantized) words.push("-fa", "on");
  if (keyType !== "F16") words.push("-ctk", keyType.toLowerCase());
  if (valueType !== "F16") words.push("-ctv", valueType.toLowerCase());
  if (ubatch !== 512) words.push("-ub", `${ubatch}`);
  if (unified) words.push("-kvu");
  if (windowsInFull) words.push("--swa-full");
  return words;
}

function vllmServe({ target, settings, gpus, utilization }: CommandFacts): string[] {
  const { context, sequences, keyType } = settings;
  const words = ["vllm", "serve", target, "--max-model-len", `${context}`, "--max-num-seqs", `${sequences}`];
  if (keyType === "FP8") words.push("--kv-cache-dtype", "fp8");
  if (utilization !== undefined) words.push("--gpu-memory-utilization", `${utilization}`);
  if (gpus > 1) words.push("--tensor-parallel-size", `${gpus}`);
  return words;
}
