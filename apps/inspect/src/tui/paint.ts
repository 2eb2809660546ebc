/** Lines -> text with colour codes: the terminal's own sixteen, which follow light and dark by themselves. */
import { Chalk } from "chalk";

import { BUCKET_COLORS, type Paint } from "../views/palette.ts";
import type { Line, Span, Tone } from "./line.ts";

/** Bold, dim and inverse are no colours: they stay where colour is not wanted. */
const chalk = new Chalk({ level: 1 });

const TONES: Readonly<Record<Exclude<Tone, `bucket.${string}`>, Paint>> = {
  accent: "cyan",
  ok: "green",
  warn: "yellow",
  bad: "red",
  plan: "magenta",
};

function paintOf(tone: Tone): Paint {
  return tone.startsWith("bucket.")
    ? BUCKET_COLORS[tone.slice("bucket.".length) as keyof typeof BUCKET_COLORS]
    : TONES[tone as keyof typeof TONES];
}

export function paint(line: Line, color: boolean): string {
  return line.map((span) => painted(span, color)).join("");
}

function painted({ text, tone, dim, bold, inverse }: Span, color: boolean): string {
  let out = text;
  if (tone && color) out = chalk[paintOf(tone)](out);
  if (dim) out = chalk.dim(out);
  if (bold) out = chalk.bold(out);
  if (inverse) out = chalk.inverse(out);
  return out;
}
