/** docs/audit.schema.json, and what is wrong with a document by it. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

const ID = "https://checkpoint-inspect.invalid/audit.schema.json";

export const AUDIT_SCHEMA = JSON.parse(
  readFileSync(fileURLToPath(new URL("../../../../docs/audit.schema.json", import.meta.url)), "utf8"),
) as Record<string, unknown>;

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
const either = ajv.compile(AUDIT_SCHEMA);
const document = ajv.compile({ $ref: `${ID}#/$defs/document` });
const row = ajv.compile({ $ref: `${ID}#/$defs/repository` });

/** What `--json` prints. */
export const problems = (value: unknown): string[] => told(document, value);

/** A line of `--ndjson` and `--out`. */
export const problemsOfRow = (value: unknown): string[] => told(row, value);

function told(meant: ValidateFunction, value: unknown): string[] {
  if (meant(value)) return either(value) ? [] : ["fits its own definition, but not the whole schema"];
  return (meant.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}
