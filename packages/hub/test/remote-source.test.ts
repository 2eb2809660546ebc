/** Bytes over HTTP: as few requests as there are reads, one version of the file, and no byte that isn't the one asked for. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, expect, it, vi } from "vitest";
import { type FakeHub, repoOf } from "../../../test-support/fake-hub/fake-hub.mjs";
import { type RemoteFile, remoteSource } from "../src/transport/remote-source.ts";
import { failure, hubWith, serverOf, wayTo } from "./loopback.ts";

const REPO = "org/model";
const BYTES = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7919) % 251);
const FILES = { "model.safetensors": BYTES, "config.json": '{"a":1}', "empty.json": "" };
const PATH = `/${REPO}/resolve/main/model.safetensors`;
const NAME = "model.safetensors";
const SIZE = BYTES.length;
const OTHER_WAY = "download the file and inspect it, or use another mirror";
const CHANGED = "the file changed while it was read; run again";

const listed = (hub: FakeHub, more: Partial<RemoteFile> = {}): RemoteFile => ({
  url: hub.url + PATH,
  name: NAME,
  sizeBytes: SIZE,
  ...more,
});
const hubOf = (options: Parameters<typeof hubWith>[0] = {}) =>
  hubWith({ repos: { [REPO]: repoOf(FILES) }, ...options });
const ranges = (hub: FakeHub) => hub.requests.map(({ origin, range }) => `${origin} ${range}`);

describe("a source of known size", () => {
  it("asks for nothing before it is read, and then once a read, for just those bytes", async () => {
    const hub = await hubOf();
    const source = await remoteSource(listed(hub), wayTo(hub.url));
    expect([source.sizeBytes, source.name, source.remote]).toEqual([SIZE, NAME, true]);
    expect(hub.requests).toEqual([]);
    expect(await source.read(0, 10)).toEqual(BYTES.subarray(0, 10));
    expect(await source.read(99_990, 1000)).toEqual(BYTES.subarray(99_990));
    expect(await source.read(SIZE, 5)).toEqual(new Uint8Array(0));
    expect(await source.read(7, 0)).toEqual(new Uint8Array(0));
    expect(ranges(hub)).toEqual(["hub bytes=0-9", "hub bytes=99990-99999"]);
    expect(hub.requests.map(({ headers }) => headers["accept-encoding"])).toEqual(["identity", "identity"]);
  });

  it("reads into memory that it is given", async () => {
    const hub = await hubOf();
    const source = await remoteSource(listed(hub), wayTo(hub.url));
    const into = new Uint8Array(64);
    const bytes = await source.read(5, 50, { into });
    expect(bytes.buffer).toBe(into.buffer);
    expect(bytes).toEqual(BYTES.subarray(5, 55));
  });

  it("without a byte needs no request", async () => {
    const hub = await hubOf();
    const source = await remoteSource(listed(hub, { sizeBytes: 0 }), wayTo(hub.url));
    expect(await source.read(0, 8)).toEqual(new Uint8Array(0));
    expect(hub.requests).toEqual([]);
  });

  it("is read no more when it is closed", async () => {
    const hub = await hubOf();
    const source = await remoteSource(listed(hub), wayTo(hub.url));
    await source.close();
    expect(await failure(source.read(0, 1))).toBe("not-found: model.safetensors is closed already");
  });
});

describe("a source of unknown size", () => {
  it("learns it with the first bytes, which serve the first reads", async () => {
    const hub = await hubOf();
    const source = await remoteSource({ url: hub.url + PATH, name: NAME, firstBytes: 1000 }, wayTo(hub.url));
    expect(source.sizeBytes).toBe(SIZE);
    expect(await source.read(0, 1000)).toEqual(BYTES.subarray(0, 1000));
    expect(await source.read(500, 100)).toEqual(BYTES.subarray(500, 600));
    expect(ranges(hub)).toEqual(["hub bytes=0-999"]);
    expect(await source.read(900, 200)).toEqual(BYTES.subarray(900, 1100));
    expect(ranges(hub)).toEqual(["hub bytes=0-999", "hub bytes=1000-1099"]);
  });

  it.each([
    ["config.json", 7],
    ["empty.json", 0],
  ])("may be smaller than the first bytes: %s", async (name, size) => {
    const hub = await hubOf();
    const source = await remoteSource({ url: `${hub.url}/${REPO}/resolve/main/${name}`, name }, wayTo(hub.url));
    expect(source.sizeBytes).toBe(size);
    expect(Buffer.from(await source.read(0, 100)).toString()).toBe('{"a":1}'.slice(0, size));
    expect(hub.requests.length).toBe(1);
  });

  it("of a server without ranges can be read where the file is small, not where it is large", async () => {
    const hub = await hubOf();
    hub.fault({ kind: "ignore-range" });
    const url = `${hub.url}/${REPO}/resolve/main/config.json`;
    const small = await remoteSource({ url, name: "config.json" }, wayTo(hub.url));
    expect([small.sizeBytes, (await small.read(0, 7)).length]).toEqual([7, 7]);
    const host = new URL(hub.url).host;
    const large = remoteSource({ url: hub.url + PATH, name: NAME, firstBytes: 1000 }, wayTo(hub.url));
    expect(await failure(large)).toBe(
      `network: ${host} ignores ranges: it would send the whole of model.safetensors; ${OTHER_WAY}`,
    );
    await hub.idle();
    expect(hub.requests[1]).toMatchObject({ status: 200, aborted: true });
  });
});

describe("redirects of the Hub", () => {
  it("are gone through once: then the bytes come from where they led", async () => {
    const hub = await hubOf({ redirectLarge: true });
    const source = await remoteSource(listed(hub), wayTo(hub.url, { token: "hf_test" }));
    for (const at of [0, 10, 20]) expect(await source.read(at, 10)).toEqual(BYTES.subarray(at, at + 10));
    expect(ranges(hub)).toEqual(["hub bytes=0-9", "cdn bytes=0-9", "cdn bytes=10-19", "cdn bytes=20-29"]);
    expect(hub.requests.map(({ authorization }) => authorization !== undefined)).toEqual([true, false, false, false]);
    expect(hub.requests[2]?.headers["if-range"]).toMatch(/^"[0-9a-f]{40}"$/);
  });

  it.each([401, 403, 404, 410])("are gone through again when the address has expired (%s)", async (status) => {
    const hub = await hubOf({ redirectLarge: true });
    const source = await remoteSource(listed(hub), wayTo(hub.url));
    await source.read(0, 10);
    hub.fault({ kind: "status", status, origin: "cdn", times: 1 });
    expect(await source.read(10, 10)).toEqual(BYTES.subarray(10, 20));
    expect(hub.requests.map(({ origin }) => origin)).toEqual(["hub", "cdn", "cdn", "hub", "cdn"]);
  });

  it("tell the commit once, and the tag", async () => {
    const hub = await hubOf({ redirectLarge: true });
    const commits: string[] = [];
    const onCommit = (commit: string) => commits.push(commit);
    const source = await remoteSource(listed(hub, { onCommit }), wayTo(hub.url));
    expect(source.etag).toBeUndefined();
    await source.read(0, 10);
    await source.read(10, 10);
    const [file] = repoOf(FILES).branches.values();
    expect(commits).toEqual([file?.commit]);
    expect(source.etag).toBe(file?.files.get(NAME)?.sha256);
  });
});

describe("one version of the file", () => {
  const sha256 = repoOf(FILES).branches.get("main")?.files.get(NAME)?.sha256 ?? "";

  it.each([true, false])("agrees with the listing (redirects: %s)", async (redirectLarge) => {
    const hub = await hubOf({ redirectLarge });
    const fine = await remoteSource(listed(hub, { etag: sha256 }), wayTo(hub.url));
    expect((await fine.read(0, 10)).length).toBe(10);
    const other = await remoteSource(listed(hub, { etag: "0".repeat(64) }), wayTo(hub.url));
    expect(await failure(other.read(0, 10))).toBe(
      `network: model.safetensors at ${hub.url}${PATH} is another one than before (version "0000000000000000…" before, "${sha256.slice(0, 16)}…" now): ${CHANGED}`,
    );
    // A git oid isn't compared with a SHA-256.
    const unlike = await remoteSource(listed(hub, { etag: "0".repeat(40) }), wayTo(hub.url));
    expect((await unlike.read(0, 10)).length).toBe(10);
  });

  it.each([
    ["hub", false],
    ["cdn", true],
  ] as const)("is told by the ETag of the %s", async (origin, redirectLarge) => {
    const hub = await hubOf({ redirectLarge });
    const way = wayTo(hub.url);
    const source = await remoteSource(listed(hub), way);
    await source.read(0, 10);
    const { bytes } = way.traffic;
    hub.fault({ kind: "etag-change", origin });
    expect(await failure(source.read(10, 10))).toMatch(
      /^network: .* is another one than before .* "changed" now\): the file changed/,
    );
    // The whole file is what is answered, and not taken.
    expect(hub.requests.at(-1)?.status).toBe(200);
    expect(way.traffic.bytes).toBe(bytes);
  });

  it("is told by its size", async () => {
    const hub = await hubOf();
    const source = await remoteSource(listed(hub, { sizeBytes: SIZE + 1 }), wayTo(hub.url));
    expect(await failure(source.read(0, 10))).toBe(
      `network: model.safetensors has 100,000 bytes, and had 100,001: ${CHANGED}`,
    );
    const longer = await remoteSource(listed(hub, { sizeBytes: SIZE + 100 }), wayTo(hub.url));
    expect(await failure(longer.read(SIZE, 10))).toMatch(
      /is shorter than the bytes asked for \(416\); it may have changed: run again$/,
    );
    hub.fault({ kind: "wrong-total" });
    const source2 = await remoteSource(listed(hub), wayTo(hub.url));
    expect(await failure(source2.read(0, 10))).toMatch(/has 104,096 bytes, and had 100,000/);
  });
});

describe("answers that can't be used", () => {
  it.each([
    [
      "wrong-range",
      /answered with other bytes \(Content-Range: "bytes 26-35\/100000"\) than the bytes 10 to 19 of model\.safetensors; download/,
    ],
    ["no-content-range", /answered with other bytes \(Content-Range: ""\) than the bytes 10 to 19/],
    ["gzip", /sends model\.safetensors compressed \("gzip"\), though it was asked not to; download/],
    ["ignore-range", /ignores ranges: it would send the whole of model\.safetensors; download/],
  ] as const)("%s", async (kind, said) => {
    const hub = await hubOf();
    hub.fault({ kind });
    const source = await remoteSource(listed(hub), wayTo(hub.url));
    const message = await failure(source.read(10, 10));
    expect(message).toMatch(/^network: /);
    expect(message).toMatch(said);
    expect(hub.requests.length).toBe(1);
  });

  const answering = async (answer: (response: ServerResponse, request: IncomingMessage) => void) => {
    const requests: IncomingMessage[] = [];
    const url = await serverOf((request, response) => {
      requests.push(request);
      answer(response, request);
    });
    const source = await remoteSource({ url: `${url}/f?sig=secret`, name: "f", sizeBytes: 100 }, wayTo(url));
    return { source, requests };
  };

  it("more bytes than were asked for", async () => {
    const { source } = await answering((response) => {
      response.writeHead(206, { "content-range": "bytes 0-9/100" });
      response.write(new Uint8Array(50));
    });
    expect(await failure(source.read(0, 10))).toBe(
      `network: more bytes of f came than were asked for (10); ${OTHER_WAY}`,
    );
  });

  it("fewer bytes than were asked for", async () => {
    const { source, requests } = await answering((response) => {
      response.writeHead(206, { "content-range": "bytes 0-4/100" }).end(new Uint8Array(5));
    });
    expect(await failure(source.read(0, 10))).toMatch(/answered with fewer bytes \(Content-Range: "bytes 0-4\/100"\)/);
    expect(requests.length).toBe(1);
  });

  it("a body that ends before its Content-Range", async () => {
    const { source, requests } = await answering((response) => {
      response.writeHead(206, { "content-range": "bytes 0-9/100" }).end(new Uint8Array(3));
    });
    expect(await failure(source.read(0, 10))).toBe(
      "network: 3 of 10 bytes of f arrived: the answer ended too early; check the connection and try again",
    );
    expect(requests.length).toBe(4);
  });

  it("the rest of the file from the middle on, as a whole", async () => {
    const { source } = await answering((response) => {
      response.writeHead(200, { "content-length": 10 }).end(new Uint8Array(10));
    });
    expect(await failure(source.read(50, 10))).toMatch(/ignores ranges/);
    expect(await failure(source.read(0, 100))).toMatch(/f has 10 bytes, and had 100: the file changed/);
  });

  it("a size that isn't told", async () => {
    const url = await serverOf((_, response) => {
      response.writeHead(206, { "content-range": "bytes 0-9/*" }).end(new Uint8Array(10));
    });
    const said = await failure(remoteSource({ url, name: "f", firstBytes: 10 }, wayTo(url)));
    expect(said).toMatch(/doesn't say how large f is; download/);
  });

  it("a signature never gets into a message", async () => {
    for (const status of [400, 403, 404, 500, 302]) {
      const { source } = await answering((response) => response.writeHead(status).end());
      expect(await failure(source.read(0, 10))).not.toMatch(/secret/);
    }
  });
});

describe("what may pass", () => {
  it.each(["cut-body", "reset", "stall", "stall-body"] as const)("is read again: %s", async (kind) => {
    const hub = await hubOf();
    hub.fault({ kind, times: 1 });
    const way = wayTo(hub.url, { answerTimeoutMs: 300, stallTimeoutMs: 300 });
    const source = await remoteSource(listed(hub), way);
    expect(await source.read(1000, 5000)).toEqual(BYTES.subarray(1000, 6000));
    expect(ranges(hub)).toEqual(["hub bytes=1000-5999", "hub bytes=1000-5999"]);
  });

  it("and doesn't pass is told with what arrived", async () => {
    const hub = await hubOf();
    hub.fault({ kind: "cut-body", bytes: 2000 });
    const source = await remoteSource(listed(hub), wayTo(hub.url));
    expect(await failure(source.read(0, 5000))).toMatch(
      /^network: 2,000 of 5,000 bytes of model\.safetensors arrived: .* closed the connection before its answer was whole/,
    );
    hub.clearFaults();
    hub.fault({ kind: "stall-body", bytes: 2000 });
    const stalled = await remoteSource(listed(hub), wayTo(hub.url, { stallTimeoutMs: 100 }));
    expect(await failure(stalled.read(0, 5000))).toMatch(
      /^network: 2,000 of 5,000 bytes of model\.safetensors arrived: .* stopped sending/,
    );
  });
});

describe("an abort", () => {
  it.each(["stall", "stall-body"] as const)("ends a read in a %s at once, whichever signal it is", async (kind) => {
    const hub = await hubOf();
    hub.fault({ kind });
    for (const which of ["transport", "read"]) {
      hub.reset();
      const stop = new AbortController();
      const way = wayTo(hub.url, {}, which === "transport" ? { signal: stop.signal } : {});
      const source = await remoteSource(listed(hub), way);
      const reading = source.read(0, 5000, which === "read" ? { signal: stop.signal } : {});
      await hub.asked(/safetensors/);
      if (kind === "stall-body") await vi.waitUntil(() => way.traffic.bytes > 0);
      stop.abort(new Error("enough"));
      await expect(reading).rejects.toThrow("enough");
      await hub.idle();
      expect(hub.requests.map(({ aborted }) => aborted)).toEqual([true]);
    }
  });
});
