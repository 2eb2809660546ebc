/**
 * Bundles the command into apps/inspect/dist: what a local `inspect` needs in one piece, chunks behind `await import()` for
 * everything else. Bundling is what makes the start fast (finding and loading modules is the cost), and then the bundle is run
 * once to keep what V8 compiles of it (see apps/inspect/src/start.ts).
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { defineConfig } from "rolldown";

export default defineConfig({
  input: {
    start: "apps/inspect/src/start.ts",
    cli: "apps/inspect/src/cli.ts",
    // Threads are given a file of their own.
    "weights-worker": "apps/inspect/src/weights/worker.ts",
  },
  platform: "node",
  resolve: { conditionNames: ["source", "import", "node", "default"] },
  // Of yargs' configuration files, which nothing here reads.
  checks: { emptyImportMeta: false },
  transform: { define: { "process.env.NODE_ENV": '"production"' } },
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
      name: "keep-compiled",
      writeBundle({ dir = "" }) {
        execFileSync(process.execPath, [fileURLToPath(new URL("scripts/keep-compiled.mjs", import.meta.url)), dir]);
      },
    },
  ],
});
