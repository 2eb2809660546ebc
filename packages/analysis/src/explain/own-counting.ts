/** A checkpoint's own numbers for the entries of terms-counting.ts. */
import type { Report } from "../report.ts";
import { formatBytes, formatCount, formatExact } from "../units.ts";
import { ofAll } from "./report-numbers.ts";

export function ownBuckets(report: Report): readonly string[] {
  return report.buckets
    .filter(({ parameters }) => parameters > 0)
    .sort((a, b) => b.parameters - a.parameters)
    .map(({ bucket, parameters }) => `${bucket}: ${ofAll(report, parameters)}.`);
}

/** Reasons worth a sentence each. */
const REASONS_NAMED = 6;

export function ownNotCounted({ parameters }: Report): readonly string[] {
  const { excluded, total } = parameters;
  const counted = `Counted: ${formatExact(total)} parameters (${formatCount(total)}).`;
  if (excluded.length === 0) return ["Every number in this file is counted as a parameter.", counted];
  return [
    ...excluded
      .slice(0, REASONS_NAMED)
      .map(
        ({ words, parameters, bytes, tensors }) =>
          `Not counted: ${words}, ${formatExact(parameters)} stored numbers in ${formatExact(tensors)} ${tensors === 1 ? "tensor" : "tensors"}, ${formatBytes(bytes)}.`,
      ),
    counted,
  ];
}

export function ownHub({ parameters, source }: Report): readonly string[] {
  const { hub, total } = parameters;
  if (!hub) {
    return [
      source.missingParts.length > 0
        ? "What the Hub shows can't be told while parts are missing."
        : "What the Hub shows for this file can't be told.",
    ];
  }
  const here = `Counted here: ${formatExact(total)} (${formatCount(total)}).`;
  if (hub.parameters === total)
    return [`By the Hub's rules there are ${formatExact(total)} parameters, the same as here.`];
  return [
    `By the Hub's rules there are ${formatExact(hub.parameters)} (${formatCount(hub.parameters)}).`,
    here,
    ...hub.differences.map(
      ({ words, parameters }) =>
        `${parameters > 0 ? "More there" : "Fewer there"}: ${formatExact(Math.abs(parameters))}, ${words}.`,
    ),
  ];
}
