/** A line on the terminal that says how far reading has come, how fast it goes, and how long it will take. */
import { formatBytes } from "@checkpoint-inspect/analysis";

export interface Progress {
  /** Takes the line away and leaves the terminal as it was. */
  stop(): void;
}

/** Quick runs show nothing: a line that comes and goes only flickers. */
const DELAY_MS = 300;
const INTERVAL_MS = 100;

/**
 * @param total bytes
 * @param done bytes so far
 */
export async function showProgress(total: number, done: () => number): Promise<Progress> {
  const { SingleBar } = await import("cli-progress");
  const begin = performance.now();
  const bar = new SingleBar({
    stream: process.stderr,
    format: "reading {bar} {percentage}%  {read} of {all}  {rate}/s  {left}",
    barCompleteChar: "#",
    barIncompleteChar: ".",
    barsize: 24,
    clearOnComplete: true,
    emptyOnZero: true,
  });
  let shown = false;
  const update = (): void => {
    const bytes = done();
    const seconds = (performance.now() - begin) / 1000;
    const rate = bytes / seconds;
    const words = {
      read: formatBytes(bytes),
      all: formatBytes(total),
      rate: formatBytes(rate),
      left: rate > 0 ? `${duration((total - bytes) / rate)} left` : "",
    };
    if (shown) bar.update(bytes, words);
    else if (seconds * 1000 >= DELAY_MS) {
      shown = true;
      bar.start(total, bytes, words);
    }
  };
  const timer = setInterval(update, INTERVAL_MS);
  const stop = (): void => {
    clearInterval(timer);
    if (shown) bar.stop();
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

/** 75 -> "1:15 min" */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours > 0) return `${hours}:${String(minutes).padStart(2, "0")} h`;
  return `${minutes}:${String(whole % 60).padStart(2, "0")} min`;
}
