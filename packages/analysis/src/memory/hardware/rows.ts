/** How a row of the bandwidth table is written. */

export interface BandwidthRow {
  /** As @huggingface/tasks names the model, so that the two tables join. */
  readonly name: string;
  readonly bytesPerSecond: number;
  readonly source: string;
  /** The memory sizes, GB as sold, that the row holds for; undefined: all that no other row has. */
  readonly sizes?: readonly number[];
  /** Memory sizes of a model that @huggingface/tasks doesn't list. */
  readonly unlisted?: readonly number[];
}

type More = Pick<BandwidthRow, "sizes" | "unlisted">;

/** Bits of the bus, billions of transfers a second on each, kind of memory. */
export type Bus = readonly [name: string, bits: number, gbps: number, kind: string, more?: More];

/** GB a second as the maker states it, kind of memory. */
export type Stated = readonly [name: string, gbPerSecond: number, kind: string, more?: More];

export function fromBus(maker: string, rows: readonly Bus[]): BandwidthRow[] {
  return rows.map(([name, bits, gbps, kind, more]) => ({
    name,
    bytesPerSecond: Math.round((bits / 8) * gbps * 1e9),
    source: `${bits}-bit x ${gbps} Gbps ${kind}, ${maker}'s specification`,
    ...more,
  }));
}

export function fromMaker(maker: string, rows: readonly Stated[]): BandwidthRow[] {
  return rows.map(([name, gbPerSecond, kind, more]) => ({
    name,
    bytesPerSecond: Math.round(gbPerSecond * 1e9),
    source: `${gbPerSecond} GB/s ${kind}, ${maker}'s specification`,
    ...more,
  }));
}
