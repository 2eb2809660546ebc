/** What the rules of the audit look at: the checkpoint, and what analysis has already made of it. */
import type { Checkpoint, LazyArray, MetadataScalar } from "@checkpoint-inspect/parser";

import type { Anatomy } from "../anatomy.ts";
import type { ModelDescription } from "../describe-model.ts";
import type { ModelFacts } from "../facts.ts";
import type { Layer, LayerKinds, RestKind } from "../layers.ts";
import type { Experts } from "../moe.ts";
import type { PlacedTensor } from "../placed-tensor.ts";
import type { QuantMix } from "../quantization/mix.ts";
import type { Packing } from "../quantization/packing.ts";

export interface Subject {
  readonly checkpoint: Checkpoint;
  readonly facts: ModelFacts;
  readonly model: ModelDescription;
  readonly anatomy: Anatomy;
  readonly experts: Experts | undefined;
  readonly mix: QuantMix;
  readonly packing: Packing | undefined;
  readonly layers: readonly Layer[];
  /** Of each of `layers`: its kinds of tensors, and how many it has of each. */
  readonly kinds: readonly LayerKinds[];
  /** Tensors outside of all layers. */
  readonly restKinds: readonly RestKind[];
  /**
   * All tensors are there: reading wasn't cut short and no part is missing. Where it is false, what isn't there may stand in what
   * couldn't be read.
   */
  readonly complete: boolean;
  /** GGUF metadata and `__metadata__`, by key; the first of a key that stands twice. */
  readonly metadata: ReadonlyMap<string, MetadataScalar | LazyArray>;
  /** A tensor in its place. Costs as much as placing it did: for the few that a message names. */
  place(tensor: Checkpoint["tensors"][number]): PlacedTensor;
}
