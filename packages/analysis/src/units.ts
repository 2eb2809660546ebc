/**
 * Numbers for people. Counts and bytes in SI (1 GB = 10^9 bytes, as disks and the Hub print them); three significant digits.
 */

import { grouped } from "@checkpoint-inspect/parser";

const COUNT_UNITS = ["", " K", " M", " B", " T"] as const;
const BYTE_UNITS = [" B", " kB", " MB", " GB", " TB", " PB"] as const;

function scaled(value: number, units: readonly string[]): string {
  let unit = 0;
  let rest = Math.abs(value);
  // 999.5 would print as "1000": move on to the next unit before rounding does it.
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= 1000;
    unit++;
  }
  const sign = value < 0 ? "-" : "";
  const digits = unit === 0 ? 0 : rest < 9.995 ? 2 : rest < 99.95 ? 1 : 0;
  return `${sign}${rest.toFixed(digits)}${units[unit]}`;
}

/** 1720574976 -> "1.72 B". */
export function formatCount(count: number): string {
  return scaled(count, COUNT_UNITS);
}

/** 1107404576 -> "1.11 GB". */
export function formatBytes(bytes: number): string {
  return scaled(bytes, BYTE_UNITS);
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
