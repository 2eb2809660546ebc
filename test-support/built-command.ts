/**
 * Before the tests: bundles the command when its bundle is missing or older than what it is made of, once a run.
 * A failed build fails only the tests that run the command (see `inspect` in apps/inspect/test/run-inspect.ts).
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "rolldown";
import type { TestProject } from "vitest/node";

import bundle from "../rolldown.config.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Why there is no fresh bundle; empty when there is one. */
    bundleFailure: string;
  }
}

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const BUNDLE = join(ROOT, "apps/inspect/dist/cli.cjs");

/** What goes into the bundle: its sources, its recipe, and the versions of what it depends on. */
const MADE_OF = ["apps/inspect/src", "packages/parser/src", "packages/analysis/src", "packages/hub/src"];
const MADE_OF_FILES = ["rolldown.config.ts", "scripts/keep-compiled.mjs", "package-lock.json"];

function newest(): number {
  const files = MADE_OF.filter((folder) => existsSync(join(ROOT, folder))).flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)),
  );
  return Math.max(...[...files, ...MADE_OF_FILES].map((file) => statSync(join(ROOT, file)).mtimeMs));
}

export async function setup(project: TestProject): Promise<void> {
  let failure = "";
  if (!existsSync(BUNDLE) || statSync(BUNDLE).mtimeMs < newest()) {
    try {
      await build(
        (bundle as BuildOptions[]).map((options) => ({ ...options, cwd: ROOT, logLevel: "silent" as const })),
      );
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
  }
  project.provide("bundleFailure", failure);
}
