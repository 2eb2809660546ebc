/** `npm start`: a released model whole, from a recipe, with nothing downloaded and nothing left behind. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const SCRIPT = fileURLToPath(new URL("../../../scripts/start.mjs", import.meta.url));

describe("npm start", () => {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-start-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const start = (...args: string[]) =>
    spawnSync(process.execPath, [SCRIPT, ...args], {
      encoding: "utf8",
      env: { ...process.env, TMPDIR: folder, TEMP: folder, TMP: folder, NO_COLOR: "1" },
    });

  it("shows all 46.7 B parameters of Mixtral-8x7B, what is active, and by which definition", () => {
    const { status, stdout, stderr } = start("--width", "80");
    expect(status).toBe(0);
    expect(stderr).toMatch(/header/);
    expect(stdout).toContain("46.70 B  46,702,792,704");
    expect(stdout).toMatch(/12\.88 B {2}12,879,925,248 per token, 27\.6% of all\n.*A, .*B .*12\.75 B, C .*12\.62 B/);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("hands further words on, and shows any model that there is a recipe of", () => {
    const report = JSON.parse(
      execFileSync(process.execPath, [SCRIPT, "gpt-oss-20b", "--json"], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
        env: { ...process.env, TMPDIR: folder, TEMP: folder, TMP: folder },
      }),
    );
    expect(report.parameters).toMatchObject({ total: 20_914_757_184, activeWithoutInputEmbedding: 3_608_307_264 });
    expect(start("--list").stdout).toContain("Mixtral-8x7B");
    expect(start("--no-such-flag").status).toBe(2);
    expect(readdirSync(folder)).toEqual([]);
  });
});
