/** A line on the terminal that says how far reading has come, how fast it goes, and how long it will take. */
import { formatBytes } from "@checkpoint-inspect/analysis";

import { type StatusLine, showStatus } from "../status-line.ts";

/**
 * @param total bytes
 * @param done bytes so far
 */
export function showProgress(total: number, done: () => number): Promise<StatusLine> {
  return showStatus({
    format: "reading {bar} {percentage}%  {read} of {all}  {rate}/s  {left}",
    total,
    value: done,
    words: (seconds) => {
      const bytes = done();
      const rate = bytes / seconds;
      return {
        read: formatBytes(bytes),
        all: formatBytes(total),
        rate: formatBytes(rate),
        left: rate > 0 ? `${duration((total - bytes) / rate)} left` : "",
      };
    },
  });
}

/** 75 -> "1:15 min" */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours > 0) return `${hours}:${String(minutes).padStart(2, "0")} h`;
  return `${minutes}:${String(whole % 60).padStart(2, "0")} min`;
}
