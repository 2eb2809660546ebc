/** Answers as plain data, before they are cut to a range, spoiled by a fault, and sent. */
import { readPieces } from "./repos.mjs";

/** @typedef {import("./repos.mjs").HubFile} HubFile */
/** @typedef {Record<string, string | number>} Headers */
/**
 * A body that is read as it is sent.
 * @typedef {{ readonly size: number, readonly read: (start: number, end: number) => Iterable<Uint8Array> }} Body
 */
/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {Headers} headers
 * @property {Body} [body]
 * @property {boolean} [file] the body is a file's: it has an ETag, and ranges of it can be asked for
 * @property {number} [from] where the part that is sent begins
 * @property {number} [to] and where it ends, exclusive
 */

/**
 * @param {Uint8Array | string} content
 * @returns {Body}
 */
export function bodyOf(content) {
  const bytes = Buffer.from(/** @type {Uint8Array} */ (content));
  return {
    size: bytes.length,
    read: (start, end) => readPieces({ path: "", size: bytes.length, bytes, oid: "" }, start, end),
  };
}

/**
 * @param {unknown} value
 * @param {Headers} [headers]
 * @returns {Answer}
 */
export function json(value, headers = {}) {
  return {
    status: 200,
    headers: { "Content-Type": "application/json; charset=utf-8", ...headers },
    body: bodyOf(JSON.stringify(value)),
  };
}

/**
 * @param {number} status
 * @param {string} type
 * @param {string} text
 * @param {Headers} [headers]
 * @returns {Answer}
 */
export function text(status, type, text, headers = {}) {
  return { status, headers: { "Content-Type": `${type}; charset=utf-8`, ...headers }, body: bodyOf(text) };
}

/**
 * @param {number} status
 * @param {string} location
 * @param {Headers} [headers]
 * @returns {Answer}
 */
export function redirect(status, location, headers = {}) {
  return {
    ...text(status, "text/plain", `${status}: see ${location}`, { Location: location, ...headers }),
  };
}

/**
 * The whole file, to be cut by `ranged`.
 * @param {HubFile} file
 * @param {Headers} headers its ETag among them
 * @returns {Answer}
 */
export function fileAnswer(file, headers) {
  const type = file.path.endsWith(".json") || file.path.endsWith(".txt") ? "text/plain" : "application/octet-stream";
  return {
    status: 200,
    headers: { "Content-Type": type, "Accept-Ranges": "bytes", ...headers },
    body: { size: file.size, read: (start, end) => readPieces(file, start, end) },
    file: true,
  };
}

/** How the Hub refuses; the status of some hangs on whether a token came along. */
const REFUSALS = /** @type {const} */ ({
  RepoNotFound: { status: 404, anonymous: 401, message: "Repository not found" },
  GatedRepo: { status: 403, anonymous: 401, message: "Access to this model is restricted: ask for it on its page" },
  RevisionNotFound: { status: 404, anonymous: 404, message: "Invalid rev id" },
  EntryNotFound: { status: 404, anonymous: 404, message: "Entry not found" },
});

/**
 * @param {keyof typeof REFUSALS} code
 * @param {{ readonly token: string | undefined, readonly about?: string }} asked
 * @returns {Answer}
 */
export function refusal(code, { token, about }) {
  const { status, anonymous, message } = REFUSALS[code];
  return failure(token ? status : anonymous, about ? `${message}: ${about}` : message, code);
}

/**
 * @param {number} status
 * @param {string} message
 * @param {string} [code]
 * @returns {Answer}
 */
export function failure(status, message, code) {
  const headers = {
    "X-Error-Message": encodeURI(message).replaceAll("%20", " "),
    ...(code && { "X-Error-Code": code }),
  };
  return { ...json({ error: message }, headers), status };
}

/**
 * Cuts a file's answer to what was asked for: 304, 206, 416, or the whole.
 * @param {Answer} answer
 * @param {import("node:http").IncomingHttpHeaders} asked
 * @returns {Answer}
 */
export function ranged(answer, asked) {
  const { body, headers } = answer;
  if (!answer.file || !body) return answer;
  const etag = String(headers.ETag);
  const known = asked["if-none-match"];
  if (known && (known === "*" || known.split(/\s*,\s*/).some((one) => one.replace(/^W\//, "") === etag))) {
    const { "Content-Type": _, ...kept } = headers;
    return { status: 304, headers: kept };
  }
  const range = /^bytes=(\d*)-(\d*)$/.exec(asked.range ?? "");
  if (!range || (range[1] === "" && range[2] === "")) return answer;
  if (asked["if-range"] !== undefined && asked["if-range"] !== etag) return answer;
  const [, first = "", last = ""] = range;
  const from = first === "" ? Math.max(0, body.size - Number(last)) : Number(first);
  const to = first === "" || last === "" ? body.size : Math.min(body.size, Number(last) + 1);
  if (from >= body.size || to <= from) {
    return text(416, "text/plain", "range not satisfiable", { ...headers, "Content-Range": `bytes */${body.size}` });
  }
  return {
    ...answer,
    status: 206,
    headers: { ...headers, "Content-Range": contentRange(from, to, body.size) },
    from,
    to,
  };
}

/**
 * @param {number} from
 * @param {number} to exclusive
 * @param {number} total
 */
export function contentRange(from, to, total) {
  return `bytes ${from}-${to - 1}/${total}`;
}
