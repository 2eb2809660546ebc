/**
 * A safetensors checkpoint as the converter of llama.cpp would write it: tensors under the names that decide their type, the experts of a
 * layer as one tensor. So much of conversion as sizes follow from; an estimate, good to about a percent.
 *
 * Source: llama.cpp's convert_hf_to_gguf.py and gguf-py's tensor_mapping.py.
 */
import type { PlacedTensor } from "../../placed-tensor.ts";
import { asideStack } from "../../roles/role.ts";
import type { QuantizableTensor } from "./project.ts";

/** Parts by bucket, and the names that the rules of quantization know them by; others keep a name of their own. */
const NAMES: readonly (readonly [bucket: string, part: RegExp, name: string])[] = [
  ["attention", /^(?:cross\.)?q$/, "attn_q"],
  ["attention", /^(?:cross\.)?k$/, "attn_k"],
  ["attention", /^(?:cross\.)?v$/, "attn_v"],
  ["attention", /^(?:cross\.)?o$|^mla\.o$/, "attn_output"],
  ["attention", /^(?:fused_)?qkv/, "attn_qkv"],
  ["attention", /^mla\.kv_b$/, "attn_kv_b"],
  ["attention", /conv/, "ssm_conv1d"],
  ["ffn", /^gate$/, "ffn_gate"],
  ["ffn", /^(?:up|gate_up)$/, "ffn_up"],
  ["ffn", /^down$/, "ffn_down"],
  ["expert", /^routed\.gate$/, "ffn_gate_exps"],
  ["expert", /^routed\.(?:up|gate_up)$/, "ffn_up_exps"],
  ["expert", /^routed\.down$/, "ffn_down_exps"],
  ["expert", /^shared\.gate$/, "ffn_gate_shexp"],
  ["expert", /^shared\.(?:up|gate_up)$/, "ffn_up_shexp"],
  ["expert", /^shared\.down$/, "ffn_down_shexp"],
  ["expert", /^router/, "ffn_gate_inp"],
];

interface Open {
  shape: readonly number[];
  elements: number;
  count: number;
  isRouted: boolean;
}

/** Bytes of a weight that isn't quantized: the converter writes F32 for vectors, routers and convolutions. */
const KEPT_BYTES = 4;

/**
 * The tensors that a GGUF file would have. What isn't part of the text model (towers, projectors, MTP blocks) is left out, as the
 * converter leaves it to files of its own.
 */
export function asGguf(placed: Iterable<PlacedTensor>): readonly QuantizableTensor[] {
  const tensors = new Map<string, Open>();
  for (const { role, parameters, shape, excluded } of placed) {
    if (excluded || parameters === 0 || (asideStack(role.stack) ?? asideStack(role.bucket))) continue;
    const name = nameOf(role);
    const isRouted = role.bucket === "expert" && role.part.startsWith("routed");
    const known = tensors.get(name);
    if (known) {
      known.elements += parameters;
      known.count++;
    } else tensors.set(name, { shape, elements: parameters, count: 1, isRouted });
  }
  return [...tensors].map(([name, { shape, elements, count, isRouted }]) => ({
    name,
    type: "F32",
    shape: isRouted && shape.length < 3 ? [count, ...shape] : shape,
    elements,
    sizeBytes: elements * KEPT_BYTES,
  }));
}

function nameOf({ bucket, part, layer, stack, bias }: PlacedTensor["role"]): string {
  const suffix = bias ? "bias" : "weight";
  if (bucket === "embedding" && part === "token") return `token_embd.${suffix}`;
  if (bucket === "head" && part === "lm_head") return `output.${suffix}`;
  const known = NAMES.find(([of, pattern]) => of === bucket && pattern.test(part))?.[2];
  // Encoder and decoder have their layers apart.
  const kind = stack === "text" ? (known ?? part) : `${stack}.${known ?? part}`;
  const name = bucket === "norm" ? `${kind}_norm` : bucket === "position" ? `${kind}.position_embd` : kind;
  return layer === undefined ? `${name}.${suffix}` : `blk.${layer}.${name}.${suffix}`;
}
