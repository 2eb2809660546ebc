/** A bound on how long another reader may take: it has none of its own, and no way to be told to stop. */

export class OutOfTime extends Error {}

export interface Deadline {
  /** @throws {OutOfTime} when the time is over */
  check(): void;
  /** What `work` resolves to, or {@link OutOfTime}: a reader that waits for something that never comes is left behind. */
  race<T>(work: Promise<T>): Promise<T>;
}

export function deadline(milliseconds: number, signal?: AbortSignal): Deadline {
  const end = performance.now() + milliseconds;
  const over = () => new OutOfTime(`no answer after ${milliseconds / 1000} seconds`);
  return {
    check() {
      signal?.throwIfAborted();
      if (performance.now() > end) throw over();
    },
    async race(work) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(over()), milliseconds);
      });
      try {
        return await Promise.race([work, late]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
