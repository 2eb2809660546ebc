/** What was fetched until now. */
import { formatBytes, plural } from "@checkpoint-inspect/analysis";
import type { Traffic } from "@checkpoint-inspect/hub";

/** `12 requests, 1.3 MB` */
export function trafficWords({ requests, bytes, waiting }: Traffic): string {
  const so = `${plural(requests, "request")}, ${formatBytes(bytes)}`;
  return waiting ? `${so}; waiting ${Math.ceil(waiting.ms / 1000)} s: ${waiting.why}` : so;
}
