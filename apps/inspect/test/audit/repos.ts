/** Repos as the audit is given them: the checkpoints are real ones, opened and analysed; the rest is what a Hub says of a repo. */
import { basename } from "node:path";
import {
  analyse,
  auditRepository,
  type LookedCheckpoint,
  type RepositorySubject,
  RULES,
  TEMPLATE_RULES,
} from "@checkpoint-inspect/analysis";
import {
  CheckpointError,
  type Finding,
  findingOfError,
  type ListedCheckpoint,
  memoryFileSet,
  openCheckpoint,
  openFileSet,
} from "@checkpoint-inspect/parser";

import type { LookAtRepo, LookedRepo } from "../../src/audit/look.ts";
import { AUDIT_DEFAULTS, type AuditFlags, type AuditRoom, audit } from "../../src/commands/audit.ts";
import { FIXTURES } from "../run-inspect.ts";

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";
export const ENDPOINT = "https://hub.test";

/** A checkpoint of the fixtures as a file of a repo. */
export async function lookedFixture(name: string, path = name): Promise<LookedCheckpoint> {
  const checkpoint = await openCheckpoint(FIXTURES + name, { beside: true });
  try {
    const report = analyse(checkpoint, { target: path, rules: TEMPLATE_RULES });
    const { sizeBytes } = report.source;
    return { listed: listedGguf(path, sizeBytes), report, findings: report.findings };
  } finally {
    await checkpoint.close();
  }
}

/** A pipeline in a sub-folder, whose one component lies a folder deeper. */
export async function lookedPipeline(folder: string, files: Record<string, Uint8Array>): Promise<LookedCheckpoint> {
  const checkpoint = await openFileSet(memoryFileSet(folder, files), { beside: true });
  const report = analyse(checkpoint);
  const { sizeBytes } = report.source;
  return {
    listed: { ...listedGguf(folder, sizeBytes), kind: "pipeline", label: folder },
    report,
    findings: report.findings,
  };
}

/** One that could not be read. */
export function lookedInVain(path: string, error: CheckpointError): LookedCheckpoint {
  return { listed: listedGguf(path, 1000), findings: [findingOfError(error)], error };
}

export function listedGguf(path: string, sizeBytes: number): ListedCheckpoint {
  return {
    entry: path,
    kind: "gguf",
    use: "model",
    label: basename(path, ".gguf"),
    files: [{ path, sizeBytes }],
    sizeBytes,
    declaredParts: 1,
    missing: [],
  };
}

export function subjectOf(
  id: string,
  looked: readonly LookedCheckpoint[],
  more: Partial<RepositorySubject> = {},
): RepositorySubject {
  const checkpoints = looked.map(({ listed }) => listed);
  return {
    id,
    revision: "main",
    commit: COMMIT,
    files: [{ path: "README.md", sizeBytes: 100 }, ...checkpoints.flatMap(({ files }) => files)],
    info: {
      commit: COMMIT,
      license: "apache-2.0",
      gated: false,
      private: false,
      lastModified: "2026-01-02T03:04:05.000Z",
      baseModels: ["acme/base"],
      scans: { done: true, files: [] },
    },
    checkpoints,
    looked,
    json: new Map(),
    ...more,
  };
}

export const networkError = () => new CheckpointError("network", "hub.test doesn't answer; try again");
export const authError = () => new CheckpointError("auth", "the token of HF_TOKEN was refused; give another one");
export const goneError = () => new CheckpointError("not-on-server", "hub.test knows no repo acme/gone");

/** A rule on a repo, so that what is found doesn't depend on all of them: files of a kind that runs code when it is loaded. */
const PICKLE = {
  id: "repo/pickle-file",
  severity: "error",
  means: "a file runs code when it is loaded",
  why: "whoever loads it trusts its author with their machine",
  fix: "load the safetensors files instead",
} as const;
export const ALL_RULES = [...RULES.filter(({ id }) => id !== PICKLE.id), PICKLE];

/** What that rule finds, and what is said of a repo that could be seen only in part. */
export function pickleFindings(subject: RepositorySubject): Finding[] {
  const { id, severity, why, fix } = PICKLE;
  const pickles = subject.files.filter(({ path }) => path.endsWith(".bin"));
  return [
    ...auditRepository(subject).filter(({ rule }) => rule === "repo/partial"),
    ...pickles.map(({ path }) => ({ rule: id, severity, message: `${path} is a pickle`, why, fix, part: path })),
  ];
}

/** With a file that the rule above finds. */
export function withPickle(subject: RepositorySubject, path = "pytorch_model.bin"): RepositorySubject {
  return { ...subject, files: [...subject.files, { path, sizeBytes: 5000 }] };
}

/** What is seen of each repo by its name; of others nothing is on the server. */
export function lookUp(repos: Readonly<Record<string, Omit<LookedRepo, "target" | "requests" | "bytes">>>): LookAtRepo {
  return async (target) => ({ target, requests: 3, bytes: 2000, ...(repos[target] ?? { error: goneError() }) });
}

export interface Audited {
  readonly code: number;
  readonly stdout: string;
}

/** `inspect audit` with flags beside the defaults, and what it printed. */
export async function auditOf(
  flags: Partial<AuditFlags>,
  lookAtRepo: LookAtRepo,
  room: Partial<AuditRoom> = {},
): Promise<Audited> {
  const written: string[] = [];
  const code = await audit(
    { ...AUDIT_DEFAULTS, json: false, quiet: true, color: false, repos: [], ...flags },
    {
      lookAtRepo,
      judge: pickleFindings,
      endpoint: ENDPOINT,
      rules: ALL_RULES,
      write: async (text) => {
        written.push(text.endsWith("\n") ? text : `${text}\n`);
      },
      ...room,
    },
  );
  return { code, stdout: written.join("") };
}
