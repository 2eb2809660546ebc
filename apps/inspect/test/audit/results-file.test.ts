/** The file of `--out`: whole rows whatever happens, taken up again without loss, and no other file is ever touched. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { openResults } from "../../src/audit/results-file.ts";
import { type AuditRow, auditRow } from "../../src/audit/row.ts";
import { parseRow, rowLine } from "../../src/audit/row-line.ts";
import { UsageError } from "../../src/commands/usage.ts";
import { ENDPOINT, goneError, lookedFixture, networkError, pickleFindings, subjectOf, withPickle } from "./repos.ts";

let folder: string;
let rows: readonly AuditRow[];
const at = (name: string): string => join(folder, name);
const linesOf = (path: string): string[] => readFileSync(path, "utf8").split("\n");
const targetsIn = (path: string): (string | undefined)[] =>
  linesOf(path)
    .filter((line) => line !== "")
    .map((line) => parseRow(line)?.target);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-results-"));
  const subject = subjectOf("acme/one", [await lookedFixture("llama-dense-mixed.gguf")]);
  const options = { failOn: "error" as const, endpoint: ENDPOINT, judge: pickleFindings };
  const none = { requests: 1, bytes: 10 };
  rows = [
    auditRow({ target: "acme/one", subject, ...none }, { index: 0, ...options }),
    auditRow(
      { target: "acme/größer \u2028\u202e", subject: withPickle(subject, 'a\nb"{,\u0000.bin'), ...none },
      { index: 1, ...options },
    ),
    auditRow({ target: "acme/gone", error: goneError(), ...none }, { index: 2, ...options }),
  ];
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function takeUp(path: string): Promise<AuditRow[]> {
  const kept: AuditRow[] = [];
  const file = await openResults(path, { resume: true, visit: (row) => kept.push(row) });
  file.close();
  return kept;
}

describe("a row", () => {
  it("is one line that gives the row back", () => {
    for (const row of rows) {
      const line = rowLine(row);
      expect(line.indexOf("\n")).toBe(line.length - 1);
      expect(line).not.toMatch(/[\u2028\u202e\u0000]/);
      expect(parseRow(line)).toEqual(JSON.parse(JSON.stringify(row)));
    }
  });
});

describe("the file", () => {
  it("takes rows one by one, and gives them back", async () => {
    const path = at("new.ndjson");
    const file = await openResults(path, { resume: false, visit: () => expect.unreachable() });
    for (const row of rows) {
      file.append(row);
      expect(targetsIn(path).at(-1)).toBe(row.target);
    }
    file.close();
    expect((await takeUp(path)).map(({ target }) => target)).toEqual(rows.map(({ target }) => target));
  });

  it("cut anywhere has its whole rows, and half of one is gone when it is taken up", async () => {
    const text = rows.map(rowLine).join("");
    const bytes = Buffer.from(text);
    const ends = rows.map((_, i) =>
      Buffer.byteLength(
        rows
          .slice(0, i + 1)
          .map(rowLine)
          .join(""),
      ),
    );
    const path = at("cut.ndjson");
    // Around each end of a line, and spread over the rest.
    const cuts = [...ends.flatMap((end) => [end - 2, end - 1, end, end + 1, end + 5]), 1, 2, 20];
    for (let cut = 97; cut < bytes.length; cut += 397) cuts.push(cut);
    for (const cut of cuts.filter((place) => place <= bytes.length)) {
      writeFileSync(path, bytes.subarray(0, cut));
      // A row that lacks its line feed alone is whole.
      const whole = ends.filter((end) => end - 1 <= cut).length;
      expect((await takeUp(path)).length, `cut at ${cut}`).toBe(whole);
      expect(readFileSync(path, "utf8"), `cut at ${cut}`).toBe(bytes.subarray(0, ends[whole - 1] ?? 0).toString());
    }
  });

  it("is taken up without the rows that a failing network has left, and with one row a repo", async () => {
    const [one, two] = rows as [AuditRow, AuditRow];
    const failed = auditRow(
      { target: "acme/lost", error: networkError(), requests: 1, bytes: 0 },
      { index: 3, failOn: "error", endpoint: ENDPOINT, judge: pickleFindings },
    );
    const path = at("retry.ndjson");
    writeFileSync(path, [failed, one, { ...one, index: 9 }, two].map(rowLine).join(""));
    expect((await takeUp(path)).map(({ target, index }) => [target, index])).toEqual([
      [one.target, 0],
      [two.target, 1],
    ]);
    expect(targetsIn(path)).toEqual([one.target, two.target]);
    expect(readdirSync(folder).filter((name) => name.startsWith("retry"))).toEqual(["retry.ndjson"]);
  });

  it.each([
    ["notes", "these are my notes"],
    ["notes with a line feed", "these are my notes\n"],
    ["JSON of another kind", '{"a": 1}\n'],
    ["a row that someone has changed", '{"schemaVersion": 1, "index": 0, "target": 7}\n'],
    ["a list", "[]\n"],
    ["a blank line", "\n"],
  ])("%s isn't taken up, and stays as it is", async (name, text) => {
    const path = at("other.txt");
    for (const whole of [text, `${rowLine(rows[0] as AuditRow)}${text}`]) {
      writeFileSync(path, whole);
      await expect(takeUp(path), name).rejects.toThrow(UsageError);
      expect(readFileSync(path, "utf8")).toBe(whole);
    }
  });

  it("that holds something isn't begun anew without --resume", async () => {
    const path = at("kept.ndjson");
    writeFileSync(path, rowLine(rows[0] as AuditRow));
    await expect(openResults(path, { resume: false, visit: () => {} })).rejects.toThrow(/--resume/);
    expect(targetsIn(path)).toEqual(["acme/one"]);
  });

  it("may be there and empty, or not there, either way", async () => {
    writeFileSync(at("empty.ndjson"), "");
    for (const resume of [true, false]) {
      for (const name of ["empty.ndjson", `absent-${resume}.ndjson`]) {
        const file = await openResults(at(name), { resume, visit: () => expect.unreachable() });
        file.close();
        expect(existsSync(at(name))).toBe(true);
      }
    }
  });

  it("in a folder that isn't there is a slip of the hand", async () => {
    const path = join(folder, "no", "such", "folder.ndjson");
    await expect(openResults(path, { resume: false, visit: () => {} })).rejects.toThrow(
      /cannot write .*folder\.ndjson/,
    );
    await expect(openResults(folder, { resume: true, visit: () => {} })).rejects.toThrow(UsageError);
  });
});
