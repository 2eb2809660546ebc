/**
 * A machine's own memory, which layers and experts on the CPU are read from: channels x 8 bytes x transfers a second (JEDEC's DDR4 and DDR5
 * have 64 data bits to a channel). Peaks; machines differ too much for one of them to be taken unasked.
 */

export interface RamRow {
  readonly name: string;
  readonly bytesPerSecond: number;
  readonly source: string;
}

const ROWS: readonly (readonly [kind: string, mega: number, channels: number])[] = [
  ["DDR4", 2666, 2],
  ["DDR4", 3200, 2],
  ["DDR4", 3600, 2],
  ["DDR5", 4800, 2],
  ["DDR5", 5600, 2],
  ["DDR5", 6000, 2],
  ["DDR5", 6400, 2],
  ["DDR4", 3200, 4],
  ["DDR5", 5600, 4],
  ["DDR4", 3200, 8],
  ["DDR5", 4800, 8],
  ["DDR5", 5600, 8],
  ["DDR5", 4800, 12],
  ["DDR5", 6000, 12],
];

export const RAM: readonly RamRow[] = ROWS.map(([kind, mega, channels]) => ({
  name: `${kind}-${mega}, ${channels} channels`,
  bytesPerSecond: channels * 8 * mega * 1e6,
  source: `${channels} channels x 8 bytes x ${mega} MT/s`,
}));

/** What desktops of today mostly have: an assumption that has to be shown as such. */
export const TYPICAL_RAM: RamRow = {
  name: "DDR5-5600, 2 channels",
  bytesPerSecond: 89.6e9,
  source: "assumed: 2 channels x 8 bytes x 5600 MT/s (DDR5-5600), as in desktops of today",
};
