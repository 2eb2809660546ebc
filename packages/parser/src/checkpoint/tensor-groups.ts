/**
 * Tensors that stand wrong for one reason, which are the files that they stand between. One mix-up touches every tensor of a file,
 * and is one finding. A set may have 10,000 files and a million tensors: pairs above a limit are counted together.
 */
import { MAX_FINDINGS_PER_RULE } from "../findings.ts";
import { grouped, inShort, quoted } from "../words.ts";

/** Pairs that are kept, each a finding; the one that counts the others is the last that a list takes. */
const MAX_GROUPS = MAX_FINDINGS_PER_RULE - 1;

/** Names that a finding lists. */
const MAX_NAMES = 3;

/** Tensors between two files. */
export interface TensorGroup {
  readonly from: string;
  readonly to: string;
  count: number;
  /** The first of them. */
  readonly names: string[];
}

export interface TensorGroups {
  /** By the first file, then by the second. */
  readonly byFile: Map<string, Map<string, TensorGroup>>;
  kept: number;
  /** Tensors of pairs above the limit. */
  others: number;
}

export function tensorGroups(): TensorGroups {
  return { byFile: new Map(), kept: 0, others: 0 };
}

/** @param to the second file; where there is none, tensors are grouped by the first alone */
export function addTensor(groups: TensorGroups, name: string, from: string, to = ""): void {
  const row = groups.byFile.get(from);
  const group = row?.get(to);
  if (group) {
    group.count++;
    if (group.names.length < MAX_NAMES) group.names.push(name);
    return;
  }
  if (groups.kept >= MAX_GROUPS) {
    groups.others++;
    return;
  }
  groups.kept++;
  const made: TensorGroup = { from, to, count: 1, names: [name] };
  if (row) row.set(to, made);
  else groups.byFile.set(from, new Map([[to, made]]));
}

/** The groups, in the order in which they were met. */
export function* groupsOf({ byFile }: TensorGroups): Generator<TensorGroup> {
  for (const row of byFile.values()) yield* row.values();
}

/** The tensors of all groups, those above the limit too. */
export function tensorsIn(groups: TensorGroups): number {
  let count = groups.others;
  for (const group of groupsOf(groups)) count += group.count;
  return count;
}

/** `tensor "a"`, or `83 tensors`. */
export function subjectOf({ count, names }: TensorGroup): string {
  return count === 1 ? `tensor ${quoted(names[0] ?? "")}` : `${grouped(count)} tensors`;
}

/** Behind a {@link subjectOf}: `: "a", "b" and 81 more`; nothing where there is one, which is named already. */
export function namesOf({ count, names }: TensorGroup): string {
  const shown = names.map((name) => quoted(name));
  return count === 1 ? "" : `: ${inShort(shown, count, MAX_NAMES)}`;
}
