/**
 * One repo, audited: a flat row that every answer (text, JSON, NDJSON, SARIF, markdown) is made from, and that a list writes
 * into its file. What it was made from, reports of whole checkpoints, isn't kept.
 */
import {
  formatExact,
  kindTitle,
  type LookedCheckpoint,
  plural,
  type ReportError,
  type RepositorySubject,
  reportError,
  SCHEMA_VERSION,
} from "@checkpoint-inspect/analysis";
import type { CheckpointUse, Finding, ListedCheckpoint, Severity } from "@checkpoint-inspect/parser";

import { type Counts, countBySeverity, fails } from "../severities.ts";
import type { LookedRepo } from "./look.ts";
import { mergedFindings } from "./merge.ts";

/** docs/audit.schema.json, `repository`. */
export interface AuditRow {
  readonly schemaVersion: typeof SCHEMA_VERSION;
  /** Place in the list of what was asked for, from 0. */
  readonly index: number;
  readonly target: string;
  /** `org/name`; null where the repo couldn't be asked, as for the next three. */
  readonly id: string | null;
  readonly revision: string | null;
  readonly commit: string | null;
  /** Its page on the Hub. */
  readonly url: string | null;
  /** Whether any finding is at or above `--fail-on`. */
  readonly failed: boolean;
  /** Not all of it could be looked at: {@link AuditRow.partialReasons} says why. */
  readonly partial: boolean;
  readonly partialReasons: readonly string[];
  /** Its files can't be read: it is gated, and no token with access was given. */
  readonly closed: boolean;
  readonly counts: Counts;
  readonly files: AuditedFiles | null;
  readonly checkpoints: readonly AuditedCheckpoint[];
  readonly info: AuditedInfo | null;
  readonly findings: readonly Finding[];
  readonly error: ReportError | null;
  readonly requests: number;
  readonly bytes: number;
}

interface AuditedFiles {
  readonly count: number;
  readonly sizeBytes: number;
  /** There are more than were listed. */
  readonly cut: boolean;
}

export interface AuditedCheckpoint {
  readonly entry: string;
  readonly label: string;
  readonly use: CheckpointUse;
  /** Its header was read; figures of others are null. */
  readonly opened: boolean;
  readonly format: string | null;
  /** What kind of model it is, in words. */
  readonly kind: string | null;
  readonly architecture: string | null;
  readonly parameters: number | null;
  readonly active: number | null;
  readonly bitsPerWeight: number | null;
  /** The label in the file name, else the one that is declared in the file. */
  readonly quant: string | null;
  readonly sizeBytes: number;
  readonly files: number;
  readonly declaredFiles: number;
  readonly error: ReportError | null;
}

/** What the Hub says of the repo; null is unknown. */
export interface AuditedInfo {
  readonly license: string | null;
  readonly gated: false | "auto" | "manual" | null;
  readonly private: boolean | null;
  readonly disabled: boolean | null;
  readonly author: string | null;
  readonly lastModified: string | null;
  readonly baseModels: readonly string[] | null;
  readonly libraryName: string | null;
  readonly pipelineTag: string | null;
  readonly downloads: number | null;
  readonly likes: number | null;
  readonly usedStorageBytes: number | null;
  readonly scans: {
    readonly done: boolean;
    readonly files: readonly { readonly path: string; readonly level: string }[];
  } | null;
}

export interface RowOptions {
  readonly index: number;
  readonly failOn: Severity;
  /** Of the settings, without a slash at the end. */
  readonly endpoint: string;
  /** The rules on a repository. */
  readonly judge: (subject: RepositorySubject) => readonly Finding[];
}

/** Errors that say nothing of the repo: it couldn't be asked. They end with exit code 4. */
const HUB_ERRORS: ReadonlySet<string> = new Set(["network", "auth", "not-on-server"]);

export function auditRow(looked: LookedRepo, { index, failOn, ...options }: RowOptions): AuditRow {
  const { target, subject, error, requests, bytes } = looked;
  const findings = mergedFindings(looked, options.judge, (code) => HUB_ERRORS.has(code));
  const counts = countBySeverity(findings);
  const partialReasons = subject ? reasonsOf(subject, looked, findings) : [];
  const { id = null, revision = null, commit = null, info } = subject ?? {};
  return {
    schemaVersion: SCHEMA_VERSION,
    index,
    target,
    id,
    revision,
    commit,
    url: id === null ? null : `${looked.endpoint ?? options.endpoint}/${encodedPath(id)}`,
    failed: fails(counts, failOn),
    partial: partialReasons.length > 0 || subject?.closed === true || subject?.filesCut === true,
    partialReasons,
    closed: subject?.closed ?? false,
    counts,
    files: subject ? filesOf(subject) : null,
    checkpoints: subject ? checkpointsOf(subject) : [],
    info: info ? infoOf(info) : null,
    findings,
    error: error ? reportError(error) : null,
    requests,
    bytes,
  };
}

/** Whether the Hub or the network kept something of it back. */
export function hubFailed({ closed, error, checkpoints }: AuditRow): boolean {
  if (closed) return true;
  return [error, ...checkpoints.map((one) => one.error)].some((one) => one !== null && HUB_ERRORS.has(one.code));
}

/** Whether another try may give more: what failed is the network or the server, not the access or the repo. */
export function worthAnotherTry({ error, checkpoints }: AuditRow): boolean {
  return [error, ...checkpoints.map((one) => one.error)].some((one) => one?.code === "network");
}

/** Whether there are checkpoints, and none of them could be opened, though the Hub gave what it was asked for. */
export function isUnreadable(row: AuditRow): boolean {
  if (hubFailed(row)) return false;
  if (row.error) return true;
  return row.checkpoints.some(({ error }) => error !== null) && !row.checkpoints.some(({ opened }) => opened);
}

/** The same row in another run: its place there, and what that run fails on. */
export function rowInRun(row: AuditRow, index: number, failOn: Severity): AuditRow {
  return { ...row, index, failed: fails(row.counts, failOn) };
}

/** A path as it stands in a URL: all but its slashes escaped. Half a surrogate pair has no form there. */
export function encodedPath(path: string): string {
  const names = path.replace(/\p{Cs}/gu, "\ufffd").split("/");
  return names.map((name) => encodeURIComponent(name)).join("/");
}

/** Says of files that may not be read, and of a list that is cut; what failed on the way is known here alone. */
const PARTIAL_RULE = "repo/partial";

function reasonsOf(
  { closed, checkpoints, looked }: RepositorySubject,
  { error }: LookedRepo,
  findings: readonly Finding[],
): string[] {
  const found = findings.filter(({ rule }) => rule === PARTIAL_RULE).map(({ message }) => message);
  const failed = looked.filter(({ error: own }) => own && HUB_ERRORS.has(own.code));
  const present = checkpoints.filter(({ files }) => files.length > 0).length;
  return [
    ...found,
    ...(error ? [error.message] : []),
    ...(!closed && failed.length > 0
      ? [`${of(failed.length, looked.length)} couldn't be read: ${failed[0]?.error?.message}`]
      : []),
    ...(!closed && looked.length < present ? [`${of(present - looked.length, present)} weren't opened`] : []),
  ];
}

/** "2 of 40 checkpoints" */
function of(some: number, all: number): string {
  return `${formatExact(some)} of ${plural(all, "checkpoint")}`;
}

function filesOf({ files, filesCut = false }: RepositorySubject): AuditedFiles {
  return { count: files.length, sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), cut: filesCut };
}

function checkpointsOf({ checkpoints, looked }: RepositorySubject): AuditedCheckpoint[] {
  const byEntry = new Map(looked.map((one) => [one.listed.entry, one]));
  const known = new Set(checkpoints.map(({ entry }) => entry));
  const others = looked.filter(({ listed }) => !known.has(listed.entry)).map(({ listed }) => listed);
  return [...checkpoints, ...others].map((listed) => checkpointOf(listed, byEntry.get(listed.entry)));
}

function checkpointOf(listed: ListedCheckpoint, looked: LookedCheckpoint | undefined): AuditedCheckpoint {
  const { entry, label, use, kind, quant, sizeBytes, files, declaredParts } = listed;
  const { report, error } = looked ?? {};
  return {
    entry,
    label,
    use,
    opened: report !== undefined,
    format: report?.source.format ?? (kind === "pipeline" ? null : kind),
    kind: report ? kindTitle(report) : null,
    architecture: report?.model.architecture ?? null,
    parameters: exactOrNull(report?.parameters.total),
    active: exactOrNull(report?.parameters.active),
    bitsPerWeight: report?.quantization.bitsPerWeight ?? null,
    quant: quant ?? report?.quantization.declared ?? null,
    sizeBytes,
    files: files.length,
    declaredFiles: declaredParts,
    error: error ? reportError(error) : null,
  };
}

/** A number that no double holds exactly is none that a script could use; a finding says so of the file. */
function exactOrNull(count: number | null | undefined): number | null {
  return count !== null && count !== undefined && Number.isSafeInteger(count) ? count : null;
}

function infoOf(info: NonNullable<RepositorySubject["info"]>): AuditedInfo {
  const { scans } = info;
  return {
    license: info.license ?? null,
    gated: info.gated ?? null,
    private: info.private ?? null,
    disabled: info.disabled ?? null,
    author: info.author ?? null,
    lastModified: info.lastModified ?? null,
    baseModels: info.baseModels ?? null,
    libraryName: info.libraryName ?? null,
    pipelineTag: info.pipelineTag ?? null,
    downloads: info.downloads ?? null,
    likes: info.likes ?? null,
    usedStorageBytes: info.usedStorageBytes ?? null,
    scans: scans ? { done: scans.done, files: scans.files.map(({ path, level }) => ({ path, level })) } : null,
  };
}
