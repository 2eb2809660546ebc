/** What a local `inspect FILE` loads: the start is most of its time, and loading modules is most of the start. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, inject, it } from "vitest";

import { COMMANDS, FIXTURES, inspect, inspectCommand, onExit } from "./run-inspect.ts";

const ENTRY = fileURLToPath(new URL("../dist/cli.js", import.meta.url));
const TARGET = `${FIXTURES}llama-moe-mixed.gguf`;

/** Entry and static imports, as one file: bytes that every start reads and compiles. */
const MOST_BYTES = 560_000;

const STATIC_IMPORT = /(?:^|[;}\n])\s*(?:import|export)\s*(?:[\w*{}$,\s]+?from\s*)?["'`]([^"'`]+)["'`]/g;
const DYNAMIC_IMPORT = /\bimport\(\s*["'`]([^"'`]+)["'`]\s*\)/g;

/** The files of the bundle that are loaded with the entry, and the modules outside of it that they name. */
function loadedWith(entry: string): { files: Map<string, string>; outside: Set<string> } {
  const files = new Map<string, string>();
  const outside = new Set<string>();
  const open = [entry];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) continue;
    const text = readFileSync(file, "utf8");
    files.set(file, text);
    for (const [, name = ""] of text.matchAll(STATIC_IMPORT)) {
      if (name.startsWith(".")) open.push(join(dirname(file), name));
      else outside.add(name);
    }
  }
  return { files, outside };
}

describe("the bundle", () => {
  let loaded: ReturnType<typeof loadedWith>;
  beforeAll(() => {
    expect(inject("bundleFailure")).toBe("");
    loaded = loadedWith(ENTRY);
  });

  it("is more than its entry: the walk follows static imports", () => {
    expect(loaded.files.size).toBeGreaterThan(1);
    // The rest of the command line stands behind an import of its own, which is not followed.
    const later = [...loaded.files.values()].flatMap((text) =>
      [...text.matchAll(DYNAMIC_IMPORT)].map(([, name]) => name),
    );
    expect(later).toContain("./chunks/command-line.js");
    expect([...loaded.files.keys()].some((file) => file.endsWith("command-line.js"))).toBe(false);
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
    const blocked = `import { register } from "node:module";
      const source = \`export async function resolve(name, context, next) {
        if (name.includes("command-line")) throw new Error("the whole command line was loaded");
        return next(name, context);
      }\`;
      register("data:text/javascript," + encodeURIComponent(source));`;
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
