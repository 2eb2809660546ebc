/** Disagreements in words: who says what. Whatever comes out of a file is quoted and cut. */
import { grouped, oneLine, quoted } from "@checkpoint-inspect/parser";

import type { Disagreement } from "./disagreement.ts";

/** Characters of what the other reader says of its reasons. */
const MOST_OF_REASON = 200;

/** A reason in words, its own or ours: one line, cut when long. */
export function reason(text: unknown): string {
  const line = oneLine(String(text ?? "no reason given"));
  return line.length > MOST_OF_REASON ? `${line.slice(0, MOST_OF_REASON)}\u2026` : line;
}

/** A value in a message. */
function about(value: unknown): string {
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return grouped(value as number | bigint);
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) {
    const shown = value.slice(0, 8).map(about).join(", ");
    return `[${shown}${value.length > 8 ? `, and ${grouped(value.length - 8)} more` : ""}]`;
  }
  if (typeof value !== "string")
    return value === undefined ? "nothing" : quoted(JSON.stringify(value) ?? String(value));
  return quoted(value);
}

/** Text that differs behind what is shown of it says its lengths as well. */
function pair(ours: unknown, theirs: unknown): [string, string] {
  const shown: [string, string] = [about(ours), about(theirs)];
  if (typeof ours !== "string" || typeof theirs !== "string" || shown[0] !== shown[1]) return shown;
  return [`${shown[0]} (${grouped(ours.length)} characters)`, `${shown[1]} (${grouped(theirs.length)})`];
}

const SUBJECTS = {
  "opinion/tensors": "tensor",
  "opinion/metadata": "metadata",
  "opinion/shards": "file",
} as const;

/** One line: the subject, what we say, what the other reader says. */
export function differenceWords(found: Disagreement, reader: string): string {
  const { rule, what, part, name, index } = found;
  const [ours, theirs] = pair(found.ours, found.theirs);
  if (rule === "opinion/refused") {
    return `${reader} refuses ${part ? about(part) : "the set"}: ${reason(found.theirs)}`;
  }
  if (rule === "opinion/accepted") return `${reader} reads on where we stopped (${reason(found.ours)})`;
  if (rule === "opinion/not-asked") return `not all of it could be compared: ${reason(found.theirs)}`;
  if (rule === "opinion/parameters") {
    if (what === "claim") return `${reader} counts ${ours} parameters, but shows ${theirs}, which the file claims`;
    return `${reader} counts ${theirs} parameters; by its rules it should be ${ours}`;
  }
  const subject = `${SUBJECTS[rule]} ${about(name)}`;
  if (what === "missing") return `${reader} doesn't have ${subject}`;
  if (what === "extra") return `${reader} has ${subject}, which we don't have`;
  if (what === "repeated") return `${subject} stands more than once; ${reader} has it once`;
  const noun =
    what === "element"
      ? `element ${grouped(index ?? 0)}`
      : what === "value" && rule === "opinion/tensors"
        ? "name"
        : what;
  return `${subject}: ${noun} is ${ours} to us, ${theirs} to ${reader}`;
}
