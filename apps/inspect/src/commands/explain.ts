/** `inspect explain [term] [target]`: the plain-language guide, with a checkpoint's own numbers where one is named. */
import { existsSync } from "node:fs";
import { findTerm, listTerms, nearestTerms, ownNumbers, type Report, type Term } from "@checkpoint-inspect/analysis";

import { print, terminalStyle } from "../terminal.ts";
import { explainView, termsView } from "../views/explain.ts";
import { jsonText } from "../views/json.ts";
import { withWideText } from "../views/text.ts";
import { type CommonFlags, runOn, UsageError } from "./command.ts";

export interface ExplainFlags extends Omit<CommonFlags, "target"> {
  /** A term of one word or more, then perhaps a target; none for the list. */
  readonly words: readonly string[];
}

const SCHEMA_VERSION = 1;

/** Longer words are shown in part where they are complained about. */
const LONGEST_SHOWN = 60;

export async function runExplain({ words, ...flags }: ExplainFlags): Promise<void> {
  const style = terminalStyle(flags);
  if (words.length === 0) {
    await print(flags.json ? jsonText(listAsJson()) : termsView(listTerms(), style));
    return;
  }
  const { term, target } = splitWords(words);
  if (target !== undefined) {
    return runOn(
      { ...flags, target },
      async ({ report, style }) => {
        const known = await report();
        return explainView(term, style, { report: known, own: ownNumbers(term, known) });
      },
      async ({ report }) => termAsJson(term, await report()),
    );
  }
  await print(flags.json ? jsonText(termAsJson(term)) : await withWideText(() => explainView(term, style)));
}

/**
 * The longest run of leading words that names an entry, and the target behind it.
 * @throws {UsageError} when no entry has that name, or when more follows than one target
 */
function splitWords(words: readonly string[]): { readonly term: Term; readonly target?: string } {
  for (let length = words.length; length > 0; length--) {
    const term = findTerm(words.slice(0, length).join(" "));
    if (!term) continue;
    const [target, ...more] = words.slice(length);
    if (target === undefined) return { term };
    const rest = [target, ...more].join(" ");
    const other = findTerm(withoutFile(words.slice(length)).join(" "));
    if (other && !existsSync(target))
      throw new UsageError(`one term at a time: inspect explain ${term.term}, then inspect explain ${other.term}`);
    if (!looksLikeFile(target)) {
      const asked = withoutFile(words);
      const near = nearestTerms(asked.join(" "), 1)[0];
      // `kv cahce`: a mistyped word of the term rather than a target.
      if (near && near.name.split(" ").length === asked.length) throw new UsageError(unknown(words));
    }
    if (more.length > 0) throw new UsageError(`'${shown(rest)}' is more than one target; name a term and one target`);
    return { term, target };
  }
  throw new UsageError(unknown(words));
}

/** One line on words that name no entry: a file in the place of a term, or the nearest names. */
function unknown(words: readonly string[]): string {
  const [first = "", ...more] = words;
  if (looksLikeFile(first)) {
    const term = findTerm(more.join(" "));
    return `'${first}' is a target, not a term; write inspect explain ${term ? term.term : "<term>"} ${first}`;
  }
  const asked = withoutFile(words).join(" ");
  const near = nearestTerms(asked).map(({ name, term }) => (name === term.term ? name : `${name} (${term.term})`));
  const hint = near.length > 0 ? `did you mean ${near.join(", ")}?` : "'inspect explain' lists all";
  return `no entry for '${shown(asked)}'; ${hint}`;
}

/** The words in front of the target that ends them. */
function withoutFile(words: readonly string[]): readonly string[] {
  return words.length > 1 && looksLikeFile(words.at(-1) ?? "") ? words.slice(0, -1) : words;
}

function looksLikeFile(word: string): boolean {
  return existsSync(word) || /[/\\]|\.(?:gguf|safetensors|json)$/i.test(word);
}

function shown(word: string): string {
  return word.length > LONGEST_SHOWN ? `${word.slice(0, LONGEST_SHOWN)}...` : word;
}

/** Every term as one word, for the completion of a shell: hyphens stand for spaces. */
export function termWords(): readonly string[] {
  return listTerms().flatMap(({ terms }) => terms.map(({ term }) => term.replaceAll(" ", "-")));
}

function listAsJson() {
  return {
    schemaVersion: SCHEMA_VERSION,
    groups: listTerms().map(({ title, terms }) => ({
      title,
      terms: terms.map(({ term, aliases, title, short }) => ({ term, aliases, title, short })),
    })),
  };
}

function termAsJson(term: Term, report?: Report) {
  const { own: _, ...texts } = term;
  return {
    schemaVersion: SCHEMA_VERSION,
    ...texts,
    ...(report && {
      source: report.source,
      own: ownNumbers(term, report),
      ...(report.error && { error: report.error }),
    }),
  };
}
