/** A last word before a signal ends the program, as it would without us. */

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** @returns takes the listeners away */
export function beforeInterrupt(say: () => void): () => void {
  const off = (): void => {
    for (const signal of SIGNALS) process.removeListener(signal, onSignal);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    off();
    say();
    process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return off;
}
