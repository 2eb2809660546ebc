/** Sends an answer, spoiled or not, and notes how much of it went out. */

/** @typedef {import("./faults.mjs").Spoilt} Spoilt */
/** @typedef {import("node:http").ServerResponse} Response */
/** @typedef {{ status: number, bytesSent: number, cut?: boolean }} Noted */

/** A slow body: so much, so often. Slow enough that who ends it early hasn't got it all. */
const SLOW_PIECE_BYTES = 64 * 1024;
const SLOW_MS = 5;

/**
 * @param {Response} response
 * @param {Noted} record
 * @param {Spoilt} answer
 */
export async function send(response, record, answer) {
  if (answer.act === "hold") return;
  if (answer.act === "reset") {
    record.cut = true;
    response.socket?.resetAndDestroy();
    return;
  }
  const { status, headers, body, endAfter } = answer;
  const from = answer.from ?? 0;
  const to = answer.to ?? body?.size ?? 0;
  record.status = status;
  const hasLength = status !== 304 && headers["Content-Length"] === undefined;
  response.writeHead(status, { ...(hasLength && { "Content-Length": to - from }), ...headers });
  if (!body || response.req.method === "HEAD") {
    response.end();
    return;
  }
  response.flushHeaders();
  const end = endAfter ? from + endAfter.bytes : to;
  for (const piece of body.read(from, end)) {
    if (response.destroyed) return;
    record.bytesSent += piece.length;
    if (!response.write(piece)) await drained(response);
    if (answer.slow && piece.length >= SLOW_PIECE_BYTES) await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
  }
  if (endAfter?.how === "hold") return;
  if (endAfter?.how === "cut") {
    record.cut = true;
    // Not destroyed at once: what was written is to arrive.
    response.socket?.destroySoon();
    return;
  }
  response.end();
}

/**
 * When the client has taken what was written, or has gone.
 * @param {Response} response
 */
function drained(response) {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve(undefined);
    };
    response.once("drain", done).once("close", done);
  });
}
