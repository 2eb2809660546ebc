/**
 * Finding entries of the guide as people type them: case, spaces, hyphens, underscores and plurals don't matter. A word that has
 * no entry gets the entries whose names are nearest.
 */
import type { Report } from "../report.ts";
import { storageTypeTerm } from "./storage-types.ts";
import type { Term, TermGroup } from "./term.ts";
import { TERM_GROUPS } from "./terms.ts";
import { STORAGE_TERMS } from "./terms-storage.ts";

/** All entries, in groups. Types and labels, of which there are many, have entries by name only (`Q4_K`). */
export function listTerms(): readonly TermGroup[] {
  return TERM_GROUPS;
}

function plain(word: string): string {
  return word.toLowerCase().replace(/[\s_-]+/g, "");
}

const BY_NAME: ReadonlyMap<string, Term> = new Map(
  TERM_GROUPS.flatMap(({ terms }) =>
    terms.flatMap((term) => [term.term, ...term.aliases].map((name) => [plain(name), term] as const)),
  ),
);

/** The entry for a word or a few, or the entry of the storage type or label of that name. */
export function findTerm(word: string): Term | undefined {
  const name = plain(word);
  if (name === "") return undefined;
  const forms = [name, name.replace(/s$/, ""), name.replace(/es$/, ""), `${name}s`];
  for (const form of forms) {
    const term = BY_NAME.get(form);
    if (term) return term;
  }
  return storageTypeTerm(word);
}

/** No name is longer; longer words are no typing mistakes, and comparing them would only take time. */
const LONGEST = 40;
/** Shorter words are too near to each other by chance. */
const SHORTEST_PART = 3;

/** An entry and the name of it, its own or an alias, that is near to what was typed. */
export interface NearTerm {
  readonly name: string;
  readonly term: Term;
}

/**
 * The entries whose names are nearest to a word: a few letters away, or the same whole words and some more or fewer.
 * Each with the name that is near. Best first; none for a word that is far from all.
 */
export function nearestTerms(word: string, most = 3): readonly NearTerm[] {
  const name = plain(word);
  if (name === "" || name.length > LONGEST) return [];
  const allowed = Math.min(MOST_MISTAKES, Math.max(1, Math.floor(name.length / LETTERS_PER_MISTAKE)));
  const typed = wordsOf(word);
  const best = new Map<Term, { name: string; distance: number }>();
  for (const { known, letters, words, term } of NAMES) {
    const distance = Math.min(editDistance(name, letters, allowed), sharedDistance(typed, words));
    if (distance < (best.get(term)?.distance ?? Number.POSITIVE_INFINITY)) best.set(term, { name: known, distance });
  }
  return [...best]
    .sort((a, b) => a[1].distance - b[1].distance)
    .slice(0, most)
    .map(([term, { name }]) => ({ name, term }));
}

/** A mistake in every four letters; more, and it is another word. */
const LETTERS_PER_MISTAKE = 4;
const MOST_MISTAKES = 4;
/** Worse than any distance in letters that is allowed. */
const SHARED = 100;

function wordsOf(text: string): readonly string[] {
  return text
    .toLowerCase()
    .trim()
    .split(/[\s_-]+/);
}

/** How far two names are apart of which one has all words of the other, by the share of its words; Infinity for others. */
function sharedDistance(typed: readonly string[], words: readonly string[]): number {
  const [few, many] = typed.length < words.length ? [typed, words] : [words, typed];
  if (!few.every((word) => word.length >= SHORTEST_PART && many.includes(word))) return Number.POSITIVE_INFINITY;
  return SHARED + many.length - few.length;
}

/** Every name of every entry. */
const NAMES = TERM_GROUPS.flatMap(({ terms }) =>
  terms.flatMap((term) =>
    [term.term, ...term.aliases].map((known) => ({ known, letters: plain(known), words: wordsOf(known), term })),
  ),
);

/** In a short word one letter more or less, or two that are swapped, may be a mistake; another letter makes another word. */
const SHORT_WORD = 6;

/**
 * Letters to insert, drop, change, or swap with their neighbour to make one word into the other (optimal string alignment, the
 * restricted form of Damerau-Levenshtein); Infinity above `most`, and for single letters (q, k, v), which are one edit from each other.
 */
function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most || Math.min(a.length, b.length) < SHORTEST_PART)
    return Number.POSITIVE_INFINITY;
  const change = Math.min(a.length, b.length) < SHORT_WORD ? 2 : 1;
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (last[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : change);
      let least = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, changed);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] as number) + 1);
      row.push(least);
    }
    [before, last] = [last, row];
  }
  const distance = last[b.length] as number;
  return distance > most ? Number.POSITIVE_INFINITY : distance;
}

/** Entries that have something to say of a file without parameters. */
const WITHOUT_PARAMETERS: ReadonlySet<string> = new Set(["tokenizer", "context", "checkpoint", "training data"]);

/** Entries that hold for any file with tensors; the others are about a model. */
const OF_ANY_TENSORS: ReadonlySet<string> = new Set([
  ...["parameter", "weight", "bias", "checkpoint", "lora", "control vector", "vram"],
  ...["encoder-decoder", "embedding model", "diffusion", "bucket", "not counted", "hub"],
]);

/** What a file that is no model says to the words for models, or undefined where the entry has its own answer. */
function notOfThisKind(term: Term, report: Report): readonly string[] | undefined {
  const about = ABOUT_KIND[report.model.kind];
  // Types and quantization are of files, whatever is in them.
  if (!about || OF_ANY_TENSORS.has(term.term) || !ABOUT_MODELS.has(term)) return undefined;
  return [`${about.what}, so '${term.term}' doesn't apply to it.`, `See '${about.see}'.`];
}

const ABOUT_KIND: Partial<Record<Report["model"]["kind"], { readonly what: string; readonly see: string }>> = {
  adapter: { what: "This file is an adapter, a set of changes to another model", see: "lora" },
  "control-vector": {
    what: "This file is a control vector, a direction that is added inside another model",
    see: "control vector",
  },
};

/** Entries about models: all that are listed but those on storage. Types and labels aren't listed. */
const ABOUT_MODELS: ReadonlySet<Term> = new Set(
  TERM_GROUPS.flatMap(({ terms }) => terms).filter((term) => !STORAGE_TERMS.includes(term)),
);

/**
 * What an entry says of one checkpoint, in whole sentences; with a word of caution first where the checkpoint couldn't be read
 * or counted whole. Text out of the file may be among it: make it safe before it reaches a terminal.
 */
export function ownNumbers(term: Term, report: Report): readonly string[] {
  if (!term.own) return [];
  const { parameters, source, error } = report;
  const cautions: string[] = [];
  if (error) cautions.push("Reading stopped before the end of its header: the numbers cover what was read.");
  if (source.missingParts.length > 0)
    cautions.push("Some of its parts are missing: the numbers cover those that are there.");
  if (parameters.total === 0 && !WITHOUT_PARAMETERS.has(term.term))
    return [...cautions, "This file holds no parameters, so there are no numbers for this."];
  if (!parameters.logicalKnown)
    cautions.push("How it packs its weights isn't fully known: the counts are of stored words, or upper bounds.");
  return [...cautions, ...(notOfThisKind(term, report) ?? term.own(report))];
}
