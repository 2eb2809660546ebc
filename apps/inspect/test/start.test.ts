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
    expect(stdout).toMatch(
      /12\.88 B {2}12,879,925,248 per token, 27\.6% of all\n.*\bA\b.*\bB\b.*12\.75 B.*\bC\b.*12\.62 B/,
    );
    // The file is gone, so what to type next isn't its path.
    expect(stderr).toMatch(/npm start -- layers Mixtral-8x7B/);
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

  it.each<[string[], RegExp]>([
    [["mixtral"], /no model 'mixtral'; did you mean Mixtral-8x7B\?/],
    [["layers", "mixtral"], /no model 'mixtral'; did you mean Mixtral-8x7B\?/],
    [["zzzzzz"], /no model 'zzzzzz'; npm start -- --list/],
    [["gpt2", "BERT-base"], /one model at a time: npm start -- gpt2$/m],
    [["gpt2", "layers"], /write the command first: npm start -- layers gpt2/],
    [["gpt2", "mixtral"], /no model 'mixtral'/],
    [["explain", "gpt2"], /name a term first: npm start -- explain moe gpt2/],
    [["whisper-tiny:gguf"], /there is no GGUF recipe of whisper-tiny/],
    [["gpt2:onnx"], /no format 'onnx'; write gpt2:gguf or gpt2:safetensors/],
  ])("%j: one line and exit 2, with nothing made", (args, says) => {
    const { status, stdout, stderr } = start(...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(says);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).not.toContain(folder);
  });

  it("--help is its own, and makes no model", () => {
    const { status, stdout, stderr } = start("--help");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("npm start -- NAME:safetensors");
  });

  it("other views and --json end without a word on what to type next", () => {
    for (const args of [
      ["quant", "gpt2"],
      ["gpt2", "--json"],
      ["explain", "moe", "gpt2"],
    ])
      expect(start(...args).stderr, args.join(" ")).not.toContain("npm start");
    expect(start("meta", "gpt2", "general.name").stdout).toContain("gpt2");
  });
});
