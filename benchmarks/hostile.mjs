/** Time against size on headers made to be slow: reading them, and every rule of the audit. */
import { SHAPES } from "./hostile-shapes.mjs";
import { fitExponent, interleave, median, millis, work } from "./lib.mjs";

/** @typedef {import("./lib.mjs").Row} Row */
/** @typedef {import("./lib.mjs").Section} Section */

const ROUNDS = 3;
/** Growth in proportion has exponent 1. */
const MOST_EXPONENT = 1.2;
/** A size at which there is nothing but what every run takes: modules, code that isn't compiled yet. */
const TINY = 16;
/** Less than this above the tiny size is within what runs differ by: there is nothing to fit, and nothing to fear. */
const LEAST_MS = 60;
/** What the controls run on: small enough for a loop in a loop. */
const CONTROL = { index: SHAPES.findIndex(({ what }) => what === "GGUF, layers"), largest: 20_000 };

/**
 * @param {(name: string) => string} temporary path in a folder that is removed at the end
 * @returns {Section}
 */
export function hostile(temporary) {
  const { index, largest } = CONTROL;
  const linear = growth("control: layers", largest, measured("check", index, largest, temporary));
  const quadratic = growth("control: all pairs", largest, measured("check, all pairs", index, largest, temporary));
  return {
    title: "Headers made to be slow: reading them, and every rule of the audit",
    notes: [
      `each over four sizes up to the one that is named, every one twice the one before; medians of ${ROUNDS} fresh processes each, in turn`,
      `time goes from opening the file to its findings, less that of size ${TINY}; the figure is k in time = c * n^k, by least squares; where the largest takes less than ${LEAST_MS} ms there is none`,
      "all pairs: the same work and a loop in a loop behind it, over the names of the tensors",
    ],
    rows: [
      linear,
      { ...quadratic, limit: `> ${MOST_EXPONENT}`, holds: !quadratic.holds },
      ...SHAPES.map((shape, i) => growth(shape.what, shape.largest, measured("check", i, shape.largest, temporary))),
    ],
  };
}

/** @param {number} largest */
function sizesOf(largest) {
  return [8, 4, 2, 1].map((part) => Math.floor(largest / part));
}

/**
 * @param {string} kind
 * @param {number} shape
 * @param {number} largest
 * @param {(name: string) => string} temporary
 * @returns {number[]} for each size the median time, above that of the tiny one
 */
function measured(kind, shape, largest, temporary) {
  const cases = [TINY, ...sizesOf(largest)].map((n) => {
    const folder = temporary(`shape-${shape}-${n}`);
    work("makeShape", folder, String(shape), String(n));
    return () => work(kind, folder).result.ms;
  });
  const [tiny = 0, ...times] = interleave(ROUNDS, cases).map(median);
  // A logarithm needs something to stand on.
  return times.map((ms) => Math.max(1, ms - tiny));
}

/**
 * @param {string} what
 * @param {number} largest
 * @param {readonly number[]} times
 * @returns {Row}
 */
function growth(what, largest, times) {
  const last = times.at(-1) ?? 0;
  const fitted = last >= LEAST_MS;
  const exponent = fitExponent(sizesOf(largest), times);
  return {
    what: `${what}, ${Math.round(largest / 1000)}k`,
    measured: `${millis(times[0] ?? 0)} to ${millis(last)} ms`,
    figure: fitted ? `n^${exponent.toFixed(2)}` : "-",
    limit: `< ${MOST_EXPONENT}`,
    holds: !fitted || exponent < MOST_EXPONENT,
  };
}
