/**
 * The browser (`inspect -i`) in a real pseudo-terminal on a model of 20,000 tensors: its first frame against that of an empty Ink app,
 * the time from a key to its frame, and memory over 10,000 keys.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

import { bigTensorTable } from "./generate.mjs";
import { median, megabytes, millis } from "./lib.mjs";
import { COMMAND } from "./start-up.mjs";

/** @typedef {import("./lib.mjs").Section} Section */
/** @typedef {{ type(keys: string): Promise<number>, started: Promise<number>, rss(): number, end(): void }} Session */

const TENSORS = 20_000;
const COLUMNS = 200;
const ROWS = 50;
const EMPTY = fileURLToPath(new URL("empty-ink.mjs", import.meta.url));
const START_ROUNDS = 9;
const KEYS = 10_000;
/** The first keys compile code and fill caches. */
const WARM_KEYS = 2_000;
/** Ink ends each frame so: the terminal may show it now. */
const FRAME_END = "\u001b[?2026l";

const MOST_TIMES_EMPTY = 2.5;
const MEDIAN_MS = 16;
const P95_MS = 33;
const MOST_GROWTH = 1.1;

/**
 * @param {(name: string) => string} path
 * @returns {Promise<Section>}
 */
export async function browser(path) {
  const pty = terminals();
  if (!pty) return { title: "The browser: not measured, for node-pty isn't installed here", rows: [] };
  const file = path("browse.gguf");
  bigTensorTable(file, TENSORS);
  const browse = () => session(pty, [COMMAND, "-i", file], "Where the parameters are");
  const empty = () => session(pty, [EMPTY], "ready");

  /** @type {number[][]} */
  const [emptyMs, firstMs] = [[], []];
  for (let round = 0; round < START_ROUNDS; round++) {
    for (const [open, times] of /** @type {const} */ ([
      [empty, emptyMs],
      [browse, firstMs],
    ])) {
      const one = open();
      times?.push(await one.started);
      one.end();
    }
  }
  const ratio = median(firstMs ?? []) / median(emptyMs ?? []);

  const open = browse();
  await open.started;
  const moves = await keys(open, "3", "j".repeat(300));
  const typed = await keys(open, "/", "blk.7.ffn_down type:q4_k size:>10k".repeat(3).slice(0, 90));
  await keys(open, "\u001b", "");
  const screens = await keys(open, "1", "2345671".repeat(14));
  await keys(open, "3", "");
  await keys(open, "", "j".repeat(WARM_KEYS));
  const before = open.rss();
  // Never at an end of the list, where a key draws nothing.
  await keys(open, "", "j".repeat((KEYS - WARM_KEYS) / 2) + "k".repeat((KEYS - WARM_KEYS) / 2));
  const after = open.rss();
  open.end();

  return {
    title: `The browser: ${TENSORS.toLocaleString("en")} tensors at ${COLUMNS}x${ROWS} in a pseudo-terminal`,
    notes: [
      `first frame from the start of the process; medians of ${START_ROUNDS} each, in turn`,
      "a key: from writing it into the terminal until its frame has come out",
    ],
    rows: [
      {
        what: "first frame / an empty Ink app's",
        measured: `${millis(median(firstMs ?? []))} / ${millis(median(emptyMs ?? []))} ms`,
        figure: `${ratio.toFixed(2)}x`,
        limit: `<= ${MOST_TIMES_EMPTY}x`,
        holds: ratio <= MOST_TIMES_EMPTY,
      },
      ...keyRows("a row down", moves),
      ...keyRows("filter as you type", typed),
      ...keyRows("another screen", screens),
      {
        what: `memory after ${KEYS.toLocaleString("en")} keys / after ${WARM_KEYS.toLocaleString("en")}`,
        measured: `${megabytes(after)} / ${megabytes(before)} MB`,
        figure: `${(after / before).toFixed(2)}x`,
        limit: `<= ${MOST_GROWTH}x`,
        holds: after / before <= MOST_GROWTH,
      },
    ],
  };
}

/**
 * @param {string} what
 * @param {readonly number[]} times
 */
function keyRows(what, times) {
  const sorted = [...times].sort((a, b) => a - b);
  const p95 = sorted[Math.floor(sorted.length * 0.95)] ?? Number.NaN;
  const middle = median(sorted);
  return [
    { what: `${what}, median of ${times.length}`, figure: middle, limit: MEDIAN_MS },
    { what: `${what}, 95th percentile`, figure: p95, limit: P95_MS },
  ].map((row) => ({
    what: row.what,
    measured: "",
    figure: `${millis(row.figure)} ms`,
    limit: `<= ${row.limit} ms`,
    holds: row.figure <= row.limit,
  }));
}

/**
 * Types keys one after the other, each when the frame of the one before has come.
 * @param {Session} open
 * @param {string} first isn't measured
 * @param {string} rest
 */
async function keys(open, first, rest) {
  for (const key of first) await open.type(key);
  const times = [];
  for (const key of rest) times.push(await open.type(key));
  return times;
}

/** @returns {typeof import("@lydell/node-pty") | undefined} */
function terminals() {
  try {
    return createRequire(import.meta.url)("@lydell/node-pty");
  } catch {
    return undefined;
  }
}

/**
 * @param {typeof import("@lydell/node-pty")} pty
 * @param {readonly string[]} args
 * @param {string} ready what the first frame holds
 * @returns {Session}
 */
function session(pty, args, ready) {
  const { CI: _, NODE_OPTIONS: __, ...env } = process.env;
  const begin = performance.now();
  const child = pty.spawn(process.execPath, [...args], {
    cols: COLUMNS,
    rows: ROWS,
    env: { .../** @type {Record<string, string>} */ (env), NODE_ENV: "production" },
  });
  let text = "";
  /** @type {(() => void) | undefined} */
  let onFrame;
  /** @type {(ms: number) => void} */
  let onStart = () => {};
  const started = new Promise((/** @type {(ms: number) => void} */ resolve) => {
    onStart = resolve;
  });
  let isReady = false;
  child.onData((data) => {
    text = (text + data).slice(-100_000);
    if (!isReady && text.includes(ready) && text.endsWith(FRAME_END)) {
      isReady = true;
      onStart(performance.now() - begin);
    } else if (text.endsWith(FRAME_END)) onFrame?.();
  });
  return {
    started,
    async type(key) {
      text = "";
      const at = performance.now();
      // A key that changes nothing draws nothing.
      const guard = new Promise((resolve) => setTimeout(resolve, 60, "none"));
      const frame = new Promise((resolve) => {
        onFrame = () => resolve("frame");
      });
      child.write(key);
      await Promise.race([frame, guard]);
      return performance.now() - at;
    },
    rss: () => 1024 * Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]),
    end: () => child.kill("SIGKILL"),
  };
}
