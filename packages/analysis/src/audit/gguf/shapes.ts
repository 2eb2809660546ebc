/**
 * Sizes that the keys state against the shapes of the tensors.
 *
 * Source: llama.cpp src/models/*.cpp (create_tensor) and src/llama-model-loader.cpp (check_tensor_dims): every dimension must be
 * exactly what the keys make it.
 */
import { type Evidence, grouped, quoted } from "@checkpoint-inspect/parser";

import type { TensorKind } from "../../patterns/traits.ts";
import { plural } from "../../units.ts";
import type { AuditRule } from "../rule.ts";
import type { Subject } from "../subject.ts";
import { type GgufModel, hasAttention, isChecked, isPlain, wholeGgufModel } from "./model.ts";

/** Their loaders ask for a norm of queries and one of keys in each layer (src/models/*.cpp). */
const HEAD_NORMS: ReadonlySet<string> = new Set("gemma3 olmo2 olmoe qwen3 qwen3moe qwen3vl qwen3vlmoe".split(" "));

export const SHAPE_RULES: readonly AuditRule[] = [
  {
    id: "gguf/tensor-shape",
    severity: "error",
    severities: ["warning"],
    means: "a tensor's shape is not what the hyper-parameters make it",
    why: "llama.cpp builds the model from the keys, and stops at a tensor with another shape",
    fix: "convert the model again; keys and tensors are from different models, or a key was edited",
    check: tensorShapes,
  },
  {
    id: "gguf/missing-norm",
    severity: "error",
    means: "norms of queries or keys are missing from all layers of an architecture that has them",
    why: "llama.cpp stops with 'missing tensor'",
    fix: "get the file again, or convert the model again with a current converter",
    check: missingNorms,
  },
];

/** Tensors that are wrong in the same way: one finding. */
interface Misfit {
  readonly first: TensorKind;
  readonly message: string;
  count: number;
}

function* tensorShapes(subject: Subject): Iterable<Evidence> {
  const gguf = wholeGgufModel(subject);
  // Draft models and vocoders reach into the sizes of another model.
  if (!gguf || gguf.built === "other" || subject.model.kind === "speech") return;
  yield* tableWidth(subject, gguf);
  if (!isPlain(gguf)) return;
  const severity = isChecked(gguf) ? "error" : "warning";
  const misfits = new Map<string, Misfit>();
  const visit = (kind: TensorKind, layer: number, count: number) => {
    const message = kind.excluded || kind.bias ? undefined : misfit(kind, gguf, layer);
    if (message === undefined) return;
    const key = `${kind.bucket} ${kind.part} ${message}`;
    const known = misfits.get(key);
    if (known) known.count += count;
    else misfits.set(key, { first: kind, message, count });
  };
  for (const [i, kinds] of subject.kinds.entries()) {
    const layer = subject.layers[i];
    if (layer?.stack !== "text") continue;
    for (const [kind, count] of kinds) visit(kind, layer.index, count);
  }
  for (const { stack, kind, count } of subject.restKinds) if (stack === "text") visit(kind, 0, count);
  for (const { first, message, count } of misfits.values()) {
    const { name } = first.first;
    const more = count > 1 ? ` and ${plural(count - 1, "more tensor")} like it have ` : " has ";
    yield { message: `${quoted(name)}${more}${message}`, tensor: name, severity };
  }
}

function* tableWidth({ restKinds }: Subject, gguf: GgufModel): Iterable<Evidence> {
  const width = gguf.count("embedding_length");
  if (width === undefined) return;
  for (const { kind, stack } of restKinds) {
    if (stack !== "text" || kind.bucket !== "embedding" || kind.part !== "token" || kind.shape.length !== 2) continue;
    if (kind.shape[1] === width) continue;
    const { name } = kind.first;
    const message = `${quoted(name)} has rows of ${grouped(kind.shape[1] ?? 0)} values, expected ${grouped(width)} (${gguf.key("embedding_length")})`;
    yield { message, tensor: name };
  }
}

/** A size by the keys. */
interface Size {
  /** Any of these will do; the first is what a message names. */
  readonly sizes: readonly number[];
  readonly from: string;
}

/** Sides of a matrix, or the length of a vector, as far as the keys settle them. */
interface Expected {
  readonly rows?: Size | undefined;
  readonly columns?: Size | undefined;
  readonly values?: Size | undefined;
}

/** What doesn't fit, in words to follow a name; undefined where nothing is wrong. */
function misfit(kind: TensorKind, gguf: GgufModel, layer: number): string | undefined {
  const { rows, columns, values } = expectedShape(kind, gguf, layer);
  const { shape } = kind;
  if (shape.length === 1) return wrong(values, shape[0], (n) => plural(n, "value"));
  if (shape.length !== 2) return undefined;
  const sides = [
    wrong(rows, shape[0], (n) => plural(n, "row")),
    wrong(columns, shape[1], (n) => `rows of ${plural(n, "value")}`),
  ].filter((side) => side !== undefined);
  return sides.length > 0 ? sides.join(", and ") : undefined;
}

function wrong(expected: Size | undefined, found = 0, words: (n: number) => string): string | undefined {
  if (!expected || expected.sizes.includes(found)) return undefined;
  return `${words(found)}, expected ${grouped(expected.sizes[0] ?? 0)} (${expected.from})`;
}

/** Norms over the whole width of the model. */
const WIDE_NORMS: ReadonlySet<string> = new Set([
  "final",
  "attn_pre",
  "ffn_pre",
  "attn_post",
  "ffn_post",
  "layer_post",
]);

function expectedShape({ bucket, part }: TensorKind, gguf: GgufModel, layer: number): Expected {
  // Where shapes may have a reason that isn't known, only the best known sides are held against the keys.
  const checked = isChecked(gguf);
  const width = checked ? embedding(gguf) : undefined;
  if (bucket === "norm") return WIDE_NORMS.has(part) ? { values: width } : {};
  if (bucket === "ffn") {
    if (part === "up" || part === "gate") return { rows: feedForward(gguf, layer, true), columns: width };
    if (part === "down") return { rows: width, columns: checked ? feedForward(gguf, layer, false) : undefined };
  }
  if (bucket !== "attention") return {};
  if (part === "q" || part === "k") return { rows: heads(part, gguf, layer), columns: width };
  if (!checked) return {};
  if (part === "v") return { rows: heads("v", gguf, layer), columns: width };
  // DeciLM's layers without heads have one linear map under this name.
  if (part === "o" && gguf.architecture !== "deci") return { rows: width, columns: heads("o", gguf, layer) };
  return part === "q_norm" || part === "k_norm" ? { values: headNorm(part, gguf, layer) } : {};
}

function embedding(gguf: GgufModel): Size | undefined {
  const width = gguf.count("embedding_length");
  return width ? { sizes: [width], from: gguf.key("embedding_length") } : undefined;
}

/** Only where the dense width is all there is: beside experts architectures read other keys for it. */
function feedForward(gguf: GgufModel, layer: number, mayBeFused: boolean): Size | undefined {
  const width = gguf.ofLayer("feed_forward_length", layer);
  if (!width || gguf.built !== "dense" || gguf.count("expert_count")) return undefined;
  // Qwen 1 states both halves together; a fused gate has both in one tensor.
  const sizes = gguf.architecture === "qwen" ? [width / 2] : mayBeFused ? [width, 2 * width] : [width];
  return { sizes, from: gguf.key("feed_forward_length") };
}

/** Which head a side is made of, and which count of heads. */
const SIDES = {
  q: { head: "key", count: "attention.head_count" },
  k: { head: "key", count: "attention.head_count_kv" },
  v: { head: "value", count: "attention.head_count_kv" },
  o: { head: "value", count: "attention.head_count" },
} as const;

/** All heads side by side. */
function heads(side: keyof typeof SIDES, gguf: GgufModel, layer: number): Size | undefined {
  // Latent attention has a projection of its own for each part, and may call one of them q.
  if (gguf.count("attention.kv_lora_rank")) return undefined;
  const { head, count } = SIDES[side];
  // Without a number of their own, keys and values have as many heads as queries.
  const name = gguf.value(count) === undefined ? "attention.head_count" : count;
  const [number, widths] = [gguf.ofLayer(name, layer), headWidths(head, gguf)];
  const [first] = widths;
  if (!number || first === undefined) return undefined;
  const sizes = widths.map((width) => number * width);
  // Some query projections hold a gate as wide as the queries.
  if (side === "q") sizes.push(2 * number * first);
  return { sizes, from: `${gguf.key(name)} ${grouped(number)} * ${grouped(first)}` };
}

/**
 * Widths that a head may have: what is stated, else the embedding divided among the heads of the first layer, which llama.cpp takes
 * for all. Loaders take the width of keys for that of values here and there, and layers with a window may have their own.
 */
function headWidths(head: "key" | "value", gguf: GgufModel): readonly number[] {
  const [first, width] = [gguf.ofLayer("attention.head_count", 0), gguf.count("embedding_length")];
  const divided = first && width ? width / first : undefined;
  const stated = (name: string) => gguf.count(`attention.${name}_length`);
  const key = stated("key") ?? divided;
  const widths = head === "key" ? [key] : [stated("value") ?? divided, key, gguf.count("attention.key_length_swa")];
  widths.push(gguf.count(`attention.${head}_length_swa`));
  return [...new Set(widths)].filter((one): one is number => Boolean(one) && Number.isInteger(one));
}

/** Of each head, or of all heads together. */
function headNorm(part: "q_norm" | "k_norm", gguf: GgufModel, layer: number): Size | undefined {
  const all = heads(part === "q_norm" ? "q" : "k", gguf, layer);
  const widths = headWidths("key", gguf);
  const [width] = widths;
  if (!all || width === undefined) return undefined;
  const stated = gguf.value("attention.key_length") !== undefined;
  const from = stated
    ? gguf.key("attention.key_length")
    : `${gguf.key("embedding_length")} / ${gguf.key("attention.head_count")}`;
  return { sizes: [...widths, ...all.sizes], from };
}

/** Where a few layers lack one, they differ from the others, which is another rule's matter. */
function* missingNorms(subject: Subject): Iterable<Evidence> {
  const gguf = wholeGgufModel(subject);
  if (!gguf || !HEAD_NORMS.has(gguf.architecture) || !hasAttention(subject)) return;
  const parts = new Set<string>();
  for (const [i, kinds] of subject.kinds.entries()) {
    if (subject.layers[i]?.stack === "text")
      for (const { bucket, part } of kinds.keys()) parts.add(`${bucket}.${part}`);
  }
  for (const part of ["q_norm", "k_norm"]) {
    if (parts.has(`attention.${part}`)) continue;
    yield { message: `no layer has attn_${part}, which ${gguf.architecture} has in every layer` };
  }
}
