/** How time and memory grow with the size of a header: exponents over four sizes, memory at the largest. */
import { count, fitExponent, interleave, median, megabytes, millis, probeNode, work } from "./lib.mjs";
import { COMMAND } from "./start-up.mjs";

/** @typedef {import("./lib.mjs").Row} Row */
/** @typedef {import("./lib.mjs").Section} Section */
/** @typedef {{ ms: number, peakBytes: number }} Cost */

const ROUNDS = 5;
/** Growth in proportion has exponent 1; sorting and a larger heap add a little, a loop in a loop adds much more. */
const MOST_EXPONENT = 1.15;
/** A header read whole, its strings, and an object for each tensor: a few times the bytes of the header. */
const MOST_TIMES_HEADER = 6;

const TENSORS = [62_500, 125_000, 250_000, 500_000];
const STRINGS = [250_000, 500_000, 1_000_000, 2_000_000];
/** The file that stands for none: what is left is the process and its modules. */
const TINY = 3;

/**
 * What is measured: files of growing size, and what is done with each.
 * @type {readonly { what: string, make: string, sizes: readonly number[], cost: (path: string) => Cost }[]}
 */
const CASES = [
  { what: "readGguf, tensors", make: "makeTensors", sizes: TENSORS, cost: (path) => costOf("gguf", path) },
  { what: "readGguf, strings", make: "makeStrings", sizes: STRINGS, cost: (path) => costOf("gguf", path) },
  {
    what: "readSafetensors, tensors",
    make: "makeSafetensors",
    sizes: TENSORS,
    cost: (path) => costOf("safetensors", path),
  },
  { what: "inspect GGUF --json", make: "makeTensors", sizes: TENSORS, cost: costOfCommand },
  { what: "inspect SAFETENSORS --json", make: "makeSafetensors", sizes: TENSORS, cost: costOfCommand },
];

/**
 * @param {(name: string) => string} temporary path of a file in a folder that is removed at the end
 * @returns {Section}
 */
export function scale(temporary) {
  const rows = CASES.flatMap(({ what, make, sizes, cost }) => {
    const files = [TINY, ...sizes].map((size) => {
      const path = temporary(`${make}-${size}.${make === "makeSafetensors" ? "safetensors" : "gguf"}`);
      return { path, size, headerBytes: work(make, path, String(size)).result.headerBytes };
    });
    const [tiny = [], ...grown] = interleave(
      ROUNDS,
      files.map(
        ({ path }) =>
          () =>
            cost(path),
      ),
    );
    const largest = files.at(-1)?.headerBytes ?? 0;
    return [
      growth(
        what,
        sizes,
        grown.map((runs) => median(runs.map(({ ms }) => ms))),
      ),
      memory(peakOf(grown.at(-1) ?? []) - peakOf(tiny), largest),
    ];
  });
  return {
    title: "Scale: time over four sizes, each twice the one before, and memory at the largest",
    notes: [
      `sizes: ${count(TENSORS[0] ?? 0)} to ${count(TENSORS.at(-1) ?? 0)} tensors, ${count(STRINGS[0] ?? 0)} to ${count(STRINGS.at(-1) ?? 0)} strings; medians of ${ROUNDS} fresh processes each, in turn`,
      'time: of the readers as in "Parse alone", of the command from start to end; the figure is k in time = c * n^k, by least squares',
      "memory: the peak, less the peak of the same process on a tiny file, over the bytes of the header",
    ],
    rows: [...controls(), ...rows],
  };
}

/**
 * Loops of a known growth, measured and fitted in the same way: the fit has to tell them apart.
 * @returns {Row[]}
 */
function controls() {
  const kinds = /** @type {const} */ (["linear", "quadratic"]);
  const cases = kinds.flatMap((kind) => TENSORS.map((n) => () => work(kind, String(n)).result.ms));
  const times = interleave(ROUNDS, cases).map(median);
  return kinds.map((kind, i) => {
    const own = times.slice(i * TENSORS.length, (i + 1) * TENSORS.length);
    const row = growth(`control: ${kind === "linear" ? "O(n)" : "O(n^2)"}`, TENSORS, own);
    if (kind === "linear") return row;
    return { ...row, limit: `> ${MOST_EXPONENT}`, holds: !row.holds };
  });
}

/**
 * @param {string} what
 * @param {readonly number[]} sizes
 * @param {readonly number[]} times
 * @returns {Row}
 */
function growth(what, sizes, times) {
  const exponent = fitExponent(sizes, times);
  return {
    what,
    measured: `${millis(times[0] ?? 0)} to ${millis(times.at(-1) ?? 0)} ms`,
    figure: `n^${exponent.toFixed(2)}`,
    limit: `< ${MOST_EXPONENT}`,
    holds: exponent < MOST_EXPONENT,
  };
}

/**
 * @param {number} bytes
 * @param {number} headerBytes
 * @returns {Row}
 */
function memory(bytes, headerBytes) {
  const ratio = bytes / headerBytes;
  return {
    what: "  memory",
    measured: `${megabytes(bytes)} / ${megabytes(headerBytes)} MB`,
    figure: `${ratio.toFixed(2)}x`,
    limit: `< ${MOST_TIMES_HEADER}x`,
    holds: ratio < MOST_TIMES_HEADER,
  };
}

/** @param {readonly Cost[]} runs */
function peakOf(runs) {
  return median(runs.map(({ peakBytes }) => peakBytes));
}

/**
 * @param {string} kind
 * @param {string} path
 * @returns {Cost}
 */
function costOf(kind, path) {
  const { result, peakBytes } = work(kind, path);
  return { ms: result.ms, peakBytes };
}

/**
 * @param {string} path
 * @returns {Cost}
 */
function costOfCommand(path) {
  const { ms, probe } = probeNode([COMMAND, path, "--json"]);
  return { ms, peakBytes: probe.peakBytes };
}
