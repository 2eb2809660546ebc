/** Figures of checkpoints that were looked into, as far as they can be held against each other. */
import { type ListedCheckpoint, labelFromFileName } from "@checkpoint-inspect/parser";

import type { Report } from "../report.ts";
import type { Bucket } from "../roles/role.ts";
import { folderOf } from "./paths.ts";
import type { LookedCheckpoint } from "./subject.ts";

/** A checkpoint whose header was read whole, and whose parameters are known. */
export interface Measured {
  readonly listed: ListedCheckpoint;
  readonly report: Report;
}

export function measured(looked: readonly LookedCheckpoint[]): readonly Measured[] {
  return looked.flatMap(({ listed, report, error }) => {
    if (!report || error || report.error) return [];
    const { parameters, source, quantization } = report;
    const { total, logicalKnown } = parameters;
    const whole = source.missingParts.length === 0 && source.declaredParts <= source.parts.length;
    const known = logicalKnown && total > 0 && Number.isSafeInteger(total) && quantization.bitsPerWeight !== null;
    return whole && known ? [{ listed, report }] : [];
  });
}

export function bucketOf({ buckets }: Report, name: Bucket): number {
  return buckets.find(({ bucket }) => bucket === name)?.parameters ?? 0;
}

export function asideOf({ parameters }: Report): number {
  return parameters.aside.reduce((sum, one) => sum + one.parameters, 0);
}

/** What quantizations of one model have in common: no towers, no MTP blocks, and no head, which may be stored or tied. */
export function coreOf(report: Report): number {
  return report.parameters.total - asideOf(report) - bucketOf(report, "head");
}

/**
 * The name that quantizations of one model share: its path without quantization labels, lower case. `m-Q4_K_M` and `Q8_0/m-Q8_0` are
 * both `m`; `7b/m-q4_0` is `7b/m`.
 */
export function modelName({ entry, label }: ListedCheckpoint): string {
  return [...folderOf(entry).split("/"), label]
    .map(withoutQuant)
    .filter((name) => name !== "")
    .join("/")
    .toLowerCase();
}

/** Longer names are nobody's. */
const MAX_NAME = 500;

function withoutQuant(name: string): string {
  const quant = name.length > MAX_NAME ? undefined : labelFromFileName(name);
  if (quant === undefined) return name;
  // As the label was normalized: letter for letter, but for `FP16`, which became `F16`.
  const normal = name.toUpperCase().replace(/[-.]/g, "_");
  const plain = quant.replace("-", "_");
  for (const written of [plain, plain.replace(/^F/, "FP")]) {
    const at = normal.lastIndexOf(written);
    if (at < 0) continue;
    return `${name.slice(0, at)} ${name.slice(at + written.length)}`.replace(/^[-_. ]+|[-_. ]+$/g, "");
  }
  return name;
}
