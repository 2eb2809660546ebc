/**
 * The 22 storage types of the safetensors format, in the order of the reference enum.
 * The order matters: the reference writer sorts tensors by it, last to first, and so puts wider elements first.
 *
 * `F4` and `F6_*` are packed without gaps; the header's shape counts elements, not bytes.
 */

export interface Dtype {
  readonly name: string;
  readonly bits: number;
  /** A few words for people. */
  readonly about: string;
}

export const DTYPES = [
  { name: "BOOL", bits: 8, about: "boolean, one byte each" },
  { name: "F4", bits: 4, about: "4-bit float E2M1, two a byte" },
  { name: "F6_E2M3", bits: 6, about: "6-bit float, 2 exponent and 3 mantissa bits" },
  { name: "F6_E3M2", bits: 6, about: "6-bit float, 3 exponent and 2 mantissa bits" },
  { name: "U8", bits: 8, about: "unsigned 8-bit integer; often packed weights" },
  { name: "I8", bits: 8, about: "signed 8-bit integer" },
  { name: "F8_E5M2", bits: 8, about: "8-bit float, 5 exponent and 2 mantissa bits" },
  { name: "F8_E4M3", bits: 8, about: "8-bit float, 4 exponent and 3 mantissa bits, no infinity, up to 448" },
  { name: "F8_E8M0", bits: 8, about: "8-bit exponent alone: the scale of a block" },
  { name: "F8_E4M3FNUZ", bits: 8, about: "8-bit float E4M3 without infinity and negative zero" },
  { name: "F8_E5M2FNUZ", bits: 8, about: "8-bit float E5M2 without infinity and negative zero" },
  { name: "I16", bits: 16, about: "signed 16-bit integer" },
  { name: "U16", bits: 16, about: "unsigned 16-bit integer" },
  { name: "F16", bits: 16, about: "half precision, up to 65504" },
  { name: "BF16", bits: 16, about: "bfloat16: the range of F32, 8 bits of precision" },
  { name: "I32", bits: 32, about: "signed 32-bit integer; often packed weights" },
  { name: "U32", bits: 32, about: "unsigned 32-bit integer; often packed weights" },
  { name: "F32", bits: 32, about: "single precision" },
  { name: "C64", bits: 64, about: "complex number of two F32" },
  { name: "F64", bits: 64, about: "double precision" },
  { name: "I64", bits: 64, about: "signed 64-bit integer" },
  { name: "U64", bits: 64, about: "unsigned 64-bit integer" },
] as const satisfies readonly Dtype[];

const BITS = new Map<string, number>(DTYPES.map(({ name, bits }) => [name, bits]));
const RANK = new Map<string, number>(DTYPES.map(({ name }, rank) => [name, rank]));

/** Bits of one element, or undefined for a name that the format doesn't know. */
export function dtypeBits(name: string): number | undefined {
  return BITS.get(name);
}

/** Place in the reference order, or undefined for an unknown name. */
export function dtypeRank(name: string): number | undefined {
  return RANK.get(name);
}
