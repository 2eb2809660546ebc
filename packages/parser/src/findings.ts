/**
 * Collects findings while a file is read: all of them, but at most a few dozen of one rule, so that a file with half a
 * million broken tensors gives a page and not a gigabyte.
 */
import type { Finding } from "./errors.ts";

/** Findings of one rule that are kept one by one; the rest is counted. A person reads the first few. */
export const MAX_FINDINGS_PER_RULE = 25;

export interface FindingCollector {
  add(finding: Finding): void;
  list(): Finding[];
}

/** @param part name of the file, written into every finding that names none */
export function findingCollector(part?: string): FindingCollector {
  const kept: Finding[] = [];
  const counts = new Map<string, number>();
  return {
    add(finding) {
      const count = (counts.get(finding.rule) ?? 0) + 1;
      counts.set(finding.rule, count);
      if (count > MAX_FINDINGS_PER_RULE) return;
      kept.push(part === undefined || finding.part !== undefined ? finding : { ...finding, part });
    },
    list() {
      const list = [...kept];
      for (const [rule, count] of counts) {
        if (count <= MAX_FINDINGS_PER_RULE) continue;
        const like = kept.findLast((finding) => finding.rule === rule) as Finding;
        const more = (count - MAX_FINDINGS_PER_RULE).toLocaleString("en-US");
        list.push({
          rule,
          severity: like.severity,
          message: `and ${more} more of the same kind`,
          ...(part && { part }),
        });
      }
      return list;
    },
  };
}
