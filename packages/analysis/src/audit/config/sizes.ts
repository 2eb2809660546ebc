/**
 * Sizes that config.json states, against shapes.
 *
 * Layers of one model may differ, weights may be stored transposed or fused, and configs leave out what their class knows. So a
 * stated size is contradicted only where no tensor of its kind shows it, in any of the ways in which it may be stored.
 */
import { type Evidence, quoted } from "@checkpoint-inspect/parser";

import type { TensorKind } from "../../patterns/traits.ts";
import type { AuditRule } from "../rule.ts";
import { type HeldLayer, isWholeModel, mainLayers, mainRest, weightKinds, weightShape } from "../stacks.ts";
import type { Subject } from "../subject.ts";
import { isPlain } from "../tensors/plain-models.ts";
import { configNumber, configValue, stated } from "./read.ts";

/** Of GGUF, llama.cpp's loader compares shapes with hyper-parameters; those rules stand with the other ones of its metadata. */
function isStated(subject: Subject): boolean {
  return (
    subject.checkpoint.format === "safetensors" && subject.checkpoint.config !== undefined && isWholeModel(subject)
  );
}

// --- tables -------------------------------------------------------------------------------------------------------------

/** A table that tokens or positions are looked up in, or a head: what it is and its rows. */
interface Table {
  readonly kind: TensorKind;
  readonly rows: number;
}

function tables(subject: Subject, bucket: string, part: string): readonly Table[] {
  return mainRest(subject).flatMap(({ kind }): Table[] => {
    if (kind.bucket !== bucket || kind.part !== part || kind.bias) return [];
    const [rows, width, ...more] = weightShape(subject, kind) ?? [];
    return rows !== undefined && width !== undefined && more.length === 0 ? [{ kind, rows }] : [];
  });
}

function largest(found: readonly Table[]): Table | undefined {
  return found.reduce<Table | undefined>((most, table) => (most && most.rows >= table.rows ? most : table), undefined);
}

function* vocabulary(subject: Subject): Iterable<Evidence> {
  const { vocabularySize: size } = subject.facts;
  if (!isStated(subject) || !size) return;
  for (const [what, table] of [
    ["token table", largest(tables(subject, "embedding", "token"))],
    ["output head", largest(tables(subject, "head", "lm_head"))],
  ] as const) {
    if (!table || table.rows >= size) continue;
    yield {
      message: `${stated(subject, "vocabularySize")} is ${size}, the ${what} ${quoted(table.kind.first.name)} has ${table.rows} rows`,
      tensor: table.kind.first.name,
    };
  }
}

/** Rows above the vocabulary: harmless to a class of its own (Mllama's special rows), and another shape to one that takes no other. */
function* longerTable(subject: Subject): Iterable<Evidence> {
  const { vocabularySize: size } = subject.facts;
  const json = subject.checkpoint.config?.json;
  if (!isStated(subject) || !size || json?.vocab_size !== size || !isPlain(subject)) return;
  const [table, ...more] = tables(subject, "embedding", "token");
  if (!table || more.length > 0 || table.rows <= size || !FLOAT.test(table.kind.first.type)) return;
  yield {
    message: `${stated(subject, "vocabularySize")} is ${size}, the token table ${quoted(table.kind.first.name)} has ${table.rows} rows`,
    tensor: table.kind.first.name,
  };
}

/** Types of a table that is stored as it is. */
const FLOAT = /^(?:B?F16|F32)$/;

function* positions(subject: Subject): Iterable<Evidence> {
  const { contextLength } = subject.facts;
  const table = largest(tables(subject, "position", "learned"));
  if (!isStated(subject) || !contextLength || !table || table.rows >= contextLength) return;
  yield {
    message: `${stated(subject, "contextLength")} is ${contextLength}, the position table ${quoted(table.kind.first.name)} has ${table.rows} rows`,
    tensor: table.kind.first.name,
  };
}

// --- widths -------------------------------------------------------------------------------------------------------------

/** Every dimension that some kinds of weights have, and a tensor that shows one; nothing where a shape isn't known. */
function dimensions(
  subject: Subject,
  kinds: Iterable<TensorKind>,
): { sizes: Set<number>; example: TensorKind | undefined } {
  const sizes = new Set<number>();
  let example: TensorKind | undefined;
  for (const kind of kinds) {
    const shape = weightShape(subject, kind);
    if (!shape) return { sizes: new Set(), example: undefined };
    example ??= kind;
    for (const size of shape) sizes.add(size);
  }
  return { sizes, example };
}

function shapeWords(subject: Subject, kind: TensorKind): string {
  return `${quoted(kind.first.name)} is [${weightShape(subject, kind)?.join(", ")}]`;
}

function* hiddenSize(subject: Subject): Iterable<Evidence> {
  const { hiddenSize: size } = subject.facts;
  if (!isStated(subject) || !size) return;
  // The table alone may be narrower (ALBERT, ELECTRA), the layers alone wider (inner norms).
  const table = largest(tables(subject, "embedding", "token"));
  const norms = [...weightKinds(mainLayers(subject))].filter(({ bucket }) => bucket === "norm");
  const { sizes, example } = dimensions(subject, norms);
  if (!table || !example || sizes.has(size) || table.kind.shape.includes(size)) return;
  yield {
    message: `${stated(subject, "hiddenSize")} is ${size}, ${shapeWords(subject, table.kind)}`,
    tensor: table.kind.first.name,
  };
}

/** Kinds of one bucket that are matrices, whose part passes. */
function matrices(layers: readonly HeldLayer[], bucket: string, part: RegExp): readonly TensorKind[] {
  return [...weightKinds(layers)].filter(
    (kind) => kind.bucket === bucket && kind.dimensions >= 2 && part.test(kind.part),
  );
}

/** The width itself, or two of it side by side in a fused matrix; half of it where it counts both (Qwen 1). */
function shows(sizes: ReadonlySet<number>, width: number): boolean {
  return sizes.has(width) || sizes.has(2 * width) || sizes.has(width / 2);
}

/** LFM2 and Llama's own files work the width out of the one that they state. */
const ADJUSTED = ["block_auto_adjust_ff_dim", "ffn_dim_multiplier", "block_ffn_dim_multiplier"] as const;

function* feedForward(subject: Subject): Iterable<Evidence> {
  const { feedForwardSize: size, expertFeedForwardSize: expertSize, experts = 1 } = subject.facts;
  if (!isStated(subject) || ADJUSTED.some((key) => configValue(subject, key))) return;
  const layers = mainLayers(subject);
  const dense = matrices(layers, "ffn", /^(?:gate|up|down|gate_up)$/);
  const routed = matrices(layers, "expert", /^routed\.(?:gate|up|down|gate_up)$/);
  const shared = matrices(layers, "expert", /^shared\./);
  // In some configs it is the experts', and in some a model with experts has no use for it.
  const all = dimensions(subject, [...dense, ...routed, ...shared]);
  const shown = dense.find(({ part }) => part !== "down");
  if (typeof size === "number" && size > 0 && shown && all.example && !shows(all.sizes, size)) {
    yield {
      message: `${stated(subject, "feedForwardSize")} is ${size}, ${shapeWords(subject, shown)}`,
      tensor: shown.first.name,
    };
  }
  const expert = dimensions(subject, routed);
  if (!expertSize || !routed[0] || !expert.example) return;
  // DBRX lays the experts end to end in one matrix.
  if (shows(expert.sizes, expertSize) || shows(expert.sizes, expertSize * experts)) return;
  yield {
    message: `${stated(subject, "expertFeedForwardSize")} is ${expertSize}, ${shapeWords(subject, routed[0])}`,
    tensor: routed[0].first.name,
  };
}

// --- heads --------------------------------------------------------------------------------------------------------------

/** Layers that attend plainly: their keys are heads times head size. */
function attending(subject: Subject): readonly HeldLayer[] {
  return mainLayers(subject).filter(({ layer }) => layer.mixers.length === 1 && layer.mixers[0] === "attention");
}

function* attentionHeads(subject: Subject): Iterable<Evidence> {
  const { attentionHeads: heads, kvHeads, headDim, hiddenSize: hidden, kvLoraRank } = subject.facts;
  if (!isStated(subject) || typeof heads !== "number" || heads === 0 || kvLoraRank) return;
  const layers = attending(subject);
  yield* oneWidth(subject, matrices(layers, "attention", /^q$/), "attentionHeads", { heads, headDim, hidden });
  if (typeof kvHeads !== "number" || kvHeads === 0) return;
  yield* oneWidth(subject, matrices(layers, "attention", /^k$/), "kvHeads", { heads: kvHeads, headDim, hidden });
}

interface Heads {
  readonly heads: number;
  readonly headDim: number | undefined;
  readonly hidden: number | undefined;
}

/**
 * Whether some projection is as wide as so many heads; a query twice as wide where a gate stands beside it (Qwen3-Next). Where the
 * head size isn't stated, the class may have one of its own: the width has to be a multiple all the same.
 */
function* oneWidth(
  subject: Subject,
  kinds: readonly TensorKind[],
  fact: "attentionHeads" | "kvHeads",
  { heads, headDim, hidden }: Heads,
): Iterable<Evidence> {
  const shapes = kinds.map((kind) => weightShape(subject, kind));
  const [first] = kinds;
  if (!first || shapes.some((shape) => shape?.length !== 2)) return;
  const wanted = heads * (headDim ?? 1);
  const fits = (width: number) =>
    headDim ? width === wanted || (fact === "attentionHeads" && width === 2 * wanted) : width % heads === 0;
  for (const [out = 0, width = 0] of shapes as readonly (readonly number[])[]) {
    if (fits(out) || (out === hidden && fits(width))) return;
  }
  // Other heads in some of the layers (Gemma 4), with a size of their own.
  if (configNumber(subject, ...OTHER_HEADS)) return;
  const product = headDim ? `, with ${headDim} each ${wanted}` : "";
  yield {
    message: `${stated(subject, fact)} is ${heads}${product}; ${shapeWords(subject, first)}`,
    tensor: first.first.name,
  };
}

/** Heads of layers that attend in another way than the others. */
const OTHER_HEADS = [
  "global_head_dim",
  "num_global_key_value_heads",
  "swa_num_attention_heads",
  "swa_num_key_value_heads",
  "swa_head_dim",
] as const;

/** What makes the size of a head another one than the hidden size over the heads. */
const HEAD_SIZES = [
  "head_dim",
  "d_kv",
  "kv_channels",
  "attention_head_dim",
  "attention_head_size",
  "qk_nope_head_dim",
  "v_head_dim",
] as const;

function* headsDivide(subject: Subject): Iterable<Evidence> {
  const { attentionHeads: heads, kvHeads, headDim, hiddenSize: hidden } = subject.facts;
  if (!isStated(subject) || typeof heads !== "number" || heads === 0 || attending(subject).length === 0) return;
  if (hidden && hidden % heads !== 0 && !headDim && configValue(subject, ...HEAD_SIZES) === undefined) {
    yield {
      message: `${stated(subject, "hiddenSize")} ${hidden} isn't a multiple of its ${heads} heads, and no size of a head is stated`,
    };
  }
  if (typeof kvHeads === "number" && kvHeads > 0 && heads % kvHeads !== 0) {
    yield {
      message: `${stated(subject, "attentionHeads")} ${heads} isn't a multiple of the ${kvHeads} heads of keys and values`,
    };
  }
}

const SHAPE_WHY = "a loader builds the model from the config, and then refuses the tensors, or loads noise";
const SHAPE_FIX = "use the config.json that belongs to these weights";

export const SIZE_RULES: readonly AuditRule[] = [
  {
    id: "config/vocab-size",
    severity: "error",
    means: "the vocabulary of the config is larger than the token table or the head",
    why: "ids above the last row are looked up outside of the table: a crash, or rubbish",
    fix: "set vocab_size to the rows of the table, or take the config and tokenizer that belong to these weights",
    check: vocabulary,
  },
  {
    id: "config/table-rows",
    severity: "error",
    means: "the token table has more rows than the vocabulary of the config, for a class that takes no other number",
    why: "transformers builds a table of vocab_size rows and refuses the longer one",
    fix: "set vocab_size to the rows of the table",
    check: longerTable,
  },
  {
    id: "config/position-table",
    severity: "error",
    means: "the context that the config states is longer than the table of learned positions",
    why: "positions above the last row are looked up outside of the table",
    fix: "set the context length to the rows of the table",
    check: positions,
  },
  {
    id: "config/hidden-size",
    severity: "error",
    means: "no layer and no table has the hidden size that the config states",
    why: SHAPE_WHY,
    fix: SHAPE_FIX,
    check: hiddenSize,
  },
  {
    id: "config/feed-forward-size",
    severity: "error",
    means: "no feed-forward matrix has the width that the config states",
    why: SHAPE_WHY,
    fix: SHAPE_FIX,
    check: feedForward,
  },
  {
    id: "config/attention-heads",
    severity: "error",
    means: "no layer projects to as many heads as the config states",
    why: SHAPE_WHY,
    fix: SHAPE_FIX,
    check: attentionHeads,
  },
  {
    id: "config/heads-divide",
    severity: "error",
    means: "the heads that the config states don't divide what is shared among them",
    why: "transformers refuses to build such a model",
    fix: SHAPE_FIX,
    check: headsDivide,
  },
];
