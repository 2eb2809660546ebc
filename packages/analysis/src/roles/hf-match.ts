/**
 * Reads the rule language of `hf-rules.ts`. Selectors are compiled when a rule table is first asked, not at import:
 * a few hundred short strings, well under a millisecond.
 */
import type { HfRuleOptions, HfRuleTable } from "./hf-rules.ts";
import type { Bucket } from "./role.ts";

type SegmentTest = (segment: string) => boolean;

interface Selector {
  readonly anchored: boolean;
  /** Compounds from the last to the first, each with its segments from the last to the first. */
  readonly compounds: readonly (readonly SegmentTest[])[];
  /** Whether a number in the path may be stepped over, compound by compound and segment by segment. */
  readonly numeric: readonly (readonly boolean[])[];
}

export interface CompiledRule {
  /** Place in its tables: the first that matches wins. */
  readonly order: number;
  readonly bucket: Bucket;
  readonly part: string;
  readonly options: HfRuleOptions;
  readonly selector: Selector;
  /** What the selector's last segment may be. */
  readonly leaves: readonly string[];
}

const isNumber = (segment: string): boolean => /^\d+$/.test(segment);

function segmentTest(pattern: string): SegmentTest {
  const tests = pattern.split("|").map((word): SegmentTest => {
    if (!word.includes("*")) return (segment) => segment === word;
    const [head = "", ...rest] = word.split("*");
    const tail = rest.pop() ?? "";
    return (segment) => {
      if (segment.length < head.length + tail.length || !segment.startsWith(head) || !segment.endsWith(tail))
        return false;
      let at = head.length;
      for (const middle of rest) {
        const found = segment.indexOf(middle, at);
        if (found < 0 || found + middle.length > segment.length - tail.length) return false;
        at = found + middle.length;
      }
      return true;
    };
  });
  const [only] = tests;
  return tests.length === 1 && only ? only : (segment) => tests.some((test) => test(segment));
}

function compile(match: string): Selector {
  const anchored = match.startsWith("^");
  const compounds = (anchored ? match.slice(1) : match).split(" ").map((compound) => compound.split("."));
  const reversed = compounds.reverse().map((segments) => segments.reverse());
  return {
    anchored,
    compounds: reversed.map((segments) => segments.map(segmentTest)),
    numeric: reversed.map((segments) => segments.map((pattern) => pattern.split("|").some(isNumber))),
  };
}

/** Rules in order, and by the last segment that they ask for, so that a name meets only those that could match it. */
export interface RuleSet {
  readonly all: readonly CompiledRule[];
  /** Every last segment that some rule names. */
  readonly vocabulary: ReadonlySet<string>;
  /** Rules whose last segment has a `*`: they may match any leaf. */
  readonly wild: readonly CompiledRule[];
  /** Filled as leaves are asked for; never larger than the vocabulary. */
  readonly byLeaf: Map<string, readonly CompiledRule[]>;
}

const isWild = ({ leaves }: CompiledRule): boolean => leaves.some((leaf) => leaf.includes("*"));

export function ruleSet(all: readonly CompiledRule[]): RuleSet {
  return {
    all,
    vocabulary: new Set(all.flatMap((rule) => rule.leaves)),
    wild: all.filter(isWild),
    byLeaf: new Map(),
  };
}

export function compileTables(tables: readonly HfRuleTable[]): RuleSet {
  const rows = tables.flatMap(({ bucket, rows }) => rows.map((row) => ({ bucket, row })));
  return ruleSet(
    rows.map(({ bucket, row: [match, part, options] }, order) => {
      const leaves = (match.split(/[ .^]/).at(-1) ?? "").split("|");
      return { order, bucket, part, options: options ?? {}, selector: compile(match), leaves };
    }),
  );
}

function rulesFor(set: RuleSet, leaf: string): readonly CompiledRule[] {
  if (!set.vocabulary.has(leaf)) return set.wild;
  let found = set.byLeaf.get(leaf);
  if (!found) {
    found = set.all.filter((rule) => rule.leaves.includes(leaf) || isWild(rule));
    set.byLeaf.set(leaf, found);
  }
  return found;
}

/** The rules that could match a path with one of these last segments, in order. */
export function candidates(set: RuleSet, leaves: readonly string[]): readonly CompiledRule[] {
  // A number may be stepped over, so it says nothing of the rule's last segment.
  if (leaves.some(isNumber)) return set.all;
  const [first, ...rest] = leaves.map((leaf) => rulesFor(set, leaf));
  if (!first) return [];
  if (rest.length === 0) return first;
  return [...new Set([...first, ...rest.flat()])].sort((a, b) => a.order - b.order);
}

/** Index of the path at which the compound begins when its last segment stands at or (over numbers) before `end`; -1 if none. */
function compoundAt(
  tests: readonly SegmentTest[],
  numeric: readonly boolean[],
  path: readonly string[],
  end: number,
): number {
  let at = end;
  for (const [i, test] of tests.entries()) {
    while (at >= 0 && !numeric[i] && isNumber(path[at] ?? "")) at--;
    const segment = path[at];
    if (segment === undefined || !test(segment)) return -1;
    at--;
  }
  return at + 1;
}

/** Whether the selector matches the path, whose last segment is what the tensor is called inside its module. */
export function matches(selector: Selector, path: readonly string[]): boolean {
  const [leaf, ...ancestors] = selector.compounds;
  if (!leaf) return false;
  let begin = compoundAt(leaf, selector.numeric[0] ?? [], path, path.length - 1);
  if (begin < 0) return false;
  for (const [i, ancestor] of ancestors.entries()) {
    let end = begin - 1;
    let found = -1;
    // Numbers are stepped over inside `compoundAt`; starting from each segment keeps the search complete.
    for (; end >= 0 && found < 0; end--) found = compoundAt(ancestor, selector.numeric[i + 1] ?? [], path, end);
    if (found < 0) return false;
    begin = found;
  }
  return !selector.anchored || path.slice(0, begin).every(isNumber);
}
