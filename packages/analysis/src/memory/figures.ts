/** The memory part of a report: the figures that scripts rely on, with the settings that they hold for. */
import type { CacheRule } from "./cache/cache.ts";
import type { MemoryModel } from "./model.ts";
import { planMemory } from "./plan.ts";
import type { Engine } from "./settings.ts";
import { settingsFor } from "./settings-for.ts";

export interface MemoryFigures {
  /** Whose accounting it is. */
  readonly engine: Engine;
  /** Tokens of each sequence. */
  readonly context: number;
  readonly sequences: number;
  readonly keyType: string;
  readonly valueType: string;
  readonly weightsBytes: number;
  /** Keys, values and states of all sequences; null where facts are missing. */
  readonly kvCacheBytes: number | null;
  /** Of it, what doesn't grow with the text: recurrent states, keys and values of an encoder's output. */
  readonly stateBytes: number | null;
  /** What one token more costs while windows aren't full, and beyond them. */
  readonly kvBytesPerToken: number | null;
  readonly kvBytesPerTokenBeyondWindow: number | null;
  /** An estimate: the buffer of one step, off by at most `computeBand` of it either way. */
  readonly computeBytes: number | null;
  readonly computeBand: number | null;
  readonly totalBytes: number | null;
  /** What is kept, and in how many layers. */
  readonly cache: readonly { readonly rule: CacheRule; readonly kind: string; readonly layers: number }[];
  /** Facts that nobody states, without which a figure is null. */
  readonly missing: readonly string[];
}

export function memoryFigures(model: MemoryModel, settings = settingsFor(model)): MemoryFigures {
  const plan = planMemory(model, settings);
  const { cacheSize } = plan;
  return {
    engine: model.engine,
    context: settings.context,
    sequences: settings.sequences,
    keyType: settings.keyType,
    valueType: settings.valueType,
    weightsBytes: plan.weights.bytes,
    kvCacheBytes: plan.cache?.bytes ?? null,
    stateBytes: cacheSize?.stateBytes ?? null,
    kvBytesPerToken: cacheSize?.bytesPerToken ?? null,
    kvBytesPerTokenBeyondWindow: cacheSize?.bytesPerTokenBeyondWindow ?? null,
    computeBytes: plan.compute?.bytes ?? null,
    computeBand: plan.compute?.band ?? null,
    totalBytes: plan.totalBytes,
    cache: model.cache.groups.map(({ rule, kind, layers }) => ({ rule, kind, layers: layers.length })),
    missing: plan.missing,
  };
}
