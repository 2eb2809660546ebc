/**
 * A byte source over HTTP, held to one version of the file: each read is one ranged GET, and whatever an answer says of the
 * file's size and version has to agree with what was said before. Ranges: RFC 9110, section 14; the Hub's own headers
 * (`X-Linked-ETag`, `X-Repo-Commit`): reference "Hub protocol".
 */
import { type ByteSource, CheckpointError, grouped, quoted } from "@checkpoint-inspect/parser";
import type { Answer, Hop } from "./hops.ts";
import { shownUrl } from "./place.ts";
import { ofFile, RequestError } from "./request-error.ts";
import type { Transport } from "./transport.ts";

export interface RemoteFile {
  readonly url: string;
  /** In messages. */
  readonly name: string;
  /** As a listing says. Without it the first bytes are asked for at once, to learn it. */
  readonly sizeBytes?: number;
  /** SHA-256 or git oid as a listing says, without quotes. */
  readonly etag?: string;
  /** How much to ask for where the size isn't known. */
  readonly firstBytes?: number;
  /** Told once which commit a Hub answered from. */
  readonly onCommit?: (commit: string) => void;
}

/** The header of nearly every safetensors shard fits. */
const FIRST_BYTES = 128 * 1024;

export interface RemoteSource extends ByteSource {
  /** Of this version of the file, without quotes: as the listing says, or else the answers so far. */
  readonly etag: string | undefined;
}

/** What is known of the file, from the listing and from answers. */
interface Known {
  sizeBytes: number | undefined;
  /** `X-Linked-ETag`: the same whichever server the bytes come from. */
  linked: string | undefined;
  /** Tags of the addresses that bytes came from, without their queries. */
  readonly tags: Map<string, string>;
  /** Where the last redirect led: asked directly, until it refuses. */
  direct: string | undefined;
  commit: string | undefined;
}

/**
 * Opens a file of a server for ranged reads. No request is made where the size is known.
 * @throws {CheckpointError} `network`, `auth`, `not-on-server`
 */
export async function remoteSource(file: RemoteFile, way: Transport): Promise<RemoteSource> {
  const { name } = file;
  const known: Known = {
    sizeBytes: file.sizeBytes,
    linked: undefined,
    tags: new Map(),
    direct: undefined,
    commit: undefined,
  };
  const first = known.sizeBytes === undefined ? await firstWindow(file, known, way) : undefined;
  const sizeBytes = known.sizeBytes ?? 0;
  let closed = false;
  return {
    name,
    sizeBytes,
    remote: true,
    get etag() {
      const told = known.linked ?? known.tags.get(addressOf(known.direct ?? file.url));
      return file.etag ?? (told === undefined ? undefined : bare(told));
    },
    async read(offset, length, options) {
      options?.signal?.throwIfAborted();
      if (closed) throw new CheckpointError("not-found", `${name} is closed already`, { file: name });
      const wanted = Math.max(0, Math.min(length, sizeBytes - offset));
      if (wanted === 0) return new Uint8Array(0);
      const there = first?.subarray(offset, offset + wanted);
      if (there?.length === wanted) return there;
      const { into, signal } = options ?? {};
      const bytes = into && into.length >= wanted ? into.subarray(0, wanted) : new Uint8Array(wanted);
      const have = there?.length ?? 0;
      if (there) bytes.set(there);
      await fetchRange(file, known, way, { offset: offset + have, into: bytes.subarray(have), signal });
      return bytes;
    },
    async close() {
      closed = true;
    },
  };
}

interface Range {
  readonly offset: number;
  /** As long as the range. */
  readonly into: Uint8Array;
  readonly signal: AbortSignal | undefined;
}

/** The beginning of a file of unknown size; `known.sizeBytes` is set after it. */
async function firstWindow(file: RemoteFile, known: Known, way: Transport): Promise<Uint8Array> {
  const into = new Uint8Array(file.firstBytes ?? FIRST_BYTES);
  try {
    return into.subarray(0, await fetchRange(file, known, way, { offset: 0, into, signal: undefined }));
  } catch (error) {
    // No byte of an empty file can be asked for.
    const empty = error instanceof RequestError && error.headers?.get("content-range")?.trim() === "bytes */0";
    if (!empty) throw error;
    known.sizeBytes = 0;
    return into.subarray(0, 0);
  }
}

/** Refusals that an old signed address answers with. */
const GONE: ReadonlySet<number> = new Set([401, 403, 404, 410]);

/** @returns bytes that were written: all of `into`, or fewer where the size wasn't known and the file is smaller */
async function fetchRange(file: RemoteFile, known: Known, way: Transport, range: Range): Promise<number> {
  const { direct } = known;
  try {
    if (direct !== undefined) {
      try {
        return await fetchFrom(direct, file, known, way, range);
      } catch (error) {
        if (!(error instanceof RequestError) || error.status === undefined || !GONE.has(error.status)) throw error;
        if (known.direct === direct) known.direct = undefined;
      }
    }
    return await fetchFrom(file.url, file, known, way, range);
  } catch (error) {
    throw ofFile(error, file.name);
  }
}

async function fetchFrom(url: string, file: RemoteFile, known: Known, way: Transport, range: Range): Promise<number> {
  const { offset, into, signal } = range;
  const tag = known.tags.get(addressOf(url));
  // Fetch adds `Accept-Encoding: identity` to every request for a range.
  const headers = {
    range: `bytes=${offset}-${offset + into.length - 1}`,
    ...(tag !== undefined && !tag.startsWith("W/") ? { "if-range": tag } : {}),
  };
  return await way.request(url, { headers, signal, mostBytes: Number.POSITIVE_INFINITY }, async (answer) => {
    const count = checkAnswer(answer, url, file, known, range);
    await readBody(answer.response, into.subarray(0, count), file.name);
    learn(answer, url, file, known);
    return count;
  });
}

/** Says what is wrong with an answer before its body is read. @returns bytes that it has to have */
function checkAnswer(answer: Answer, url: string, file: RemoteFile, known: Known, range: Range): number {
  const { response } = answer;
  const { host } = new URL(url);
  checkVersion(answer, url, file, known);
  const encoding = response.headers.get("content-encoding")?.trim().toLowerCase();
  if (encoding && encoding !== "identity")
    throw failure(
      `${host} sends ${file.name} compressed (${quoted(encoding)}), though it was asked not to; ${OTHER_WAY}`,
    );
  return response.status === 206
    ? checkPart(response.headers, host, file, known, range)
    : checkWhole(response, host, file, known, range);
}

const OTHER_WAY = "download the file and inspect it, or use another mirror";
const CHANGED = "the file changed while it was read; run again";

/** @throws {RequestError} when an answer is of another version than the one before, or than the listing */
function checkVersion({ response, hops }: Answer, url: string, file: RemoteFile, known: Known): void {
  const [first] = hops;
  const linked = first.headers.get("x-linked-etag");
  const different = (old: string | undefined, now: string | null) =>
    old !== undefined && now !== null && bare(old) !== bare(now);
  if (different(known.linked, linked)) throw changed(file, known.linked, linked);
  // A server that the Hub redirects to has tags of its own; the first answer's are the Hub's.
  const listed = url === file.url ? (linked ?? first.headers.get("etag")) : null;
  if (listed !== null && sameKind(file.etag, bare(listed)) && different(file.etag, listed))
    throw changed(file, file.etag, listed);
  const tag = response.headers.get("etag");
  const before = known.tags.get(addressOf(finalUrl(hops)));
  if (different(before, tag)) throw changed(file, before, tag);
}

/** Of 206: RFC 9110, section 15.3.7. */
function checkPart(headers: Headers, host: string, file: RemoteFile, known: Known, { offset, into }: Range): number {
  const text = headers.get("content-range") ?? "";
  const [, start, end, total] = /^\s*bytes\s+(\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)\s*$/.exec(text) ?? [];
  const asked = `bytes ${grouped(offset)} to ${grouped(offset + into.length - 1)} of ${file.name}`;
  if (start === undefined || Number(start) !== offset || Number(end) < offset || Number(end) >= offset + into.length)
    throw failure(`${host} answered with other bytes (Content-Range: ${quoted(text)}) than the ${asked}; ${OTHER_WAY}`);
  const size = total === "*" ? known.sizeBytes : Number(total);
  if (size === undefined) throw failure(`${host} doesn't say how large ${file.name} is; ${OTHER_WAY}`);
  if (known.sizeBytes !== undefined && size !== known.sizeBytes) throw changedSize(file, known.sizeBytes, size);
  known.sizeBytes ??= size;
  const due = Math.min(into.length, size - offset);
  // Fewer bytes than there are is the server's right, but never of use.
  if (Number(end) - offset + 1 !== due)
    throw failure(`${host} answered with fewer bytes (Content-Range: ${quoted(text)}) than the ${asked}; ${OTHER_WAY}`);
  return due;
}

/** Of 200: fine when the whole file is what was asked for. */
function checkWhole(response: Response, host: string, file: RemoteFile, known: Known, { offset, into }: Range): number {
  const length = contentLength(response.headers) ?? (offset === 0 ? known.sizeBytes : undefined);
  if (length === undefined || length > offset + into.length || offset > 0)
    throw failure(`${host} ignores ranges: it would send the whole of ${file.name}; ${OTHER_WAY}`);
  if (known.sizeBytes !== undefined && length !== known.sizeBytes) throw changedSize(file, known.sizeBytes, length);
  known.sizeBytes ??= length;
  return length;
}

function contentLength(headers: Headers): number | undefined {
  const text = headers.get("content-length");
  return text !== null && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}

/** Reads exactly so many bytes. */
async function readBody(response: Response, into: Uint8Array, name: string): Promise<void> {
  const reader = response.body?.getReader();
  let done = 0;
  try {
    for (;;) {
      const next = reader ? await reader.read() : { done: true as const, value: undefined };
      if (next.done) break;
      const { value } = next;
      if (done + value.length > into.length)
        throw failure(`more bytes of ${name} came than were asked for (${grouped(into.length)}); ${OTHER_WAY}`);
      into.set(value, done);
      done += value.length;
    }
    if (done < into.length)
      throw new RequestError("network", "the answer ended too early; check the connection and try again", {
        again: "yes",
      });
  } catch (error) {
    // Cuts the answer off, whatever is still to come of it.
    await reader?.cancel().catch(() => undefined);
    if (!(error instanceof RequestError) || error.again === "no") throw error;
    const { code, message, again, cause } = error;
    const arrived = `${grouped(done)} of ${grouped(into.length)} bytes of ${name} arrived`;
    throw new RequestError(code, `${arrived}: ${message}`, { again, cause });
  }
}

/** Keeps what a good answer says, for the next one to be compared with. */
function learn({ response, hops }: Answer, url: string, file: RemoteFile, known: Known): void {
  const [first] = hops;
  const final = finalUrl(hops);
  known.linked ??= first.headers.get("x-linked-etag") ?? undefined;
  const tag = response.headers.get("etag");
  if (tag !== null) known.tags.set(addressOf(final), tag);
  if (final !== url) known.direct = final;
  const commit = first.headers.get("x-repo-commit");
  if (commit !== null && known.commit === undefined && /^[0-9a-f]{40}$/.test(commit)) {
    known.commit = commit;
    file.onCommit?.(commit);
  }
}

function finalUrl(hops: readonly Hop[]): string {
  return hops.at(-1)?.url ?? "";
}

/** Signatures in the query change; the file that they are for doesn't. */
function addressOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

/** An ETag without its quotes and its `W/`. */
function bare(tag: string): string {
  return tag
    .trim()
    .replace(/^W\//, "")
    .replace(/^"(.*)"$/, "$1");
}

/** Both are a SHA-256, or both a git oid. */
function sameKind(one: string | undefined, other: string): boolean {
  return one !== undefined && [64, 40].some((digits) => isHash(one, digits) && isHash(other, digits));
}

function isHash(text: string, digits: number): boolean {
  return text.length === digits && /^[0-9a-f]+$/.test(text);
}

function failure(message: string): RequestError {
  return new RequestError("network", message);
}

function changed(file: RemoteFile, before: string | undefined, now: string | null): RequestError {
  const tags = `version ${quoted(bare(before ?? ""), 16)} before, ${quoted(bare(now ?? ""), 16)} now`;
  return failure(`${file.name} at ${shownUrl(new URL(file.url))} is another one than before (${tags}): ${CHANGED}`);
}

function changedSize(file: RemoteFile, before: number, now: number): RequestError {
  return failure(`${file.name} has ${grouped(now)} bytes, and had ${grouped(before)}: ${CHANGED}`);
}
