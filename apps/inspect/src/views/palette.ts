/**
 * One colour a bucket, the same in every view. Colours of the terminal's own palette, so that they suit dark and light
 * backgrounds; never the only carrier of a meaning, as the name always stands beside.
 */
import type { Bucket } from "@checkpoint-inspect/analysis";
import type { Severity } from "@checkpoint-inspect/parser";

import type { Style } from "../terminal.ts";

export type Paint =
  | "cyan"
  | "blue"
  | "green"
  | "magenta"
  | "yellow"
  | "red"
  | "gray"
  | "cyanBright"
  | "greenBright"
  | "magentaBright";

export const BUCKET_COLORS: Readonly<Record<Bucket, Paint>> = {
  embedding: "cyan",
  position: "cyanBright",
  attention: "blue",
  ffn: "green",
  expert: "magenta",
  norm: "gray",
  head: "yellow",
  vision: "greenBright",
  audio: "magentaBright",
  projector: "yellow",
  mtp: "red",
  "quant-side": "gray",
  other: "gray",
};

const SEVERITY_COLORS: Readonly<Record<Severity, Paint>> = { error: "red", warning: "yellow", note: "cyan" };

export function bucketColor(style: Style, bucket: Bucket): (text: string) => string {
  return style.color[BUCKET_COLORS[bucket]];
}

export function severityColor(style: Style, severity: Severity): (text: string) => string {
  return style.color[SEVERITY_COLORS[severity]];
}
