/**
 * Mutates the headers of real checkpoints and the files beside them, opens what comes out, analyses it and makes its views, in
 * child processes that are watched: a hang, a crash, an exception that isn't a refusal, more than a second of CPU time, or more
 * than 100 MB of memory beyond the files is a failure. Runs the source, bundled into a temporary folder; needs no build.
 *
 *   node scripts/fuzz.mjs --cases 200000 --seed 1      a long run; the last line says what came out
 *   node scripts/fuzz.mjs --cases 20000 --opinion      has the other readers of --second-opinion read them as well
 *   node scripts/fuzz.mjs --seed 1 --only 4711         one case again, with its stack
 *   node scripts/fuzz.mjs --seed 1 --only 4711 --save DIR   and its files
 *
 * A case is given by the seed and its number. Exit 1 when any failed.
 */
import { fork } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { rolldown } from "rolldown";

/** @typedef {import("../test-support/fuzz/child.ts").Told} Told */
/** @typedef {import("../test-support/fuzz/child.ts").Task} Task */
/** @typedef {import("../test-support/fuzz/child.ts").Sum} Sum */
/** @typedef {import("../test-support/fuzz/child.ts").Failure} Failure */
/** @typedef {import("../test-support/fuzz/child.ts").Planted} Planted */
/**
 * @typedef {{ index: number, message: string, failure?: Failure }} Found
 * @typedef {Sum & { cases: number, seconds: number, found: readonly Found[] }} Result
 * @typedef {{ seed: number, cases: number, from?: number, plant?: Planted, hangMs?: number, opinion?: boolean, progress?: (done: number) => void }} Options
 */

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DATA = fileURLToPath(new URL("../../shared/data", import.meta.url));
/** Cases of one process: memory that one leaves behind shows in the peak of its process. */
const CHUNK = 4000;
/** Without a word for so long, a process hangs. More than the second of CPU time, as other processes take their share. */
const HANG_MS = 20_000;
/** Live memory above this ends the process: what it needs for itself, and the 100 MB. */
const HEAP_MB = 192;
/** A fault that every case shows would go on for ever. */
const MOST_FOUND = 50;

/** @type {Promise<string> | undefined} */
let bundled;

let remove = () => {};

/** Removes what runs have left behind. */
export function endFuzz() {
  remove();
}

/** The path of the child's code, which is made once. */
function bundle() {
  bundled ??= makeBundle();
  return bundled;
}

async function makeBundle() {
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-fuzz-"));
  remove = () => {
    rmSync(folder, { recursive: true, force: true });
    bundled = undefined;
  };
  const build = await rolldown({
    input: { child: join(ROOT, "test-support/fuzz/child.ts") },
    cwd: ROOT,
    platform: "node",
    resolve: { conditionNames: ["source", "import", "node", "default"] },
  });
  await build.write({ dir: folder, format: "esm", entryFileNames: "[name].mjs", chunkFileNames: "[name].mjs" });
  await build.close();
  return join(folder, "child.mjs");
}

/**
 * Runs one process on a task until it has done it, hangs or dies.
 * @param {string} child
 * @param {Task} task
 * @param {number} hangMs
 * @param {(told: Told) => void} hear
 * @returns {Promise<string | undefined>} how it ended, when it ended before its time
 */
function runChild(child, task, hangMs, hear) {
  return new Promise((resolve) => {
    const execArgv = ["--expose-gc", `--max-old-space-size=${HEAP_MB}`];
    const running = fork(child, [], { execArgv, stdio: ["ignore", "ignore", "pipe", "ipc"] });
    let errors = "";
    let isDone = false;
    running.stderr?.on("data", (text) => {
      if (errors.length < 20_000) errors += text;
    });
    /** @type {NodeJS.Timeout} */
    let timer;
    let hung = false;
    const watch = (/** @type {number} */ ms) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        hung = true;
        running.kill("SIGKILL");
      }, ms);
    };
    // To start takes its time where the machine is busy.
    watch(Math.max(hangMs, HANG_MS));
    running.on("message", (message) => {
      watch(hangMs);
      const told = /** @type {Told} */ (message);
      if ("done" in told || "files" in told) isDone = true;
      hear(told);
    });
    running.on("close", (code, signal) => {
      clearTimeout(timer);
      if (isDone) resolve(undefined);
      else if (hung) resolve(`hangs: no answer for ${hangMs / 1000} seconds`);
      else resolve(`the process ended with ${signal ?? `code ${code}`}: ${lastLines(errors)}`);
    });
    running.send(task);
  });
}

/** @param {string} text */
function lastLines(text) {
  const fatal = text.split("\n").find((line) => /FATAL|Error/.test(line));
  return (fatal ?? text).trim().slice(0, 300);
}

/**
 * @param {Options} options
 * @returns {Promise<Result>}
 */
export async function runFuzz({ seed, cases, from = 0, plant, hangMs = HANG_MS, opinion, progress }) {
  const child = await bundle();
  const begin = performance.now();
  /** @type {Found[]} */
  const found = [];
  const sum = { refused: 0, read: 0, slowestMs: 0, slowestIndex: 0, mostBytes: 0, peakBytes: 0 };
  const end = from + cases;
  let next = from;
  let planted = plant;
  while (next < end && found.length < MOST_FOUND) {
    let at = next;
    const to = Math.min(end, next + CHUNK);
    const task = { root: ROOT, data: DATA, seed, from: next, to, plant: planted, opinion };
    const ended = await runChild(child, task, hangMs, (told) => {
      if ("at" in told) at = told.at;
      else if ("failure" in told) found.push({ ...told.failure, failure: told.failure });
      else if ("sum" in told) add(sum, told.sum);
    });
    planted = undefined;
    if (ended === undefined) next = to;
    else {
      found.push({ index: at, message: ended });
      next = at + 1;
    }
    progress?.(next - from);
  }
  return { ...sum, cases: next - from, seconds: (performance.now() - begin) / 1000, found };
}

/**
 * @param {{ -readonly [Key in keyof Sum]: Sum[Key] }} sum
 * @param {Sum} more
 */
function add(sum, more) {
  sum.refused += more.refused;
  sum.read += more.read;
  if (more.slowestMs > sum.slowestMs) {
    sum.slowestMs = more.slowestMs;
    sum.slowestIndex = more.slowestIndex;
  }
  sum.mostBytes = Math.max(sum.mostBytes, more.mostBytes);
  sum.peakBytes = Math.max(sum.peakBytes, more.peakBytes);
}

/**
 * Writes the files of a case as they are in memory, but for what is only zeros behind them.
 * @param {number} seed
 * @param {number} index
 * @param {string} folder
 */
async function save(seed, index, folder) {
  const task = { root: ROOT, data: DATA, seed, from: index, to: index + 1, show: true };
  await runChild(await bundle(), task, HANG_MS, (told) => {
    if (!("files" in told)) return;
    for (const [name, { base64 }] of Object.entries(told.files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), Buffer.from(base64, "base64"));
    }
    const sizes = Object.fromEntries(Object.entries(told.files).map(([name, { sizeBytes }]) => [name, sizeBytes]));
    writeFileSync(join(folder, "case.json"), `${JSON.stringify({ seed, index, case: told.of, sizes }, null, 2)}\n`);
  });
}

/**
 * What failed, where, and by which mutations.
 * @param {Found} found
 */
export function foundText({ index, message, failure }) {
  if (!failure) return `case ${index}: ${message}`;
  const frames = failure.stack.split("\n").filter((line) => /^\s+at /.test(line));
  const mutations = failure.smallest.mutations.map(({ kind, file, a, b, c }) => `${kind} (${file}, ${a}, ${b}, ${c})`);
  return [
    `case ${index}: ${message.slice(0, 300)}`,
    `  of ${failure.seedName}: ${mutations.join("; ")}`,
    ...frames.slice(0, 6),
  ].join("\n");
}

async function main() {
  const { values } = parseArgs({
    options: {
      cases: { type: "string", default: "2000" },
      seed: { type: "string", default: String(Date.now() % 2 ** 31) },
      only: { type: "string" },
      save: { type: "string" },
      opinion: { type: "boolean" },
      hang: { type: "string", default: String(HANG_MS) },
    },
  });
  const seed = Number(values.seed);
  const only = values.only === undefined ? undefined : Number(values.only);
  if (values.save !== undefined && only !== undefined) await save(seed, only, values.save);
  const cases = only === undefined ? Number(values.cases) : 1;
  console.log(`seed ${seed}, ${cases.toLocaleString("en-US")} cases`);
  let shown = 0;
  const result = await runFuzz({
    seed,
    cases,
    from: only ?? 0,
    hangMs: Number(values.hang),
    opinion: values.opinion ?? false,
    progress: (done) => {
      if (only === undefined && (done - shown >= cases / 20 || done === cases)) {
        shown = done;
        console.log(`${new Date().toISOString()} ${done.toLocaleString("en-US")} done`);
      }
    },
  });
  for (const found of result.found) console.log(foundText(found));
  console.log(resultText(seed, result));
  if (result.found.length > 0) process.exitCode = 1;
}

/**
 * @param {number} seed
 * @param {Result} result
 */
export function resultText(
  seed,
  { cases, seconds, read, refused, slowestMs, slowestIndex, mostBytes, peakBytes, found },
) {
  const count = (/** @type {number} */ n) => n.toLocaleString("en-US");
  const mb = (/** @type {number} */ bytes) => `${Math.round(bytes / 1e6)} MB`;
  return (
    `seed ${seed}: ${count(cases)} cases in ${Math.round(seconds)} s, ${count(read)} read and ${count(refused)} refused; ` +
    `slowest case ${slowestIndex} with ${Math.round(slowestMs)} ms of CPU time; ` +
    `at most ${mb(mostBytes)} beyond the files of a case, ${mb(peakBytes)} in a process; ${found.length} failures`
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main().finally(endFuzz);
}
