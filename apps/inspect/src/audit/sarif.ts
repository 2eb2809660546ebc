/**
 * The answer of `inspect audit` as SARIF 2.1.0. Files are named by their pages on the Hub, at the commit that was looked at.
 * Source: OASIS "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", sections 3.4 (artifactLocation), 3.20.21
 * (toolExecutionNotifications), 3.27 (result), 3.58 (notification).
 */
import { type NamedRule, RULES } from "@checkpoint-inspect/analysis";
import type { Finding } from "@checkpoint-inspect/parser";
import type { Location, Log, Notification, Result } from "sarif";

import { resultOf, ruleIndexes, SARIF_SCHEMA, sarifTool, tensorLocations } from "../check/sarif.ts";
import { type AuditRow, encodedPath, hubFailed, isUnreadable } from "./row.ts";
import { troubleOf } from "./words.ts";

/**
 * @param exitCode what the run ends with
 * @param rules all that a finding can come from
 */
export function auditSarif(rows: readonly AuditRow[], exitCode: number, rules: readonly NamedRule[] = RULES): Log {
  const indexOf = ruleIndexes(rules);
  const notifications = rows.flatMap(notificationsOf);
  return {
    $schema: SARIF_SCHEMA,
    version: "2.1.0",
    runs: [
      {
        tool: sarifTool(rules),
        invocations: [
          {
            executionSuccessful: !rows.some((row) => hubFailed(row) || isUnreadable(row)),
            exitCode,
            ...(notifications.length > 0 && { toolExecutionNotifications: notifications }),
          },
        ],
        results: rows.flatMap((row) => row.findings.map((finding) => resultIn(row, finding, indexOf))),
      },
    ],
  };
}

function resultIn(row: AuditRow, finding: Finding, indexOf: ReadonlyMap<string, number>): Result {
  const location: Location = {
    physicalLocation: {
      artifactLocation: { uri: uriOf(row, finding.part) },
      ...(finding.offset !== undefined && { region: { byteOffset: finding.offset } }),
    },
    ...tensorLocations(finding),
  };
  return { ...resultOf(finding, indexOf), locations: [location] };
}

/** What couldn't be looked at, and why: nothing that a rule has found. */
function notificationsOf(row: AuditRow): Notification[] {
  const locations: Location[] = [{ physicalLocation: { artifactLocation: { uri: uriOf(row, undefined) } } }];
  return troubleOf(row).map(([inPart, why]) => ({
    level: inPart ? "note" : "error",
    message: { text: `${row.target} ${inPart ? "was looked at in part" : "couldn't be looked at"}: ${why}` },
    locations,
  }));
}

/** The page of a file, or of all files. Of a repo that couldn't be asked there is its name alone. */
function uriOf({ url, commit, revision, target }: AuditRow, part: string | undefined): string {
  if (url === null) return encodedPath(target);
  const at = commit ?? revision;
  if (at === null) return url;
  return part === undefined ? `${url}/tree/${encodedPath(at)}` : `${url}/blob/${encodedPath(at)}/${encodedPath(part)}`;
}
