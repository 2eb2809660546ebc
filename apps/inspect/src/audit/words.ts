/** A row in words: what the text and the markdown have in common. Nothing of it is escaped yet. */
import { formatBytes, formatCount, formatExact, plural } from "@checkpoint-inspect/analysis";

import type { AuditedCheckpoint, AuditedInfo, AuditRow } from "./row.ts";

/**
 * What couldn't be looked at, and why; nothing of what a finding says already.
 * @returns whether anything else could be, and the reason, of each
 */
export function troubleOf({
  id,
  error,
  partialReasons,
  findings,
}: AuditRow): (readonly [inPart: boolean, why: string])[] {
  const reasons = id === null && error ? [error.message] : partialReasons;
  const found = new Set(findings.map(({ message }) => message));
  return reasons.filter((reason) => !found.has(reason)).map((reason) => [id !== null, reason] as const);
}

/** A whole commit hash. */
const COMMIT = /^[0-9a-f]{40}$/;

/** What to write to get the same files tomorrow; undefined where it isn't known, or is what was asked for. */
export function pinnedAs({ id, commit, revision }: AuditRow): string | undefined {
  return id === null || commit === null || revision === commit ? undefined : `${id}@${commit}`;
}

/** As git shows it in short. */
export function shortCommit(commit: string): string {
  return COMMIT.test(commit) ? commit.slice(0, 7) : commit;
}

/** "30.5 B, 3.35 B active" */
export function parameterWords({ parameters, active }: AuditedCheckpoint): string {
  if (parameters === null || parameters === 0) return "";
  const total = formatCount(parameters);
  return active === null || active === parameters ? total : `${total}, ${formatCount(active)} active`;
}

/** "Q4_K_M, 4.86 bits" */
export function quantWords({ quant, bitsPerWeight }: AuditedCheckpoint): string {
  return [quant, bitsPerWeight === null ? null : `${bitsPerWeight.toFixed(2)} bits`]
    .filter((word) => word !== null)
    .join(", ");
}

/** "3.44 GB", of a set that isn't whole "3.44 GB in 15 of 30 files" */
export function checkpointSize({ sizeBytes, files, declaredFiles }: AuditedCheckpoint): string {
  const size = formatBytes(sizeBytes);
  if (files < declaredFiles) return `${size} in ${formatExact(files)} of ${plural(declaredFiles, "file")}`;
  return files > 1 ? `${size} in ${plural(files, "file")}` : size;
}

/** What a repo is, in a few words: its first model, and how many more there are. */
export function shortWords({ checkpoints }: AuditRow): string {
  const models = checkpoints.filter(({ use }) => use === "model");
  const first = models.find(({ opened }) => opened) ?? models[0] ?? checkpoints[0];
  if (!first) return "";
  const words = [first.architecture, parameterWords(first), quantWords(first)].filter(
    (word) => word !== null && word !== "",
  );
  const what = words.length > 0 ? words.join(", ") : first.label;
  return checkpoints.length > 1 ? `${what} and ${plural(checkpoints.length - 1, "more", "more")}` : what;
}

const ACCESS = {
  auto: "gated: whoever accepts the terms may read it",
  manual: "gated: the owner lets people in one by one",
} as const;

/** What the Hub says of it, a name and a value each; what isn't known stands only where that matters. */
export function factWords({ info, files }: AuditRow): [name: string, value: string][] {
  const facts: [string, string][] = [];
  if (files) {
    const cut = files.cut ? " at least" : "";
    facts.push(["files", `${formatExact(files.count)}${cut}, ${formatBytes(files.sizeBytes)}`]);
  }
  if (!info) return facts;
  facts.push(["licence", info.license ?? "none stated"]);
  facts.push(["access", accessWords(info)]);
  if (info.baseModels && info.baseModels.length > 0) facts.push(["base model", someOf(info.baseModels)]);
  if (info.lastModified) facts.push(["last modified", info.lastModified.replace(/(?<=^\d{4}-\d\d-\d\d)T.*$/, "")]);
  if (info.scans) facts.push(["Hub's scan", scanWords(info.scans)]);
  return facts;
}

function accessWords({ gated, private: isPrivate, disabled }: AuditedInfo): string {
  const words = [
    disabled ? "disabled" : "",
    isPrivate ? "private" : "",
    gated ? ACCESS[gated] : "",
    gated === false && !isPrivate && !disabled ? "open" : "",
  ].filter((word) => word !== "");
  return words.length > 0 ? words.join(", ") : "not known";
}

/** What the Hub calls a file with nothing against it, or none that was looked at yet. */
const NOT_FLAGGED: ReadonlySet<string> = new Set(["safe", "unscanned", "queued"]);

function scanWords({ done, files }: NonNullable<AuditedInfo["scans"]>): string {
  const flagged = files.filter(({ level }) => !NOT_FLAGGED.has(level));
  const named = flagged.map(({ path, level }) => `${path} (${level})`);
  const found = flagged.length > 0 ? `${plural(flagged.length, "file")} flagged: ${someOf(named)}` : "nothing flagged";
  return done ? found : `not done yet, so far ${found}`;
}

const SHOWN = 3;

function someOf(items: readonly string[]): string {
  const more = items.length - SHOWN;
  return `${items.slice(0, SHOWN).join(", ")}${more > 0 ? ` and ${formatExact(more)} more` : ""}`;
}

/** "24 requests, 1.3 MB of 145 GB" */
export function trafficWords(rows: readonly AuditRow[]): string {
  const sum = (of: (row: AuditRow) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const all = sum(({ files }) => files?.sizeBytes ?? 0);
  const words = `${plural(
    sum(({ requests }) => requests),
    "request",
  )}, ${formatBytes(sum(({ bytes }) => bytes))}`;
  return all > sum(({ bytes }) => bytes) ? `${words} of ${formatBytes(all)}` : words;
}
