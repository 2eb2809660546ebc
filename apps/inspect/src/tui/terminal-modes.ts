/** What is switched on a terminal for as long as a full-screen program runs, and switched back on every way out of it. */

const ESC = "\u001b";
const ENTER = `${ESC}[?1049h${ESC}[?25l${ESC}[?2004h`;
const MOUSE_ON = `${ESC}[?1000h${ESC}[?1006h`;
const MOUSE_OFF = `${ESC}[?1006l${ESC}[?1000l`;
const LEAVE = `${ESC}[?2004l${ESC}[?25h${ESC}[?1049l`;
const CLEAR = `${ESC}[2J${ESC}[H`;

/** Signals that end a program. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface TerminalModes {
  enter(): void;
  /** Everything back; also called on exit, on signals and on errors that nobody caught. */
  leave(): void;
  mouse(on: boolean): void;
  clear(): void;
  /** To the clipboard of the terminal, which may be on another machine (OSC 52). */
  copy(text: string): void;
}

/** @param alternate the screen of its own that full-screen programs draw on; without, only pastes are marked */
export function terminalModes(
  stdout: NodeJS.WriteStream,
  stdin: NodeJS.ReadStream,
  { alternate }: { readonly alternate: boolean },
): TerminalModes {
  let entered = false;
  let mouse = false;
  const write = (codes: string): void => {
    // On the way out there is no later: write now.
    if (!stdout.destroyed) stdout.write(codes);
  };
  const leave = (): void => {
    if (!entered) return;
    entered = false;
    // A terminal may be gone by now.
    if (stdin.isTTY && !stdin.destroyed) stdin.setRawMode(false);
    if (alternate) write((mouse ? MOUSE_OFF : "") + LEAVE);
    process.off("exit", leave);
    process.off("uncaughtExceptionMonitor", leave);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  // The terminal first, then the signal does what it does without us. (An exit of ours would stumble over a terminal that is gone.)
  const onSignal = (signal: NodeJS.Signals): void => {
    leave();
    process.kill(process.pid, signal);
  };
  return {
    enter() {
      if (entered) return;
      entered = true;
      if (alternate) write(ENTER + (mouse ? MOUSE_ON : ""));
      process.on("exit", leave);
      process.on("uncaughtExceptionMonitor", leave);
      for (const signal of SIGNALS) process.on(signal, onSignal);
    },
    leave,
    mouse(on) {
      mouse = on;
      write(on ? MOUSE_ON : MOUSE_OFF);
    },
    clear: () => write(CLEAR),
    copy: (text) => write(clipboard(text, process.env)),
  };
}

/** OSC 52; tmux passes on what is wrapped for it, and screen takes it in a string of its own. */
function clipboard(text: string, env: NodeJS.ProcessEnv): string {
  const osc = `${ESC}]52;c;${Buffer.from(text).toString("base64")}\u0007`;
  if (env.TMUX) return `${ESC}Ptmux;${osc.replaceAll(ESC, ESC + ESC)}${ESC}\\`;
  return osc;
}
