/**
 * `npm start`: shows the anatomy of a released model with nothing downloaded. The file is made from a recipe
 * (fixtures/models), holds the header alone at its full size, and is removed afterwards.
 *
 *   npm start                                Mixtral-8x7B
 *   npm start -- Llama-3.1-8B --json         another recipe, and options for the command
 *   npm start -- layers Llama-3.1-8B         another view
 *   npm start -- gpt2:safetensors            as its makers published it, with config.json
 *   npm start -- --list                      what there is
 *   npm start -- --help                      this
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

/** The command's views of a file. */
const VIEWS = ["layers", "tensors", "quant", "meta"];

/** Options that take the word behind them. */
const VALUED = new Set(["--width", "--filter", "--sort", "--limit", "--from"]);

/** The command's own exit code for arguments that make no sense. */
const EXIT_USAGE = 2;

const SHORTEST_NEAR = 4;
const NEAR_SHOWN = 3;
/** Longer words are shown in part where they are complained about. */
const LONGEST_SHOWN = 60;

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
else if (args.includes("--help") || args.includes("-h")) help();
else {
  const request = readArguments();
  if ("mistake" in request) refuse(request.mistake);
  else await show(request);
}

function help() {
  console.log(`npm start shows the anatomy of a released model, with nothing downloaded: its header at full size, without the
weights, made from a recipe and removed afterwards.

  npm start                           Mixtral-8x7B
  npm start -- NAME                   another model; --list names them
  npm start -- NAME:safetensors       as its makers published it; else GGUF where there is such a form
  npm start -- COMMAND NAME           another view: ${VIEWS.join(", ")}
  npm start -- explain TERM NAME      what a word means, with the model's own numbers
  npm start -- NAME --json            options go to the command: npm run inspect -- --help lists them

For a file of your own: npm run inspect -- FILE`);
}

/** @param {string} mistake */
function refuse(mistake) {
  console.error(`start: ${mistake}`);
  process.exitCode = EXIT_USAGE;
}

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

/**
 * What to show: a recipe, and where in the arguments it stands (-1: nowhere); or what is wrong with them.
 * @returns {{ chosen: Chosen, at: number } | { mistake: string }}
 */
function readArguments() {
  const named = args.flatMap((arg, i) => (isOptionValue(i) || !recipeNamed(nameIn(arg)) ? [] : [i]));
  const [at = -1, ...more] = named;
  if (more.length > 0) return { mistake: `one model at a time: npm start -- ${args[at]}` };
  const word = args[at] ?? "Mixtral-8x7B";
  const recipe = recipeNamed(nameIn(word));
  if (!recipe) throw new Error("the default recipe is gone");
  const mistake = at < 0 ? unknownWord() : (wrongFormat(recipe, word) ?? wrongOrder(at));
  if (mistake) return { mistake };
  return {
    chosen: { recipe, word, format: recipe.gguf && formatIn(word) !== "safetensors" ? "gguf" : "safetensors" },
    at,
  };
}

/** @param {string} word @returns {string} */
function nameIn(word) {
  return word.split(":", 1)[0] ?? "";
}

/** @param {string} word */
function formatIn(word) {
  return word.includes(":") ? word.slice(word.indexOf(":") + 1).toLowerCase() : undefined;
}

/** @param {string} name */
function recipeNamed(name) {
  return MODELS.find((recipe) => recipe.name.toLowerCase() === name.toLowerCase());
}

/**
 * @param {import("../fixtures/models/write.mjs").Recipe} recipe
 * @param {string} word
 */
function wrongFormat({ name, gguf }, word) {
  const format = formatIn(word);
  if (format === undefined || format === "safetensors" || (format === "gguf" && gguf)) return undefined;
  if (format === "gguf") return `there is no GGUF recipe of ${name}; its form is safetensors: npm start -- ${name}`;
  return `no format '${shown(format)}'; write ${gguf ? `${name}:gguf or ` : ""}${name}:safetensors`;
}

/** The words of the arguments, without options and what belongs to them. */
function words() {
  return args.filter((arg, i) => !arg.startsWith("-") && !isOptionValue(i));
}

/**
 * What is wrong with the words around a recipe's name: the command comes first, then a term, then the name.
 * @param {number} at
 */
function wrongOrder(at) {
  const name = args[at] ?? "";
  const all = words();
  const place = all.indexOf(name);
  const [before, behind] = [all.slice(0, place), all.slice(place + 1)];
  const [first, ...more] = before;
  if (first === "explain") {
    if (more.length === 0) return `name a term first: npm start -- explain ${shown(behind.join(" ") || "moe")} ${name}`;
    return behind.length > 0 ? unknownModel(behind[0] ?? "") : undefined;
  }
  if (first !== undefined && !VIEWS.includes(first))
    return `no command '${shown(first)}'; there are ${VIEWS.join(", ")} and explain`;
  if (more[0] !== undefined) return unknownModel(more[0]);
  const [next] = behind;
  if (next === undefined || first === "meta") return undefined;
  if (first === undefined && (next === "explain" || VIEWS.includes(next)))
    return `write the command first: npm start -- ${next} ${next === "explain" ? "TERM " : ""}${name}`;
  return unknownModel(next);
}

/** A word that is neither a command nor a recipe, in a line; undefined where there is none, so that the default is meant. */
function unknownWord() {
  const all = words();
  const [first, ...more] = all;
  // A term may have several words, and the guide says which it doesn't know; only a recipe can be meant behind one.
  const meant = first === "explain" ? more.slice(1).slice(-1) : first && VIEWS.includes(first) ? more : all;
  const [word] = meant;
  if (word === undefined || (first === "explain" && nearRecipes(nameIn(word)).length === 0)) return undefined;
  return unknownModel(word);
}

/** @param {string} word */
function unknownModel(word) {
  const near = nearRecipes(nameIn(word));
  const hint = near.length > 0 ? `did you mean ${near.join(", ")}?` : "npm start -- --list names those that there are";
  return `no model '${shown(word)}'; ${hint}`;
}

/**
 * Recipes that have the typed letters in their name, or begin with half of them at least. Best first.
 * @param {string} word
 */
function nearRecipes(word) {
  const typed = letters(word);
  if (typed.length < SHORTEST_NEAR) return [];
  const score = (/** @type {string} */ name) => {
    const known = letters(name);
    // Of several the shortest: it has the least that wasn't typed.
    if (known.startsWith(typed) || typed.startsWith(known)) return 3 - known.length / 100;
    if (known.includes(typed) || typed.includes(known)) return 2 - known.length / 100;
    let shared = 0;
    while (shared < known.length && known[shared] === typed[shared]) shared++;
    return shared >= SHORTEST_NEAR && 2 * shared >= typed.length ? shared / known.length : 0;
  };
  return MODELS.map(({ name }) => ({ name, near: score(name) }))
    .filter(({ near }) => near > 0)
    .sort((a, b) => b.near - a.near)
    .slice(0, NEAR_SHOWN)
    .map(({ name }) => name);
}

/** @param {string} text */
function letters(text) {
  return text.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** @param {string} word */
function shown(word) {
  const plain = word.replace(/[^\x20-\x7e]/g, "?");
  return plain.length > LONGEST_SHOWN ? `${plain.slice(0, LONGEST_SHOWN)}...` : plain;
}

/**
 * Whether the word at `i` belongs to the option before it.
 * @param {number} i
 */
function isOptionValue(i) {
  return VALUED.has(args[i - 1] ?? "");
}

/** @param {{ chosen: Chosen, at: number }} request */
async function show({ chosen, at }) {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-"));
  try {
    const target = makeTarget(chosen, folder);
    // In front of the first option, which might take it for its value.
    const options = args.findIndex((arg) => arg.startsWith("-"));
    await run(at < 0 ? args.toSpliced(options < 0 ? args.length : options, 0, target) : args.with(at, target));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (process.exitCode === 0 && isOverview()) {
    note(
      `the file is gone again; for more: npm start -- layers ${chosen.word} (or tensors, quant, meta, explain TERM)`,
    );
  }
}

/** The overview for people to read, on a path that is gone by now. */
function isOverview() {
  const [first] = words();
  const quiet = ["--json", "--version", "-V", "--quiet"].some((flag) => args.includes(flag));
  return !quiet && (first === undefined || recipeNamed(nameIn(first)) !== undefined);
}

/**
 * @typedef {object} Chosen
 * @property {import("../fixtures/models/write.mjs").Recipe} recipe
 * @property {string} word what names it, as it was typed
 * @property {"gguf" | "safetensors"} format
 */

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
