/**
 * What the benchmarks share: processes that are measured, medians, the exponent of a growth, and the table.
 * Times in milliseconds, memory in bytes (MB is 1,000,000).
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** @typedef {import("./probe.mjs").Probe} Probe */

/**
 * One line of the table. `holds` is the verdict; `measured` is what the figure was made from.
 * @typedef {{ what: string, measured: string, figure: string, limit: string, holds: boolean }} Row
 * @typedef {{ title: string, notes?: readonly string[], rows: readonly Row[] }} Section
 */

const PROBE = new URL("probe.mjs", import.meta.url).href;
const WORK = fileURLToPath(new URL("work.mjs", import.meta.url));

/** Node's own limit for output is 1 MiB; the JSON of half a million tensors may be more. */
const MAX_OUTPUT_BYTES = 2 ** 28;

/**
 * Runs `node ...args` to its end, its output read through a pipe. Time is from before the start until the process has
 * ended and its pipes are closed.
 * @param {readonly string[]} args
 * @returns {{ ms: number, stdout: string }}
 */
export function runNode(args) {
  const { ms, stdout } = spawn(args, {});
  return { ms, stdout };
}

/**
 * The same with the probe in it, which costs a few milliseconds.
 * @param {readonly string[]} args
 * @param {{ scripts?: boolean }} [options] scripts: also list the scripts that were loaded
 * @returns {{ ms: number, stdout: string, probe: Probe }}
 */
export function probeNode(args, { scripts = false } = {}) {
  const { ms, stdout, report } = spawn(["--import", PROBE, ...args], { BENCHMARK_SCRIPTS: scripts ? "1" : "0" });
  return { ms, stdout, probe: JSON.parse(report) };
}

/**
 * Has a fresh process do one piece of work.mjs and returns what it says, with its peak memory.
 * @param {readonly string[]} args
 * @returns {{ result: { ms: number, headerBytes: number, items: number }, peakBytes: number }}
 */
export function work(...args) {
  const { stdout, probe } = probeNode([WORK, ...args]);
  return { result: JSON.parse(stdout), peakBytes: probe.peakBytes };
}

/**
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string>>} more
 */
function spawn(args, more) {
  // Options and coverage of the caller would be measured too.
  const { NODE_OPTIONS: _, NODE_V8_COVERAGE: __, FORCE_COLOR: ___, ...env } = process.env;
  const begin = performance.now();
  const { output, status, signal, error } = spawnSync(process.execPath, args, {
    env: { ...env, ...more },
    stdio: ["ignore", "pipe", "inherit", "pipe"],
    encoding: "utf8",
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  const ms = performance.now() - begin;
  if (error) throw error;
  if (status !== 0) throw new Error(`node ${args.join(" ")} ended with ${signal ?? `code ${status}`}`);
  return { ms, stdout: output[1] ?? "", report: output[3] ?? "" };
}

/**
 * Runs every case once a round, in their order, so that a slow moment of the machine falls on all of them.
 * @template T
 * @param {number} rounds
 * @param {readonly (() => T)[]} cases
 * @returns {T[][]} for each case what its runs returned
 */
export function interleave(rounds, cases) {
  /** @type {T[][]} */
  const results = cases.map(() => []);
  for (let round = 0; round < rounds; round++) {
    cases.forEach((measure, i) => {
      results[i]?.push(measure());
    });
  }
  return results;
}

/**
 * The middle value, or the mean of the two in the middle.
 * @param {readonly number[]} values
 */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.slice((sorted.length - 1) >> 1, (sorted.length >> 1) + 1);
  return mean(middle);
}

/**
 * The exponent k of cost = c * n^k: the slope of the least-squares line through (log n, log cost).
 * @param {readonly number[]} sizes
 * @param {readonly number[]} costs
 */
export function fitExponent(sizes, costs) {
  const x = sizes.map(Math.log);
  const y = costs.map(Math.log);
  const [meanX, meanY] = [mean(x), mean(y)];
  const slope = x.reduce((sum, xi, i) => sum + (xi - meanX) * ((y[i] ?? meanY) - meanY), 0);
  return slope / x.reduce((sum, xi) => sum + (xi - meanX) ** 2, 0);
}

/** @param {readonly number[]} values */
function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** @param {number} bytes */
export function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}

/** Milliseconds with three figures at least. @param {number} ms */
export function millis(ms) {
  return ms < 100 ? ms.toFixed(1) : ms.toFixed(0);
}

/** @param {number} n */
export function count(n) {
  return n.toLocaleString("en-US");
}

/** Columns of the table: together with the indent and the verdict 80. */
const COLUMNS = { what: 33, measured: 19, figure: 9, limit: 10 };

/**
 * @param {Section} section
 * @returns {string} lines of at most 80 columns
 */
export function sectionText({ title, notes = [], rows }) {
  const line = (/** @type {Omit<Row, "holds">} */ row, /** @type {string} */ verdict) =>
    `  ${row.what.padEnd(COLUMNS.what)}${row.measured.padStart(COLUMNS.measured)}${row.figure.padStart(COLUMNS.figure)}` +
    `${row.limit.padStart(COLUMNS.limit)} ${verdict}`;
  return [
    ...wrap(title, ""),
    ...notes.flatMap((note) => wrap(note, "  ")),
    line({ what: "", measured: "measured", figure: "figure", limit: "limit" }, "").trimEnd(),
    ...rows.map((row) => line(row, row.holds ? "ok" : "FAILED")),
  ].join("\n");
}

/**
 * @param {string} text
 * @param {string} indent
 */
function wrap(text, indent) {
  /** @type {string[]} */
  const lines = [];
  let current = "";
  for (const word of text.split(" ")) {
    if (current && indent.length + current.length + 1 + word.length > 80) {
      lines.push(indent + current);
      current = "";
    }
    current += current ? ` ${word}` : word;
  }
  return [...lines, indent + current];
}
