/** Unified memory of Macs, from the technical specifications on apple.com. The sizes tell the versions of a chip apart. */
import { fromMaker } from "./rows.ts";

export const APPLE = fromMaker("Apple", [
  ["Apple MacBook Neo", 60, "unified memory"],
  ["Apple M1", 68.25, "unified memory"],
  ["Apple M1 Pro", 200, "unified memory"],
  ["Apple M1 Max", 400, "unified memory"],
  ["Apple M1 Ultra", 800, "unified memory"],
  ["Apple M2", 100, "unified memory"],
  ["Apple M2 Pro", 200, "unified memory"],
  ["Apple M2 Max", 400, "unified memory"],
  ["Apple M2 Ultra", 800, "unified memory"],
  ["Apple M3", 100, "unified memory"],
  ["Apple M3 Pro", 150, "unified memory"],
  // The 30-core GPU comes with 36 or 96 GB, the 40-core one with the other sizes.
  ["Apple M3 Max", 400, "unified memory, 40-core GPU"],
  ["Apple M3 Max", 300, "unified memory, 30-core GPU", { sizes: [36, 96] }],
  ["Apple M3 Ultra", 819, "unified memory"],
  ["Apple M4", 120, "unified memory"],
  ["Apple M4 Pro", 273, "unified memory"],
  ["Apple M4 Max", 546, "unified memory, 40-core GPU"],
  ["Apple M4 Max", 410, "unified memory, 32-core GPU", { sizes: [36] }],
  ["Apple M5", 153, "unified memory"],
  ["Apple M5 Pro", 307, "unified memory"],
  ["Apple M5 Max", 614, "unified memory, 40-core GPU"],
  ["Apple M5 Max", 460, "unified memory, 32-core GPU", { sizes: [36] }],
]);
