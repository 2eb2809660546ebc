/** What kind of attention a cache belongs to, in the field's short names. */
import type { CacheRule } from "./cache.ts";

/**
 * "MHA", "GQA 4:1", "MQA", "MLA", with its window: "GQA 2:1, window 1,024".
 * @param heads undefined for latent attention
 */
export function attentionKind(
  heads: { readonly heads: number; readonly kvHeads: number } | undefined,
  rule: CacheRule,
  window: number,
): string {
  const name = heads ? sharing(heads.heads, heads.kvHeads) : "MLA latent";
  if (rule === "window") return `${name}, window ${window.toLocaleString("en")}`;
  if (rule === "chunk") return `${name}, chunks of ${window.toLocaleString("en")}`;
  return name;
}

/** How many query heads share a KV head (arXiv:1911.02150, arXiv:2305.13245). */
function sharing(heads: number, kvHeads: number): string {
  if (kvHeads === heads) return "MHA";
  if (kvHeads === 1) return "MQA";
  const share = heads / kvHeads;
  return Number.isInteger(share) ? `GQA ${share}:1` : `GQA ${heads}:${kvHeads}`;
}
