/**
 * `inspect check --weights` on a file of 1 GiB, against `cat FILE > /dev/null` on the same: both read the page cache, and `cat` does
 * nothing else.
 */
import { spawnSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { ggufDataSize, writeGgufHeader } from "@checkpoint-inspect/parser";

import { interleave, median, megabytes, millis } from "./lib.mjs";
import { COMMAND } from "./start-up.mjs";

/** @typedef {import("./lib.mjs").Section} Section */
/** @typedef {import("./lib.mjs").Row} Row */
/** @typedef {{ rule: string, tensor?: string, message: string, offset?: number }} Finding */

const PROBE = new URL("probe.mjs", import.meta.url).href;

const ROUNDS = 9;
const MOST_TIMES_CAT = 2;
const MOST_MEMORY_BYTES = 300e6;

/**
 * ggml type ids; blocks in elements and bytes; where in a block half-precision numbers stand.
 * @type {readonly { name: string, type: number, elements: number, bytes: number, halves: readonly number[] }[]}
 */
const TYPES = [
  { name: "F16", type: 1, elements: 1, bytes: 2, halves: [0] },
  { name: "Q4_K", type: 12, elements: 256, bytes: 144, halves: [0, 2] },
  { name: "Q8_0", type: 8, elements: 32, bytes: 34, halves: [0] },
];

/** Rows of 4,096 elements, as many as make a third of the file. */
const ROW = 4096;
const THIRD_BYTES = 2 ** 30 / 3;
const TENSORS_EACH = 8;

/** Where the two are planted: element and block of the tensor. */
const NAN_ELEMENT = 12_345_678;
const INFINITE_BLOCK = 98_765;

/**
 * @param {(name: string) => string} temporary path of a file in a folder that is removed at the end
 * @returns {Section}
 */
export function weights(temporary) {
  const path = temporary("weights-1gib.gguf");
  const { bytes, planted } = generate(path);
  const pinned = canPin();
  const cat = (/** @type {readonly string[]} */ prefix) => timed([...prefix, "cat", path]);
  const scan = (/** @type {readonly string[]} */ prefix) => scanned(prefix, path);
  // Once for the page cache.
  cat([]);
  const [catAll = [], scanAll = []] = interleave(ROUNDS, [() => cat([]), () => scan([]).ms]);
  const [catOne = [], scanOne = []] = pinned ? interleave(ROUNDS, [() => cat(PINNED), () => scan(PINNED).ms]) : [];
  const { threads, findings, peakBytes } = scan([]);
  const found = planted.filter(({ rule, tensor, offset, words }) =>
    findings.some(
      (finding) =>
        finding.rule === rule &&
        finding.tensor === tensor &&
        finding.offset === offset &&
        finding.message.includes(words),
    ),
  ).length;
  return {
    title: "Reading the weights: `inspect check --weights` against `cat FILE > /dev/null`",
    notes: [
      `FILE: ${megabytes(bytes)} MB of F16, Q4_K and Q8_0, a third each, in the page cache`,
      `time: of cat, the process from start to end; of inspect, from the start of its threads to the last result; medians of ${ROUNDS} each, in turn`,
    ],
    rows: [
      ...(pinned ? [speed("both on one core", catOne, scanOne)] : []),
      speed(`all cores (threads used: ${threads})`, catAll, scanAll),
      {
        what: "peak memory",
        measured: `${megabytes(peakBytes)} MB`,
        figure: `${megabytes(peakBytes)} MB`,
        limit: "< 300 MB",
        holds: peakBytes < MOST_MEMORY_BYTES,
      },
      {
        what: "planted NaN and infinite scale",
        measured: `${findings.length} findings`,
        figure: `${found} of ${planted.length}`,
        limit: `${planted.length}`,
        holds: found === planted.length && findings.length === planted.length,
      },
    ],
  };
}

/**
 * @param {string} what
 * @param {readonly number[]} cat
 * @param {readonly number[]} scan
 * @returns {Row}
 */
function speed(what, cat, scan) {
  const ratio = median(scan) / median(cat);
  return {
    what,
    measured: `${millis(median(scan))} / ${millis(median(cat))} ms`,
    figure: `${ratio.toFixed(2)}x`,
    limit: `<= ${MOST_TIMES_CAT}x`,
    holds: ratio <= MOST_TIMES_CAT,
  };
}

/** Keeps a process on one core. Node heeds it when it counts cores. */
const PINNED = ["taskset", "-c", "0"];

/** Whether that can be done here: Linux has it. */
function canPin() {
  const [program = "", ...args] = [...PINNED, "true"];
  return spawnSync(program, args).status === 0;
}

/**
 * @param {readonly string[]} command
 * @returns {number} milliseconds
 */
function timed([program = "", ...args]) {
  const sink = openSync("/dev/null", "w");
  const begin = performance.now();
  const { status } = spawnSync(program, args, { stdio: ["ignore", sink, "inherit"] });
  const ms = performance.now() - begin;
  closeSync(sink);
  if (status !== 0) throw new Error(`${program} ended with code ${status}`);
  return ms;
}

/**
 * Runs the command, which ends with 1 because of what is planted.
 * @param {readonly string[]} prefix
 * @param {string} path
 * @returns {{ ms: number, threads: number, findings: readonly Finding[], peakBytes: number }}
 */
function scanned(prefix, path) {
  const node = [process.execPath, "--import", PROBE, COMMAND, "check", "--weights", "--json", path];
  const [program = "", ...args] = [...prefix, ...node];
  const { output } = spawnSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit", "pipe"] });
  const { checkpoints, findings } = JSON.parse(output[1] ?? "");
  const { seconds, threads } = checkpoints[0].weights;
  return {
    ms: seconds * 1000,
    threads,
    findings: findings.filter((/** @type {Finding} */ { rule }) => rule.startsWith("weights/")),
    peakBytes: JSON.parse(output[3] ?? "").peakBytes,
  };
}

/**
 * Random bits, but for the numbers that have to be finite: their top exponent bit is cleared.
 * @param {string} path
 */
function generate(path) {
  const tensors = TYPES.flatMap(({ name, type, elements, bytes }) => {
    const rows = Math.floor(THIRD_BYTES / TENSORS_EACH / ((ROW / elements) * bytes));
    return Array.from({ length: TENSORS_EACH }, (_, i) => ({
      name: `blk.${i}.${name.toLowerCase()}.weight`,
      type,
      shape: [ROW, rows],
    }));
  });
  const input = { metadata: [{ key: "general.architecture", type: "string", value: "llama" }], tensors };
  const header = writeGgufHeader(/** @type {import("@checkpoint-inspect/parser").GgufInput} */ (input));
  const bytes = header.length + ggufDataSize(/** @type {import("@checkpoint-inspect/parser").GgufInput} */ (input));
  const file = openSync(path, "w");
  writeSync(file, header);
  ftruncateSync(file, bytes);
  /** @type {{ rule: string, tensor: string, offset: number, words: string }[]} */
  const planted = [];
  let offset = header.length;
  for (const [i, { name, shape }] of tensors.entries()) {
    const {
      name: type,
      elements,
      bytes: blockBytes,
      halves,
    } = /** @type {typeof TYPES[number]} */ (TYPES[Math.floor(i / TENSORS_EACH)]);
    const size = ((shape[0] ?? 0) / elements) * blockBytes * (shape[1] ?? 0);
    fill(file, offset, size, blockBytes, halves);
    if (type === "F16" && i % TENSORS_EACH === 5) {
      const at = offset + 2 * NAN_ELEMENT;
      writeSync(file, Uint8Array.of(0x00, 0x7e), 0, 2, at);
      const words = `element ${NAN_ELEMENT.toLocaleString("en-US")} at `;
      planted.push({ rule: "weights/nan", tensor: name, offset: at, words });
    }
    if (type === "Q4_K" && i % TENSORS_EACH === 2) {
      const at = offset + blockBytes * INFINITE_BLOCK + 2;
      writeSync(file, Uint8Array.of(0x00, 0x7c), 0, 2, at);
      const first = (INFINITE_BLOCK * elements).toLocaleString("en-US");
      planted.push({ rule: "weights/infinite-scale", tensor: name, offset: at, words: `elements ${first} to` });
    }
    // Sizes are multiples of the alignment, so that there is no padding between.
    offset += size;
  }
  closeSync(file);
  return { bytes, planted };
}

/**
 * @param {number} file
 * @param {number} offset
 * @param {number} size
 * @param {number} blockBytes
 * @param {readonly number[]} halves
 */
function fill(file, offset, size, blockBytes, halves) {
  const chunk = Buffer.alloc(blockBytes * Math.floor(2 ** 22 / blockBytes));
  randomFillSync(chunk);
  for (let block = 0; block < chunk.length; block += blockBytes) {
    for (const at of halves) chunk[block + at + 1] = (chunk[block + at + 1] ?? 0) & 0xbf;
  }
  for (let done = 0; done < size; done += chunk.length) {
    writeSync(file, chunk, 0, Math.min(chunk.length, size - done), offset + done);
  }
}
