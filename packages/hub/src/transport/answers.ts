/** Whole answers, asked for again when they break off: JSON of the Hub's API, small files. */
import { jsonOf } from "./body.ts";
import type { Answer } from "./hops.ts";
import { shownUrl } from "./place.ts";
import type { RequestOptions, Transport } from "./transport.ts";

/** The longest known answers of the API are pages of listings with a few hundred kilobytes. */
const MAX_JSON_BYTES = 32 * 1024 ** 2;

/**
 * The JSON at a URL.
 * @throws {CheckpointError} as `Transport.fetch`; `network` when it isn't JSON, or longer than 32 MB
 */
export async function fetchJson(way: Transport, url: string, options: RequestOptions = {}): Promise<unknown> {
  const headers = { accept: "application/json", ...options.headers };
  return await way.request(url, { mostBytes: MAX_JSON_BYTES, ...options, headers }, async ({ response }) =>
    jsonOf(await response.text(), response.headers, shownUrl(new URL(url))),
  );
}

/**
 * The whole bytes at a URL.
 * @param most of bytes; more than that is an error
 * @throws {CheckpointError} as `Transport.fetch`
 */
export async function fetchBytes(
  way: Transport,
  url: string,
  most: number,
  options: RequestOptions & { readonly onAnswer?: (answer: Answer) => void } = {},
): Promise<Uint8Array> {
  return await way.request(url, { ...options, mostBytes: most }, async (answer) => {
    options.onAnswer?.(answer);
    return new Uint8Array(await answer.response.arrayBuffer());
  });
}
