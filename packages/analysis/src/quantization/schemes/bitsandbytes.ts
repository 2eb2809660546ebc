/**
 * bitsandbytes.
 * - 4-bit: `weight` [n, 1] of any type (`bnb_4bit_quant_storage`; U8 unless told), two weights a byte, row after row of the matrix;
 *   `weight.absmax` F32 [weights / block], or U8 with `weight.nested_*` where the scales are quantized again (double quantization);
 *   `weight.quant_map` F32 [16]; `weight.quant_state.bitsandbytes__nf4` U8, a JSON text with the shape.
 * - 8-bit: `weight` I8 [N, K] as it is, `SCB` F32 [N], `weight_format` U8.
 *
 * Source: bitsandbytes 0.50, functional.py (`quantize_4bit`, `QuantState.as_dict`) and nn/modules.py. The count is exact for an even
 * number of weights; only a matrix with two odd sides leaves half a byte.
 */
import { containerBits, type Scheme, type Unpacked } from "../scheme.ts";

const STATES = [".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4"] as const;

/** Endings behind the weight's own name. */
const STATE_SIDES = [".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", ...STATES] as const;

/** `quantize_4bit` takes powers of two from 32 to 4096. */
const LARGEST_BLOCK = 4096;

/** The smallest block that needs no more scales than there are; a single scale says nothing. */
function blockOf(weights: number, scales: number): number | undefined {
  return scales > 1 ? 2 ** Math.ceil(Math.log2(weights / scales)) : undefined;
}

export const BITSANDBYTES_4BIT: Scheme = {
  id: "bitsandbytes-4bit",
  title: "bitsandbytes",
  containers: [".weight", ""],
  sides: STATE_SIDES.flatMap((side) => [`.weight${side}`, side]),
  unpack({ container, stem, beside, config }) {
    const { type, shape } = container;
    const word = containerBits(type);
    if (!word || shape.length !== 2 || shape[1] !== 1) return undefined;
    const own = container.name.slice(stem.length);
    const absmax = beside(`${own}.absmax`);
    const [nf4, fp4] = STATES.map((state) => beside(own + state));
    const kind = nf4 ? "NF4" : fp4 ? "FP4" : declaredKind(config.block.bnb_4bit_quant_type);
    if (!absmax) {
      // Two weights a byte all the same, most likely, but nothing proves it.
      const isBitsandbytes = nf4 || fp4 || beside(`${own}.quant_map`) || claims4Bit(config.method, config.block);
      if (!isBitsandbytes || container.elements < 2) return undefined;
      return { parameters: container.elements, bits: word, unknown: true, format: "4-bit without its scales" };
    }
    const parameters = container.sizeBytes * 2;
    if (absmax.elements > parameters || absmax.elements * LARGEST_BLOCK < parameters) return undefined;
    const groupSize = blockOf(parameters, absmax.elements);
    return {
      parameters,
      bits: 4,
      format: kind,
      ...(groupSize && { groupSize }),
    } satisfies Unpacked;
  },
};

function claims4Bit(method: string | undefined, block: Readonly<Record<string, unknown>>): boolean {
  return method === "bitsandbytes" && (block.load_in_4bit === true || block._load_in_4bit === true);
}

function declaredKind(kind: unknown): string {
  return kind === "nf4" || kind === "fp4" ? kind.toUpperCase() : "4-bit";
}

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
