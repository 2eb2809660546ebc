/** Reading one header, against @huggingface/gguf on the same file. */
import { readFileSync } from "node:fs";

import { interleave, median, megabytes, millis, work } from "./lib.mjs";

/** @typedef {import("./lib.mjs").Section} Section */

const ROUNDS = 9;
const LEAST_TIMES_FASTER = 15;

/**
 * @param {import("./start-up.mjs").Model} model
 * @returns {Section}
 */
export function parseAlone({ path, name, headerBytes }) {
  const [peer = [], ours = []] = interleave(ROUNDS, [() => work("peer", path), () => work("gguf", path)]);
  const tensors = ours[0]?.result.items;
  if (tensors === undefined || tensors === 0 || tensors !== peer[0]?.result.items) {
    throw new Error(`readGguf found ${tensors} tensors, the peer ${peer[0]?.result.items}`);
  }
  const time = (/** @type {typeof ours} */ runs) => median(runs.map(({ result }) => result.ms));
  const manifest = new URL("package.json", new URL("../", import.meta.resolve("@huggingface/gguf")));
  const { version } = JSON.parse(readFileSync(manifest, "utf8"));
  const ratio = time(peer) / time(ours);
  return {
    title: `Parse alone: readGguf against gguf() of @huggingface/gguf ${version}`,
    notes: [
      `FILE: ${name}, header of ${megabytes(headerBytes)} MB`,
      `from the call, which opens the file, to its result; imports aren't counted; the first call of a fresh process; medians of ${ROUNDS} processes each, in turn`,
      "The peer decodes every token; readGguf steps over long arrays, checks their bounds, and decodes them when asked.",
    ],
    rows: [
      {
        what: "faster than the peer",
        measured: `${millis(time(ours))} / ${millis(time(peer))} ms`,
        figure: `${ratio.toFixed(1)}x`,
        limit: `>= ${LEAST_TIMES_FASTER}x`,
        holds: ratio >= LEAST_TIMES_FASTER,
      },
    ],
  };
}
