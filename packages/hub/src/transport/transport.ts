/** Requests to a Hub or any other server: one way out, with timeouts, retries, counting, and the token for its own origin alone. */
import pLimit from "p-limit";

import type { HubSettings } from "../settings.ts";
import { type Answer, attempt, type Line, type Sending, USER_AGENT, urlToAsk } from "./hops.ts";
import { shownUrl } from "./place.ts";
import { RequestError } from "./request-error.ts";
import { retrying } from "./retries.ts";

export interface Traffic {
  /** Requests sent, redirects and retries included. */
  readonly requests: number;
  /** Bytes of bodies received. */
  readonly bytes: number;
  /** Set while waiting before a retry: what for, and how long in all. */
  readonly waiting?: { readonly why: string; readonly ms: number };
}

/** A request of ours, which is sent again as it is. */
export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Besides the transport's own. */
  readonly signal?: AbortSignal | undefined;
  /** Longer answers are cut off; 64 MB unless told. */
  readonly mostBytes?: number;
}

export interface Transport {
  readonly settings: HubSettings;
  /** Ends every request at once when it is aborted. */
  readonly signal: AbortSignal | undefined;
  readonly traffic: Traffic;
  /**
   * As the global `fetch`, for libraries that take one. Answers are 2xx (or 304, where asked for): everything else is thrown.
   * The body may be read at leisure: it is cut off by the stall timeout too, and when it is longer than
   * 64 MB; what fails in it isn't asked for again.
   * @throws {CheckpointError} `network`, `auth`, `not-on-server`, each with a sentence on what to do
   */
  readonly fetch: typeof fetch;
  /**
   * A request and the reading of its answer, both tried again when they fail in a way that may pass.
   * @throws {CheckpointError} as `fetch`, and what `read` throws
   */
  readonly request: <T>(url: string, options: RequestOptions, read: (answer: Answer) => Promise<T>) => Promise<T>;
}

export interface TransportOptions {
  readonly signal?: AbortSignal | undefined;
  /** Attempts after the first. */
  readonly retries?: number;
  /** First pause before a retry; each next one is twice as long, and a part of it is chance. */
  readonly backoffMs?: number;
  /** A server may ask to wait (429); longer than this is an error that says how long. */
  readonly maxWaitMs?: number;
  /** Lets so many requests be under way at a time. Several transports may share one. */
  readonly gate?: Gate;
}

/** Runs what it is given, now or when there is room. */
export type Gate = <T>(run: () => Promise<T>) => Promise<T>;

/** Requests under way at a time: more than any set of files is read at once with, fewer than a server would take for an attack. */
const REQUESTS_AT_ONCE = 64;

export function requestGate(atOnce = REQUESTS_AT_ONCE): Gate {
  const limit = pLimit(atOnce);
  return (run) => limit(run);
}

/** Of a body that a library reads whole: a page of a listing has a few hundred kilobytes. */
const MAX_ANSWER_BYTES = 64 * 1024 ** 2;

const RETRIES = 3;
const BACKOFF_MS = 500;
const MAX_WAIT_MS = 10_000;

type Waiting = NonNullable<Traffic["waiting"]>;

/** The way to servers that settings describe. Nothing is sent before it is used. */
export function transport(settings: HubSettings, options: TransportOptions = {}): Transport {
  const { signal, retries = RETRIES, backoffMs = BACKOFF_MS, maxWaitMs = MAX_WAIT_MS, gate = requestGate() } = options;
  const traffic: { requests: number; bytes: number; waiting?: Waiting } = { requests: 0, bytes: 0 };
  const waits = new Set<Waiting>();
  const line: Line = {
    settings,
    fetcher: fetcherOf(settings),
    onRequest: () => {
      traffic.requests++;
    },
    onBytes: (count) => {
      traffic.bytes += count;
    },
  };
  const onWait = (why: string, ms: number) => {
    const wait = { why, ms };
    waits.add(wait);
    traffic.waiting = wait;
    return () => {
      waits.delete(wait);
      const [other] = waits;
      if (other) traffic.waiting = other;
      else delete traffic.waiting;
    };
  };

  async function ask<T>(sending: Sending, read: (answer: Answer) => Promise<T>): Promise<T> {
    if (settings.offline) throw offlineError(sending.url, settings);
    const once = async () => {
      const answer = await attempt(line, sending);
      try {
        return await read(answer);
      } catch (error) {
        const { body } = answer.response;
        if (body && !body.locked) await body.cancel();
        throw error;
      }
    };
    return await gate(async () => {
      for (const each of sending.signals) each.throwIfAborted();
      return await retrying(once, sending.signals, { retries, backoffMs, maxWaitMs, onWait });
    });
  }

  return {
    settings,
    signal,
    traffic,
    async fetch(input, init) {
      const sending = await sendingOf(input, init, signal);
      return await ask(sending, async ({ response }) => response);
    },
    request: async (url, request, read) =>
      await ask(
        {
          url: urlToAsk(url),
          method: request.method ?? "GET",
          headers: withUserAgent(new Headers(request.headers)),
          body: request.body,
          signals: [signal, request.signal].filter((each) => each !== undefined),
          mostBytes: request.mostBytes ?? MAX_ANSWER_BYTES,
        },
        read,
      ),
  };
}

/** What the arguments of `fetch` ask for. */
async function sendingOf(
  input: Parameters<typeof fetch>[0],
  init: RequestInit | undefined,
  signal: AbortSignal | undefined,
): Promise<Sending> {
  // Made without its signal: it would listen to it for as long as the request lives.
  const { signal: own, ...rest } = init ?? {};
  const asked = input instanceof Request ? new Request(input, rest) : undefined;
  const body = asked ? await bytesOf(asked) : await bytesOf(rest.body);
  return {
    url: urlToAsk(input instanceof Request ? input.url : String(input)),
    method: (asked?.method ?? rest.method ?? "GET").toUpperCase(),
    headers: withUserAgent(new Headers(asked?.headers ?? rest.headers)),
    body,
    signals: [signal, own ?? asked?.signal].filter((each) => each !== undefined && each !== null),
    mostBytes: MAX_ANSWER_BYTES,
  };
}

/** A body that can be sent again: text as it is, anything else read out. */
async function bytesOf(body: Request | RequestInit["body"]): Promise<string | Uint8Array | undefined> {
  if (body === undefined || body === null || typeof body === "string") return body ?? undefined;
  if (body instanceof Request) return body.body ? new Uint8Array(await body.arrayBuffer()) : undefined;
  return new Uint8Array(await new Response(body).arrayBuffer());
}

function withUserAgent(headers: Headers): Headers {
  headers.set("user-agent", USER_AGENT);
  return headers;
}

function offlineError(url: URL, settings: HubSettings): RequestError {
  const why = settings.offlineFrom ?? "the settings";
  return new RequestError(
    "network",
    `${shownUrl(url)} is not asked for: ${why} says to stay offline, and what it has is not on this disk; drop ${why} to ask the server`,
  );
}

/** The global fetch; behind a proxy the one of undici, since the agents of one don't go with the fetch of the other. */
function fetcherOf(settings: HubSettings): () => Promise<typeof fetch> {
  if (!settings.proxied) return async () => fetch;
  let made: Promise<typeof fetch> | undefined;
  return () => {
    made ??= import("undici").then((undici) => {
      const dispatcher = new undici.EnvHttpProxyAgent();
      const proxied = (input: string | URL, init?: object) => undici.fetch(input, { ...init, dispatcher });
      return proxied as unknown as typeof fetch;
    });
    return made;
  };
}
