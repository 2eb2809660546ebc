/** AMD's and Intel's GPUs, from their product specifications. */
import { type BandwidthRow, fromBus, fromMaker } from "./rows.ts";

export const AMD: readonly BandwidthRow[] = [
  ...fromMaker("AMD", [
    ["MI355X", 8000, "HBM3E", { unlisted: [288] }],
    ["MI350X", 8000, "HBM3E", { unlisted: [288] }],
    ["MI325X", 6000, "HBM3E", { unlisted: [256] }],
    // @huggingface/tasks lists the 192 GB model, which is the MI300X.
    ["MI300", 5300, "HBM3"],
    ["MI250", 3276.8, "HBM2e"],
    ["MI210", 1638.4, "HBM2e"],
    ["MI100", 1228.8, "HBM2"],
    ["MI60", 1024, "HBM2"],
    ["MI50", 1024, "HBM2"],
    ["Radeon Pro VII", 1024, "HBM2"],
  ]),
  ...fromBus("AMD", [
    ["Ryzen AI Max+ 395", 256, 8, "LPDDR5X-8000"],
    ["R9700 PRO", 256, 20, "GDDR6"],
    ["RX 9070 XT", 256, 20, "GDDR6"],
    ["RX 9070", 256, 20, "GDDR6"],
    ["RX 9060 XT", 128, 20, "GDDR6"],
    ["PRO W7900", 384, 18, "GDDR6"],
    ["PRO W7800", 256, 18, "GDDR6", { sizes: [32] }],
    ["PRO W7800", 384, 18, "GDDR6", { sizes: [48] }],
    ["RX 7900 XTX", 384, 20, "GDDR6"],
    ["RX 7900 XT", 320, 20, "GDDR6"],
    ["RX 7900 GRE", 256, 18, "GDDR6"],
    ["RX 7800 XT", 256, 19.5, "GDDR6"],
    ["RX 7700 XT", 192, 18, "GDDR6"],
    ["RX 7600 XT", 128, 18, "GDDR6"],
    ["RX 7600", 128, 18, "GDDR6", { unlisted: [8] }],
    ["RX 6950 XT", 256, 18, "GDDR6"],
    ["RX 6900 XT", 256, 16, "GDDR6", { unlisted: [16] }],
    ["RX 6800 XT", 256, 16, "GDDR6", { unlisted: [16] }],
    ["RX 6800", 256, 16, "GDDR6"],
    ["RX 6750 XT", 192, 18, "GDDR6", { unlisted: [12] }],
    ["RX 6700 XT", 192, 16, "GDDR6"],
    ["RX 6700", 160, 16, "GDDR6"],
    ["RX 6650 XT", 128, 17.5, "GDDR6"],
    ["RX 6600 XT", 128, 16, "GDDR6"],
    ["RX 6600", 128, 14, "GDDR6"],
    ["RX 5700 XT", 256, 14, "GDDR6"],
    ["RX 5700", 256, 14, "GDDR6"],
    ["RX 5500 XT", 128, 14, "GDDR6"],
    ["Radeon Pro V620", 256, 16, "GDDR6"],
  ]),
];

export const INTEL: readonly BandwidthRow[] = fromBus("Intel", [
  ["Arc Pro B70", 256, 19, "GDDR6"],
  // The 48 GB card is two such GPUs.
  ["Arc B60", 192, 19, "GDDR6"],
  ["Arc B50", 128, 14, "GDDR6"],
  ["Arc B580", 192, 19, "GDDR6"],
  ["Arc B570", 160, 19, "GDDR6"],
  ["Arc A770", 256, 16, "GDDR6", { sizes: [8] }],
  ["Arc A770", 256, 17.5, "GDDR6", { sizes: [16] }],
  ["Arc A750", 256, 16, "GDDR6"],
  ["Arc A380", 96, 15.5, "GDDR6"],
]);
