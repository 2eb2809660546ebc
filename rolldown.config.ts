/**
 * Bundles the command into apps/inspect/dist: what a local `inspect` needs in one piece, chunks behind `await import()` for
 * everything else. Bundling is what makes the start fast (finding and loading modules is the cost), and then the bundle is run
 * once to keep what V8 compiles of it (see apps/inspect/src/start.ts).
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { defineConfig, type RolldownOptions } from "rolldown";

/** Ink waits at its top level for its layout engine, which CommonJS can't: it and React are a bundle of their own. */
const INK = "ink.mjs";

const shared: RolldownOptions = {
  platform: "node",
  resolve: { conditionNames: ["source", "import", "node", "default"] },
  // Of yargs' configuration files, which nothing here reads.
  checks: { emptyImportMeta: false },
  transform: { define: { "process.env.NODE_ENV": '"production"' } },
};

const ink = defineConfig({
  ...shared,
  input: { ink: "apps/inspect/src/tui/ink.ts" },
  plugins: [
    {
      name: "quick-frames",
      resolveId: (source, importer) =>
        source === "@alcalzone/ansi-tokenize" && importer?.includes("/ink/")
          ? fileURLToPath(new URL("apps/inspect/src/tui/ansi-tokenize.ts", import.meta.url))
          : null,
    },
    {
      // Ink asks for it where DEV is set; the command doesn't ship it.
      name: "no-devtools",
      resolveId: (source) => (source === "react-devtools-core" ? source : null),
      load: (id) => (id === "react-devtools-core" ? "export default {};" : null),
    },
  ],
  output: { dir: "apps/inspect/dist", format: "esm", minify: true, entryFileNames: INK, codeSplitting: false },
});

const command = defineConfig({
  ...shared,
  input: {
    start: "apps/inspect/src/start.ts",
    cli: "apps/inspect/src/cli.ts",
    // Threads are given a file of their own.
    "weights-worker": "apps/inspect/src/weights/worker.ts",
  },
  output: {
    dir: "apps/inspect/dist",
    // Node 20 takes compiled code for CommonJS only. What needs top-level await has to be a bundle of its own.
    format: "cjs",
    minify: true,
    entryFileNames: "[name].cjs",
    chunkFileNames: "chunks/[name].cjs",
  },
  plugins: [
    {
      name: "ink-apart",
      resolveId: (source) => (source.endsWith("/ink.ts") ? { id: `../${INK}`, external: true } : null),
      // Code that runs from V8's cache can't import by itself; the loader in start.ts does it for this one file.
      generateBundle(_, bundle) {
        for (const chunk of Object.values(bundle))
          if (chunk.type === "chunk")
            chunk.code = chunk.code.replace(/\bimport\(([`"'])\.\.\/ink\.mjs\1\)/g, 'require("../ink.mjs")');
      },
    },
    {
      name: "keep-compiled",
      writeBundle({ dir = "" }) {
        execFileSync(process.execPath, [fileURLToPath(new URL("scripts/keep-compiled.mjs", import.meta.url)), dir]);
      },
    },
  ],
});

export default [ink, command];
