/** The settings that hold for a model unless told. */
import type { MemoryModel } from "./model.ts";
import { DEFAULT_SETTINGS, type MemorySettings } from "./settings.ts";

/** Tokens of a step that vLLM takes unless told (`--max-num-batched-tokens`). */
const VLLM_STEP = 2048;

/** The settings that hold unless told: no more context than the model was trained for. */
export function settingsFor(model: MemoryModel, given: Partial<MemorySettings> = {}): MemorySettings {
  const most = model.contextLength ?? Number.POSITIVE_INFINITY;
  const context = Math.min(DEFAULT_SETTINGS.context, most > 0 ? most : DEFAULT_SETTINGS.context);
  const ubatch = model.engine === "vllm" ? VLLM_STEP : DEFAULT_SETTINGS.ubatch;
  return { ...DEFAULT_SETTINGS, context, ubatch, ...given };
}
