/**
 * The name patterns of quantization configs: `*` for anything (`modules_to_not_convert`), and the few regular expressions of
 * compressed-tensors' `re:` targets that can be read as such. No pattern of a file is ever run as a regular expression.
 */

/** What a pattern says between its stars. */
interface Glob {
  readonly first: string;
  readonly middle: readonly string[];
  /** Absent for a pattern without a star: then the whole name is `first`. */
  readonly last?: string;
}

/** How many comparisons of names with patterns are left. Below 0, answers are worthless. */
export interface Effort {
  left: number;
}

/**
 * About a second's work. Published configs list up to a few hundred modules, and the largest checkpoints have half a million
 * tensors, of which few are asked about; a product beyond this is an accident or an attack.
 */
export const MAX_COMPARISONS = 20_000_000;

function parseGlob(pattern: string): Glob {
  const [first = "", ...middle] = pattern.split("*");
  const last = middle.pop();
  return { first, middle, ...(last !== undefined && { last }) };
}

function fits({ first, middle, last }: Glob, name: string): boolean {
  if (last === undefined) return name === first;
  const end = name.length - last.length;
  if (end < first.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  let from = first.length;
  for (const piece of middle) {
    const at = name.indexOf(piece, from);
    if (at < 0 || at + piece.length > end) return false;
    from = at + piece.length;
  }
  return true;
}

/** Signs that mean more in a regular expression than a glob can say. */
const BEYOND_GLOBS = /[\\+?()[\]{}|^$]/;

/** `re:.*mlp\.gate$` as a glob; undefined for what needs more than stars, which then matches nothing. */
function parseTarget(expression: string): Glob | undefined {
  // Python's re.match: tied to the start, open at the end.
  const start = expression.startsWith("^") ? 1 : 0;
  const body = expression.endsWith("$") ? expression.slice(start, -1) : `${expression.slice(start)}.*`;
  const glob = body.replaceAll(".*", "*").replaceAll("\\.", ".");
  return BEYOND_GLOBS.test(glob) ? undefined : parseGlob(glob);
}

/**
 * Lists of compressed-tensors targets: exact module names, or `re:` and an expression. Class names (`Linear`) can't be told from
 * tensor names, and match nothing.
 * @returns the number of the first list that has the module
 */
export function targetLists(
  lists: readonly (readonly string[])[],
  effort: Effort,
): (module: string) => number | undefined {
  const exact = new Map<string, number>();
  const globs: { readonly glob: Glob; readonly list: number }[] = [];
  for (const [list, targets] of lists.entries()) {
    for (const target of targets) {
      if (target.startsWith("re:")) {
        const glob = parseTarget(target.slice(3));
        if (glob) globs.push({ glob, list });
      } else if (!exact.has(target)) {
        exact.set(target, list);
      }
    }
  }
  return (module) => {
    const named = exact.get(module);
    for (const { glob, list } of globs) {
      if (named !== undefined && list >= named) break;
      effort.left -= costOf(1 + glob.middle.length, module);
      if (effort.left < 0) return undefined;
      if (fits(glob, module)) return list;
    }
    return named;
  };
}

/** A comparison looks through the name, so that a long name costs more than a usual one. */
function costOf(comparisons: number, name: string): number {
  return comparisons * Math.ceil((name.length + 1) / USUAL_NAME);
}

/** Characters; names of published tensors seldom have more. */
const USUAL_NAME = 100;

/** `modules_to_not_convert`: plain words stand anywhere in the name, patterns with a star must fit it whole. */
export function skipList(patterns: readonly string[], effort: Effort): (name: string) => boolean {
  const words: string[] = [];
  const globs: Glob[] = [];
  for (const pattern of patterns) {
    if (pattern.includes("*")) globs.push(parseGlob(pattern));
    else words.push(pattern);
  }
  const price = globs.reduce((sum, { middle }) => sum + 1 + middle.length, words.length);
  return (name) => {
    effort.left -= costOf(price, name);
    if (effort.left < 0) return false;
    return words.some((word) => name.includes(word)) || globs.some((glob) => fits(glob, name));
  };
}
