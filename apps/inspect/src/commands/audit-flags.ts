/** The flags of `inspect audit`, apart from its code, which is loaded when somebody asks for an audit. */
import type { Severity } from "@checkpoint-inspect/parser";

import type { CommonFlags } from "./command.ts";

export interface AuditFlags extends Omit<CommonFlags, "target"> {
  readonly repos: readonly string[];
  /** Files with a repo a line; `-` is stdin. */
  readonly from: readonly string[];
  readonly failOn: Severity;
  readonly ndjson: boolean;
  readonly sarif: boolean;
  readonly markdown: boolean;
  /** File that takes a row of each repo as it is done. */
  readonly out?: string | undefined;
  /** Go on with what is in `out`. */
  readonly resume: boolean;
  /** Repos at once. */
  readonly parallel: number;
}

export const AUDIT_DEFAULTS = {
  from: [],
  failOn: "error",
  ndjson: false,
  sarif: false,
  markdown: false,
  resume: false,
  parallel: 4,
} as const;

export const MAX_PARALLEL = 32;
