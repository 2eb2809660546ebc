/** Element counts and byte sizes, exact or refused. */

const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** Product of a shape, or 0 when a factor or a partial product is above 2^53 and so not exact. */
export function exactProduct(shape: readonly number[]): number {
  let product = 1;
  for (const dim of shape) {
    product *= dim;
    if (product > Number.MAX_SAFE_INTEGER) return 0;
  }
  return product;
}

/** True when {@link exactProduct} could hold every factor and partial product. */
export function isExactShape(shape: readonly number[]): boolean {
  let product = 1;
  for (const dim of shape) {
    if (dim > Number.MAX_SAFE_INTEGER) return false;
    product *= dim;
    if (product > Number.MAX_SAFE_INTEGER) return false;
  }
  return true;
}

/**
 * The reference's check, for shapes with large factors: dimensions are multiplied from the left, then by the bits of
 * one element, and no step may pass 2^64 - 1.
 * @returns true when it would refuse the shape (ValidationOverflow)
 */
export function overflowsU64(shape: readonly number[], bits: number): boolean {
  let product = 1n;
  for (const dim of shape) {
    // A double near 2^64 stands for an integer that was at most 2^64 - 1 in the header.
    const exact = BigInt(dim);
    product *= exact > U64_MAX ? U64_MAX : exact;
    if (product > U64_MAX) return true;
  }
  return product * BigInt(bits) > U64_MAX;
}

/** Bytes of `elements` packed elements, or undefined when they don't end at a byte (4- and 6-bit types). */
export function packedBytes(elements: number, bits: number): number | undefined {
  // The remainder by 8 first: elements x bits may pass 2^53.
  if (((elements % 8) * bits) % 8 !== 0) return undefined;
  return (elements / 8) * bits;
}
