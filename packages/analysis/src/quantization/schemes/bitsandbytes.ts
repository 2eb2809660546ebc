/**
 * bitsandbytes.
 * - 4-bit: `weight` [n, 1] of any type (`bnb_4bit_quant_storage`; U8 unless told), two weights a byte, row after row of the matrix;
 *   `weight.absmax` F32 [weights / block], or U8 with `weight.nested_*` where the scales are quantized again (double quantization);
 *   `weight.quant_map` F32 [16]; `weight.quant_state.bitsandbytes__nf4` U8, a JSON text with the shape.
 * - 8-bit: `weight` I8 [N, K] as it is, `SCB` F32 [N], `weight_format` U8.
 *
 * Source: bitsandbytes 0.50, functional.py (`quantize_4bit`, `QuantState.as_dict`) and nn/modules.py. A matrix with two odd sides
 * leaves half a byte empty: where no width rules that out, the shape is read.
 */
import type { JsonObject, Tensor } from "@checkpoint-inspect/parser";

import { asNumber, asObject } from "../../json.ts";
import {
  containerBits,
  INTEGER_TYPES,
  type PackedModule,
  product,
  type QuantConfig,
  type Scheme,
  type Unpacked,
} from "../scheme.ts";
import { hiddenWidth } from "../widths.ts";

const STATES = [".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4"] as const;

/** Endings behind the weight's own name. */
const STATE_SIDES = [".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", ...STATES] as const;

/** Names that say what is in them, though no release of bitsandbytes writes them: nothing beside them tells the size. */
const NAMED_BY_KIND: readonly string[] = [".weight_nf4", ".weight_fp4"];

/** `quantize_4bit` takes powers of two from 32 to 4096. */
const LARGEST_BLOCK = 4096;

/** The smallest block that needs no more scales than there are; a single scale says nothing. */
function blockOf(weights: number, scales: number): number | undefined {
  return scales > 1 ? 2 ** Math.ceil(Math.log2(weights / scales)) : undefined;
}

export const BITSANDBYTES_4BIT: Scheme = {
  id: "bitsandbytes-4bit",
  title: "bitsandbytes",
  containers: [".weight", ...NAMED_BY_KIND, ""],
  sides: STATE_SIDES.flatMap((side) => [`.weight${side}`, side]),
  unpack(module) {
    const { container, stem, beside, config } = module;
    const { type, shape } = container;
    const word = containerBits(type);
    if (!word) return undefined;
    const own = container.name.slice(stem.length);
    const unsized: Unpacked = {
      parameters: container.elements,
      bits: word,
      unknown: true,
      format: "4-bit without its scales",
    };
    if (NAMED_BY_KIND.includes(own)) return INTEGER_TYPES.has(type) || claims4Bit(config) ? unsized : undefined;
    if (shape.length !== 2 || shape[1] !== 1) return undefined;
    const absmax = beside(`${own}.absmax`);
    const [nf4, fp4] = STATES.map((state) => beside(own + state));
    const kind = nf4 ? "NF4" : fp4 ? "FP4" : declaredKind(config.block.bnb_4bit_quant_type);
    if (!absmax) {
      // Two weights a byte all the same, most likely, but nothing proves it.
      const isBitsandbytes = nf4 || fp4 || beside(`${own}.quant_map`) || isClaimed(module, own);
      return isBitsandbytes && container.elements >= 2 ? unsized : undefined;
    }
    const most = container.sizeBytes * 2;
    if (absmax.elements > most || absmax.elements * LARGEST_BLOCK < most) return undefined;
    const groupSize = blockOf(most, absmax.elements);
    const hasEvenSide = isEven(beside(".bias")?.elements) || isEven(hiddenWidth(module)) || hasEvenWidths(config.root);
    const matrix = hasEvenSide ? undefined : stateShape(module, nf4 ?? fp4, most);
    return {
      parameters: matrix ? product(matrix) : most,
      bits: 4,
      format: kind,
      ...(matrix && { shape: matrix }),
      ...(groupSize && { groupSize }),
      ...(!hasEvenSide && !matrix && { exact: false as const }),
    };
  },
};

function declaredKind(kind: unknown): string {
  return kind === "nf4" || kind === "fp4" ? kind.toUpperCase() : "4-bit";
}

// --- what config declares -----------------------------------------------------------------------------------------------

function claims4Bit({ method, block }: QuantConfig): boolean {
  return method === "bitsandbytes" && (block.load_in_4bit === true || block._load_in_4bit === true);
}

/** How `bnb_4bit_quant_storage` calls types; transformers has written it into every config since 4.38. */
const STORAGE_TYPES: Readonly<Record<string, string | undefined>> = {
  uint8: "U8",
  int8: "I8",
  float16: "F16",
  bfloat16: "BF16",
  float32: "F32",
};

/**
 * Whether config says that this column holds packed weights. A learned column may stand in a quantized model: one of floats is
 * taken for learned where its layer is left out, or where the words are declared to be of another type.
 */
function isClaimed({ container, stem, config }: PackedModule, own: string): boolean {
  if (!claims4Bit(config)) return false;
  if (INTEGER_TYPES.has(container.type)) return true;
  // What stands bare is a stack of experts, and floats of any other name are no matrix.
  if (own === "" && !stem.endsWith("_proj")) return false;
  const declared = config.block.bnb_4bit_quant_storage;
  const storage = typeof declared === "string" ? STORAGE_TYPES[declared.replace("torch.", "")] : undefined;
  return (storage === undefined || storage === container.type) && !isLeftOut(stem, config.block);
}

function isLeftOut(stem: string, block: JsonObject): boolean {
  return [block.llm_int8_skip_modules, block.modules_to_not_convert].some(
    (modules) =>
      Array.isArray(modules) &&
      modules.some((name) => typeof name === "string" && name !== "" && `.${stem}.`.includes(`.${name}.`)),
  );
}

// --- odd numbers of weights ---------------------------------------------------------------------------------------------

/** Widths of the state that runs through a model: one of them is a side of nearly every linear layer. */
const STATE_WIDTHS = ["hidden_size", "n_embd", "d_model", "attention_head_dim"] as const;

/** Further sides. A vocabulary may be odd, but the other side of its table is the state's width. */
const OTHER_WIDTHS = [
  "intermediate_size",
  "moe_intermediate_size",
  "shared_expert_intermediate_size",
  "d_ff",
  "d_kv",
  "n_inner",
  "head_dim",
  "v_head_dim",
  "q_lora_rank",
  "kv_lora_rank",
] as const;

const evenWidths = new WeakMap<JsonObject, boolean>();

/** Whether the model's widths are known and even, those of its towers too: then no product of two sides is odd. */
function hasEvenWidths(root: JsonObject): boolean {
  let known = evenWidths.get(root);
  if (known === undefined) {
    const towers = Object.keys(root).filter((key) => key.endsWith("_config"));
    const models = [root, ...towers.map((key) => asObject(root[key]) ?? {})];
    const all = (keys: readonly string[]) =>
      keys.flatMap((key) => models.flatMap((model) => asNumber(model[key]) ?? []));
    const state = all(STATE_WIDTHS);
    known = state.length > 0 && [...state, ...all(OTHER_WIDTHS)].every(isEven);
    evenWidths.set(root, known);
  }
  return known;
}

/** A positive even number. */
function isEven(n: number | undefined): boolean {
  return n !== undefined && n > 0 && n % 2 === 0;
}

/** The matrix that the quant state names, where it fills the container but for half a byte. */
function stateShape({ values }: PackedModule, state: Tensor | undefined, most: number): readonly number[] | undefined {
  const blob = values(state);
  if (!blob) return undefined;
  let shape: unknown;
  try {
    shape = JSON.parse(String.fromCharCode(...blob))?.shape;
  } catch {
    return undefined;
  }
  if (!Array.isArray(shape) || !shape.every((side) => Number.isSafeInteger(side) && side > 0)) return undefined;
  const weights = product(shape);
  return weights === most || weights === most - 1 ? shape : undefined;
}

// --- 8-bit --------------------------------------------------------------------------------------------------------------

export const BITSANDBYTES_8BIT: Scheme = {
  id: "bitsandbytes-8bit",
  title: "bitsandbytes",
  containers: [".weight"],
  sides: [".SCB", ".weight_format"],
  unpack({ container, beside }) {
    const { type, shape, elements } = container;
    if (type !== "I8" || shape.length !== 2 || beside(".SCB")?.elements !== shape[0]) return undefined;
    return { parameters: elements, bits: 8, shape, format: "INT8, one scale a row" };
  },
};
