/** Bodies of answers: counted, cut off when nothing comes for too long or too much comes, and let go of what they hold. */
import { grouped, quoted } from "@checkpoint-inspect/parser";
import { seconds } from "./answer-errors.ts";
import { connectionError } from "./connection-errors.ts";
import { RequestError } from "./request-error.ts";

export interface BodyGuard {
  /** For messages. */
  readonly host: string;
  readonly url: string;
  readonly proxied: boolean;
  readonly stallTimeoutMs: number;
  /** Ends the request. */
  readonly cut: AbortController;
  readonly onBytes: (count: number) => void;
  /** Called once, when the body has ended in any way. */
  readonly onEnd: () => void;
  readonly mostBytes: number;
}

/** Fewer bytes than these within the timeout are no progress: a byte now and then would keep a request open for ever. */
const LEAST_BYTES = 1024;

/** Statuses that can't have a body (Fetch standard, "null body status"). */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

/** The same answer with its body under guard, its `json` with an error that says what came instead, and its URL kept. */
export function guardedResponse(response: Response, guard: BodyGuard): Response {
  const { status, statusText } = response;
  const body = response.body && !BODILESS.has(status) ? guardedStream(response.body, guard) : null;
  if (!body) guard.onEnd();
  const guarded = new Response(body, { status, statusText, headers: new Headers([...response.headers]) });
  return Object.defineProperties(guarded, {
    url: { value: response.url },
    json: { value: async () => jsonOf(await guarded.text(), guarded.headers, guard.url) },
  });
}

function guardedStream(body: ReadableStream<Uint8Array>, guard: BodyGuard): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let received = 0;
  // Since the last bytes that were worth waiting for; what the reader of this stream takes its time for doesn't count.
  let sinceBytes = 0;
  let sinceMs = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const left = Math.max(0, guard.stallTimeoutMs - sinceMs);
        const stalled = setTimeout(() => guard.cut.abort(stallError(guard, received)), left);
        const begin = performance.now();
        try {
          const { done, value } = await reader.read();
          if (done) {
            guard.onEnd();
            controller.close();
            return;
          }
          sinceMs += performance.now() - begin;
          sinceBytes += value.length;
          if (sinceBytes >= LEAST_BYTES) [sinceBytes, sinceMs] = [0, 0];
          received += value.length;
          guard.onBytes(value.length);
          if (received > guard.mostBytes) throw tooLong(guard);
          controller.enqueue(value);
        } catch (cause) {
          guard.onEnd();
          controller.error(bodyError(cause, guard));
          guard.cut.abort();
        } finally {
          clearTimeout(stalled);
        }
      },
      async cancel() {
        guard.onEnd();
        guard.cut.abort();
        await reader.cancel().catch(() => undefined);
      },
    },
    // Nothing is asked for before somebody reads: who doesn't read can't stall.
    { highWaterMark: 0 },
  );
}

function bodyError(cause: unknown, guard: BodyGuard): unknown {
  if (guard.cut.signal.aborted) return guard.cut.signal.reason;
  return cause instanceof RequestError ? cause : connectionError(cause, guard.host, guard.proxied);
}

function stallError({ host, url, stallTimeoutMs }: BodyGuard, received: number): RequestError {
  const message = `${host} stopped sending ${url} after ${grouped(received)} bytes: next to nothing came for ${seconds(stallTimeoutMs)}; check the connection and try again`;
  return new RequestError("network", message, { again: "once" });
}

function tooLong({ url, mostBytes }: BodyGuard): RequestError {
  return new RequestError("network", `the answer of ${url} is longer than the limit of ${grouped(mostBytes)} bytes`);
}

/** Bytes of an answer that nobody wants that are read, to keep the connection for the next request. */
const MAX_DRAINED = 65_536;
const DRAIN_MS = 1000;

/** Ends an answer whose body isn't wanted: a short one is read, so that the connection can serve again, a long one cut off. */
export async function discard(response: Response): Promise<void> {
  if (!response.body || response.body.locked) return;
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  if (!(length <= MAX_DRAINED)) {
    await response.body.cancel();
    return;
  }
  const reader = response.body.getReader();
  const late = setTimeout(() => void reader.cancel(), DRAIN_MS);
  try {
    while (!(await reader.read()).done);
  } catch {
    // It is not wanted anyway.
  } finally {
    clearTimeout(late);
  }
}

/**
 * @param shown the URL, for the message
 * @throws {RequestError} `network` when it isn't JSON
 */
export function jsonOf(text: string, headers: Headers, shown: string): unknown {
  try {
    return JSON.parse(text.startsWith("\ufeff") ? text.slice(1) : text);
  } catch {
    const type = headers.get("content-type")?.split(";")[0] ?? "no type";
    const message = `${shown} answered with something that is not JSON (${quoted(type)}: ${quoted(text, 60)}); check HF_ENDPOINT, and whether the network wants a sign-in`;
    throw new RequestError("network", message);
  }
}
