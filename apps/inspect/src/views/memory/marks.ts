/** Whether something fits, as a mark and a colour: the mark says it where there is no colour. */
import type { Verdict } from "@checkpoint-inspect/analysis";

import type { Style } from "../../terminal.ts";
import { safe } from "../text.ts";

interface Mark {
  /** Behind a figure in a table. */
  readonly sign: string;
  readonly words: string;
  readonly color: "green" | "yellow" | "red";
}

const MARKS: Readonly<Record<Verdict, Mark>> = {
  fits: { sign: " ", words: "fits", color: "green" },
  tight: { sign: "!", words: "fits, with next to nothing left", color: "yellow" },
  no: { sign: "x", words: "does not fit", color: "red" },
};

export function verdictWords(verdict: Verdict): string {
  return MARKS[verdict].words;
}

/** `5.42 GiB x`: a figure with its mark, which keeps its column. */
export function marked(figure: string, verdict: Verdict | undefined): string {
  return verdict ? `${figure} ${MARKS[verdict].sign}` : figure;
}

export function paintVerdict(text: string, verdict: Verdict | undefined, style: Style): string {
  return verdict ? style.color[MARKS[verdict].color](text) : text;
}

/** `q8_0`, or keys and values apart as `--kv-type` has them: `q8_0:q4_0`. */
export function typeName({ keyType, valueType }: { readonly keyType: string; readonly valueType: string }): string {
  return (keyType === valueType ? keyType : `${keyType}:${valueType}`).toLowerCase();
}

/** What the marks mean, below a table. */
export const MARK_WORDS = "! nearly full   x does not fit";

/** For lines that stand two columns in. */
export function inner(style: Style): Style {
  return { ...style, width: style.width - 2 };
}

/** What has to be known for a figure. */
export function needs(missing: readonly string[]): string {
  return `needs ${missing.map(safe).join(", ")}`;
}
