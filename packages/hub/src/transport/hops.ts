/**
 * One attempt at a request: sent with the token where it may go, its redirects followed by hand, each hop's headers kept.
 * Redirects: Fetch standard, "HTTP-redirect fetch".
 */
import { quoted } from "@checkpoint-inspect/parser";
import type { HubSettings } from "../settings.ts";
import { answerError, seconds } from "./answer-errors.ts";
import { discard, guardedResponse } from "./body.ts";
import { connectionError } from "./connection-errors.ts";
import { placeOf, shownUrl } from "./place.ts";
import { RequestError } from "./request-error.ts";
import { follow } from "./signals.ts";

/** One answer on the way. */
export interface Hop {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
}

export interface Answer {
  /** 2xx, or 304 where it was asked for; the body is under guard. */
  readonly response: Response;
  /** Every answer up to it: the first has the Hub's own headers (`X-Repo-Commit`, `X-Linked-ETag`), the last is `response`. */
  readonly hops: readonly [Hop, ...Hop[]];
}

/** What is sent, the same at each attempt. */
export interface Sending {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string | Uint8Array | undefined;
  readonly signals: readonly AbortSignal[];
  /** Longer bodies of the answer are cut off. */
  readonly mostBytes: number;
}

/** What the attempts of one transport share. */
export interface Line {
  readonly settings: HubSettings;
  readonly fetcher: () => Promise<typeof fetch>;
  readonly onRequest: () => void;
  readonly onBytes: (count: number) => void;
}

/** A test compares the version with the package's. */
export const USER_AGENT = "checkpoint-inspect/0.1.0";

const MAX_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** @throws {RequestError} for every answer but 2xx and a 304 that was asked for, and where none came; the reason of an abort */
export async function attempt(line: Line, sending: Sending): Promise<Answer> {
  const home = new URL(line.settings.endpoint).origin;
  const hops: Hop[] = [];
  let { url, method, body } = sending;
  const headers = new Headers(sending.headers);
  // Once a redirect has left the Hub, whatever it leads to is somebody else's idea.
  let trusted = true;
  for (;;) {
    trusted &&= url.origin === home;
    const withToken = trusted && line.settings.token !== undefined;
    setToken(headers, withToken ? line.settings : undefined);
    const response = await send(line, { ...sending, url, method, body, headers });
    hops.push({ url: url.href, status: response.status, headers: response.headers });
    const location = REDIRECTS.has(response.status) ? response.headers.get("location") : null;
    if (location === null) return await checked(response, hops, { line, url, headers, withToken });
    await discard(response);
    const next = nextUrl(location, url, hops, withToken);
    if (response.status === 303 ? method !== "HEAD" : response.status < 303 && method === "POST") {
      method = "GET";
      body = undefined;
      headers.delete("content-type");
    }
    // The tag is of the URL that redirects, not of what it leads to.
    headers.delete("if-range");
    url = next;
  }
}

function setToken(headers: Headers, settings: HubSettings | undefined): void {
  headers.delete("authorization");
  if (settings?.token === undefined) return;
  if (!/^[\x21-\x7e]+$/.test(settings.token)) {
    const from = settings.tokenFrom ?? "the settings";
    throw new RequestError("auth", `the token from ${from} has characters that no token has; copy it again`);
  }
  headers.set("authorization", `Bearer ${settings.token}`);
}

function nextUrl(location: string, from: URL, hops: readonly Hop[], withToken: boolean): URL {
  const shown = shownUrl(from);
  if (!URL.canParse(location, from.href)) throw new RequestError("network", `${shown} redirects to no valid address`);
  const next = new URL(location, from);
  next.hash = "";
  if (next.protocol !== "https:" && next.protocol !== "http:")
    throw new RequestError("network", `${shown} redirects to ${next.protocol} addresses, which are not followed`);
  if (withToken && from.protocol === "https:" && next.protocol === "http:")
    throw new RequestError(
      "network",
      `${shown} redirects to ${shownUrl(next)}, which is not encrypted; check HF_ENDPOINT`,
    );
  if (hops.some(({ url }) => url === next.href))
    throw new RequestError("network", `${shown} redirects in a circle; check the address and HF_ENDPOINT`);
  if (hops.length > MAX_REDIRECTS)
    throw new RequestError(
      "network",
      `${shownUrl(new URL(hops[0]?.url ?? from))} redirects more than ${MAX_REDIRECTS} times; check the address`,
    );
  checkUrl(next);
  return next;
}

/** @throws {RequestError} for what can't be asked for */
export function urlToAsk(text: string): URL {
  if (!URL.canParse(text)) throw new RequestError("network", `${quoted(text)} is no valid address`);
  const url = new URL(text);
  checkUrl(url);
  return url;
}

function checkUrl(url: URL): void {
  const shown = shownUrl(url);
  if (url.protocol !== "https:" && url.protocol !== "http:")
    throw new RequestError("network", `${shown} is no address of the web; only https: and http: are read`);
  if (url.username !== "" || url.password !== "")
    throw new RequestError(
      "network",
      `${shown} comes with a name and a password, which are not sent; download the file and inspect it`,
    );
}

async function send(line: Line, sending: Sending): Promise<Response> {
  const { settings } = line;
  const { url, method, headers, signals } = sending;
  const cut = new AbortController();
  const letGo = follow(signals, cut);
  const shown = shownUrl(url);
  const late = setTimeout(() => {
    const message = `${url.host} did not answer within ${seconds(settings.answerTimeoutMs)}; check the connection and try again`;
    cut.abort(new RequestError("network", message, { again: "once" }));
  }, settings.answerTimeoutMs);
  try {
    cut.signal.throwIfAborted();
    const fetcher = await line.fetcher();
    line.onRequest();
    const init: RequestInit = { method, headers, redirect: "manual", signal: cut.signal };
    const body = sending.body as RequestInit["body"];
    const response = await fetcher(url, body === undefined ? init : { ...init, body });
    if (response.status < 200 || response.status > 599) {
      cut.abort();
      throw answerError(response, placeOf(url, settings.endpoint), settings, headers.has("authorization"));
    }
    return guardedResponse(response, {
      host: url.host,
      url: shown,
      proxied: settings.proxied,
      stallTimeoutMs: settings.stallTimeoutMs,
      cut,
      onBytes: line.onBytes,
      onEnd: letGo,
      mostBytes: sending.mostBytes,
    });
  } catch (cause) {
    letGo();
    if (cause instanceof RequestError) throw cause;
    if (cut.signal.aborted) throw cut.signal.reason;
    throw connectionError(cause, url.host, settings.proxied);
  } finally {
    clearTimeout(late);
  }
}

interface Asked {
  readonly line: Line;
  readonly url: URL;
  readonly headers: Headers;
  readonly withToken: boolean;
}

async function checked(response: Response, hops: readonly Hop[], asked: Asked): Promise<Answer> {
  const conditional = asked.headers.has("if-none-match") || asked.headers.has("if-modified-since");
  if (response.ok || (response.status === 304 && conditional))
    return { response, hops: hops as readonly [Hop, ...Hop[]] };
  await discard(response);
  const { settings } = asked.line;
  throw answerError(response, placeOf(asked.url, settings.endpoint), settings, asked.withToken);
}
