/**
 * Memory bandwidth of GPUs and Macs, from their makers' specifications: bus width times data rate where they state these, a plain figure
 * where they state that. Peaks; what programs reach of them is in speed.ts.
 *
 * Left out on purpose: laptop GPUs whose data rate the laptop's maker picks, and GPUs on the system's RAM (see ram.ts for that).
 */
import { APPLE } from "./bandwidth-apple.ts";
import { NVIDIA } from "./bandwidth-nvidia.ts";
import { AMD, INTEL } from "./bandwidth-others.ts";
import type { BandwidthRow } from "./rows.ts";

export type { BandwidthRow } from "./rows.ts";

export const BANDWIDTHS: readonly BandwidthRow[] = [...NVIDIA, ...AMD, ...INTEL, ...APPLE];

/** The row of a model and memory size, decimal GB as sold; undefined where no source says. */
export function bandwidthOf(name: string, gigabytes?: number): BandwidthRow | undefined {
  const rows = BANDWIDTHS.filter((row) => row.name === name);
  const sized = rows.find(({ sizes }) => gigabytes !== undefined && sizes?.includes(gigabytes));
  return sized ?? rows.find(({ sizes }) => sizes === undefined);
}
