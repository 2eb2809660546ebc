/**
 * Finding entries of the guide as people type them: case, spaces, hyphens, underscores and plurals don't matter. A word that has
 * no entry gets the entries whose names are nearest.
 */
import type { Report } from "../report.ts";
import { storageTypeTerm } from "./storage-types.ts";
import type { Term, TermGroup } from "./term.ts";
import { TERM_GROUPS } from "./terms.ts";

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
/** A word as short as this is part of too many names by chance. */
const SHORTEST_PART = 3;

/** The entries whose names are nearest to a word: a few letters away, or part of it, or it of them. Best first. */
export function nearestTerms(word: string, most = 3): readonly Term[] {
  const name = plain(word);
  if (name === "" || name.length > LONGEST) return [];
  const allowed = Math.min(3, Math.max(1, Math.floor(name.length / 3)));
  const best = new Map<Term, number>();
  for (const [known, term] of BY_NAME) {
    let distance = editDistance(name, known, allowed);
    // Single letters (q, k, v) are one edit from each other.
    if (distance >= known.length) distance = Number.POSITIVE_INFINITY;
    const [short, long] = name.length < known.length ? [name, known] : [known, name];
    if (short.length >= SHORTEST_PART && long.includes(short))
      distance = Math.min(distance, allowed + 1 - short.length / long.length);
    if (distance < (best.get(term) ?? Number.POSITIVE_INFINITY)) best.set(term, distance);
  }
  return [...best]
    .sort((a, b) => a[1] - b[1])
    .slice(0, most)
    .map(([term]) => term);
}

/**
 * Letters to insert, drop, change, or swap with their neighbour to make one word into the other (optimal string alignment, the
 * restricted form of Damerau-Levenshtein); Infinity above `most`.
 */
function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return Number.POSITIVE_INFINITY;
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (last[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
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
  return [...cautions, ...term.own(report)];
}
