/** Numbers out of a Report that several entries of the guide share, and the words around them. */
import type { Report, ReportBucket } from "../report.ts";
import { ASIDE, type Bucket } from "../roles/role.ts";
import { formatBytes, formatCount, formatShare } from "../units.ts";

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

/** "a, b and c" */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** Bytes of all tensors, also of those that aren't counted as parameters. */
function tensorBytes(report: Report): number {
  return report.quantization.types.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Bytes of the counted weights with the scales that unpack them: what bits per weight are measured by. */
export function weightBytes(report: Report): number {
  return tensorBytes(report) - uncounted(report).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Tensors that are neither counted nor needed to unpack what is. */
function uncounted({ parameters }: Report) {
  return parameters.excluded.filter(({ reason }) => reason !== "quant-side");
}

/** "The weights take 3.44 GB." and, where there is more in the file, what and how much. */
export function weightLines(report: Report): readonly string[] {
  return [`${weightWords(report)} take ${formatBytes(weightBytes(report))}, as they are stored.`, ...restLines(report)];
}

/** Scales stand in tensors of their own, or inside the blocks of a quantized type. */
export function weightWords({ parameters, quantization }: Report): string {
  const scaled =
    parameters.excluded.some(({ reason }) => reason === "quant-side") ||
    quantization.types.some(({ type }) => /^(?:I?Q|TQ|MXFP|NVFP)\d/.test(type));
  return scaled ? "The weights with their scales" : "The weights";
}

/** What the file holds beside its weights, in a sentence; none where that is little. */
export function restLines(report: Report): readonly string[] {
  const all = tensorBytes(report);
  const rest = uncounted(report);
  const bytes = rest.reduce((sum, count) => sum + count.bytes, 0);
  if (formatBytes(all) === formatBytes(all - bytes)) return [];
  return [
    `All tensors of the file take ${formatBytes(all)}: ${formatBytes(bytes)} of that isn't counted as weights (${listed(rest.map(({ words }) => words))}).`,
  ];
}

/** Parameters of towers and drafting blocks whose parts are named so: `attention.` of `attention.q`, also behind `block.`. */
export function insideAside(report: Report, prefix: string): number {
  const names = (part: string) => part.startsWith(prefix) || part.startsWith(`block.${prefix}`);
  return ASIDE.reduce((sum, bucket) => sum + parametersOf(report, bucket, names), 0);
}

/** "Sliding window of 128 tokens on every other layer ... by config.json layer_types." */
export function windowLines(report: Report): readonly string[] {
  return report.layerPatterns
    .filter(({ subject }) => subject === "window")
    .map(({ words, source }) => `${capital(words)}; by ${source}.`);
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The mixers that stand in the place of attention, by the prefix of their parts (roles/role.ts). */
export const RECURRENT_MIXERS = {
  "ssm.": "state-space, as in Mamba",
  "linattn.": "linear attention",
  "rwkv.": "RWKV",
  "shortconv.": "short convolution",
} as const satisfies Readonly<Record<string, string>>;

export function isRecurrent(part: string): boolean {
  return Object.keys(RECURRENT_MIXERS).some((prefix) => part.startsWith(prefix));
}
