/** What can go wrong on purpose. Some faults take the place of the answer, others spoil the one that was made. */
import { gzipSync } from "node:zlib";
import { bodyOf, contentRange, json, redirect, text } from "./answers.mjs";

/** @typedef {import("./answers.mjs").Answer} Answer */
/** @typedef {keyof typeof BEFORE | keyof typeof AFTER | "etag-change"} FaultKind */
/**
 * @typedef {object} Fault
 * @property {FaultKind} kind
 * @property {RegExp} [path] of the decoded path; every one if absent
 * @property {string} [method]
 * @property {"hub" | "cdn"} [origin] both if absent
 * @property {number} [times] how many requests it strikes; all if absent
 * @property {number} [after] how many it lets pass first
 * @property {number} [status] of "status" (500) and "redirect" (302)
 * @property {Record<string, string | number>} [headers] added to the answer
 * @property {string} [body] of "status" and "not-json"
 * @property {number} [bytes] sent by "cut-body" and "stall-body" before they end; half of the body if absent
 * @property {number} [shift] bytes by which "wrong-range" is off (16), or "wrong-total" (4096)
 * @property {boolean} [silent] "wrong-range" sends other bytes than its Content-Range says, which is the one asked for
 * @property {number} [seconds] to wait, as "rate-limit" says (1)
 * @property {string} [to] of "redirect"
 * @property {string} [etag] of "etag-change", quoted
 */
/**
 * What has become of an answer.
 * @typedef {Answer & { readonly act?: "reset" | "hold", readonly endAfter?: { readonly bytes: number, readonly how: "cut" | "hold" }, readonly slow?: boolean }} Spoilt
 */
/** @typedef {{ readonly method: string, readonly path: string, readonly url: string, readonly origin: "hub" | "cdn", readonly range: string | undefined }} Asked */

/** @typedef {(fault: Fault, asked: Asked) => Spoilt} Before */
/** @typedef {{ readonly fits: (answer: Answer, asked: Asked) => boolean, readonly spoil: (answer: Answer, fault: Fault) => Spoilt }} After */

const HTML = "<!doctype html><html><head><title>Sign in</title></head><body>Sign in to this network</body></html>";
const SHIFT = 16;
const TOTAL_SHIFT = 4096;
const NONE = { status: 0, headers: {} };
/** More than this isn't gzipped: it would have to be held whole. */
const GZIP_BYTES = 64 * 1024 * 1024;

/**
 * Faults in place of an answer.
 * @satisfies {Record<string, Before>}
 */
const BEFORE = {
  status: (fault) => {
    const status = fault.status ?? 500;
    return fault.body === undefined
      ? { ...json({ error: `fault ${status}` }), status }
      : text(status, "text/plain", fault.body);
  },
  stall: () => ({ ...NONE, act: "hold" }),
  reset: () => ({ ...NONE, act: "reset" }),
  redirect: (fault) => redirect(fault.status ?? 302, fault.to ?? "/"),
  "redirect-loop": (_, asked) => redirect(302, asked.url),
  "not-json": (fault) => text(200, "text/html", fault.body ?? HTML),
  "rate-limit": (fault, asked) => {
    const [bucket, quota] = asked.path.startsWith("/api/") ? ["api", 500] : ["resolvers", 3000];
    return text(429, "text/plain", "too many requests", {
      RateLimit: `"${bucket}";r=0;t=${fault.seconds ?? 1}`,
      "RateLimit-Policy": `"fixed window";"${bucket}";q=${quota};w=300`,
    });
  },
};

/** @type {After["fits"]} */
const hasBody = (answer, { method }) => answer.status < 300 && answer.body !== undefined && method !== "HEAD";
/** @type {After["fits"]} */
const isPart = ({ status }) => status === 206;

/**
 * Faults of an answer that was made: each waits for one that it can spoil.
 * @satisfies {Record<string, After>}
 */
const AFTER = {
  "cut-body": { fits: hasBody, spoil: (answer, fault) => ended(answer, fault, "cut") },
  "stall-body": { fits: hasBody, spoil: (answer, fault) => ended(answer, fault, "hold") },
  "ignore-range": { fits: isPart, spoil: (answer) => ({ ...whole(answer), slow: true }) },
  "wrong-range": { fits: isPart, spoil: shifted },
  "wrong-total": {
    fits: isPart,
    spoil: (answer, fault) => {
      const { from, to, size } = partOf(answer);
      return withHeaders(answer, { "Content-Range": contentRange(from, to, size + (fault.shift ?? TOTAL_SHIFT)) });
    },
  },
  "no-content-range": {
    fits: isPart,
    spoil: ({ headers: { "Content-Range": _, ...headers }, ...answer }) => ({ ...answer, headers }),
  },
  gzip: {
    fits: (answer, asked) => hasBody(answer, asked) && partOf(answer).to - partOf(answer).from <= GZIP_BYTES,
    spoil: (answer) => {
      const { from, to } = partOf(answer);
      const { from: _, to: __, ...rest } = answer;
      const bytes = Buffer.concat([...(answer.body?.read(from, to) ?? [])]);
      return { ...withHeaders(rest, { "Content-Encoding": "gzip" }), body: bodyOf(gzipSync(bytes)) };
    },
  },
  "relative-link": {
    fits: (answer) => /^<https?:/.test(String(answer.headers.Link ?? "")),
    spoil: (answer) => withHeaders(answer, { Link: String(answer.headers.Link).replace(/<https?:\/\/[^/]+/g, "<") }),
  },
};

/** Struck before ranges are looked at, so that If-Range and If-None-Match meet the new ETag. */
const ETAG_CHANGE = "etag-change";

/** The faults of a Hub, each with its count. */
export function makeFaults() {
  /** @type {{ fault: Fault, passed: number, struck: number }[]} */
  let list = [];

  /**
   * The first that strikes this request, counted.
   * @param {Asked} asked
   * @param {(kind: string) => boolean} isMeant
   */
  const strike = (asked, isMeant) => {
    for (const entry of list) {
      const { fault } = entry;
      if (!isMeant(fault.kind) || !matches(fault, asked)) continue;
      if (entry.struck >= (fault.times ?? Number.POSITIVE_INFINITY)) continue;
      if (entry.passed < (fault.after ?? 0)) {
        entry.passed += 1;
        continue;
      }
      entry.struck += 1;
      return fault;
    }
    return undefined;
  };

  return {
    /** @param {Fault} fault */
    add(fault) {
      if (!(fault.kind in BEFORE || fault.kind in AFTER || fault.kind === ETAG_CHANGE)) {
        throw new Error(`no fault of kind ${fault.kind}`);
      }
      list.push({ fault, passed: 0, struck: 0 });
    },
    clear() {
      list = [];
    },
    /**
     * The fault that takes the place of an answer.
     * @param {Asked} asked
     * @returns {Spoilt | undefined}
     */
    before(asked) {
      const fault = strike(asked, (kind) => kind in BEFORE);
      if (!fault) return undefined;
      return withHeaders(BEFORE[/** @type {keyof typeof BEFORE} */ (fault.kind)](fault, asked), fault.headers ?? {});
    },
    /**
     * The ETag of a file changed.
     * @param {Answer} answer
     * @param {Asked} asked
     * @returns {Answer}
     */
    etag(answer, asked) {
      const name = ["X-Linked-ETag", "ETag"].filter((one) => one in answer.headers);
      const fault = name.length > 0 && answer.status < 400 ? strike(asked, (kind) => kind === ETAG_CHANGE) : undefined;
      if (!fault) return answer;
      return withHeaders(answer, Object.fromEntries(name.map((one) => [one, fault.etag ?? '"changed"'])));
    },
    /**
     * An answer spoiled by the fault that fits it.
     * @param {Answer} answer
     * @param {Asked} asked
     * @returns {Spoilt}
     */
    after(answer, asked) {
      const fault = strike(asked, (kind) => kind in AFTER && afterOf(kind).fits(answer, asked));
      return fault ? withHeaders(afterOf(fault.kind).spoil(answer, fault), fault.headers ?? {}) : answer;
    },
  };
}

/**
 * @param {string} kind
 * @returns {After}
 */
function afterOf(kind) {
  return AFTER[/** @type {keyof typeof AFTER} */ (kind)];
}

/**
 * @param {Fault} fault
 * @param {Asked} asked
 */
function matches(fault, asked) {
  return (
    (fault.method === undefined || fault.method === asked.method) &&
    (fault.origin === undefined || fault.origin === asked.origin) &&
    (fault.path === undefined || asked.path.search(fault.path) >= 0)
  );
}

/**
 * @template {Answer} T
 * @param {T} answer
 * @param {import("./answers.mjs").Headers} headers
 * @returns {T}
 */
function withHeaders(answer, headers) {
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

/** What of the body is sent. @param {Answer} answer */
function partOf(answer) {
  const size = answer.body?.size ?? 0;
  return { from: answer.from ?? 0, to: answer.to ?? size, size };
}

/**
 * @param {Answer} answer
 * @param {Fault} fault
 * @param {"cut" | "hold"} how
 * @returns {Spoilt}
 */
function ended(answer, fault, how) {
  const { from, to } = partOf(answer);
  return { ...answer, endAfter: { bytes: Math.min(fault.bytes ?? Math.floor((to - from) / 2), to - from), how } };
}

/** @param {Answer} answer */
function whole({ from: _, to: __, headers: { "Content-Range": ___, ...headers }, ...answer }) {
  return { ...answer, status: 200, headers };
}

/**
 * @param {Answer} answer
 * @param {Fault} fault
 * @returns {Spoilt}
 */
function shifted(answer, fault) {
  const { from, to, size } = partOf(answer);
  const by = fault.shift ?? SHIFT;
  // As many bytes as were asked for, where the file has them.
  const start = Math.max(0, Math.min(from + by, size - 1));
  const end = Math.min(start + (to - from), size);
  const length = fault.silent ? to - from : end - start;
  const at = Math.min(start, size - length);
  const part = { ...answer, from: at, to: at + length };
  return fault.silent ? part : withHeaders(part, { "Content-Range": contentRange(at, at + length, size) });
}
