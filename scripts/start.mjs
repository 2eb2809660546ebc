/**
 * `npm start`: shows the anatomy of a released model with nothing downloaded. The file is made from a recipe
 * (fixtures/models), holds the header alone at its full size, and is removed afterwards.
 *
 *   npm start                                Mixtral-8x7B
 *   npm start -- Llama-3.1-8B --json         another recipe, and options for the command
 *   npm start -- layers Llama-3.1-8B         another view
 *   npm start -- gpt2:safetensors            as its makers published it, with config.json
 *   npm start -- --list                      what there is
 *
 * Needs a build, which `npm ci` makes. The note goes to standard error, so that --json stays JSON.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const COMMAND = fileURLToPath(new URL("../apps/inspect/bin/inspect.js", import.meta.url));
const SMALL = fileURLToPath(new URL("../fixtures/llama-moe-mixed.gguf", import.meta.url));

/** What file systems answer that can't hold a file of this size, or no file with holes. */
const TOO_LARGE = new Set(["ENOSPC", "EDQUOT", "EFBIG", "EINVAL", "ENOTSUP"]);

/** @returns {Promise<typeof import("../fixtures/models/index.mjs") & typeof import("../fixtures/models/write.mjs")>} */
async function loadRecipes() {
  try {
    return { ...(await import("../fixtures/models/index.mjs")), ...(await import("../fixtures/models/write.mjs")) };
  } catch (error) {
    // A syntax error is an import that an older build doesn't have.
    if (
      /** @type {NodeJS.ErrnoException} */ (error).code !== "ERR_MODULE_NOT_FOUND" &&
      !(error instanceof SyntaxError)
    ) {
      throw error;
    }
    console.error("start: there is no build of this version here; run `npm ci` or `npm run build`");
    process.exit(1);
  }
}

const { MODELS, writeModel } = await loadRecipes();
const args = process.argv.slice(2);
if (args.includes("--list")) list();
else await show();

function list() {
  /** @type {(count: number) => string} */
  const exact = (count) => count.toLocaleString("en-US");
  const rows = MODELS.map(({ name, expected, repo }) => [name, exact(expected.total), exact(expected.active), repo]);
  const lines = [["model", "parameters", "active per token", "repository"], ...rows];
  const widths = lines.reduce(
    (wide, line) => wide.map((width, i) => Math.max(width, line[i]?.length ?? 0)),
    [0, 0, 0, 0],
  );
  for (const [name = "", total = "", active = "", repo = ""] of lines) {
    const [first = 0, second = 0, third = 0] = widths;
    console.log(`${name.padEnd(first)}  ${total.padStart(second)}  ${active.padStart(third)}  ${repo}`);
  }
}

async function show() {
  const named = args.findIndex((arg) => findRecipe(arg));
  const chosen = findRecipe(args[named] ?? "Mixtral-8x7B");
  if (!chosen) throw new Error("the default recipe is gone");
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-"));
  try {
    const target = makeTarget(chosen, folder);
    // In front of the first option, which might take it for its value.
    const options = args.findIndex((arg) => arg.startsWith("-"));
    await run(named < 0 ? args.toSpliced(options < 0 ? args.length : options, 0, target) : args.with(named, target));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * A recipe by its name, and the format that a word such as `gpt2:safetensors` asks for.
 * @param {string} word
 * @returns {Chosen | undefined}
 */
function findRecipe(word) {
  const [wanted = "", format] = word.toLowerCase().split(":");
  const recipe = MODELS.find(({ name }) => name.toLowerCase() === wanted);
  if (!recipe || (format !== undefined && format !== "gguf" && format !== "safetensors")) return undefined;
  return { recipe, format: recipe.gguf && format !== "safetensors" ? "gguf" : "safetensors" };
}

/** @typedef {{ recipe: import("../fixtures/models/write.mjs").Recipe, format: "gguf" | "safetensors" }} Chosen */

/**
 * The path to show; says what it is.
 * @param {Chosen} chosen
 * @param {string} folder
 */
function makeTarget({ recipe, format }, folder) {
  let reason = process.platform === "win32" ? "Windows doesn't make sparse files unasked" : "";
  try {
    if (!reason && !holdsHoles(folder)) reason = "the temporary folder can't hold sparse files";
    if (!reason) {
      const path = writeModel(recipe, format, folder);
      note(`${recipe.name} without its weights: a sparse file with the header alone, made from a recipe`);
      return path;
    }
  } catch (error) {
    const { code = "", message } = /** @type {NodeJS.ErrnoException} */ (error);
    if (!TOO_LARGE.has(code)) throw error;
    reason = message;
  }
  note(`${recipe.name} can't be made here (${reason}); this is a small fixture in its place`);
  return SMALL;
}

/**
 * Whether a file that is extended takes no room. Asked of a small one, as the answer "no" comes with the room taken.
 * @param {string} folder
 */
function holdsHoles(folder) {
  const path = join(folder, "probe");
  writeFileSync(path, "");
  truncateSync(path, 2 ** 24);
  // Blocks of 512 bytes, whatever the file system's own are (POSIX, st_blocks).
  const taken = statSync(path).blocks * 512;
  rmSync(path);
  return taken < 2 ** 23;
}

/** @param {string} text */
function note(text) {
  const dim = process.stderr.isTTY && !process.env.NO_COLOR;
  process.stderr.write(dim ? `\x1b[2m${text}\x1b[22m\n` : `${text}\n`);
}

/**
 * Runs the command as if it had been called itself; its exit code becomes ours.
 * @param {readonly string[]} commandArgs
 */
async function run(commandArgs) {
  const child = spawn(process.execPath, [COMMAND, ...commandArgs], { stdio: "inherit" });
  // Ctrl-C reaches the command too; this process stays to remove the file.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      process.exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0);
      resolve(undefined);
    });
  });
}
