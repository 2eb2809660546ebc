/** Active parameters where a token used another number of experts: exact, from the shapes. */
import type { Bucket, Report } from "@checkpoint-inspect/analysis";

export interface WhatIf {
  /** Experts per token. */
  readonly used: number;
  /** Parameters per token, definition A of docs/counting-rules.md. */
  readonly active: number;
  /** The same by bucket, largest first. */
  readonly parts: readonly { readonly bucket: Bucket; readonly parameters: number }[];
}

/**
 * active(k') = active(k) + (k' - k) x routed / E: all E experts of a layer are of one size, and each token uses as many in each layer.
 * @param used k'; as the model says where null
 * @returns undefined where the model doesn't say what a token uses
 */
export function whatIf({ experts, parameters, buckets }: Report, used: number | null): WhatIf | undefined {
  const { active } = parameters;
  if (!experts || active === null || experts.usedPerToken === null || experts.perLayer === 0) return undefined;
  const count = used ?? experts.usedPerToken;
  const change = Math.round(((count - experts.usedPerToken) * experts.routedParameters) / experts.perLayer);
  const idle = experts.routedParameters - Math.round((experts.routedParameters * count) / experts.perLayer);
  const aside = new Set<Bucket>(["vision", "audio", "projector", "mtp"]);
  const parts = buckets
    .filter(({ bucket }) => !aside.has(bucket))
    .map(({ bucket, parameters: all }) => ({ bucket, parameters: bucket === "expert" ? all - idle : all }))
    .sort((a, b) => b.parameters - a.parameters);
  return { used: count, active: active + change, parts };
}
