/** What people write behind the flags of `inspect memory`, made into settings. */
import { type Engine, KV_TYPES, kvType, type MemorySettings } from "@checkpoint-inspect/analysis";

import { UsageError } from "../commands/usage.ts";

/** Flags as they were typed. */
export interface MemoryFlagTexts {
  readonly context?: string | undefined;
  readonly kvType?: string | undefined;
  readonly batch?: number | undefined;
  readonly ubatch?: number | undefined;
  readonly flashAttention?: boolean | undefined;
  readonly unified?: boolean | undefined;
  readonly swaFull?: boolean | undefined;
  readonly mla?: "compressed" | "expanded" | undefined;
  readonly source?: number | undefined;
}

/** Above this no model goes, and arithmetic on it stays exact. */
const MOST_TOKENS = 2 ** 31;

/** LLAMA_MAX_SEQ of llama.cpp (src/llama-cparams.h, v0.5.0). */
const LLAMA_SEQUENCES = 256;

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 * 1024 };

/**
 * "32k" -> 32768, "8192" -> 8192, "1m" -> 1048576: thousands of tokens are counted as contexts are, in 1,024s. "max" is what the model was
 * trained for.
 */
function readContext(text: string, trained: number | null): number {
  if (/^max$/i.test(text)) {
    if (trained) return trained;
    throw new UsageError("--context max: this model doesn't say what context it was trained for; give a number");
  }
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)([km]?)$/i.exec(text.replaceAll(/[,_]/g, "")) ?? [];
  const tokens = Number(digits || Number.NaN) * (UNITS[unit.toLowerCase()] ?? Number.NaN);
  if (!Number.isInteger(tokens) || tokens < 1 || tokens > MOST_TOKENS)
    throw new UsageError(`--context takes a number of tokens such as 8192, 32k, 1m, or max; got '${text}'`);
  return tokens;
}

/** "q8_0", or keys and values apart: "q8_0:q4_0". */
function readKvTypes(text: string, engine: Engine): Pick<MemorySettings, "keyType" | "valueType"> {
  const [keys = "", values = keys, ...more] = text.split(":");
  const [key, value] = [kvType(engine, keys), kvType(engine, values)];
  if (!key || !value || more.length > 0) {
    const names = KV_TYPES[engine].map(({ name }) => name).join(", ");
    throw new UsageError(
      `--kv-type takes ${names}, or keys and values apart as in ${names.split(", ")[1]}:${names.split(", ").at(-1)}`,
    );
  }
  return { keyType: key.type, valueType: value.type };
}

/** Settings that differ from what programs take unless told. */
export function readSettings(flags: MemoryFlagTexts, engine: Engine, trained: number | null): Partial<MemorySettings> {
  const { context, kvType: types, batch, ubatch, flashAttention, unified, swaFull, mla, source } = flags;
  const count = (flag: string, value: number | undefined): number | undefined => {
    if (value !== undefined && !(Number.isInteger(value) && value >= 1 && value <= MOST_TOKENS))
      throw new UsageError(`--${flag} takes a whole number from 1 up`);
    return value;
  };
  const sequences = count("batch", batch);
  if (engine === "llama.cpp" && sequences !== undefined && sequences > LLAMA_SEQUENCES)
    throw new UsageError(`--batch ${sequences}: llama.cpp takes at most ${LLAMA_SEQUENCES} sequences at once`);
  const positions = count("source", source);
  const tokens = count("ubatch", ubatch);
  return {
    ...(context !== undefined && { context: readContext(context, trained) }),
    ...(types !== undefined && readKvTypes(types, engine)),
    ...(sequences !== undefined && { sequences }),
    ...(tokens !== undefined && { ubatch: tokens }),
    ...(flashAttention !== undefined && { flashAttention }),
    ...(unified !== undefined && { unified }),
    ...(swaFull !== undefined && { windowsInFull: swaFull }),
    ...(mla !== undefined && { latent: mla }),
    ...(positions !== undefined && { sourcePositions: positions }),
  };
}
