/** Lists of repos: from the command line, from files, from stdin. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { listTargets } from "../../src/audit/targets.ts";
import { UsageError } from "../../src/commands/usage.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-lists-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function listFile(name: string, text: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const none = () => Readable.from([]);
const listed = (repos: readonly string[], from: readonly string[], stdin: AsyncIterable<string> = none()) =>
  listTargets({ repos, from, stdin: () => stdin });

describe("a list", () => {
  it("has a repo a line; blank lines and comments aren't any", async () => {
    const list = listFile("plain.txt", "\ufeffacme/one\n\n  # acme/two\n\t\nacme/three@v1 \r\nacme/four:Q4_K_M");
    expect(await listed([], [list])).toEqual(["acme/one", "acme/three@v1", "acme/four:Q4_K_M"]);
  });

  it("goes behind what was named, several after each other, and each repo counts once", async () => {
    const [a, b] = [listFile("a.txt", "acme/two\nacme/one\n"), listFile("b.txt", "acme/three\nacme/two\n")];
    expect(await listed(["acme/one", "acme/one"], [a, b])).toEqual(["acme/one", "acme/two", "acme/three"]);
  });

  it("comes from stdin as -, in pieces of any size", async () => {
    const pieces = [..."acme/eins\nacme/größer\n"];
    expect(await listed([], ["-"], Readable.from(pieces))).toEqual(["acme/eins", "acme/größer"]);
    const bytes = [...Buffer.from("acme/größer\n")].map((byte) => Buffer.from([byte]));
    expect(await listTargets({ repos: [], from: ["-"], stdin: () => Readable.from(bytes) })).toEqual(["acme/größer"]);
  });

  it.each([
    ["nothing is named", [], [], /name a repo/],
    ["a name is empty", [""], [], /name a repo/],
    ["stdin is asked for twice", [], ["-", "-"], /twice/],
    ["the list is empty", [], ["-"], /stdin names no repo/],
    ["there is no such list", [], ["gone.txt"], /cannot read the list gone\.txt/],
  ] as const)("%s: that is a slip of the hand", async (_, repos, from, words) => {
    const failure = await listed(repos, from).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UsageError);
    expect((failure as UsageError).message).toMatch(words);
  });

  it("that is a file of another kind ends at its first long line, whatever its size", async () => {
    let pulled = 0;
    async function* endless(): AsyncGenerator<string> {
      for (;;) {
        pulled++;
        yield "x".repeat(1000);
      }
    }
    await expect(listed([], ["-"], endless())).rejects.toThrow(/line 1 of stdin is too long/);
    expect(pulled).toBeLessThan(10);
  });
});
