/** The findings of a repo and those of its checkpoints as one list, each with the path of its file from the repo's root. */
import type { LookedCheckpoint, RepositorySubject } from "@checkpoint-inspect/analysis";
import { type Finding, findingOfError, type ListedCheckpoint } from "@checkpoint-inspect/parser";

import type { LookedRepo } from "./look.ts";

/** What opens a pipeline's folder. */
const PIPELINE_INDEX = "model_index.json";

/**
 * @param isHubError errors of these codes say that something couldn't be looked at, and nothing about it: they aren't findings
 */
export function mergedFindings(
  { subject, error }: LookedRepo,
  judge: (subject: RepositorySubject) => readonly Finding[],
  isHubError: (code: string) => boolean,
): Finding[] {
  const all = [
    ...(error ? [findingOfError(error)] : []),
    ...(subject ? [...judge(subject), ...subject.looked.flatMap(inRepository)] : []),
  ];
  // What lies beside several checkpoints was looked at with each of them.
  const once = new Map<string, Finding>();
  for (const finding of all) {
    if (finding.rule.startsWith("read/") && isHubError(finding.rule.slice("read/".length))) continue;
    const { rule, message, part, tensor, offset } = finding;
    const key = JSON.stringify([rule, part, tensor, offset, message]);
    if (!once.has(key)) once.set(key, finding);
  }
  return [...once.values()];
}

/** Parts are named from the checkpoint's folder; of a finding that names none, the file that opens the checkpoint. */
function inRepository({ listed, findings }: LookedCheckpoint): Finding[] {
  const folder = folderOf(listed);
  return findings.map((finding) => ({
    ...finding,
    part: finding.part === undefined ? entryFile(listed) : joined(folder, finding.part),
  }));
}

function folderOf({ kind, entry }: ListedCheckpoint): string {
  return kind === "pipeline" ? entry : entry.slice(0, Math.max(0, entry.lastIndexOf("/")));
}

function entryFile({ kind, entry }: ListedCheckpoint): string {
  return kind === "pipeline" ? joined(entry, PIPELINE_INDEX) : entry;
}

function joined(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}
