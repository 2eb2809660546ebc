/**
 * A Hub on the loopback interface: it speaks the protocol of the Hugging Face Hub as far as reading goes, counts what it is
 * asked and what it sends, and fails on purpose. Two servers, as large files may come from another origin.
 */
import { createServer } from "node:http";
import { ranged } from "./answers.mjs";
import { makeFaults } from "./faults.mjs";
import { repoOf, revisionsOf } from "./repos.mjs";
import { answerCdn, answerHub } from "./routes.mjs";
import { send } from "./send.mjs";

export { repoOf, repoOfFolder } from "./repos.mjs";

/** @typedef {import("./faults.mjs").Fault} Fault */
/** @typedef {import("./repos.mjs").Repo} Repo */
/**
 * A request as it came in; status and what follows are filled in as it is answered.
 * @typedef {object} RequestRecord
 * @property {string} method
 * @property {string} path decoded, without the query
 * @property {string} url as it stood in the request
 * @property {"hub" | "cdn"} origin
 * @property {string | undefined} range
 * @property {string | undefined} authorization
 * @property {import("node:http").IncomingHttpHeaders} headers
 * @property {number} status 0 until there is an answer, and where there never is one
 * @property {number} bytesSent of the body
 * @property {boolean} aborted by the client
 */
/**
 * @typedef {object} HubOptions
 * @property {Readonly<Record<string, Repo>>} [repos]
 * @property {boolean} [redirectLarge] large files come from the other origin
 * @property {boolean} [redirectSmall] small files come through a relative redirect
 * @property {number} [latencyMs] before each answer
 * @property {number} [pageSize] entries of a page of a listing
 * @property {readonly string[]} [tokens] that the Hub knows: others are rejected
 * @property {number} [port] 0, the usual: any that is free
 * @property {(record: RequestRecord) => void} [onDone] called when a request has ended
 */
/** @typedef {Awaited<ReturnType<typeof startFakeHub>>} FakeHub */

const LOOPBACK = "127.0.0.1";
/** A posted body above this is cut off. */
const POSTED_BYTES = 1024 * 1024;

/** @param {HubOptions} [options] */
export async function startFakeHub(options = {}) {
  const faults = makeFaults();
  /** @type {RequestRecord[]} */
  const requests = [];
  /** @type {Set<() => void>} */
  const waiting = new Set();
  let open = 0;
  let latencyMs = options.latencyMs ?? 0;
  const world = {
    repos: new Map(Object.entries(options.repos ?? {})),
    tokens: options.tokens ?? ["hf_test"],
    redirectLarge: options.redirectLarge ?? false,
    redirectSmall: options.redirectSmall ?? false,
    pageSize: options.pageSize ?? 1000,
    cdnUrl: "",
  };
  const changed = () => {
    for (const look of waiting) look();
  };
  /** Resolves when `isSo` holds; looked at whenever a request begins or ends. @param {() => boolean} isSo */
  const until = (isSo) =>
    /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        const look = () => {
          if (!isSo()) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      })
    );

  const serve = (/** @type {"hub" | "cdn"} */ origin, /** @type {typeof answerHub} */ answerOf) =>
    createServer((request, response) => {
      const record = recordOf(request, origin);
      requests.push(record);
      open += 1;
      response.on("close", () => {
        record.aborted ||= !response.writableFinished && !response.errored && record.cut !== true;
        open -= 1;
        changed();
        options.onDone?.(record);
      });
      changed();
      answer(request, response, record, answerOf).catch((error) => {
        if (response.headersSent) return response.destroy();
        record.status = 500;
        response.writeHead(500).end(String(error));
      });
    });

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   * @param {Noted} record
   * @param {typeof answerHub} answerOf
   */
  const answer = async (request, response, record, answerOf) => {
    const body = await posted(request);
    if (latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, latencyMs));
    if (response.destroyed) return;
    const { method, path, headers } = record;
    const url = new URL(record.url, `http://${headers.host ?? LOOPBACK}`);
    const instead = faults.before(record);
    if (instead) return send(response, record, instead);
    const made = faults.etag(answerOf(world, { method, url, path, headers, body }), record);
    return send(response, record, faults.after(ranged(made, headers), record));
  };

  const cdn = serve("cdn", answerCdn);
  const main = serve("hub", answerHub);
  world.cdnUrl = await listen(cdn, 0);
  const url = await listen(main, options.port ?? 0);

  return {
    /** Of the Hub itself: `HF_ENDPOINT`. */
    url,
    /** Of the other origin. */
    cdnUrl: world.cdnUrl,
    /** Every request of both origins, in the order in which they came. */
    requests: /** @type {readonly RequestRecord[]} */ (requests),
    /** Requests of both origins, and bytes of bodies sent. */
    traffic: () => ({ requests: requests.length, bytes: requests.reduce((sum, { bytesSent }) => sum + bytesSent, 0) }),
    /** Forgets the requests so far; faults and repos stay. */
    reset: () => {
      requests.length = 0;
    },
    /** @param {Fault} fault */
    fault: (fault) => faults.add(fault),
    clearFaults: () => faults.clear(),
    /**
     * Adds a repo, or puts it in the place of another.
     * @param {string} id
     * @param {Repo | import("./repos.mjs").Files} repo
     */
    addRepo: (id, repo) => {
      world.repos.set(id, isRepo(repo) ? repo : repoOf(repo));
    },
    /**
     * A new commit of main: older ones stay where they are.
     * @param {string} id
     * @param {import("./repos.mjs").Files} files
     * @param {import("./repos.mjs").RepoOptions} [more]
     */
    push: (id, files, more = {}) => {
      const old = world.repos.get(id);
      const fresh = repoOf(files, { ...old?.options, ...more });
      world.repos.set(id, { ...fresh, history: [...fresh.history, ...(old ? revisionsOf(old) : [])] });
    },
    /** @param {string} id */
    removeRepo: (id) => world.repos.delete(id),
    /** @param {number} ms */
    setLatency: (ms) => {
      latencyMs = ms;
    },
    /** When no request is open. */
    idle: () => until(() => open === 0),
    /** When so many requests whose path matches have come in. @param {RegExp} path @param {number} [count] */
    asked: (path, count = 1) => until(() => requests.filter((one) => one.path.search(path) >= 0).length >= count),
    close: async () => {
      for (const server of [main, cdn]) {
        await new Promise((resolve) => {
          server.close(resolve);
          server.closeAllConnections();
        });
      }
    },
  };
}

/** @typedef {RequestRecord & { cut?: boolean }} Noted */

/**
 * @param {import("node:http").IncomingMessage} request
 * @param {"hub" | "cdn"} origin
 * @returns {Noted}
 */
function recordOf(request, origin) {
  const url = request.url ?? "/";
  const { authorization, range } = request.headers;
  const [coded = "/"] = url.replace(/^https?:\/\/[^/]+/, "").split("?");
  let path = coded;
  try {
    path = coded.split("/").map(decodeURIComponent).join("/");
  } catch {
    // Malformed escapes name nothing that is here.
  }
  return {
    method: request.method ?? "GET",
    path,
    url,
    origin,
    range,
    authorization,
    headers: request.headers,
    status: 0,
    bytesSent: 0,
    aborted: false,
  };
}

/** @param {import("node:http").IncomingMessage} request */
async function posted(request) {
  /** @type {Buffer[]} */
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size <= POSTED_BYTES) pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

/**
 * @param {import("node:http").Server} server
 * @param {number} port
 * @returns {Promise<string>} the origin
 */
function listen(server, port) {
  // A connection that is idle between two requests isn't ended under the client's feet.
  server.keepAliveTimeout = 60_000;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, LOOPBACK, () => {
      const address = server.address();
      if (typeof address !== "object" || address === null) throw new Error("no address");
      resolve(`http://${LOOPBACK}:${address.port}`);
    });
  });
}

/**
 * @param {Repo | import("./repos.mjs").Files} what
 * @returns {what is Repo}
 */
function isRepo(what) {
  return what.branches instanceof Map;
}
