/** What a local `inspect FILE` loads: the start is most of its time, and loading modules is most of the start. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, inject, it } from "vitest";

import { ENTRY, loadedWith } from "./bundle.ts";
import { COMMANDS, FIXTURES, inspect, inspectCommand, onExit } from "./run-inspect.ts";

/** What is installed of the command. */
const APP_FOLDERS = ["bin", "dist"];
const APP = fileURLToPath(new URL("../", import.meta.url));
const TARGET = `${FIXTURES}llama-moe-mixed.gguf`;

/** Entry and static imports, as one file: bytes that every start reads and compiles. */
const MOST_BYTES = 560_000;

describe("the bundle", () => {
  let loaded: ReturnType<typeof loadedWith>;
  beforeAll(() => {
    expect(inject("bundleFailure")).toBe("");
    loaded = loadedWith(ENTRY);
  });

  it("is more than its entry: the walk follows static imports", () => {
    expect(loaded.files.size).toBeGreaterThan(1);
    expect(loaded.later).toContain("./chunks/command-line.cjs");
    expect([...loaded.files.keys()].some((file) => file.endsWith("command-line.cjs"))).toBe(false);
  });

  it("loads nothing from outside but modules of Node itself", () => {
    const foreign = [...loaded.outside].filter((name) => !name.startsWith("node:"));
    expect(foreign).toEqual([]);
    // What drags the network stack or a second thread in.
    const heavy = ["node:http", "node:https", "node:http2", "node:net", "node:tls", "node:dns", "node:worker_threads"];
    expect(heavy.filter((name) => loaded.outside.has(name))).toEqual([]);
  });

  it.each(["fetch(", "@huggingface", "huggingface.co", "createElement", "useState", "yoga", "react", "ink-", "yargs"])(
    "holds no %s",
    (word) => {
      for (const [file, text] of loaded.files) {
        const at = text.indexOf(word);
        expect(at < 0 ? "" : `${file}: ${text.slice(Math.max(0, at - 40), at + 40)}`).toBe("");
      }
    },
  );

  it("is small", () => {
    const bytes = [...loaded.files.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(MOST_BYTES);
  });
});

const NODE_MODULES_LOADED = `process.moduleLoadList.join("\\n")`;

describe.concurrent("at run time", () => {
  it.each(COMMANDS)("'%s FILE' starts no network stack", async (command) => {
    const nodeArgs = onExit(NODE_MODULES_LOADED);
    const run = await inspect([...(command === "" ? [] : [command]), TARGET], { nodeArgs });
    expect(run.code).toBe(0);
    const modules = run.aside.split("\n");
    expect(modules.length).toBeGreaterThan(50);
    expect(modules).toContain("NativeModule fs");
    // Not net: a pipe is one of its sockets.
    const network = /^NativeModule (?:internal\/deps\/undici|_?https?\b|_http|http2|tls|_tls|dns$|worker_threads$)/;
    expect(modules.filter((name) => network.test(name))).toEqual([]);
  });

  it.each(COMMANDS)("'%s FILE' doesn't need the rest of the command line", async (command) => {
    // Without the file behind it, an import of it would be an error.
    const blocked = `import fs from "node:fs";
      const { readFileSync } = fs;
      fs.readFileSync = (file, ...more) => {
        if (String(file).includes("command-line")) throw new Error("the whole command line was loaded");
        return readFileSync(file, ...more);
      };`;
    const nodeArgs = ["--import", `data:text/javascript,${encodeURIComponent(blocked)}`];
    const short = await inspect([...(command === "" ? [] : [command]), TARGET], { nodeArgs });
    expect(short).toMatchObject({ code: 0, stderr: "" });
    expect(short.stdout).toBe((await inspectCommand(command, TARGET)).stdout);
    if (command !== "") return;
    // The hook works: a flag of the long form runs into it.
    const long = await inspect([TARGET, "--width", "80"], { nodeArgs });
    expect(long.stderr).toContain("the whole command line was loaded");
  });
});

describe("what V8 compiled for the build", () => {
  it("is there for every file that a start loads, and V8 takes it", async () => {
    const report = `const vm = process.getBuiltinModule("node:vm"); const { Script } = vm; const taken = [];
      vm.Script = class extends Script {
        constructor(source, options) {
          super(source, options);
          taken.push([options.filename, options.cachedData !== undefined && !this.cachedDataRejected]);
        }
      };
      process.on("exit", () => process.getBuiltinModule("node:fs").writeSync(3, JSON.stringify(taken)));`;
    const nodeArgs = ["--import", `data:text/javascript,${encodeURIComponent(report)}`];
    const run = await inspect([TARGET], { nodeArgs });
    expect(run.code).toBe(0);
    const taken = JSON.parse(run.aside) as [string, boolean][];
    expect(taken.map(([file]) => file)).toContain(ENTRY);
    expect(taken.filter(([, used]) => !used)).toEqual([]);
  });

  it("is left alone when its file is newer, were it as long", async () => {
    const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-"));
    try {
      for (const name of APP_FOLDERS) {
        cpSync(join(APP, name), join(folder, name), { recursive: true, preserveTimestamps: true });
      }
      // Which chunk holds the words is the bundler's choice.
      for (const [file, text] of loadedWith(join(folder, "dist/cli.cjs")).files)
        if (text.includes("Where the parameters are"))
          writeFileSync(file, text.replaceAll("Where the parameters are", "WHERE THE PARAMETERS ARE"));
      const run = await inspect([TARGET], { command: join(folder, "bin/inspect.js") });
      expect(run).toMatchObject({ code: 0, stderr: "" });
      expect(run.stdout).toContain("WHERE THE PARAMETERS ARE");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
