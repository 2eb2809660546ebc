/**
 * A checkpoint behind a plain URL. A server can't be asked what lies beside a file, so the files that it names are tried: the
 * other parts of its set, and the config.json of a safetensors file.
 */
import type { ByteSource, FileSet } from "@checkpoint-inspect/parser";

import { remembering } from "./cache/remembering.ts";
import type { Remote } from "./hub-repository.ts";
import { remoteSource } from "./transport/remote-source.ts";
import type { Transport } from "./transport/transport.ts";

export interface UrlFiles {
  readonly files: FileSet;
  readonly entry: string;
  /** The last folder of the path, for files whose own name says nothing. */
  readonly folderName: string;
}

/** First request of a file of unknown kind, in bytes: the beginning of a vocabulary, or the header of a safetensors file. */
const FIRST_BYTES = { gguf: 64 * 1024, other: 128 * 1024 } as const;

/** Nothing is requested before a file is opened. */
export function urlFiles(url: string, { transport, cache }: Remote): UrlFiles {
  const { pathname, host } = new URL(url);
  const names = pathname.split("/").filter((part) => part !== "");
  const entry = decoded(names.at(-1) ?? host);
  const beside = entry.endsWith(".gguf") ? [] : ["config.json"];
  const open = (name: string): Promise<ByteSource> => {
    const address = new URL(url);
    // What follows the path belongs to the file that was asked for.
    if (name !== entry) {
      address.search = "";
      const folder = pathname.slice(0, pathname.lastIndexOf("/") + 1);
      address.pathname = `${folder}${name.split("/").map(encodeURIComponent).join("/")}`;
    }
    return openUrl(address.href, name, { transport, cache });
  };
  const files: FileSet = {
    label: host,
    remote: true,
    unlisted: true,
    // Sizes aren't known before a file is opened.
    list: async () => [entry, ...beside].map((name) => ({ name, sizeBytes: 0 })),
    open,
  };
  return { files, entry, folderName: decoded(names.at(-2) ?? host) };
}

/** What is known of a file that was read before. */
interface KnownUrl {
  readonly etag: string;
  readonly sizeBytes: number;
}

/** A file that was read before costs one small request, which says whether it is still the same; offline it costs none. */
async function openUrl(url: string, name: string, { transport, cache }: Remote): Promise<ByteSource> {
  const known = knownUrl((await cache?.getJson("url", url))?.value);
  const same = known && (transport.settings.offline || (await isUnchanged(url, known, transport)));
  const firstBytes = name.endsWith(".gguf") ? FIRST_BYTES.gguf : FIRST_BYTES.other;
  const source = await remoteSource({ url, name, firstBytes, ...(same && known) }, transport);
  const { etag, sizeBytes } = source;
  if (etag === undefined) return remembering(source);
  if (!same) await cache?.putJson("url", url, { etag, sizeBytes } satisfies KnownUrl);
  return remembering(source, { cache, key: JSON.stringify([url, etag]) });
}

function knownUrl(value: unknown): KnownUrl | undefined {
  const { etag, sizeBytes } = (value ?? {}) as Partial<KnownUrl>;
  return typeof etag === "string" && Number.isSafeInteger(sizeBytes)
    ? { etag, sizeBytes: sizeBytes as number }
    : undefined;
}

/** Source: RFC 9110, 13.1.2 (If-None-Match) and 14.4 (Content-Range). */
function isUnchanged(url: string, { etag, sizeBytes }: KnownUrl, { request }: Transport): Promise<boolean> {
  const headers = { range: "bytes=0-0", "if-none-match": `"${etag}"`, "accept-encoding": "identity" };
  return request(url, { headers, mostBytes: Number.POSITIVE_INFINITY }, async ({ response, hops: [first] }) => {
    await response.body?.cancel();
    if (response.status === 304) return true;
    const now = first.headers.get("x-linked-etag") ?? response.headers.get("etag");
    const total = response.headers.get("content-range")?.split("/")[1];
    return now?.replace(/^(?:W\/)?"|"$/g, "") === etag && total === String(sizeBytes);
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
