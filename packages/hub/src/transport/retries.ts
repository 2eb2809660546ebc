/** Asking again: what may pass is tried some times more, with longer and longer pauses, or after what the server asks for. */
import pRetry, { type RetryContext } from "p-retry";
import { RequestError } from "./request-error.ts";
import { pause } from "./signals.ts";

export interface RetryPolicy {
  readonly retries: number;
  readonly backoffMs: number;
  readonly maxWaitMs: number;
  /** Told of each pause, and when it is over. */
  readonly onWait: (why: string, ms: number) => () => void;
}

/** @throws the last error of `ask`, or the reason of an abort */
export function retrying<T>(ask: () => Promise<T>, signals: readonly AbortSignal[], policy: RetryPolicy): Promise<T> {
  let waited = 0;
  return pRetry(ask, {
    retries: policy.retries,
    // The pauses are made below: they depend on what the server asked for, and are told of.
    minTimeout: 0,
    async onFailedAttempt({ error, retriesConsumed, retriesLeft }: RetryContext) {
      for (const signal of signals) signal.throwIfAborted();
      const ms = pauseAfter(error, retriesConsumed, policy);
      waited += ms ?? 0;
      const asked = error instanceof RequestError && error.waitMs !== undefined;
      if (ms === undefined || retriesLeft === 0 || (asked && waited > policy.maxWaitMs)) throw error;
      const over = policy.onWait(error.message, ms);
      try {
        await pause(ms, signals);
      } finally {
        over();
      }
    },
  });
}

/** Milliseconds until the next attempt; undefined: there is none. */
function pauseAfter(error: Error, retriesConsumed: number, { backoffMs }: RetryPolicy): number | undefined {
  if (!(error instanceof RequestError) || error.again === "no") return undefined;
  if (error.again === "once" && retriesConsumed > 0) return undefined;
  // Chance keeps many requests that failed together from coming back together.
  const backoff = Math.round((backoffMs * 2 ** retriesConsumed * (1 + Math.random())) / 2);
  return Math.max(backoff, error.waitMs ?? 0);
}
