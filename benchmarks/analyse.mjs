/** Analysing one header, against reading it: the per-expert tables of large mixtures of experts, packed or not. */
import { count, interleave, median, megabytes, millis, work } from "./lib.mjs";

/** @typedef {import("./lib.mjs").Section} Section */

const ROUNDS = 7;
/** As many as the largest published per-expert headers have. */
const TENSORS = 139_000;
const MOST_TIMES_PARSE = 10;

const CASES = [
  { what: "GGUF, a tensor an expert", make: "makeTensors", extension: "gguf" },
  { what: "safetensors, a tensor an expert", make: "makeSafetensors", extension: "safetensors" },
  { what: "safetensors, FP8 with scales", make: "makeFp8", extension: "safetensors" },
  { what: "safetensors, GPTQ", make: "makeGptq", extension: "safetensors" },
];

/**
 * @param {(name: string) => string} temporary path of a file in a folder that is removed at the end
 * @returns {Section}
 */
export function analyseAlone(temporary) {
  const rows = CASES.map(({ what, make, extension }) => {
    const path = temporary(`analyse-${make}.${extension}`);
    const { headerBytes } = work(make, path, String(TENSORS)).result;
    const [parse = [], analyse = []] = interleave(ROUNDS, [() => work("open", path), () => work("analyse", path)]);
    const time = (/** @type {typeof parse} */ runs) => median(runs.map(({ result }) => result.ms));
    const ratio = time(analyse) / time(parse);
    return {
      what: `${what} (${megabytes(headerBytes)} MB)`,
      measured: `${millis(time(analyse))} / ${millis(time(parse))} ms`,
      figure: `${ratio.toFixed(2)}x`,
      limit: `< ${MOST_TIMES_PARSE}x`,
      holds: ratio < MOST_TIMES_PARSE,
    };
  });
  return {
    title: `Analysis of ${count(TENSORS)} tensors, against opening the same file`,
    notes: [`the first call of a fresh process; medians of ${ROUNDS} processes each, in turn`],
    rows,
  };
}
