/** A letter for each bucket, for whoever sees no colour: they stand in stacked bars, treemaps and tables. */
import type { Bucket } from "@checkpoint-inspect/analysis";

import { type Span, toned } from "./line.ts";

const LETTERS: Readonly<Record<Bucket, string>> = {
  embedding: "E",
  position: "P",
  attention: "A",
  ffn: "F",
  expert: "X",
  norm: "N",
  head: "H",
  vision: "V",
  audio: "S",
  projector: "J",
  mtp: "T",
  "quant-side": "Q",
  other: "?",
};

/** @param part tells shared experts and routers from routed experts */
export function letterOf(bucket: Bucket, part = ""): string {
  if (bucket === "expert" && part.startsWith("shared")) return "S";
  if (bucket === "expert" && part.startsWith("router")) return "R";
  return LETTERS[bucket];
}

/** A bucket's letter, in its colour. */
export function letter(bucket: Bucket, part = ""): Span {
  return toned(letterOf(bucket, part), `bucket.${bucket}`);
}
