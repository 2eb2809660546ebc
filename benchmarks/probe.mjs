/**
 * Loaded into a measured process by `node --import`: when the process ends, writes what it used to file descriptor 3,
 * as one JSON document `{ peakBytes, builtins, scripts }`.
 *
 * Peak memory is VmHWM of /proc/self/status, the most that this process itself ever had resident. `maxRSS` of
 * getrusage is not the same on Linux: it is kept over exec, so a child begins with the peak of the process that started
 * it. Where there is no /proc it is all there is.
 */
import { readFileSync, writeSync } from "node:fs";

/** @typedef {{ peakBytes: number, builtins: readonly string[], scripts: readonly string[] }} Probe */

/** @type {string[]} */
const scripts = [];
if (process.env.BENCHMARK_SCRIPTS === "1") {
  // The debugger names every script that is compiled from here on. It costs memory, so only runs that ask have it.
  const { Session } = await import("node:inspector");
  const session = new Session();
  session.connect();
  session.on("Debugger.scriptParsed", ({ params }) => scripts.push(params.url));
  session.post("Debugger.enable");
}

process.on("exit", () => {
  const builtins = /** @type {{ moduleLoadList?: string[] }} */ (/** @type {unknown} */ (process)).moduleLoadList ?? [];
  /** @type {Probe} */
  const probe = { peakBytes: peakBytes(), builtins, scripts: scripts.filter((url) => url.startsWith("file:")) };
  writeSync(3, JSON.stringify(probe));
});

function peakBytes() {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
    if (kib) return Number(kib) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}
