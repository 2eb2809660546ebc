/** docs/audit.schema.json itself: it describes every field, takes no other, and its fields are those that the audit writes. */
import { CheckpointError } from "@checkpoint-inspect/parser";
import { describe, expect, it } from "vitest";

import { AUDIT_SCHEMA, problems, problemsOfRow } from "./audit-schema.ts";
import { auditOf, listedGguf, lookedFixture, lookedInVain, lookUp, subjectOf, withPickle } from "./repos.ts";

type Schema = Readonly<Record<string, unknown>>;

/** Every schema in the document, with its place. */
function* walk(value: unknown, place: string): Generator<[string, Schema]> {
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) yield* walk(item, `${place}[${i}]`);
    return;
  }
  const schema = value as Schema;
  if ("type" in schema && schema.type !== "null") yield [place, schema];
  for (const [name, inner] of Object.entries(schema)) if (name !== "enum") yield* walk(inner, `${place}/${name}`);
}

/** A document in which every field has a value. */
async function fullDocument(): Promise<Record<string, unknown>> {
  const moe = await lookedFixture("llama-moe-mixed.gguf");
  const finding = {
    rule: "gguf/odd",
    severity: "note",
    message: "odd",
    why: "why",
    fix: "fix",
    part: "x.gguf",
    tensor: "t",
    offset: 7,
  } as const;
  const error = new CheckpointError("truncated", "cut", { file: "x.gguf", offset: 9 });
  const subject = withPickle(
    subjectOf(
      "acme/full",
      [{ ...moe, listed: listedGguf("x-Q4_K_M.gguf", 5), findings: [finding] }, lookedInVain("y.gguf", error)],
      {
        filesCut: true,
        info: {
          license: "mit",
          gated: "auto",
          private: true,
          disabled: false,
          author: "acme",
          lastModified: "2026-01-02T03:04:05.000Z",
          baseModels: ["acme/base"],
          libraryName: "transformers",
          pipelineTag: "text-generation",
          downloads: 1,
          likes: 2,
          usedStorageBytes: 3,
          scans: { done: true, files: [{ path: "a.bin", level: "unsafe" }] },
        },
      },
    ),
  );
  const { stdout } = await auditOf({ repos: ["acme/full"], json: true }, lookUp({ "acme/full": { subject, error } }));
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe("the schema", () => {
  it("describes every field in words, and takes no field that it doesn't name", () => {
    const all = [...walk(AUDIT_SCHEMA, "")];
    expect(all.length).toBeGreaterThan(60);
    for (const [place, { description, type, additionalProperties, properties }] of all) {
      expect(description, place).toMatch(/\S/);
      if (type === "object") expect(additionalProperties, place).toBe(false);
      for (const [name, inner] of Object.entries((properties ?? {}) as Schema)) {
        expect((inner as Schema).description, `${place}.${name}`).toMatch(/\S/);
      }
    }
  });

  it("fits a document in which every field has a value, and requires each but the optional ones of findings", async () => {
    const document = await fullDocument();
    expect(problems(document)).toEqual([]);
    const [row] = document.repositories as Record<string, unknown>[];
    for (const [place, value] of Object.entries(row ?? {})) {
      expect(value, place).not.toBeNull();
      const { [place]: _, ...without } = row ?? {};
      expect(problemsOfRow(without), place).not.toEqual([]);
    }
    for (const field of Object.keys(document)) {
      const { [field]: _, ...without } = document;
      expect(problems(without), field).not.toEqual([]);
    }
  });

  it("refuses another type, another version, and a field that isn't known", async () => {
    const document = await fullDocument();
    expect(problems({ ...document, failed: "no" })).not.toEqual([]);
    expect(problems({ ...document, schemaVersion: 2 })).not.toEqual([]);
    expect(problems({ ...document, more: 1 })).not.toEqual([]);
    const [row] = document.repositories as Record<string, unknown>[];
    expect(problemsOfRow({ ...row, more: 1 })).not.toEqual([]);
    expect(problemsOfRow({ ...row, error: { code: "odd", message: "m", file: null, offset: null } })).not.toEqual([]);
  });
});
