/**
 * Runs the bundle as V8 compiled it when it was built. Compiling is a third of what a start adds to Node's own, and V8 can keep
 * its result: `code-cache/` beside the bundle holds it for the files that a start loads, functions that were compiled on the way
 * included. V8 takes a cache only from its own version and flags; for any other the file is compiled, as it would be anyway.
 *
 * CommonJS, because Node 20 can't load an ES module from a cache.
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { Script } from "node:vm";

interface CommonJsModule {
  exports: unknown;
}
type Wrapped = (
  exports: unknown,
  require: (name: string) => unknown,
  module: CommonJsModule,
  file: string,
  folder: string,
) => void;

const COMMAND = "cli.cjs";
const CACHES = "code-cache";

const nodeRequire = createRequire(import.meta.url);
const modules = new Map<string, CommonJsModule>();
const scripts = new Map<string, Script>();

/** @param dist the folder of the bundle */
export async function start(dist: string, args: readonly string[]): Promise<void> {
  await (load(dist, join(dist, COMMAND)) as typeof import("./cli.ts")).main(args);
}

/** Keeps what V8 has compiled of the bundle until now. The build calls it, after a few commands have run. */
export function keepCompiled(dist: string): void {
  for (const [file, script] of scripts) {
    const cache = cacheOf(dist, file);
    mkdirSync(dirname(cache), { recursive: true });
    writeFileSync(cache, script.createCachedData());
  }
}

function cacheOf(dist: string, file: string): string {
  return join(dist, CACHES, `${relative(dist, file)}.bin`);
}

function load(dist: string, file: string): unknown {
  const known = modules.get(file);
  if (known) return known.exports;
  const module: CommonJsModule = { exports: {} };
  modules.set(file, module);
  // On one line, so that line numbers in stacks are the file's.
  const source = `(function(exports,require,module,__filename,__dirname){${readFileSync(file, "utf8")}\n})`;
  const cachedData = compiled(dist, file);
  const script = new Script(source, { filename: file, ...(cachedData && { cachedData }) });
  scripts.set(file, script);
  const folder = dirname(file);
  const require = (name: string): unknown => {
    if (!name.startsWith(".")) return nodeRequire(name);
    const path = join(folder, name);
    // An ES module comes as a promise: the bundle asks for one with `import()` (see rolldown.config.ts).
    return path.endsWith(".mjs") ? import(pathToFileURL(path).href) : load(dist, path);
  };
  (script.runInThisContext() as Wrapped)(module.exports, require, module, file, folder);
  return module.exports;
}

/** V8 tells sources apart by their length alone, so a cache that is older than its file is no cache of it. */
function compiled(dist: string, file: string): Buffer | undefined {
  const cache = cacheOf(dist, file);
  const made = statSync(cache, { throwIfNoEntry: false });
  return made && made.mtimeMs >= statSync(file).mtimeMs ? readFileSync(cache) : undefined;
}
