/** Numbers out of a Report that several entries of the guide share, and the words around them. */
import type { Report, ReportBucket } from "../report.ts";
import type { Bucket } from "../roles/role.ts";
import { formatCount, formatExact, formatShare } from "../units.ts";

export function bucketOf(report: Report, name: Bucket): ReportBucket | undefined {
  return report.buckets.find(({ bucket }) => bucket === name);
}

/** Parameters of the parts of a bucket that are wanted; all of them unless told. */
export function parametersOf(report: Report, name: Bucket, wanted: (part: string) => boolean = () => true): number {
  const parts = bucketOf(report, name)?.parts ?? [];
  return parts.reduce((sum, { part, parameters }) => (wanted(part) ? sum + parameters : sum), 0);
}

/** "5.64 B of 8.03 B parameters (70.2%)" */
export function ofAll(report: Report, parameters: number): string {
  const { total } = report.parameters;
  return `${formatCount(parameters)} of ${formatCount(total)} parameters (${formatShare(parameters / total)})`;
}

/** A fact that is the same in every layer; undefined where layers differ or nobody states it. */
export function one(value: number | readonly number[] | null): number | undefined {
  if (typeof value === "number") return value;
  return value?.every((count) => count === value[0]) ? value[0] : undefined;
}

/** "1 layer", "3 layers" */
export function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${formatExact(count)} ${count === 1 ? noun : many}`;
}

/** "a, b and c" */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** Bytes of all tensors. */
export function tensorBytes(report: Report): number {
  return report.quantization.types.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The mixers that stand in the place of attention, by the prefix of their parts (roles/role.ts). */
export const RECURRENT_MIXERS = {
  "ssm.": "state-space (Mamba)",
  "linattn.": "linear attention",
  "rwkv.": "RWKV",
  "shortconv.": "short convolution",
} as const satisfies Readonly<Record<string, string>>;

export function isRecurrent(part: string): boolean {
  return Object.keys(RECURRENT_MIXERS).some((prefix) => part.startsWith(prefix));
}
