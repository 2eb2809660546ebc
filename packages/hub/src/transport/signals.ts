/** Abort signals: one for many requests, waits that end with it. */
import { setMaxListeners } from "node:events";

/** Aborts `cut` with the first of the signals, until the returned function is called. */
export function follow(signals: readonly AbortSignal[], cut: AbortController): () => void {
  const undo = signals.map((signal) => {
    const onAbort = () => cut.abort(signal.reason);
    if (signal.aborted) onAbort();
    // Many requests at once listen to one signal; Node warns of eleven as if they were forgotten.
    setMaxListeners(0, signal);
    signal.addEventListener("abort", onAbort, { once: true });
    return () => signal.removeEventListener("abort", onAbort);
  });
  return () => {
    for (const done of undo) done();
  };
}

/** Resolves after a time, rejects at once with the reason of the first signal that is aborted. */
export function pause(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const cut = new AbortController();
    const timer = setTimeout(() => end(resolve), ms);
    const letGo = follow(signals, cut);
    const end = (how: () => void) => {
      clearTimeout(timer);
      letGo();
      how();
    };
    if (cut.signal.aborted) end(() => reject(cut.signal.reason));
    else cut.signal.addEventListener("abort", () => end(() => reject(cut.signal.reason)), { once: true });
  });
}
