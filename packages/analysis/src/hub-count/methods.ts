/**
 * How the Hub counts packed tensors, method by method: which tensors it takes for bookkeeping, and for how many weights it
 * takes one element of the others. Facts: @huggingface/hub 2.17.5, parseSafetensorsMetadata.
 */
import { moduleOfWeight, type Settings } from "./settings.ts";

/** A tensor as the rules see it. */
export interface NamedTensor {
  readonly name: string;
  readonly type: string;
  /** The last word of the name: `qweight`. The whole name where it has no dot. */
  readonly word: string;
  /** What stands in front of it. */
  readonly module: string;
}

export interface Method {
  /** Bookkeeping by this method, beyond {@link SIDE_WORDS}. */
  isSide(tensor: NamedTensor, settings: Settings): boolean;
  /** Weights in one element. May be a fraction, and holds whether or not the config leaves the tensor out. */
  weightsPerElement(tensor: NamedTensor, settings: Settings): number;
}

/** Types that only ever hold exponents of block scales: never counted, quantized by config or not. */
export const EXPONENT_TYPES: ReadonlySet<string> = new Set(["F8_E8M0", "E8M0", "UE8"]);

/** Last words of names that are bookkeeping wherever the config has a quantization block. */
export const SIDE_WORDS: ReadonlySet<string> = new Set([
  "weight_scale",
  "weight_scale_inv",
  "weight_scale_2",
  "weight_global_scale",
  "weight_zero_point",
  "weight_shape",
  "weight_g_idx",
  "input_scale",
  "input_global_scale",
  "input_zero_point",
  "zero_point",
]);

/** Bits of the types that may hold several weights. */
const CONTAINERS: ReadonlyMap<string, number> = new Map([
  ["U8", 8],
  ["I8", 8],
  ["U16", 16],
  ["I16", 16],
  ["U32", 32],
  ["I32", 32],
]);

/** Widths that a format's name tells, the first that it contains. */
const FORMAT_BITS: readonly (readonly [part: string, bits: number])[] = [
  ["fp4", 4],
  ["int4", 4],
  ["nf4", 4],
  ["int2", 2],
];

function bitsInFormat(format: string | undefined): number | undefined {
  const lower = format?.toLowerCase();
  return lower === undefined ? undefined : FORMAT_BITS.find(([part]) => lower.includes(part))?.[1];
}

/** Weights of so many bits side by side in one element, without gaps. 1 for a type that is no container. */
function sideBySide(type: string, bits: number | undefined): number {
  const width = CONTAINERS.get(type);
  return width !== undefined && bits !== undefined && bits > 0 && bits < width ? width / bits : 1;
}

const never = (): boolean => false;

const GPTQ_SIDES: ReadonlySet<string> = new Set(["qzeros", "g_idx", "scales"]);

/** GPTQ and AWQ: whole weights in a 32-bit word, so that 3-bit makes 10 and not 32/3. */
const WHOLE_IN_WORDS: Method = {
  isSide: ({ word, name }, { isSkipped }) => GPTQ_SIDES.has(word) && !isSkipped(name),
  weightsPerElement({ word, type }, { bits }) {
    if (word === "qweight") return Math.max(1, Math.floor(32 / (bits !== undefined && bits > 0 ? bits : 4)));
    return type === "U8" && (bits === 4 || bits === 2) ? 8 / bits : 1;
  },
};

const BITSANDBYTES_SIDES: ReadonlySet<string> = new Set(["absmax", "quant_map", "nested_absmax", "nested_quant_map"]);

const METHODS: ReadonlyMap<string, Method> = new Map<string, Method>([
  ["gptq", WHOLE_IN_WORDS],
  ["awq", WHOLE_IN_WORDS],
  [
    "bitsandbytes",
    {
      // `weight.quant_state.bitsandbytes__nf4` is a blob of JSON.
      isSide: ({ word }) => BITSANDBYTES_SIDES.has(word) || word.startsWith("bitsandbytes__"),
      weightsPerElement: ({ type }, { loadIn4bit }) => (loadIn4bit && type === "U8" ? 2 : 1),
    },
  ],
  [
    "mxfp4",
    {
      isSide: ({ type, word }) => type === "U8" && word.endsWith("_scales"),
      weightsPerElement: ({ type, name }) => (type === "U8" && name.includes("_blocks") ? 2 : 1),
    },
  ],
  [
    "compressed-tensors",
    {
      isSide: never,
      weightsPerElement({ name, type }, { groupOf, format, anyGroupBits }) {
        if (!CONTAINERS.has(type)) return 1;
        const group = groupOf(moduleOfWeight(name));
        const packing = (group?.format ?? format)?.toLowerCase();
        if (!packing?.endsWith("pack-quantized")) return 1;
        return sideBySide(type, group?.bits ?? anyGroupBits ?? bitsInFormat(packing) ?? 4);
      },
    },
  ],
  [
    "fp8",
    {
      isSide: never,
      // FP8 itself is one weight an element; some models keep their routed experts narrower, packed in integers.
      weightsPerElement({ name, type }, { expertFormat }) {
        const routed = name.includes(".experts.") && !name.includes("shared_experts");
        return routed ? sideBySide(type, bitsInFormat(expertFormat)) : 1;
      },
    },
  ],
]);

/** Any other method, and none. */
const OTHER: Method = {
  isSide: never,
  weightsPerElement: ({ type }, { loadIn4bit, bits }) => (type === "U8" && (loadIn4bit || bits === 4) ? 2 : 1),
};

/** The method that a config names. MLX's hangs on which modules are packed: {@link mlxMethod}. */
export function methodOf({ method }: Settings): Method {
  return METHODS.get(method ?? "") ?? OTHER;
}

/** MLX's modules show by the tensors they have: words of 32 bits, scales, and for the affine mode offsets. */
export function mlxMethod(tensors: Iterable<NamedTensor>, settings: Settings): Method {
  const found = { weight: new Set<string>(), scales: new Set<string>(), biases: new Set<string>() };
  for (const { word, module, type } of tensors) {
    if (word === "scales" || word === "biases") found[word].add(module);
    else if (word === "weight" && type === "U32") found.weight.add(module);
  }
  const packingOf = (module: string) => {
    if (!found.weight.has(module) || !found.scales.has(module)) return undefined;
    const packing = settings.mlx(module);
    return packing?.mode === "affine" && !found.biases.has(module) ? undefined : packing;
  };
  return {
    isSide({ word, module }) {
      if (word !== "scales" && word !== "biases") return false;
      const packing = packingOf(module);
      return packing !== undefined && (word === "scales" || packing.mode === "affine");
    },
    weightsPerElement: ({ word, module, type }) =>
      word === "weight" && type === "U32" ? sideBySide(type, packingOf(module)?.bits) : 1,
  };
}
