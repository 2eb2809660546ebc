/** A stream of bytes as lines, with their places, in memory of one line at most. */

export interface Line {
  /** Without its line feed. */
  readonly text: string;
  /** Byte offset at which it begins. */
  readonly offset: number;
  /** A line feed follows; only the last one may lack it. */
  readonly ended: boolean;
}

/** A line is longer than it may be. */
export class LineTooLong extends Error {
  readonly number: number;

  constructor(number: number) {
    super(`line ${number} is too long`);
    this.number = number;
  }
}

const LINE_FEED = 10;

/**
 * @param most longest line, in bytes
 * @throws {LineTooLong}
 */
export async function* linesOf(stream: AsyncIterable<Uint8Array | string>, most: number): AsyncGenerator<Line> {
  let pieces: Uint8Array[] = [];
  let length = 0;
  let offset = 0;
  let number = 1;
  const keep = (piece: Uint8Array): void => {
    length += piece.length;
    if (length > most) throw new LineTooLong(number);
    pieces.push(piece);
  };
  for await (const chunk of stream) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
      keep(bytes.subarray(start, end));
      yield { text: Buffer.concat(pieces).toString("utf8"), offset, ended: true };
      offset += length + 1;
      [pieces, length, start] = [[], 0, end + 1];
      number++;
    }
    if (start < bytes.length) keep(bytes.subarray(start));
  }
  if (length > 0) yield { text: Buffer.concat(pieces).toString("utf8"), offset, ended: false };
}
