/** All entries of the plain-language guide, in the groups and the order in which a list shows them. */
import type { TermGroup } from "./term.ts";
import { COUNTING_TERMS } from "./terms-counting.ts";
import { DETAIL_TERMS } from "./terms-details.ts";
import { KIND_TERMS } from "./terms-kinds.ts";
import { MIXTURE_TERMS } from "./terms-mixture.ts";
import { NUMBER_TERMS } from "./terms-numbers.ts";
import { PART_TERMS } from "./terms-parts.ts";
import { RUNNING_TERMS } from "./terms-running.ts";
import { STORAGE_TERMS } from "./terms-storage.ts";

export const TERM_GROUPS: readonly TermGroup[] = [
  { title: "What a model consists of", terms: NUMBER_TERMS },
  { title: "Its parts, from text in to text out", terms: PART_TERMS },
  { title: "Inside the parts, and beside them", terms: DETAIL_TERMS },
  { title: "Two designs", terms: MIXTURE_TERMS },
  { title: "Kinds of models", terms: KIND_TERMS },
  { title: "How it is stored", terms: STORAGE_TERMS },
  { title: "Running it", terms: RUNNING_TERMS },
  { title: "How it is counted here", terms: COUNTING_TERMS },
];
