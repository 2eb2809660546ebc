/**
 * Numbers for people. Counts and bytes in SI (1 GB = 10^9 bytes, as disks and the Hub print them); three significant digits.
 */

import { grouped } from "@checkpoint-inspect/parser";

const COUNT_UNITS = ["", " K", " M", " B", " T"] as const;
const BYTE_UNITS = [" B", " kB", " MB", " GB", " TB", " PB"] as const;

function scaled(value: number, units: readonly string[], digits: number): string {
  let unit = 0;
  let rest = Math.abs(value);
  // 999.5 would print as "1000": move on to the next unit before rounding does it.
  while (rest >= 1000 - 0.5 * 10 ** (3 - digits) && unit < units.length - 1) {
    rest /= 1000;
    unit++;
  }
  const sign = value < 0 ? "-" : "";
  const half = 0.5 * 10 ** (1 - digits);
  const whole = rest < 10 - half ? 1 : rest < 100 - 10 * half ? 2 : 3;
  return `${sign}${rest.toFixed(unit === 0 ? 0 : digits - whole)}${units[unit]}`;
}

/**
 * 1720574976 -> "1.72 B".
 * @param digits significant ones, at least 3
 */
export function formatCount(count: number, digits = 3): string {
  return scaled(count, COUNT_UNITS, digits);
}

/** 1107404576 -> "1.11 GB". */
export function formatBytes(bytes: number): string {
  return scaled(bytes, BYTE_UNITS, 3);
}

const MEMORY_UNITS = [" B", " KiB", " MiB", " GiB", " TiB", " PiB"] as const;

/**
 * 4831838208 -> "4.50 GiB": memory in powers of 1,024, as GPUs are sold (a "24 GB" card has 24 GiB) and as llama.cpp prints its buffers.
 */
export function formatMemory(bytes: number): string {
  let unit = 0;
  let rest = Math.abs(bytes);
  // 1,023.95 would print as "1024.0": on to the next unit before rounding does it.
  while (rest >= 1023.95 && unit < MEMORY_UNITS.length - 1) {
    rest /= 1024;
    unit++;
  }
  const decimals = unit === 0 ? 0 : rest < 9.995 ? 2 : rest < 999.95 ? 1 : 0;
  return `${bytes < 0 ? "-" : ""}${rest.toFixed(decimals)}${MEMORY_UNITS[unit]}`;
}

/** 1720574976 -> "1,720,574,976". */
export function formatExact(value: number): string {
  return grouped(value);
}

/** 0.1808 -> "18.1%"; what is there but below a tenth of a percent is "<0.1%", never "0.0%". */
export function formatShare(share: number): string {
  if (share === 1) return "100%";
  if (share > 0 && share < 0.001) return "<0.1%";
  if (share < 1 && share > 0.9995) return ">99.9%";
  return `${(share * 100).toFixed(1)}%`;
}

/** "1 layer", "3 layers". */
export function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${formatExact(count)} ${count === 1 ? noun : many}`;
}

/** 1 -> "1st", 12 -> "12th", 22 -> "22nd". */
export function ordinal(n: number): string {
  const teens = n % 100 >= 11 && n % 100 <= 13;
  return `${n}${(teens ? undefined : ["th", "st", "nd", "rd"][n % 10]) ?? "th"}`;
}

/** So many evenly spaced ranges are said in short; fewer are as short in full. */
const EVEN_RUN = 5;

/**
 * `[[0, 3], [6, 6], [9, 9]]` -> "0-3, 6, 9". Evenly spaced ones in short: "3-47 every 4th", and for ranges "5 of 6 in 0-58" (0-4, 6-10
 * and so on, up to 54-58). Both ends are included.
 */
export function formatRanges(ranges: readonly (readonly [number, number])[]): string {
  const words: string[] = [];
  for (let i = 0; i < ranges.length; ) {
    const run = evenRun(ranges, i);
    const [first, second, last] = [ranges[i], ranges[i + 1], ranges[i + run - 1]];
    if (run >= EVEN_RUN && first && second && last) {
      const [step, length] = [second[0] - first[0], first[1] - first[0] + 1];
      const whole = `${first[0]}-${last[1]}`;
      words.push(length === 1 ? `${whole} every ${ordinal(step)}` : `${length} of ${step} in ${whole}`);
      i += run;
    } else if (first) {
      words.push(first[0] === first[1] ? `${first[0]}` : `${first[0]}-${first[1]}`);
      i++;
    }
  }
  return words.join(", ");
}

/** How many ranges from `start` on are as long as it and stand at one distance. */
function evenRun(ranges: readonly (readonly [number, number])[], start: number): number {
  const [first, second] = [ranges[start], ranges[start + 1]];
  if (!first || !second) return 1;
  const step = second[0] - first[0];
  const length = first[1] - first[0];
  let end = start + 1;
  for (let range = ranges[end]; range; range = ranges[++end]) {
    const before = ranges[end - 1] as readonly [number, number];
    if (range[0] - before[0] !== step || range[1] - range[0] !== length) break;
  }
  return end - start;
}
