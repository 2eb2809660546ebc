/**
 * Sizes that the keys state against the shapes of the tensors.
 *
 * Source: llama.cpp src/models/*.cpp (create_tensor) and src/llama-model-loader.cpp (check_tensor_dims): every dimension must be
 * exactly what the keys make it.
 */
import { type Evidence, grouped } from "@checkpoint-inspect/parser";

import type { TensorKind } from "../../patterns/traits.ts";
import type { AuditRule } from "../rule.ts";
import type { Subject } from "../subject.ts";
import { type GgufModel, isPlain, wholeGgufModel } from "./model.ts";

/**
 * Architectures whose loaders take the rows of q, k and the feed-forward from these keys and nothing else, checked against models
 * of each. In others a shape that doesn't fit may have a reason that isn't known here.
 */
const CHECKED: ReadonlySet<string> = new Set([
  ..."afmoe apertus arcee arctic baichuan bert bitnet cohere2 cohere2moe command-r deci dots1 dream ernie4_5".split(
    " ",
  ),
  ..."ernie4_5-moe exaone exaone4 falcon gemma gemma2 gemma3 glm4 glm4moe gpt-oss gpt2 granite granitemoe".split(" "),
  ..."hunyuan-dense hunyuan-moe hunyuan_vl internlm2 jais jais2 llada llama llama4 mimo2 minicpm minimax-m2".split(" "),
  ..."mistral3 nanbeige nemotron olmo olmo2 olmoe orion phi2 phi3 phimoe qwen qwen2 qwen2moe qwen2vl qwen3".split(" "),
  ..."qwen3moe qwen3vl qwen3vlmoe refact seed_oss smallthinker smollm3 stablelm starcoder2 talkie xverse".split(" "),
]);

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
];

function* tensorShapes(subject: Subject): Iterable<Evidence> {
  const gguf = wholeGgufModel(subject);
  // Draft models and vocoders reach into the sizes of another model.
  if (!gguf || gguf.built === "other" || subject.model.kind === "speech") return;
  yield* tableWidth(subject, gguf);
  if (!isPlain(gguf)) return;
  const severity = CHECKED.has(gguf.architecture) ? "error" : "warning";
  const seen = new Set<TensorKind>();
  for (const [i, kinds] of subject.kinds.entries()) {
    const layer = subject.layers[i];
    if (layer?.stack !== "text") continue;
    for (const kind of kinds.keys()) {
      if (seen.has(kind) || kind.excluded || kind.bias || kind.shape.length !== 2) continue;
      const expected = expectedRows(kind, gguf, layer.index);
      const rows = kind.shape[0] ?? 0;
      if (!expected || expected.rows.includes(rows)) continue;
      seen.add(kind);
      const message = `${grouped(rows)} rows, expected ${grouped(expected.rows[0] ?? 0)} (${expected.from})`;
      yield { message, tensor: kind.first.name, severity };
    }
  }
}

function* tableWidth({ restKinds }: Subject, gguf: GgufModel): Iterable<Evidence> {
  const width = gguf.count("embedding_length");
  if (width === undefined) return;
  for (const { kind, stack } of restKinds) {
    if (stack !== "text" || kind.bucket !== "embedding" || kind.part !== "token" || kind.shape.length !== 2) continue;
    if (kind.shape[1] === width) continue;
    const message = `rows of ${grouped(kind.shape[1] ?? 0)} values, expected ${grouped(width)} (${gguf.key("embedding_length")})`;
    yield { message, tensor: kind.first.name };
  }
}

interface ExpectedRows {
  /** Any of these will do; the first is what a message names. */
  readonly rows: readonly number[];
  readonly from: string;
}

/** Rows of a matrix by the keys, or undefined where they don't settle it. */
function expectedRows({ bucket, part }: TensorKind, gguf: GgufModel, layer: number): ExpectedRows | undefined {
  if (bucket === "ffn" && (part === "up" || part === "gate")) return feedForwardRows(gguf, layer);
  if (bucket === "attention" && (part === "q" || part === "k")) return headRows(part, gguf, layer);
  return undefined;
}

/** Only where the dense width is all there is: beside experts architectures read other keys for it. */
function feedForwardRows(gguf: GgufModel, layer: number): ExpectedRows | undefined {
  const width = gguf.ofLayer("feed_forward_length", layer);
  if (!width || gguf.built !== "dense" || gguf.count("expert_count")) return undefined;
  // Qwen 1 states both halves together; a fused gate has both in one tensor.
  const rows = gguf.architecture === "qwen" ? [width / 2] : [width, 2 * width];
  return { rows, from: gguf.key("feed_forward_length") };
}

function headRows(part: "q" | "k", gguf: GgufModel, layer: number): ExpectedRows | undefined {
  // Latent attention has a projection of its own for each part, and may call one of them q.
  if (gguf.count("attention.kv_lora_rank")) return undefined;
  const all = gguf.ofLayer("attention.head_count", layer);
  const own =
    gguf.value("attention.head_count_kv") === undefined ? all : gguf.ofLayer("attention.head_count_kv", layer);
  const heads = part === "q" ? all : own;
  // llama.cpp takes the heads of the first layer for the width of all.
  const [first, width] = [gguf.ofLayer("attention.head_count", 0), gguf.count("embedding_length")];
  const stated = gguf.count("attention.key_length");
  const head = stated ?? (first && width ? width / first : undefined);
  if (!heads || !head || !Number.isInteger(head)) return undefined;
  const windowed = gguf.count("attention.key_length_swa") ?? head;
  // Some query projections hold a gate as wide as the queries.
  const rows = part === "q" ? [heads * head, heads * windowed, 2 * heads * head] : [heads * head, heads * windowed];
  const key = gguf.key(
    part === "k" && gguf.value("attention.head_count_kv") !== undefined
      ? "attention.head_count_kv"
      : "attention.head_count",
  );
  return { rows, from: `${key} ${grouped(heads)} * ${grouped(head)}` };
}
