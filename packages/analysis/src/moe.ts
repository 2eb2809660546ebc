/**
 * Mixture-of-experts: how many experts there are and what one token uses.
 *
 * Active parameters per token = total - routed experts * (1 - k/E) - MTP - towers. Definition A counts both tables,
 * B leaves the input table out (a lookup reads one row of it; where the table is also the head it stays), C leaves out
 * both. Which maker quotes which is in docs/counting-rules.md.
 */
import type { Anatomy } from "./anatomy.ts";
import type { ModelFacts } from "./facts.ts";
import type { Bucket } from "./roles/role.ts";

export interface Experts {
  readonly perLayer: number;
  readonly usedPerToken: number | null;
  readonly shared: number;
  /** Layers that have routed experts. */
  readonly layers: number;
  readonly routedParameters: number;
  readonly sharedParameters: number;
  readonly routerParameters: number;
  /** Projections that bring a token to the width that the experts work at, and back (LatentMoE). Always on. */
  readonly latentParameters: number;
}

export interface ActiveParameters {
  /** Definition A; null when a fact is missing, and `missing` says which. */
  readonly active: number | null;
  /** Definition B. */
  readonly withoutInputEmbedding: number | null;
  /** Definition C. */
  readonly nonEmbedding: number | null;
  readonly missing?: string;
}

function partSum(anatomy: Anatomy, bucket: Bucket, wanted: (part: string) => boolean): number {
  const parts = anatomy.buckets.find((count) => count.bucket === bucket)?.parts ?? [];
  return parts.reduce((sum, { part, parameters }) => (wanted(part) ? sum + parameters : sum), 0);
}

/** Counted parameters of one bucket. */
export function bucketParameters(anatomy: Anatomy, bucket: Bucket): number {
  return anatomy.buckets.find((count) => count.bucket === bucket)?.parameters ?? 0;
}

/**
 * The experts of a model, or undefined when it has no routed ones.
 * @param expertLayers layers that hold routed experts
 * @param expertsSeen experts per layer as the tensors show them, for models that don't declare the number
 */
export function countExperts(
  anatomy: Anatomy,
  facts: ModelFacts,
  expertLayers: number,
  expertsSeen: number,
): Experts | undefined {
  const routedParameters = partSum(anatomy, "expert", (part) => part.startsWith("routed"));
  if (routedParameters === 0) return undefined;
  const sharedParameters = partSum(anatomy, "expert", (part) => part.startsWith("shared."));
  return {
    perLayer: facts.experts || expertsSeen,
    usedPerToken: facts.expertsPerToken || null,
    // Some architectures have a shared expert and no key that counts it.
    shared: facts.sharedExperts || (sharedParameters > 0 ? 1 : 0),
    layers: expertLayers,
    routedParameters,
    sharedParameters,
    // The gate of a shared expert is one row that weighs it: a decision, not work.
    routerParameters: partSum(anatomy, "expert", (part) => /^(?:router|shared_gate)/.test(part)),
    latentParameters: partSum(anatomy, "expert", (part) => part.startsWith("latent")),
  };
}

/**
 * What one token uses, by three definitions. Without routed experts that is everything but towers and MTP blocks.
 * @param tableScores the input table works as the head too, so that all of it is read for every token
 */
export function activeParameters(
  anatomy: Anatomy,
  experts: Experts | undefined,
  tableScores: boolean,
): ActiveParameters {
  // Towers and MTP blocks don't work on a text token; what stands beside the text stack is a line of its own.
  const aside = anatomy.aside.reduce((sum, { parameters }) => sum + parameters, 0);
  const always = anatomy.total - aside - (experts?.routedParameters ?? 0);
  let routed = 0;
  if (experts) {
    const { perLayer, usedPerToken, routedParameters } = experts;
    if (!perLayer || !usedPerToken) {
      const missing = perLayer ? "how many experts a token uses" : "how many experts a layer has";
      return { active: null, withoutInputEmbedding: null, nonEmbedding: null, missing };
    }
    routed = (routedParameters / perLayer) * Math.min(usedPerToken, perLayer);
  }
  const active = Math.round(always + routed);
  const input = bucketParameters(anatomy, "embedding");
  const head = bucketParameters(anatomy, "head");
  return {
    active,
    withoutInputEmbedding: tableScores ? active : active - input,
    nonEmbedding: active - input - head,
  };
}
