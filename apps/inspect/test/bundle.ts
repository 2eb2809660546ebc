/** Walks the bundle of the command, as a start does. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
export const ENTRY = join(DIST, "cli.cjs");

/** What the bundler makes of `import` and of `await import()`. */
const REQUIRE = /(\.then\(\(\)=>)?\brequire\(["'`]([^"'`]+)["'`]\)/g;

/** The files of the bundle that are loaded with the entry, and the modules outside of it that they name. */
export function loadedWith(entry: string) {
  const files = new Map<string, string>();
  const outside = new Set<string>();
  /** What stands behind an `await import()`, which is not followed. */
  const later = new Set<string>();
  const open = [entry];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) continue;
    const text = readFileSync(file, "utf8");
    files.set(file, text);
    for (const [, isLater, name = ""] of text.matchAll(REQUIRE)) {
      if (isLater) later.add(name);
      else if (name.startsWith(".")) open.push(join(dirname(file), name));
      else outside.add(name);
    }
  }
  return { files, outside, later };
}
