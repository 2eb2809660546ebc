/**
 * A `fetch` that never leaves the process: it answers out of a file set, as a server of files would. Whatever it can't answer is
 * refused, so that a reader that is given it can't reach the network.
 */
import { type ByteSource, CheckpointError, type FileSet } from "@checkpoint-inspect/parser";

/** A name that no resolver knows (RFC 6761): a request that got past us would end there. */
export const LOOPBACK_URL = "https://second-opinion.invalid";

export interface LoopbackLimits {
  /** Where in a file no answer begins any more: behind its header, and what a reader fetches ahead. */
  readonly endOf: (name: string) => number;
  /** Throws when the time is over or the caller has given up: asked before every answer. */
  readonly checkTime: () => void;
}

export interface Loopback {
  readonly fetch: typeof fetch;
  close(): void;
}

/** A reader asked for more of a file than its header can need. */
export class BeyondHeader extends Error {}

/** @param nameOf the file that a path means; undefined for none */
export function loopback(
  files: FileSet,
  limits: LoopbackLimits,
  nameOf: (path: string) => string | undefined,
): Loopback {
  const open = new Map<string, Promise<ByteSource | undefined>>();

  function source(name: string): Promise<ByteSource | undefined> {
    let known = open.get(name);
    if (!known) {
      known = openByPath(files, name).catch((error: unknown) => {
        if (error instanceof CheckpointError) return undefined;
        throw error;
      });
      open.set(name, known);
    }
    return known;
  }

  async function answer(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    limits.checkTime();
    const url = new URL(input instanceof Request ? input.url : input);
    const name = url.origin === LOOPBACK_URL ? nameOf(decodeURIComponent(url.pathname.slice(1))) : undefined;
    const file = name === undefined ? undefined : await source(name);
    if (!file) return new Response(null, { status: 404, headers: { "X-Error-Code": "EntryNotFound" } });
    const { sizeBytes } = file;
    // The tag is never compared; the Hub's client asks that there be one.
    const headers = { ETag: '"1"', "Accept-Ranges": "bytes" };
    const range = /^bytes=(\d+)-(\d*)$/.exec(new Headers(init.headers).get("range") ?? "");
    const start = Number(range?.[1] ?? 0);
    const end = Math.min(range?.[2] ? Number(range[2]) + 1 : sizeBytes, sizeBytes);
    if (start >= limits.endOf(file.name) || (!range && sizeBytes > limits.endOf(file.name))) {
      throw new BeyondHeader(`it asks for byte ${start} of ${file.name} and more, which its header can't need`);
    }
    if (range && start >= end) {
      return new Response(null, { status: 416, headers: { ...headers, "Content-Range": `bytes */${sizeBytes}` } });
    }
    const body = init.method === "HEAD" ? null : ((await file.read(start, end - start)) as Uint8Array<ArrayBuffer>);
    limits.checkTime();
    if (!range) return new Response(body, { headers: { ...headers, "Content-Length": `${sizeBytes}` } });
    const contentRange = `bytes ${start}-${end - 1}/${sizeBytes}`;
    return new Response(body, { status: 206, headers: { ...headers, "Content-Range": contentRange } });
  }

  return {
    fetch: answer,
    close() {
      // One that is still being opened is closed when it is; nobody waits for it.
      for (const opening of open.values()) {
        opening.then(
          (file) => file?.close(),
          () => {},
        );
      }
    },
  };
}

/** A file of the set, or of a sub-folder: `unet/model.safetensors`. */
function openByPath(files: FileSet, path: string): Promise<ByteSource> {
  const slash = path.indexOf("/");
  if (slash < 0) return files.open(path);
  const below = files.folder?.(path.slice(0, slash));
  if (!below) throw new CheckpointError("not-found", `there is no folder for ${path}`, { file: path });
  return openByPath(below, path.slice(slash + 1));
}
