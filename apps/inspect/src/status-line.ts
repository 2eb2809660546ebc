/** A line on the terminal, on stderr, that says how far something has come. */
import type { SingleBar } from "cli-progress";

export interface StatusLine {
  /** Takes the line away and leaves the terminal as it was. */
  stop(): void;
}

/** Quick runs show nothing: a line that comes and goes only flickers. */
const DELAY_MS = 300;
const INTERVAL_MS = 100;

export interface StatusOptions {
  /** As cli-progress has it: `{bar}`, `{percentage}`, and the words. */
  readonly format: string;
  /** What 100 % is. */
  readonly total: number;
  readonly value: () => number;
  readonly words: (seconds: number) => Readonly<Record<string, string>>;
}

export async function showStatus({ format, total, value, words }: StatusOptions): Promise<StatusLine> {
  const { SingleBar } = await import("cli-progress");
  const begin = performance.now();
  const bar: SingleBar = new SingleBar({
    stream: process.stderr,
    format,
    barCompleteChar: "#",
    barIncompleteChar: ".",
    barsize: 24,
    clearOnComplete: true,
    emptyOnZero: true,
  });
  let shown = false;
  const update = (): void => {
    const ms = performance.now() - begin;
    if (shown) bar.update(value(), words(ms / 1000));
    else if (ms >= DELAY_MS) {
      shown = true;
      bar.start(total, value(), words(ms / 1000));
    }
  };
  const timer = setInterval(update, INTERVAL_MS);
  const stop = (): void => {
    clearInterval(timer);
    if (shown) bar.stop();
    shown = false;
    for (const signal of SIGNALS) process.removeListener(signal, onSignal);
  };
  // The line goes, then the signal does what it does without us: it ends the program.
  const onSignal = (signal: NodeJS.Signals): void => {
    stop();
    process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return { stop };
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
