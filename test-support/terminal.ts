/**
 * A real terminal: a pseudo-terminal that a program runs in, and xterm's emulator that understands what it writes. What a test sees is
 * the emulator's buffer.
 */
import { spawn } from "@lydell/node-pty";
import xterm from "@xterm/headless";

import type { Size } from "../apps/inspect/src/tui/screen.ts";

export interface Terminal {
  /** Sends keys as a keyboard or a paste does. */
  type(keys: string): void;
  /** Waits until the screen shows it. */
  shows(text: string | RegExp): Promise<readonly string[]>;
  /** Writes across what the program shows, as another program on the terminal would. */
  scribble(text: string): void;
  resize(size: Size): void;
  kill(signal: NodeJS.Signals): void;
  /** Ends the program, where it hasn't yet. */
  close(): void;
  /** Waits until the program ends. */
  ended(): Promise<{ readonly code: number; readonly signal: number }>;
  lines(): readonly string[];
  /** Which screen is shown: the one that the shell lives on, or that of full-screen programs. */
  buffer(): "normal" | "alternate";
  /** Everything that the program wrote, codes included. */
  raw(): string;
  readonly emulator: InstanceType<typeof xterm.Terminal>;
}

export interface TerminalOptions extends Partial<Size> {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** A guard, not a promise: what takes longer hangs. */
const HANG_MS = 20_000;

/** The variables under which programs believe that nobody watches, and those that change colours. */
const { CI: _, NO_COLOR: __, FORCE_COLOR: ___, TMUX: ____, ...PLAIN } = process.env;

/** Runs `node ...args` in a terminal. */
export function openTerminal(args: readonly string[], options: TerminalOptions = {}): Terminal {
  const { columns = 80, rows = 24, env = {}, cwd } = options;
  const emulator = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 1000 });
  const child = spawn(process.execPath, [...args], {
    name: env.TERM ?? "xterm-256color",
    cols: columns,
    rows,
    env: { ...(PLAIN as Record<string, string>), ...env },
    ...(cwd !== undefined && { cwd }),
  });
  let written = "";
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of [...listeners]) listener();
  };
  child.onData((data) => {
    written += data;
    emulator.write(data, changed);
  });
  // What a program asks a terminal (where the cursor is), the emulator answers.
  emulator.onData((data) => child.write(data));
  let end: { code: number; signal: number } | undefined;
  child.onExit(({ exitCode, signal }) => {
    end = { code: exitCode, signal: signal ?? 0 };
    // What was written last is read before it counts as ended.
    emulator.write("", changed);
  });
  const lines = (): string[] => {
    const { active } = emulator.buffer;
    return Array.from(
      { length: emulator.rows },
      (_, row) => active.getLine(active.baseY + row)?.translateToString(true) ?? "",
    );
  };
  /** Resolves once `test` gives a value, looking whenever the terminal has changed. */
  const until = <T>(what: string, test: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(guard);
        listeners.delete(look);
      };
      const look = (): void => {
        const value = test();
        if (value === undefined) return;
        stop();
        resolve(value);
      };
      const guard = setTimeout(() => {
        stop();
        reject(new Error(`the terminal never shows ${what}:\n${lines().join("\n")}`));
      }, HANG_MS);
      listeners.add(look);
      look();
    });
  return {
    type: (keys) => child.write(keys),
    shows: (text) =>
      until(String(text), () => {
        const now = lines();
        const whole = now.join("\n");
        return (typeof text === "string" ? whole.includes(text) : text.test(whole)) ? now : undefined;
      }),
    scribble: (text) => emulator.write(text, changed),
    resize(size) {
      emulator.resize(size.columns, size.rows);
      child.resize(size.columns, size.rows);
    },
    kill: (signal) => child.kill(signal),
    close: () => {
      if (!end) child.kill("SIGKILL");
    },
    ended: () => until("the end", () => end),
    lines,
    buffer: () => emulator.buffer.active.type,
    raw: () => written,
    emulator,
  };
}
