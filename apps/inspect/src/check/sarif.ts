/**
 * The answer of `inspect check` as SARIF 2.1.0, which code scanners and CI systems read.
 * Source: OASIS "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", sections 3.13 (sarifLog), 3.27 (result),
 * 3.29 (physicalLocation), 3.30.10 (byteOffset), 3.33 (logicalLocation).
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { RULES } from "@checkpoint-inspect/analysis";
import type { Finding } from "@checkpoint-inspect/parser";
import type { Location, Log, ReportingDescriptor, Result } from "sarif";

import { VERSION } from "../version.ts";
import type { Checked } from "./check-one.ts";

const SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/** @param exitCode what the run ends with */
export function sarifLog(all: readonly Checked[], exitCode: number): Log {
  const rules = RULES.map(
    ({ id, severity, means, why, fix }): ReportingDescriptor => ({
      id,
      shortDescription: { text: means },
      fullDescription: { text: `${means}: ${why}` },
      help: { text: fix },
      defaultConfiguration: { level: severity },
    }),
  );
  const indexOf = new Map(rules.map(({ id }, index) => [id, index]));
  return {
    $schema: SCHEMA,
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "checkpoint-inspect", semanticVersion: VERSION, version: VERSION, rules } },
        invocations: [{ executionSuccessful: all.every(({ source }) => source !== undefined), exitCode }],
        results: all.flatMap((checked) => checked.findings.map((finding) => result(checked, finding, indexOf))),
      },
    ],
  };
}

function result(checked: Checked, finding: Finding, indexOf: ReadonlyMap<string, number>): Result {
  const { rule, severity, message, why, fix } = finding;
  const index = indexOf.get(rule);
  return {
    ruleId: rule,
    ...(index !== undefined && { ruleIndex: index }),
    level: severity,
    message: { text: [message, why, fix].filter((text) => text !== undefined).join("; ") },
    locations: [location(checked, finding)],
  };
}

function location(checked: Checked, { part, tensor, offset }: Finding): Location {
  const { parts = [] } = checked.source ?? {};
  const file =
    parts.find(({ name }) => name === part) ?? (part === undefined && parts.length === 1 ? parts[0] : undefined);
  // Of a finding about a file as a whole, the region is all of it.
  const region = offset !== undefined ? { byteOffset: offset } : file && { byteOffset: 0, byteLength: file.sizeBytes };
  return {
    physicalLocation: { artifactLocation: { uri: uriOf(pathOf(checked, part)) }, ...(region && { region }) },
    ...(tensor !== undefined && { logicalLocations: [{ name: tensor, fullyQualifiedName: tensor, kind: "member" }] }),
  };
}

/** The file that a finding is about, in the folder that the checkpoint was read from. */
function pathOf({ target, folder }: Checked, part: string | undefined): string {
  return part === undefined || folder === undefined ? target : join(folder, part);
}

/** Relative to the working directory for what lies below it, so that CI systems find the file in their checkout. */
function uriOf(path: string): string {
  const uri = pathToFileURL(path).href;
  const here = `${pathToFileURL(process.cwd()).href}/`;
  return uri.startsWith(here) && uri.length > here.length ? uri.slice(here.length) : uri;
}
