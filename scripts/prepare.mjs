/**
 * Runs after `npm ci` in a clone: builds every package and the bundled command.
 * Without TypeScript (`npm ci --omit=dev`) there is nothing to build with, and that is not an error.
 */
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
try {
  require.resolve("typescript/package.json");
} catch {
  console.log("prepare: no TypeScript here (dev dependencies left out), nothing built");
  process.exit(0);
}
execFileSync("npm", ["run", "--silent", "build"], { stdio: "inherit", shell: process.platform === "win32" });
