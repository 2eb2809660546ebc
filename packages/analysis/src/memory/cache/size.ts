/**
 * What a cache takes in bytes with given settings.
 *
 * llama.cpp makes room beforehand: every sequence gets cells for its context, rounded up to 256; windowed layers get cells for the
 * window and one step of work. vLLM and Transformers count tokens as they come.
 * Sources: llama.cpp v0.5.0 src/llama-context.cpp (n_ctx_seq), src/llama-kv-cache-iswa.cpp (size_swa); vLLM v1/kv_cache_interface.py.
 */
import { GGML_TYPES } from "@checkpoint-inspect/parser";

import { formatExact, plural } from "../../units.ts";
import type { Engine, MemorySettings } from "../settings.ts";
import type { CacheGroup, CacheSpec } from "./cache.ts";

export interface GroupSize {
  readonly group: CacheGroup;
  /** Rows of each layer, all sequences together. */
  readonly rows: number;
  /** Of one row. */
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** Of all its layers. */
  readonly bytes: number;
}

export interface CacheSize {
  readonly bytes: number;
  /** Of it, what doesn't grow with the text: recurrent states, keys and values of an encoder's output. */
  readonly stateBytes: number;
  readonly groups: readonly GroupSize[];
  /** What one token more costs while windows aren't full. */
  readonly bytesPerToken: number;
  /** And beyond the windows. */
  readonly bytesPerTokenBeyondWindow: number;
  /** Why these settings don't work, in words; the sizes are then of no use. */
  readonly problem?: string;
}

/** llama.cpp rounds the cells of a sequence up to this many (GGML_PAD(n_ctx, 256)). */
const CELLS = 256;

const roundUp = (value: number, step: number) => Math.ceil(value / step) * step;

const TYPES = new Map(GGML_TYPES.map((type) => [type.name, type] as const));

/** Types that no ggml file has. */
const OTHER_TYPES: Readonly<Record<string, number>> = { FP8: 1 };

/** Bytes of a row of so many elements; undefined where they don't divide into the type's blocks, or the type isn't known. */
function rowBytes(type: string, elements: number): number | undefined {
  const other = OTHER_TYPES[type];
  if (other !== undefined) return elements * other;
  const { blockElements = 0, blockBytes = 0 } = TYPES.get(type) ?? {};
  if (blockElements === 0 || elements % blockElements !== 0) return undefined;
  return (elements / blockElements) * blockBytes;
}

/** What is kept of the text of all sequences. */
export function cacheBytes(spec: CacheSpec, settings: MemorySettings, engine: Engine): CacheSize {
  const wide = engine === "vllm" && settings.windowsInFull ? widest(spec, settings) : undefined;
  const isTransposed = engine === "llama.cpp" && spec.padsValues && !settings.flashAttention;
  const groups = spec.groups.map((whole): GroupSize => {
    const group = settings.latent === "expanded" && whole.expanded ? { ...whole, ...whole.expanded } : whole;
    const isAttention = group.cells.per !== "sequence";
    const valueElements = (isTransposed ? group.transposedElements : undefined) ?? group.valueElements;
    const keyType = group.keyType ?? settings.keyType;
    const valueType = group.valueType ?? settings.valueType;
    const keys = rowBytes(keyType, group.keyElements);
    const values = rowBytes(valueType, valueElements);
    const [keyBytes, valueBytes] = wide !== undefined && isAttention ? [wide, 0] : [keys ?? 0, values ?? 0];
    const rows = rowsOf(group, settings, engine);
    const onlyValues = isTransposed ? (group.transposedOnly?.length ?? 0) * valueBytes : 0;
    const bytes = rows * (group.layers.length * (keyBytes + valueBytes) + onlyValues);
    return { group, rows, keyBytes, valueBytes, bytes };
  });
  const problem = problemOf(spec, settings, engine);
  const sum = (wanted: (size: GroupSize) => number) => groups.reduce((total, size) => total + wanted(size), 0);
  const perToken = (size: GroupSize, beyond: boolean): number => {
    const { cells } = size.group;
    const row = size.rows > 0 ? size.bytes / size.rows : 0;
    if (cells.per === "token") return row;
    if (cells.per === "tokens") return row / cells.tokens;
    if (cells.per === "window") return beyond && !settings.windowsInFull ? 0 : row;
    return 0;
  };
  return {
    bytes: sum(({ bytes }) => bytes),
    stateBytes: sum(({ group, bytes }) => (group.cells.per === "sequence" ? bytes : 0)),
    groups,
    bytesPerToken: sum((size) => perToken(size, false)),
    bytesPerTokenBeyondWindow: sum((size) => perToken(size, true)),
    ...(problem !== undefined && { problem }),
  };
}

function isQuantized(type: string): boolean {
  return (TYPES.get(type)?.blockElements ?? 1) > 1;
}

/**
 * Why an engine doesn't take these types for this model.
 * Source: llama.cpp src/llama-context.cpp (llama_init_from_model).
 */
function problemOf(spec: CacheSpec, settings: MemorySettings, engine: Engine): string | undefined {
  const { keyType, valueType, flashAttention } = settings;
  if (spec.groups.length === 0) return undefined;
  for (const type of [keyType, valueType]) {
    if (rowBytes(type, 0) === undefined) return `a type of the cache that is known (${type})`;
  }
  if (engine === "llama.cpp") {
    if (spec.sameType && keyType !== valueType) {
      return "one type for keys and values: this model keeps one vector for both";
    }
    if (!flashAttention && isQuantized(valueType)) {
      return `flash attention, without which values can't be stored as ${valueType.toLowerCase()}`;
    }
  }
  for (const group of spec.groups) {
    const perHead = engine === "llama.cpp" && flashAttention;
    const rows = [
      ["keys", group.keyType ?? keyType, (perHead ? group.keyHead : undefined) ?? group.keyElements],
      ["values", group.valueType ?? valueType, (perHead ? group.valueHead : undefined) ?? group.valueElements],
    ] as const;
    for (const [what, type, elements] of rows) {
      if (rowBytes(type, elements) !== undefined) continue;
      const blocks = TYPES.get(type)?.blockElements ?? 0;
      return `another type for ${what}: ${elements} elements don't divide into ${type.toLowerCase()} blocks of ${blocks}`;
    }
  }
  return undefined;
}

/** vLLM gives the layers of a model that mixes windows pages of one size: the largest row of any of them. */
function widest(spec: CacheSpec, settings: MemorySettings): number {
  const bytes = spec.groups.map(({ cells, keyElements, valueElements, keyType, valueType }) =>
    cells.per === "sequence"
      ? 0
      : (rowBytes(keyType ?? settings.keyType, keyElements) ?? 0) +
        (rowBytes(valueType ?? settings.valueType, valueElements) ?? 0),
  );
  return Math.max(0, ...bytes);
}

/** Rows that each layer of a group has, all sequences together. */
function rowsOf({ cells, rule, neverShared = false }: CacheGroup, settings: MemorySettings, engine: Engine): number {
  const { context, sequences, ubatch, unified, windowsInFull, sourcePositions } = settings;
  if (cells.per === "sequence")
    return sequences * (rule === "cross" ? (sourcePositions ?? (cells.rows || context)) : cells.rows);
  if (engine === "vllm") {
    const own = cells.per === "window" && !windowsInFull ? Math.min(cells.tokens, context) : context;
    return sequences * (cells.per === "tokens" ? Math.ceil(own / cells.tokens) : own);
  }
  const each = roundUp(unified ? context * sequences : context, CELLS);
  const shares = unified && !neverShared;
  const streams = shares ? 1 : sequences;
  if (cells.per === "token" || (cells.per === "window" && windowsInFull)) return streams * each;
  if (cells.per === "tokens") return streams * roundUp(Math.max(1, Math.ceil(each / cells.tokens)), CELLS);
  return streams * roundUp(Math.min(each, cells.tokens * (shares ? sequences : 1) + ubatch), CELLS);
}

/** The arithmetic of a group, a line each, for people who want to check it. */
export function groupSteps(size: GroupSize, settings: MemorySettings, engine: Engine): readonly string[] {
  const { group, rows, keyBytes, valueBytes, bytes } = size;
  const { keyWords, valueWords, kind, layers, valueElements, transposedElements, transposedOnly } = group;
  const keyType = (group.keyType ?? settings.keyType).toLowerCase();
  const valueType = (group.valueType ?? settings.valueType).toLowerCase();
  const isTransposed = engine === "llama.cpp" && !settings.flashAttention && transposedElements !== undefined;
  const isPadded = isTransposed && transposedElements !== valueElements;
  const values = isPadded ? `V as wide as in the widest layer, ${formatExact(transposedElements)}` : valueWords;
  const row = [
    `${keyWords} as ${keyType} = ${formatExact(keyBytes)}`,
    ...(valueBytes > 0 ? [`${values} as ${valueType} = ${formatExact(valueBytes)}`] : []),
  ].join(", ");
  const more = isTransposed ? (transposedOnly?.length ?? 0) : 0;
  const product = (count: number, perRow: number) => `${count} x ${formatExact(rows)} x ${formatExact(perRow)}`;
  const extra = more > 0 ? ` + ${product(more, valueBytes)} for layers without KV heads` : "";
  return [
    `${kind}: ${plural(layers.length, "layer")}`,
    `  a row: ${row} bytes`,
    `  rows: ${formatExact(rows)}, ${rowWords(group, settings, engine)}`,
    `  ${product(layers.length, keyBytes + valueBytes)}${extra} = ${formatExact(bytes)} bytes`,
  ];
}

function rowWords({ cells, neverShared }: CacheGroup, settings: MemorySettings, engine: Engine): string {
  const { context, sequences, ubatch, windowsInFull, unified } = settings;
  const isShared = engine === "llama.cpp" && unified && sequences > 1;
  const many = formatExact(sequences);
  const tokens = `${formatExact(context)}${isShared ? ` x ${many}` : ""}`;
  const each = sequences === 1 ? "" : ` for each of ${many} sequences`;
  const streams = isShared && !neverShared ? ` for all ${many} sequences together` : each;
  const rounded = engine === "llama.cpp" ? ", rounded up to 256" : "";
  if (cells.per === "sequence") return cells.rows === 1 ? `one state${each}` : `of fixed number${each}`;
  if (cells.per === "tokens") return `one for every ${cells.tokens} of ${tokens} tokens${rounded}${streams}`;
  if (cells.per === "token" || windowsInFull) return `one for every token of ${tokens}${rounded}${streams}`;
  const step = engine === "llama.cpp" ? ` + ${formatExact(ubatch)} of one step` : "";
  const windows =
    isShared && !neverShared
      ? `the windows of ${formatExact(cells.tokens)} x ${many}`
      : `the window of ${formatExact(cells.tokens)}`;
  return `${windows}${step}, at most the context${rounded}${streams}`;
}
