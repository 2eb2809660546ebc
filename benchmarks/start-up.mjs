/** The whole command on one model: its time and memory against those of an empty Node, and what it loads. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

import { interleave, median, megabytes, millis, probeNode, runNode } from "./lib.mjs";

/** @typedef {import("./lib.mjs").Section} Section */
/** @typedef {{ path: string, headerBytes: number, name: string }} Model */

export const COMMAND = fileURLToPath(new URL("../apps/inspect/bin/inspect.js", import.meta.url));

const EMPTY = ["-e", "0"];
const TIME_ROUNDS = 21;
const MEMORY_ROUNDS = 5;

/** A command that takes two and a half times as long as a language runtime that does nothing feels immediate. */
const MOST_TIMES_EMPTY = 2.5;
const MOST_MEMORY_BYTES = 100e6;

/**
 * @param {Model} model
 * @returns {Section}
 */
export function startUp({ path, name, headerBytes }) {
  const [empty = [], whole = []] = interleave(TIME_ROUNDS, [
    () => runNode(EMPTY).ms,
    () => runNode([COMMAND, path]).ms,
  ]);
  const [emptyPeak = [], wholePeak = []] = interleave(MEMORY_ROUNDS, [
    () => probeNode(EMPTY).probe.peakBytes,
    () => probeNode([COMMAND, path]).probe.peakBytes,
  ]);
  const ratio = median(whole) / median(empty);
  const peak = median(wholePeak);
  return {
    title: `Start-up: the process \`inspect FILE\` against \`node -e 0\``,
    notes: [
      `FILE: ${name}, header of ${megabytes(headerBytes)} MB`,
      `medians of ${TIME_ROUNDS} runs each for time and ${MEMORY_ROUNDS} for memory, in turn`,
    ],
    rows: [
      {
        what: "time from start to end",
        measured: `${millis(median(whole))} / ${millis(median(empty))} ms`,
        figure: `${ratio.toFixed(2)}x`,
        limit: `<= ${MOST_TIMES_EMPTY}x`,
        holds: ratio <= MOST_TIMES_EMPTY,
      },
      {
        what: "peak memory (empty: in brackets)",
        measured: `${megabytes(peak)} (${megabytes(median(emptyPeak))}) MB`,
        figure: `${megabytes(peak)} MB`,
        limit: `<= ${MOST_MEMORY_BYTES / 1e6} MB`,
        holds: peak <= MOST_MEMORY_BYTES,
      },
    ],
  };
}

/**
 * What a local `inspect FILE` must not load, and texts of each package's own code by which it is recognised in a
 * bundle, where its name is gone but its strings are not.
 */
const HEAVY = {
  ink: ["ink-text", "ink-root"],
  react: ["react.fragment"],
  "@huggingface/hub": ["Api error with status"],
  "@huggingface/gguf": ["Access to local file is not enabled"],
};
const UNDICI = "NativeModule internal/deps/undici/undici";

/**
 * @param {Model} model
 * @returns {Section}
 */
export function whatIsLoaded({ path }) {
  const { probe } = probeNode([COMMAND, path], { scripts: true });
  const found = heavyIn(probe.scripts);
  // A check that nothing is there is worth something only if it would see it: each package is loaded once for that.
  const installed = Object.keys(HEAVY).flatMap((name) => {
    const entry = entryOf(name);
    return entry ? [{ name, entry }] : [];
  });
  const seen = installed.filter(({ name, entry }) =>
    heavyIn(probeNode(["-e", `import(${JSON.stringify(entry)})`], { scripts: true }).probe.scripts).includes(name),
  );
  const fetching = probeNode(["-e", 'fetch("data:,")']).probe;
  const sees = seen.length === installed.length && fetching.builtins.includes(UNDICI);
  const undici = probe.builtins.includes(UNDICI);
  return {
    title: "What a local `inspect FILE` loads",
    rows: [
      {
        what: "Ink, React, @huggingface/*",
        measured: `in ${probe.scripts.length} scripts`,
        figure: found.length === 0 ? "none" : `${found.length} of ${Object.keys(HEAVY).length}`,
        limit: "none",
        // No script at all would mean that the probe saw nothing.
        holds: found.length === 0 && probe.scripts.some((url) => url.endsWith("/dist/cli.cjs")),
      },
      {
        what: "Node's fetch (undici)",
        measured: `in ${probe.builtins.length} builtins`,
        figure: undici ? "loaded" : "none",
        limit: "none",
        holds: !undici,
      },
      {
        what: "control: each is seen when loaded",
        measured: `${installed.length} installed`,
        figure: sees ? "seen" : "missed",
        limit: "seen",
        holds: sees,
      },
    ],
  };
}

/**
 * @param {readonly string[]} scripts file: URLs
 * @returns {string[]} names of HEAVY
 */
function heavyIn(scripts) {
  const texts = scripts.map((url) => readFileSync(new URL(url), "utf8"));
  return Object.entries(HEAVY)
    .filter(([, marks]) => texts.some((text) => marks.some((mark) => text.includes(mark))))
    .map(([name]) => name);
}

/**
 * The file that the command would load for a package, or undefined where it isn't installed.
 * @param {string} name
 */
function entryOf(name) {
  try {
    return pathToFileURL(createRequire(COMMAND).resolve(name)).href;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}
