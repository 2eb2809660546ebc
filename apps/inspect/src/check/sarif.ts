/**
 * The answer of `inspect check` as SARIF 2.1.0, which code scanners and CI systems read.
 * Source: OASIS "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", sections 3.13 (sarifLog), 3.27 (result),
 * 3.29 (physicalLocation), 3.30.10 (byteOffset), 3.33 (logicalLocation).
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { type NamedRule, RULES } from "@checkpoint-inspect/analysis";
import type { Finding } from "@checkpoint-inspect/parser";
import type { Location, Log, ReportingDescriptor, Result, Tool } from "sarif";

import { VERSION } from "../version.ts";
import type { Checked } from "./check-one.ts";

export const SARIF_SCHEMA =
  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/** @param exitCode what the run ends with */
export function sarifLog(all: readonly Checked[], exitCode: number): Log {
  const indexOf = ruleIndexes(RULES);
  return {
    $schema: SARIF_SCHEMA,
    version: "2.1.0",
    runs: [
      {
        tool: sarifTool(RULES),
        invocations: [{ executionSuccessful: all.every(({ source }) => source !== undefined), exitCode }],
        results: all.flatMap((checked) =>
          checked.findings.map((finding) => ({
            ...resultOf(finding, indexOf),
            locations: [location(checked, finding)],
          })),
        ),
      },
    ],
  };
}

/** The command with the rules that its results can come from. */
export function sarifTool(rules: readonly NamedRule[]): Tool {
  const descriptors = rules.map(
    ({ id, severity, means, why, fix }): ReportingDescriptor => ({
      id,
      shortDescription: { text: means },
      fullDescription: { text: `${means}: ${why}` },
      help: { text: fix },
      defaultConfiguration: { level: severity },
    }),
  );
  return {
    driver: { name: "checkpoint-inspect", semanticVersion: VERSION, version: VERSION, rules: descriptors },
  };
}

/** Where the tool names a rule, by its id. */
export function ruleIndexes(rules: readonly NamedRule[]): ReadonlyMap<string, number> {
  return new Map(rules.map(({ id }, index) => [id, index]));
}

/** A result without its place. */
export function resultOf(finding: Finding, indexOf: ReadonlyMap<string, number>): Result {
  const { rule, severity, message, why, fix } = finding;
  const index = indexOf.get(rule);
  return {
    ruleId: rule,
    ...(index !== undefined && { ruleIndex: index }),
    level: severity,
    message: { text: [message, why, fix].filter((text) => text !== undefined).join("; ") },
  };
}

/** The tensor that a finding is about. */
export function tensorLocations({ tensor }: Finding): Pick<Location, "logicalLocations"> {
  if (tensor === undefined) return {};
  return { logicalLocations: [{ name: tensor, fullyQualifiedName: tensor, kind: "member" }] };
}

function location(checked: Checked, finding: Finding): Location {
  const { part, offset } = finding;
  const { parts = [] } = checked.source ?? {};
  const file =
    parts.find(({ name }) => name === part) ?? (part === undefined && parts.length === 1 ? parts[0] : undefined);
  // Of a finding about a file as a whole, the region is all of it.
  const region = offset !== undefined ? { byteOffset: offset } : file && { byteOffset: 0, byteLength: file.sizeBytes };
  return {
    physicalLocation: {
      artifactLocation: { uri: checked.remote ? remoteUri(checked, part) : uriOf(pathOf(checked, part)) },
      ...(region && { region }),
    },
    ...tensorLocations(finding),
  };
}

/** The file that a finding is about, in the folder that the checkpoint was read from. */
function pathOf({ target, folder }: Checked, part: string | undefined): string {
  return part === undefined || folder === undefined ? target : join(folder, part);
}

/** The page of the file on the Hub; of a place without one what was typed. */
function remoteUri({ target, folder }: Checked, part: string | undefined): string {
  if (folder === undefined || part === undefined) return folder ?? encodeURI(target);
  return `${folder}${part.split("/").map(encodeURIComponent).join("/")}`;
}

/** Relative to the working directory for what lies below it, so that CI systems find the file in their checkout. */
function uriOf(path: string): string {
  const uri = pathToFileURL(path).href;
  const here = `${pathToFileURL(process.cwd()).href}/`;
  return uri.startsWith(here) && uri.length > here.length ? uri.slice(here.length) : uri;
}
