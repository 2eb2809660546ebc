/** The rules of the second opinion: another reader and ours say different things of the same bytes. */
import type { RuleTable } from "@checkpoint-inspect/parser";

const WHO_IS_RIGHT =
  "ask a third reader, and report it to the one that is wrong; docs/second-opinion.md lists known cases";

export const OPINION_RULES = {
  "opinion/refused": {
    severity: "warning",
    severities: ["note"],
    means: "another reader refuses what we read",
    why: "tools that build on it won't open the file",
    fix: WHO_IS_RIGHT,
  },
  "opinion/accepted": {
    severity: "warning",
    severities: ["note"],
    means: "another reader reads on where we stopped",
    why: "tools that build on it show the file as if it were whole",
    fix: WHO_IS_RIGHT,
  },
  "opinion/tensors": {
    severity: "warning",
    severities: ["note"],
    means: "another reader finds other tensors, or gives one another shape, type or place",
    why: "one of the two reads the tensor table wrongly",
    fix: WHO_IS_RIGHT,
  },
  "opinion/metadata": {
    severity: "warning",
    severities: ["note"],
    means: "another reader finds other metadata, or another value",
    why: "one of the two reads the metadata wrongly",
    fix: WHO_IS_RIGHT,
  },
  "opinion/parameters": {
    severity: "warning",
    severities: ["note"],
    means: "another reader counts other parameters than its rules should give",
    why: "the Hub shows its count",
    fix: WHO_IS_RIGHT,
  },
  "opinion/shards": {
    severity: "warning",
    severities: ["note"],
    means: "another reader takes other files for the set",
    why: "what it counts is another model",
    fix: WHO_IS_RIGHT,
  },
  "opinion/not-asked": {
    severity: "note",
    means: "the other reader was not asked, or didn't answer in time",
    why: "there is no second opinion on this file",
    fix: "none needed: its memory or time would have no bound here",
  },
} as const satisfies RuleTable;

export type OpinionRule = keyof typeof OPINION_RULES;
