/**
 * GPUs and Macs by the names people use. Names, sizes and FLOPS are @huggingface/tasks'; bandwidths are the analysis package's. Imported by
 * the memory command alone, and only when it is asked about hardware.
 */
import {
  findHardware as findAmong,
  type HardwareAnswer,
  type ListedModel,
  unlistedModels,
} from "@checkpoint-inspect/analysis";
import { SKUS } from "@huggingface/tasks";

type Listed = Readonly<Record<string, { tflops: number; memory?: number[]; aliases?: string[] }>>;

/** Sizes that are listed wrongly: the RTX A5000 has 24 GB alone (NVIDIA), the RX 7600 XT 16 GB (AMD). */
const CORRECTED: Readonly<Record<string, readonly number[]>> = { "RTX A5000": [24], "RX 7600 XT": [16] };

/** Names besides those that are listed. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  MI300: ["MI300X"],
  "RTX Titan": ["Titan RTX"],
  "RTX 4090D": ["RTX 4090 D"],
};

function listed(maker: ListedModel["maker"], models: Listed): ListedModel[] {
  return Object.entries(models).map(([name, { tflops, memory = [], aliases = [] }]) => ({
    name,
    maker,
    memory: CORRECTED[name] ?? memory,
    tflops,
    aliases: [...aliases, ...(ALIASES[name] ?? [])],
  }));
}

/** All that can be named. */
export function listHardware(): ListedModel[] {
  const { GPU } = SKUS;
  return [
    ...listed("nvidia", GPU.NVIDIA),
    ...listed("amd", GPU.AMD),
    ...listed("intel", GPU.INTEL),
    ...listed("apple", SKUS["Apple Silicon"]["-"]),
    ...unlistedModels(),
  ];
}

/** "RTX 4090", "2x 3090", "m4 max 64gb", "24GB+16GB": what is there, or what is wrong and which names are near. */
export function findHardware(text: string): HardwareAnswer {
  return findAmong(text, listHardware());
}
