/** Memory of this process. On Linux the peak can be set back, so that each case has its own; elsewhere it only ever grows. */
import { readFileSync, writeFileSync } from "node:fs";

/** Bytes that are resident now. */
export function residentBytes(): number {
  return process.memoryUsage.rss();
}

/**
 * Most bytes that were resident since {@link forgetPeak}. What `getrusage` says would begin with the memory of the process that
 * started this one.
 */
export function peakBytes(): number {
  try {
    const peak = /VmHWM:\s*(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"));
    if (peak) return 1024 * Number(peak[1]);
  } catch {
    // Not Linux.
  }
  return 1024 * process.resourceUsage().maxRSS;
}

export function forgetPeak(): void {
  try {
    // proc(5): 5 sets the peak to what is resident now.
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    // It keeps growing, and a case that takes less than one before it shows nothing.
  }
}
