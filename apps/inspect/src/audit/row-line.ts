/** A row as a line of NDJSON, and back. */
import { SCHEMA_VERSION } from "@checkpoint-inspect/analysis";

import { jsonText } from "../views/json.ts";
import type { AuditRow } from "./row.ts";

/** What every row begins with: half of a row can be told from a line of another file. */
export const ROW_START = `{"schemaVersion": ${SCHEMA_VERSION}, "index": `;

/** One line with its line feed. Line feeds of the document stand between its tokens alone: strings have them escaped. */
export function rowLine(row: AuditRow): string {
  return `${jsonText(row).replace(/,\n */g, ", ").replace(/\n */g, "")}\n`;
}

/** The row that a line holds; undefined where it holds none. */
export function parseRow(line: string): AuditRow | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return isRow(value) ? value : undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isNullOr = (is: (value: unknown) => boolean) => (value: unknown) => value === null || is(value);
const isListOf = (is: (value: unknown) => boolean) => (value: unknown) => Array.isArray(value) && value.every(is);
const isText = (value: unknown) => typeof value === "string";
const isCount = (value: unknown) => typeof value === "number" && value >= 0;
const isFlag = (value: unknown) => typeof value === "boolean";
const isError = (value: unknown) => isObject(value) && isText(value.code) && isText(value.message);

/** What the answers lean on: a row that someone has written by hand must not end a run. */
const FIELDS: Readonly<Record<keyof AuditRow, (value: unknown) => boolean>> = {
  schemaVersion: (value) => value === SCHEMA_VERSION,
  index: isCount,
  target: isText,
  id: isNullOr(isText),
  revision: isNullOr(isText),
  commit: isNullOr(isText),
  url: isNullOr(isText),
  failed: isFlag,
  partial: isFlag,
  partialReasons: isListOf(isText),
  closed: isFlag,
  counts: (value) => isObject(value) && isCount(value.error) && isCount(value.warning) && isCount(value.note),
  files: isNullOr((value) => isObject(value) && isCount(value.count) && isCount(value.sizeBytes)),
  checkpoints: isListOf(
    (value) => isObject(value) && isText(value.entry) && isText(value.label) && isNullOr(isError)(value.error),
  ),
  info: isNullOr(isObject),
  findings: isListOf(
    (value) => isObject(value) && isText(value.rule) && isText(value.severity) && isText(value.message),
  ),
  error: isNullOr(isError),
  requests: isCount,
  bytes: isCount,
};

function isRow(value: unknown): value is AuditRow {
  return isObject(value) && Object.entries(FIELDS).every(([name, is]) => is(value[name]));
}
