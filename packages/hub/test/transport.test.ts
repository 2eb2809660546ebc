/** What every request of the tool keeps to: whom the token is for, what is tried again, and what is said when it fails. */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, request as send } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer } from "node:net";
import { listFiles, pathsInfo } from "@huggingface/hub";
import { describe, expect, it, vi } from "vitest";
import { repoOf } from "../../../test-support/fake-hub/fake-hub.mjs";
import { fetchBytes, fetchJson } from "../src/transport/answers.ts";
import { connectionError } from "../src/transport/connection-errors.ts";
import { USER_AGENT } from "../src/transport/hops.ts";
import { placeOf } from "../src/transport/place.ts";
import { askedWait } from "../src/transport/rate-limit.ts";
import { atEnd, failure, failureOf, hubWith, serverOf, wayTo } from "./loopback.ts";

const REPO = "org/model";
const repos = { [REPO]: repoOf({ "config.json": '{"a":1}', "model.safetensors": new Uint8Array(1000) }) };
const CONFIG = `/${REPO}/resolve/main/config.json`;
const WEIGHTS = `/${REPO}/resolve/main/model.safetensors`;
const token = "hf_test";
const withToken = { token, tokenFrom: "HF_TOKEN" };

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe("the token", () => {
  it("goes to the Hub, and not along to where it redirects", async () => {
    const hub = await hubWith({ repos, redirectLarge: true });
    const way = wayTo(hub.url, withToken);
    expect((await fetchBytes(way, hub.url + WEIGHTS, 1000)).length).toBe(1000);
    expect(hub.requests.map(({ origin, authorization }) => [origin, authorization])).toEqual([
      ["hub", "Bearer hf_test"],
      ["cdn", undefined],
    ]);
  });

  it("stays with relative redirects", async () => {
    const hub = await hubWith({
      repos: { [REPO]: repoOf({ "config.json": "{}" }, { private: true }) },
      redirectSmall: true,
    });
    expect(await fetchJson(wayTo(hub.url, withToken), hub.url + CONFIG)).toEqual({});
    expect(hub.requests.map(({ authorization }) => authorization)).toEqual(["Bearer hf_test", "Bearer hf_test"]);
  });

  it("doesn't come back after a detour", async () => {
    const hub = await hubWith({ repos });
    hub.fault({ kind: "redirect", origin: "hub", to: `${hub.cdnUrl}/away`, times: 1 });
    hub.fault({ kind: "redirect", origin: "cdn", to: `${hub.url}${CONFIG}?again` });
    expect(await fetchJson(wayTo(hub.url, withToken), hub.url + CONFIG)).toEqual({ a: 1 });
    expect(hub.requests.map(({ authorization }) => authorization)).toEqual(["Bearer hf_test", undefined, undefined]);
  });

  it("is taken off when a library puts it on for another origin", async () => {
    const hub = await hubWith({ repos });
    const way = wayTo(hub.url, withToken);
    await failureOf(way.fetch(`${hub.cdnUrl}/x`, { headers: { Authorization: `Bearer ${token}` } }));
    await failureOf(way.fetch(new Request(`${hub.cdnUrl}/x`, { headers: { authorization: `Bearer ${token}` } })));
    expect(hub.requests.map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
  });

  it("doesn't follow a Link to another origin", async () => {
    const hub = await hubWith({ repos });
    const headers = { Link: `<${hub.cdnUrl}/api/next>; rel="next"` };
    hub.fault({ kind: "status", status: 200, body: "[]", origin: "hub", headers });
    const { fetch } = wayTo(hub.url, withToken);
    const listing = listFiles({ repo: REPO, hubUrl: hub.url, accessToken: token, fetch });
    await failureOf(all(listing));
    expect(hub.requests.map(({ origin, authorization }) => [origin, authorization])).toEqual([
      ["hub", "Bearer hf_test"],
      ["cdn", undefined],
    ]);
  });

  it("goes nowhere where there is none, whatever the caller says", async () => {
    const hub = await hubWith({ repos });
    await wayTo(hub.url).fetch(hub.url + CONFIG, { headers: { authorization: "Bearer hf_other" } });
    expect(hub.requests.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  it("isn't quoted when it can't be one", async () => {
    const hub = await hubWith({ repos });
    const said = await failure(wayTo(hub.url, { token: "hf_te\nst", tokenFrom: "HF_TOKEN" }).fetch(hub.url + CONFIG));
    expect(said).toBe("auth: the token from HF_TOKEN has characters that no token has; copy it again");
    expect(hub.requests).toEqual([]);
  });
});

describe("a request", () => {
  it("says who asks, with the version of the package", async () => {
    const hub = await hubWith({ repos });
    await wayTo(hub.url).fetch(hub.url + CONFIG);
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    expect(hub.requests[0]?.headers["user-agent"]).toBe(USER_AGENT);
    expect(USER_AGENT).toBe(`checkpoint-inspect/${version}`);
  });

  it("serves the library of the Hub, posted ones too, and counts as the server does", async () => {
    const hub = await hubWith({ repos, pageSize: 1, redirectLarge: true });
    const way = wayTo(hub.url);
    const files = await all(listFiles({ repo: REPO, hubUrl: hub.url, fetch: way.fetch }));
    expect(files.map(({ path }) => path)).toEqual(["config.json", "model.safetensors"]);
    const [info] = await pathsInfo({ repo: REPO, paths: ["config.json"], hubUrl: hub.url, fetch: way.fetch });
    expect(info?.size).toBe(7);
    await fetchBytes(way, hub.url + WEIGHTS, 1000);
    await hub.idle();
    expect(way.traffic).toEqual(hub.traffic());
  });

  it("keeps the headers of the first hop, the URL of the last, and 304 where it was asked for", async () => {
    const hub = await hubWith({ repos, redirectLarge: true });
    const way = wayTo(hub.url);
    const [commit, url] = await way.request(hub.url + WEIGHTS, {}, async ({ hops, response }) => {
      await response.arrayBuffer();
      return [hops[0].headers.get("x-repo-commit"), response.url];
    });
    expect(commit).toMatch(/^[0-9a-f]{40}$/);
    expect(url.startsWith(`${hub.cdnUrl}/lfs/`)).toBe(true);
    const etag = (await way.fetch(hub.url + CONFIG)).headers.get("etag") ?? "";
    expect((await way.fetch(hub.url + CONFIG, { headers: { "if-none-match": etag } })).status).toBe(304);
  });

  it("is never made offline", async () => {
    const hub = await hubWith({ repos });
    const way = wayTo(hub.url, { offline: true, offlineFrom: "HF_HUB_OFFLINE" });
    expect(await failure(way.fetch(`${hub.url}${CONFIG}?secret=1`))).toBe(
      `network: ${hub.url}${CONFIG} is not asked for: HF_HUB_OFFLINE says to stay offline, and what it has is not on this disk; drop HF_HUB_OFFLINE to ask the server`,
    );
    expect(hub.requests).toEqual([]);
  });

  it.each([
    ["ftp://host/x", /is no address of the web; only https: and http: are read/],
    ["http://name:secret@host/x", /^network: http:\/\/host\/x comes with a name and a password/],
    ["nonsense", /"nonsense" is no valid address/],
  ])("for %s is refused", async (url, said) => {
    expect(await failure(wayTo("http://127.0.0.1").fetch(url))).toMatch(said);
  });
});

describe("redirects", () => {
  const redirected = async (to: string, endpoint?: string) => {
    const hub = await hubWith({ repos });
    hub.fault({ kind: "redirect", to });
    const said = await failure(wayTo(endpoint ?? hub.url, withToken).fetch(hub.url + CONFIG));
    return { said, requests: hub.requests.length };
  };

  it("in a circle end at once", async () => {
    const hub = await hubWith({ repos });
    hub.fault({ kind: "redirect-loop" });
    expect(await failure(wayTo(hub.url).fetch(hub.url + CONFIG))).toMatch(/^network: .* redirects in a circle; check/);
    expect(hub.requests.length).toBe(1);
  });

  it("are followed five times", async () => {
    let asked = 0;
    const url = await serverOf((_, response) => response.writeHead(302, { location: `/${++asked}` }).end());
    expect(await failure(wayTo(url).fetch(url))).toBe(
      `network: ${url}/ redirects more than 5 times; check the address`,
    );
    expect(asked).toBe(6);
  });

  it("lead to the web alone", async () => {
    expect((await redirected("file:///etc/passwd")).said).toMatch(
      /redirects to file: addresses, which are not followed/,
    );
    expect((await redirected("http://[bad")).said).toMatch(/redirects to no valid address/);
    expect((await redirected("http://u:p@127.0.0.1/")).said).toMatch(/comes with a name and a password/);
  });
});

describe("what may pass is tried again", () => {
  it.each([
    { fault: { kind: "status", status: 500 }, what: "500" },
    { fault: { kind: "status", status: 503 }, what: "503" },
    { fault: { kind: "reset" }, what: "a reset" },
    { fault: { kind: "cut-body" }, what: "a body cut off" },
  ] as const)("$what, three times", async ({ fault }) => {
    const hub = await hubWith({ repos });
    hub.fault({ ...fault, times: 3 });
    expect(await fetchJson(wayTo(hub.url), hub.url + CONFIG)).toEqual({ a: 1 });
    expect(hub.requests.length).toBe(4);
    hub.fault(fault);
    const said = await failure(fetchJson(wayTo(hub.url), hub.url + CONFIG));
    expect(said).toMatch(/^network: .*; try again in some minutes$/);
    expect(hub.requests.length).toBe(8);
  });

  it.each(["stall", "stall-body"] as const)("%s, once: each costs its whole timeout", async (kind) => {
    const hub = await hubWith({ repos });
    hub.fault({ kind, times: 1 });
    const timeouts = { answerTimeoutMs: 300, stallTimeoutMs: 300 };
    expect(await fetchJson(wayTo(hub.url, timeouts), hub.url + CONFIG)).toEqual({ a: 1 });
    hub.fault({ kind });
    const said = await failure(fetchJson(wayTo(hub.url, timeouts), hub.url + CONFIG));
    const after =
      kind === "stall"
        ? "did not answer within 0.3 s"
        : `stopped sending .* after 3 bytes: next to nothing came for 0.3 s`;
    expect(said).toMatch(new RegExp(`^network: .*${after}; check the connection and try again$`));
    expect(hub.requests.length).toBe(4);
  });

  it("but not the body that a library reads", async () => {
    const hub = await hubWith({ repos });
    const way = wayTo(hub.url, { stallTimeoutMs: 100 });
    hub.fault({ kind: "stall-body" });
    for (const read of ["json", "text", "arrayBuffer"] as const) {
      const response = await way.fetch(hub.url + CONFIG);
      expect(await failure(response[read]())).toMatch(/^network: .* stopped sending/);
    }
    await hub.idle();
    expect(hub.requests.map(({ aborted }) => aborted)).toEqual([true, true, true]);
  });

  it("and what doesn't pass is not", async () => {
    const hub = await hubWith({ repos });
    hub.fault({ kind: "status", status: 501 });
    expect(await failure(fetchJson(wayTo(hub.url), hub.url + CONFIG))).toMatch(
      /^network: .*failed on org\/model\/config.json \(501\)/,
    );
    expect(hub.requests.length).toBe(1);
  });
});

describe("the rate limit", () => {
  it.each([
    [{ "retry-after": "7" }, 7000],
    [{ "retry-after": "Thu, 01 Jan 1970 00:01:00 GMT" }, 60_000],
    [{ ratelimit: '"resolvers";r=0;t=55' }, 55_000],
    [{ ratelimit: '"api";r=12;t=90, "resolvers";r=0;t=3' }, 3000],
    [{ ratelimit: '"resolvers";r=1;t=55' }, undefined],
    [{ "retry-after": "soon", ratelimit: "r=0" }, undefined],
    [{ "retry-after": "2", ratelimit: '"api"; r=0; t=5' }, 5000],
    [{}, undefined],
  ])("%o asks to wait %s ms", (headers, ms) => {
    expect(askedWait(new Headers(headers as Record<string, string>), 0)).toBe(ms);
  });

  it("is waited for when it is short", async () => {
    const hub = await hubWith({ repos });
    hub.fault({ kind: "rate-limit", seconds: 0, times: 2 });
    expect(await fetchJson(wayTo(hub.url), hub.url + CONFIG)).toEqual({ a: 1 });
    expect(hub.requests.length).toBe(3);
  });

  it("is an error when it is long, that says how long", async () => {
    const hub = await hubWith({ repos });
    hub.fault({ kind: "rate-limit", seconds: 55 });
    const host = new URL(hub.url).host;
    expect(await failure(fetchJson(wayTo(hub.url), hub.url + CONFIG))).toBe(
      `network: ${host} limits the rate of requests (429); try again in 55 s, or give a token (HF_TOKEN or --token), which has a higher limit`,
    );
    expect(await failure(fetchJson(wayTo(hub.url, withToken), hub.url + CONFIG))).toMatch(/try again in 55 s$/);
    expect(hub.requests.length).toBe(2);
  });

  it("is told of while it is waited for, and an abort ends the wait", async () => {
    const hub = await hubWith({ repos });
    hub.fault({ kind: "rate-limit", seconds: 55 });
    const stop = new AbortController();
    const way = wayTo(hub.url, {}, { signal: stop.signal, maxWaitMs: 60_000 });
    const asked = fetchJson(way, hub.url + CONFIG);
    await vi.waitUntil(() => way.traffic.waiting);
    expect(way.traffic.waiting?.ms).toBe(55_000);
    expect(way.traffic.waiting?.why).toMatch(/limits the rate/);
    stop.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
    expect(way.traffic.waiting).toBeUndefined();
  });
});

describe("an abort", () => {
  it.each(["stall", "stall-body"] as const)("ends requests in a %s at once, and the server sees it", async (kind) => {
    const hub = await hubWith({ repos });
    hub.fault({ kind });
    const stop = new AbortController();
    const way = wayTo(hub.url, {}, { signal: stop.signal });
    // More than the eleven listeners that Node would warn of.
    const all = Promise.allSettled(Array.from({ length: 12 }, () => fetchJson(way, hub.url + CONFIG)));
    await hub.asked(/config/, 12);
    if (kind === "stall-body") await vi.waitUntil(() => way.traffic.bytes === 12 * 3);
    stop.abort(new Error("enough"));
    for (const one of await all) expect(one).toMatchObject({ reason: { message: "enough" } });
    await hub.idle();
    expect(hub.requests.every(({ aborted }) => aborted)).toBe(true);
    expect(hub.requests.length).toBe(12);
    await expect(fetchJson(way, hub.url + CONFIG)).rejects.toThrow("enough");
    expect(hub.requests.length).toBe(12);
  });

  it("by the signal of one request ends that one", async () => {
    const hub = await hubWith({ repos });
    hub.fault({ kind: "stall", times: 1 });
    const stop = new AbortController();
    const way = wayTo(hub.url);
    const asked = way.fetch(hub.url + CONFIG, { signal: stop.signal });
    await hub.asked(/config/);
    stop.abort(new Error("this one"));
    await expect(asked).rejects.toThrow("this one");
    expect((await way.fetch(hub.url + CONFIG)).ok).toBe(true);
  });
});

describe("what the Hub refuses", () => {
  const cases = [
    [
      "a missing repo",
      "/org/none/resolve/main/config.json",
      {},
      "not-on-server: HOST has no repo org/none, or it is private; check the name, or give a token (HF_TOKEN or --token) of an account that may see it",
    ],
    [
      "a missing repo, with a token",
      "/api/models/org/none",
      withToken,
      "not-on-server: HOST has no repo org/none, or the token from HF_TOKEN may not see it; check the name, or use a token of an account that may",
    ],
    [
      "a gated repo",
      "/org/gated/resolve/main/config.json",
      {},
      "auth: org/gated is gated: accept its terms at HUB/org/gated, then give a token (HF_TOKEN or --token)",
    ],
    [
      "a gated repo, with a token",
      "/org/gated/resolve/main/config.json",
      withToken,
      "auth: org/gated is gated, and the account of the token from HF_TOKEN isn't let in: accept the terms at HUB/org/gated, or wait until they let you in",
    ],
    [
      "a missing revision",
      `/${REPO}/resolve/v9/config.json`,
      {},
      `not-on-server: org/model has no revision "v9"; check the branch, tag or commit at HUB/org/model/tree/main`,
    ],
    [
      "a missing revision of the API",
      `/api/models/${REPO}/tree/refs%2Fpr%2F9`,
      {},
      `not-on-server: org/model has no revision "refs/pr/9"; check the branch, tag or commit at HUB/org/model/tree/main`,
    ],
    [
      "a missing file",
      `/${REPO}/resolve/main/a%20b.gguf?x=1`,
      {},
      `not-on-server: org/model has no file "a b.gguf" at revision main; the files it has are at HUB/org/model/tree/main`,
    ],
    [
      "a disabled repo",
      "/org/disabled/resolve/main/config.json",
      {},
      "not-on-server: org/disabled is disabled by HOST: nothing in it can be read; use another repo",
    ],
    [
      "a token it doesn't know",
      `/${REPO}/resolve/main/config.json`,
      { token: "hf_old", tokenFrom: "the file token" },
      `auth: HOST refused the token from the file token: "Invalid credentials in Authorization header"; make a new one at HUB/settings/tokens, or unset it`,
    ],
    [
      "a page that isn't there",
      "/nothing",
      {},
      "not-on-server: HOST has nothing at HUB/nothing (404); check the address",
    ],
  ] as const;
  it.each(cases)("%s", async (_, path, settings, said) => {
    const files = { "config.json": "{}" };
    const hub = await hubWith({
      repos: {
        ...repos,
        "org/gated": repoOf(files, { gated: "auto", accepted: [] }),
        "org/disabled": repoOf(files, { disabled: true }),
      },
    });
    const told = await failure(wayTo(hub.url, settings).fetch(hub.url + path));
    expect(told.replaceAll(hub.url, "HUB").replaceAll(new URL(hub.url).host, "HOST")).toBe(said);
    expect(hub.requests.length).toBe(1);
  });

  it.each([
    [
      401,
      "auth: URL can only be read by those who sign in (401); tokens are sent to https://huggingface.co alone: download the file and inspect it",
    ],
    [
      403,
      "auth: HOST denies access to URL (403); tokens are sent to https://huggingface.co alone: download the file and inspect it",
    ],
    [404, "not-on-server: HOST has nothing at URL (404); check the address"],
    [416, "network: URL is shorter than the bytes asked for (416); it may have changed: run again"],
    [418, "network: HOST refused the request for URL (418)"],
    [304, "network: HOST gave an answer for URL that is of no use (304); check the address"],
    [700, "network: HOST failed on URL (700); try again in some minutes"],
  ])("of other servers: %s", async (status, said) => {
    const url = await serverOf((_, response) => response.writeHead(status).end());
    const told = await failure(wayTo("https://huggingface.co", withToken).fetch(`${url}/a/model.gguf?sig=secret`));
    expect(told.replaceAll(`${url}/a/model.gguf`, "URL").replaceAll(new URL(url).host, "HOST")).toBe(said);
  });

  it("quotes the server's own words, short and on one line", async () => {
    const url = await serverOf((_, response) =>
      response.writeHead(403, { "x-error-message": `no ${"\x9b31m"}${"entry ".repeat(100)}` }).end(),
    );
    const told = await failure(wayTo(url).fetch(`${url}/${REPO}/resolve/main/x`));
    expect(told).toMatch(
      /^auth: .* denies access to org\/model\/x \(403\): "no \\u009b31mentry .*\u2026"; give a token/,
    );
    expect(told.length).toBeLessThan(400);
  });
});

describe("where no answer comes from", () => {
  it("refused connections are tried twice", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const way = wayTo(`http://127.0.0.1:${port}`);
    expect(await failure(way.fetch(`http://127.0.0.1:${port}/x`))).toBe(
      `network: 127.0.0.1:${port} refused the connection; check the address and port, and that the server runs`,
    );
    expect(way.traffic.requests).toBe(2);
  });

  it("plain http behind an https address is no secure connection, and something else is no HTTP", async () => {
    const server = createTcpServer((socket) => {
      socket.on("error", () => undefined);
      socket.end("SSH-2.0-something\r\n");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    atEnd(() => server.close());
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const way = wayTo("http://127.0.0.1");
    expect(await failure(way.fetch(`https://${host}/`))).toMatch(/^network: no secure connection to .* came about/);
    expect(await failure(way.fetch(`http://${host}/`))).toMatch(
      /^network: .* answered with something that is not HTTP/,
    );
    expect(way.traffic.requests).toBe(2);
  });

  it.each([
    ["ENOTFOUND", "once", "the name host is not known (DNS); check the address, HF_ENDPOINT and the connection"],
    [
      "EAI_AGAIN",
      "yes",
      "the name host could not be looked up (DNS); check the connection and try again in some minutes",
    ],
    ["ECONNRESET", "yes", "host closed the connection before its answer was whole; try again in some minutes"],
    [
      "UND_ERR_CONNECT_TIMEOUT",
      "once",
      "host did not answer in time; check the connection and try again in some minutes",
    ],
    ["ENETUNREACH", "once", "host can't be reached from here; check the connection"],
    [
      "SELF_SIGNED_CERT_IN_CHAIN",
      "no",
      "the certificate of host is not trusted; if a proxy of your network answers in its place, give its certificate with NODE_EXTRA_CA_CERTS=FILE",
    ],
    ["CERT_HAS_EXPIRED", "no", /^the certificate of host is not trusted/],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "no", /^the certificate of host is not trusted/],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "no", /^the certificate of host is not trusted/],
    ["ESOMETHING", "once", "the request to host failed: ESOMETHING"],
  ])("%s", (code, again, said) => {
    const cause = new TypeError("fetch failed", { cause: Object.assign(new Error("low"), { code }) });
    const error = connectionError(cause, "host", false);
    expect(error).toMatchObject({ code: "network", again });
    expect(error.message).toMatch(said);
    expect(connectionError(cause, "host", true).message).toMatch(/ \(requests go through the proxy of HTTPS_PROXY/);
  });
});

describe("JSON", () => {
  it("that isn't any is told of, for libraries too", async () => {
    const hub = await hubWith({ repos });
    hub.fault({ kind: "not-json" });
    const way = wayTo(hub.url);
    const said =
      /^network: .*config\.json answered with something that is not JSON \("text\/html": "<!doctype html>.*"\); check HF_ENDPOINT, and whether/;
    expect(await failure(fetchJson(way, hub.url + CONFIG))).toMatch(said);
    expect(await failure((await way.fetch(hub.url + CONFIG)).json())).toMatch(said);
    expect(await failure(all(listFiles({ repo: REPO, hubUrl: hub.url, fetch: way.fetch })))).toMatch(/is not JSON/);
  });

  it("and bytes are limited in size, unpacked ones too", async () => {
    const hub = await hubWith({ repos: { [REPO]: repoOf({ "config.json": `"${"x".repeat(100_000)}"` }) } });
    hub.fault({ kind: "gzip" });
    const way = wayTo(hub.url);
    expect(await fetchJson(way, hub.url + CONFIG)).toHaveLength(100_000);
    expect(await failure(fetchJson(way, hub.url + CONFIG, { mostBytes: 50_000 }))).toBe(
      `network: the answer of ${hub.url}${CONFIG} is longer than the limit of 50,000 bytes`,
    );
    expect(await failure(fetchBytes(way, hub.url + CONFIG, 50_000))).toMatch(/longer than the limit/);
    expect(hub.requests.length).toBe(3);
  });
});

describe("places of URLs", () => {
  const endpoint = "https://host/hub";
  it.each([
    ["/org/m/resolve/main/a/b.gguf", { repo: "org/m", revision: "main", path: "a/b.gguf" }],
    ["/gpt2/resolve/main/x", { repo: "gpt2", revision: "main", path: "x" }],
    ["/org/m/resolve/refs/pr/1/x", { repo: "org/m", revision: "refs/pr/1", path: "x" }],
    ["/org/m/resolve/refs%2Fconvert%2Fgguf/x", { repo: "org/m", revision: "refs/convert/gguf", path: "x" }],
    ["/api/models/org/m", { repo: "org/m" }],
    ["/api/models/org/m/revision/v1?expand=sha", { repo: "org/m", revision: "v1" }],
    ["/api/models/gpt2/tree/main/sub", { repo: "gpt2", revision: "main", path: "sub" }],
    ["/api/models/gpt2/auth-check", { repo: "gpt2" }],
    ["/api/resolve-cache/models/org/m/abc/x/y", { repo: "org/m", revision: "abc", path: "x/y" }],
    ["/datasets/org/d/resolve/main/x", { repo: "org/d", revision: "main", path: "x" }],
    ["/api/whoami-v2", {}],
    ["/org/m/resolve/main/%zz", { repo: "org/m", revision: "main", path: "%zz" }],
  ])("%s", (path, place) => {
    const url = new URL(endpoint + path);
    const common = { url: `${endpoint}${path.split("?")[0]}`, host: "host", hub: true };
    expect(placeOf(url, endpoint)).toEqual({ ...common, ...place });
  });

  it("of other servers are no repos", () => {
    const place = placeOf(new URL("https://host/hubble/org/m/resolve/main/x?sig=secret"), endpoint);
    expect(place).toEqual({ url: "https://host/hubble/org/m/resolve/main/x", host: "host", hub: false });
  });
});

describe("proxies", () => {
  /** A proxy that forwards to loopback servers, whether it is asked for a tunnel or for an address. */
  const proxyOf = async (refuse?: number) => {
    const asked: string[] = [];
    const proxy = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      if (refuse) return response.writeHead(refuse).end();
      const { method, headers } = request;
      const onward = send(request.url ?? "", { method, headers }, (answer: IncomingMessage) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      return request.pipe(onward);
    });
    proxy.on("connect", (request, socket, head) => {
      asked.push(`CONNECT ${request.url}`);
      if (refuse) return socket.end(`HTTP/1.1 ${refuse} No\r\n\r\n`);
      const [host, port] = (request.url ?? "").split(":");
      const onward = connect(Number(port), host, () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        onward.write(head);
        socket.pipe(onward).pipe(socket);
      });
      for (const end of [socket, onward]) end.on("error", () => undefined);
      return undefined;
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    atEnd(() => {
      proxy.close();
      proxy.closeAllConnections();
    });
    return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, asked };
  };
  const environment = (values: Record<string, string>) => {
    for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"]) {
      vi.stubEnv(name, values[name]);
      vi.stubEnv(name.toLowerCase(), values[name.toLowerCase()]);
    }
    atEnd(() => vi.unstubAllEnvs());
  };

  it.each(["HTTP_PROXY", "http_proxy"])("of %s are gone through", async (name) => {
    const hub = await hubWith({ repos, redirectLarge: true });
    const proxy = await proxyOf();
    environment({ [name]: proxy.url });
    const way = wayTo(hub.url, { ...withToken, proxied: true });
    expect(await fetchJson(way, hub.url + CONFIG)).toEqual({ a: 1 });
    expect((await fetchBytes(way, hub.url + WEIGHTS, 1000)).length).toBe(1000);
    expect(proxy.asked.length).toBeGreaterThan(0);
    const hosts = [...new Set(proxy.asked.map((line) => new URL(line.replace(/^\S+ (http:\/\/)?/, "http://")).host))];
    expect(hosts).toEqual([new URL(hub.url).host, new URL(hub.cdnUrl).host]);
    expect(hub.requests.map(({ authorization }) => authorization)).toEqual([
      "Bearer hf_test",
      "Bearer hf_test",
      undefined,
    ]);
  });

  it("are left out for hosts of NO_PROXY", async () => {
    const hub = await hubWith({ repos });
    const proxy = await proxyOf();
    environment({ HTTP_PROXY: proxy.url, NO_PROXY: "127.0.0.1" });
    expect(await fetchJson(wayTo(hub.url, { proxied: true }), hub.url + CONFIG)).toEqual({ a: 1 });
    expect(proxy.asked).toEqual([]);
  });

  it.each([
    [407, /^network: the proxy wants a name and a password \(407\); put them into HTTPS_PROXY/],
    [
      403,
      /^network: the proxy of HTTPS_PROXY would not connect to hub\.invalid \(403\); check it, or put hub\.invalid into NO_PROXY$/,
    ],
  ])("that refuse with %s are told of", async (status, said) => {
    const proxy = await proxyOf(status);
    environment({ HTTPS_PROXY: proxy.url });
    const way = wayTo("https://hub.invalid", { proxied: true });
    expect(await failure(way.fetch("https://hub.invalid/x"))).toMatch(said);
    expect(proxy.asked).toEqual(["CONNECT hub.invalid:443"]);
  });

  it("don't keep an abort from ending a request", async () => {
    const hub = await hubWith({ repos });
    hub.fault({ kind: "stall-body" });
    const proxy = await proxyOf();
    environment({ HTTP_PROXY: proxy.url });
    const stop = new AbortController();
    const way = wayTo(hub.url, { proxied: true }, { signal: stop.signal });
    const asked = fetchJson(way, hub.url + CONFIG);
    await vi.waitUntil(() => way.traffic.bytes > 0);
    stop.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
    await hub.idle();
  });
});
