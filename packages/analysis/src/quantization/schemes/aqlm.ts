/**
 * AQLM (aqlm, `inference.py`): a few codes stand for a block of weights.
 * `codes` [N/og, K/ig, codebooks] in I8 or I16, `codebooks` [codebooks, 2^bits, og, ig], `scales` [N/og, 1, 1, 1].
 */
import { INTEGER_TYPES, type Scheme } from "../scheme.ts";

/** Weights that a code may stand for: releases have 8 to 32. */
const LARGEST_BLOCK = 64;

export const AQLM: Scheme = {
  id: "aqlm",
  title: "AQLM",
  containers: [".codes"],
  sides: [".codebooks", ".scales"],
  unpack({ container, beside }) {
    const [down, across, codes] = container.shape;
    const [books, entries, outGroup, inGroup] = beside(".codebooks")?.shape ?? [];
    if (
      !INTEGER_TYPES.has(container.type) ||
      !down ||
      !across ||
      !codes ||
      !outGroup ||
      !inGroup ||
      !entries ||
      codes !== books ||
      outGroup * inGroup > LARGEST_BLOCK
    )
      return undefined;
    const shape = [down * outGroup, across * inGroup];
    return {
      parameters: down * outGroup * across * inGroup,
      bits: (codes * Math.log2(entries)) / (outGroup * inGroup),
      shape,
    };
  },
};
