/**
 * Writes the fixtures and the reports that are expected of them: `node scripts/make-fixtures.mjs`.
 * With `--check` it writes nothing, compares everything bit for bit with what is there, and exits 1 naming the first
 * difference. Needs a build.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CHECKPOINTS, FIXTURES } from "../fixtures/recipes.mjs";

const folder = fileURLToPath(new URL("../fixtures/", import.meta.url));
const command = fileURLToPath(new URL("../apps/inspect/bin/inspect.js", import.meta.url));
const check = process.argv.includes("--check");

// The reports come last: the command reads the files that stand in the folder by then.
for (const { path, make } of FIXTURES) settle(path, make());
for (const { target, expected } of CHECKPOINTS) settle(expected, report(target));
console.log(`${FIXTURES.length + CHECKPOINTS.length} files ${check ? "are as their recipes say" : "written"}`);

/**
 * The report as the command prints it, run beside the fixtures so that paths in it are the same everywhere.
 * @param {string} target
 */
function report(target) {
  try {
    return execFileSync(process.execPath, [command, target, "--json"], {
      cwd: folder,
      // Node's own limit of 1 MiB would cut a long report.
      maxBuffer: 2 ** 26,
      stdio: ["ignore", "pipe", "inherit"],
    });
  } catch (error) {
    console.error(
      `make-fixtures: \`inspect ${target} --json\` failed: ${error instanceof Error ? error.message : error}`,
    );
    process.exit(1);
  }
}

/**
 * Writes one file, or with `--check` compares it.
 * @param {string} path relative to the folder
 * @param {Uint8Array | string} content
 */
function settle(path, content) {
  const target = join(folder, path);
  const wanted = Buffer.from(content);
  if (!check) {
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, wanted);
    return;
  }
  const found = existsSync(target) ? readFileSync(target) : undefined;
  if (found?.equals(wanted)) return;
  console.error(
    `make-fixtures: fixtures/${path} ${difference(found, wanted)}; run \`npm run fixtures\` and look at the change`,
  );
  process.exit(1);
}

/**
 * Where the two part, in words; text is named by line.
 * @param {Buffer | undefined} found
 * @param {Buffer} wanted
 */
function difference(found, wanted) {
  if (!found) return "is not there";
  let at = 0;
  while (at < found.length && found[at] === wanted[at]) at++;
  const place = wanted.includes(0) ? `at byte ${at}` : `in line ${wanted.toString("utf8", 0, at).split("\n").length}`;
  return `differs ${place} (${found.length} bytes there, ${wanted.length} from the recipe)`;
}
