/**
 * Bundles the command into apps/inspect/dist: one small entry for a local `inspect`, chunks behind
 * `await import()` for everything else. Bundling is what makes the start fast (module loading is the cost).
 */
import { defineConfig } from "rolldown";

export default defineConfig({
  // The second is run by threads, which are given a file of their own.
  input: { cli: "apps/inspect/src/cli.ts", "weights-worker": "apps/inspect/src/weights/worker.ts" },
  platform: "node",
  resolve: { conditionNames: ["source", "import", "node", "default"] },
  transform: { define: { "process.env.NODE_ENV": '"production"' } },
  output: {
    dir: "apps/inspect/dist",
    format: "esm",
    minify: true,
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name].js",
  },
});
