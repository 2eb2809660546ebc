/** The README's key table is the key map's, and its pictures are what the browser shows today. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, inject, test } from "vitest";

import { keyTable } from "../../src/tui/help.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

test("the README's key table is made from the key map", () => {
  const readme = readFileSync(`${ROOT}README.md`, "utf8");
  const table = /<!-- the key map -->\n([\s\S]*?)\n<!-- end of the key map -->/.exec(readme)?.[1];
  expect(table, `write this into the README:\n${keyTable()}`).toBe(keyTable());
});

test("the README's pictures are what the browser shows", () => {
  expect(inject("bundleFailure")).toBe("");
  const run = spawnSync(process.execPath, ["scripts/pictures.mjs", "--check"], { cwd: ROOT, encoding: "utf8" });
  expect(run).toMatchObject({ status: 0, stderr: "" });
});
