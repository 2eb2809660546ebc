/** Which small tensors are worth reading: a header says what a tensor is, but not what stands in it. */
import type { Checkpoint, Tensor } from "@checkpoint-inspect/parser";

import { adapterValuesNeeded } from "./adapter.ts";
import { packingOf } from "./quantization/packing.ts";

/**
 * Tensors of a few bytes whose values make a report complete: true shapes of packed weights, alphas of adapters. To be read,
 * decoded (`decodeNumbers`) and handed to `analyse`. Empty for nearly every checkpoint.
 */
export function valuesWanted(checkpoint: Checkpoint): readonly Tensor[] {
  return [...(packingOf(checkpoint)?.wanted ?? []), ...adapterValuesNeeded(checkpoint)];
}
