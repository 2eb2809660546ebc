/**
 * The way out to the terminal: width, colour, and writing that survives `| head`.
 */
import { Chalk, type ChalkInstance, supportsColor } from "chalk";

/** Width of text that goes into a pipe or a file. */
const PIPE_WIDTH = 100;
/** Below this the tables have no room left to be tables. */
const MIN_WIDTH = 40;
/** Lines longer than this are hard to follow with the eye; wider terminals keep the space. */
const MAX_WIDTH = 120;

export interface Style {
  readonly width: number;
  readonly color: ChalkInstance;
  /** Block characters, or plain ASCII on a terminal that says it is dumb. */
  readonly glyphs: Glyphs;
}

interface Glyphs {
  /** Bar cells from empty to full, in equal steps. */
  readonly bar: readonly string[];
  readonly rule: string;
  readonly dot: string;
  readonly ellipsis: string;
}

const UNICODE: Glyphs = { bar: ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"], rule: "─", dot: "·", ellipsis: "…" };
const ASCII: Glyphs = { bar: ["", "#"], rule: "-", dot: "-", ellipsis: "..." };

/** Whether the terminal is to be coloured. */
export function wantsColor(flag: boolean | undefined, stream: NodeJS.WriteStream = process.stdout): boolean {
  return colorLevel(flag, process.env, stream.isTTY === true) > 0;
}

/** @param ascii nothing beyond ASCII is drawn */
export function glyphsOf(ascii: boolean): Glyphs {
  return ascii ? ASCII : UNICODE;
}

export interface StyleFlags {
  readonly color?: boolean | undefined;
  readonly width?: number | undefined;
}

/** Colour: flag, then NO_COLOR, then FORCE_COLOR, then what the terminal can do. */
function colorLevel(flag: boolean | undefined, env: NodeJS.ProcessEnv, tty: boolean): 0 | 1 | 2 | 3 {
  const detected = supportsColor ? supportsColor.level : 0;
  if (flag !== undefined) return flag ? (Math.max(1, detected) as 1 | 2 | 3) : 0;
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== "") return 0;
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== "0" && env.FORCE_COLOR !== "false")
    return Math.max(1, detected) as 1 | 2 | 3;
  if (env.FORCE_COLOR !== undefined || !tty || env.TERM === "dumb") return 0;
  return detected;
}

export function terminalStyle(
  flags: StyleFlags,
  stream: NodeJS.WriteStream = process.stdout,
  env = process.env,
): Style {
  const tty = stream.isTTY === true;
  const width = flags.width ?? (tty ? Math.min(MAX_WIDTH, stream.columns || 80) : PIPE_WIDTH);
  return {
    width: Math.max(MIN_WIDTH, Math.floor(width)),
    color: new Chalk({ level: colorLevel(flags.color, env, tty) }),
    glyphs: glyphsOf(env.TERM === "dumb"),
  };
}

/** Writes whole text and waits until it is on its way. What goes wrong then is {@link endOnFailedOutput}'s. */
export async function print(text: string): Promise<void> {
  await new Promise<void>((resolve) => {
    process.stdout.write(text.endsWith("\n") ? text : `${text}\n`, () => resolve());
  });
}

/** EX_IOERR of sysexits.h: the answer could not be written. */
const WRITE_FAILED = 74;

/** A closed pipe ends the program quietly, as it ends `cat`; a full disk ends it with a line. */
export function endOnFailedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(process.exitCode ?? 0);
      if (stream === process.stdout) process.stderr.write(`inspect: cannot write the answer: ${error.message}\n`);
      process.exit(WRITE_FAILED);
    });
  }
}
