/** Which layers look back over a window in llama.cpp, and how far. */
import { LLAMA_CPP_WINDOWS } from "../../patterns/window-tables.ts";
import { ordinal } from "../../units.ts";
import type { MetadataReader } from "./metadata.ts";

export interface GgufWindows {
  /** 0 where no layer is windowed. */
  readonly window: number;
  readonly kind: "none" | "sliding" | "chunked";
  readonly isWindowed: readonly boolean[];
  /** A window that the file states and llama.cpp doesn't use for any layer; 0 without. */
  readonly unused: number;
  readonly missing: readonly string[];
}

export interface WindowedLayers {
  readonly architecture: string;
  readonly layers: number;
  readonly layersAll: number;
  readonly isRecurrent: readonly boolean[];
}

/**
 * What llama.cpp has beyond the table that explains windows: architectures that must say which layers are windowed, those of which all
 * layers are, and those that it doesn't load without a window (src/models/*.cpp, load_arch_hparams).
 */
const BY_ARRAY: ReadonlySet<string> = new Set([
  ...["gemma4", "gemma4-assistant", "mimo2", "step35", "dflash", "maple", "spark2_5", "granite_swa", "dots3note"],
]);
const ON_ALL: ReadonlySet<string> = new Set(["deepseek4"]);
const NEEDS_WINDOW: ReadonlySet<string> = new Set([
  ...[...BY_ARRAY, ...ON_ALL].filter((name) => name !== "dflash"),
  ...["gpt-oss", "cohere2", "cohere2moe", "exaone-moe", "gemma3n", "gemma-embedding", "muse-glimmer"],
]);

/** These are loaded with a window of 0 as well, and then look back over the tokens of one step alone. */
const TAKES_ZERO: ReadonlySet<string> = new Set([...NEEDS_WINDOW, "gemma2", "exaone4"]);

const WINDOW = "attention.sliding_window";
const PATTERN = "attention.sliding_window_pattern";

export function windowsOf(read: MetadataReader, about: WindowedLayers): GgufWindows {
  const { architecture, layers, layersAll, isRecurrent } = about;
  const declared = read.count("window", WINDOW);
  const none: GgufWindows = {
    window: 0,
    kind: "none",
    isWindowed: Array.from({ length: layersAll }, () => false),
    unused: declared ?? 0,
    missing: [],
  };
  if (declared === undefined && NEEDS_WINDOW.has(architecture)) {
    return { ...none, missing: [`the window (${read.key(WINDOW)})`] };
  }
  if (declared === 0 && !TAKES_ZERO.has(architecture)) return none;
  const rule = `llama.cpp's rule for ${architecture}`;
  const of = (window: number, kind: "sliding" | "chunked", isWindowed: (layer: number) => boolean): GgufWindows => {
    const flags = Array.from({ length: layersAll }, (_, i) => isWindowed(i));
    return flags.some(Boolean) ? { window, kind, isWindowed: flags, unused: 0, missing: [] } : none;
  };
  // DFlash drafts for DeepSeek-V4 have its hyper-connections, and its windows.
  const isV4Draft = architecture === "dflash" && (read.count("hyperConnections", "hyper_connection.count") ?? 0) > 0;
  if (ON_ALL.has(architecture) || isV4Draft) {
    read.from.isWindowed = `${rule}: every layer`;
    return of(declared ?? 0, "sliding", () => true);
  }
  const flags = read.list("isWindowed", PATTERN);
  if (BY_ARRAY.has(architecture)) {
    if (declared === undefined) return none;
    if (!flags) return { ...none, missing: [`which layers are windowed (${read.key(PATTERN)})`] };
    return of(declared, "sliding", (layer) => Boolean(flags[layer]));
  }
  const row = LLAMA_CPP_WINDOWS.rules.find(({ architectures }) => architectures.includes(architecture));
  // A rule for one size of a family.
  if (!row || (row.layers !== undefined && row.layers !== layers)) return none;
  if (declared === undefined && row.window === undefined) return none;
  const window = row.forcedWindow ?? declared ?? row.window ?? 0;
  if (declared === undefined || row.forcedWindow !== undefined) read.from.window = rule;
  const kind = row.chunked ? "chunked" : "sliding";
  if (row.period === 1) {
    read.from.isWindowed = `${rule}: every attention layer`;
    return of(window, kind, (layer) => layer < layers && !isRecurrent[layer]);
  }
  if (flags) return of(window, kind, (layer) => Boolean(flags[layer]));
  const period = read.count("isWindowed", PATTERN) ?? row.period;
  const full = row.full === "first" ? 0 : period - 1;
  read.from.isWindowed ??= `${rule}: full attention in every ${ordinal(period)} layer`;
  return of(window, kind, (layer) => layer < layers && (period === 0 || layer % period !== full));
}
