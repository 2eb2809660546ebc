/** The loopback Hub is as good as what is tested against it: the real client talks to it, and each fault does what it says. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { writeIndexJson, writeSafetensors } from "@checkpoint-inspect/parser";
import {
  checkRepoAccess,
  downloadFile,
  fileDownloadInfo,
  fileExists,
  HubApiError,
  listCommits,
  listFiles,
  modelInfo,
  parseSafetensorsMetadata,
  pathsInfo,
} from "@huggingface/hub";
import { afterEach, describe, expect, it } from "vitest";
import { type FakeHub, repoOf, repoOfFolder, startFakeHub } from "../../../test-support/fake-hub/fake-hub.mjs";

const SCRIPT = fileURLToPath(new URL("../../../scripts/fake-hub.mjs", import.meta.url));
const TOKEN = "hf_test";
const REPO = "org/model";
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const WEIGHTS = writeSafetensors([{ name: "w", dtype: "F32", shape: [64, 64], data: new Uint8Array(64 * 64 * 4) }]);
const FILES = { "config.json": '{"model_type":"llama"}', "model.safetensors": WEIGHTS, "sub/a.txt": "deep" };
const AT = `/${REPO}/resolve/main`;
const LARGE = `${AT}/model.safetensors`;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

type Options = NonNullable<Parameters<typeof startFakeHub>[0]>;

async function hubWith(options: Options = {}): Promise<FakeHub> {
  const hub = await startFakeHub({ repos: { [REPO]: repoOf(FILES) }, ...options });
  ends.push(() => hub.close());
  return hub;
}

const part = (range: string, more: Record<string, string> = {}): RequestInit => ({ headers: { range, ...more } });
const withToken = { headers: { authorization: `Bearer ${TOKEN}` } };

async function codeOf(url: string, init?: RequestInit): Promise<[number, string | null]> {
  const response = await fetch(url, init);
  await response.arrayBuffer();
  return [response.status, response.headers.get("x-error-code")];
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe("the client of the Hub", () => {
  it("lists every file of a repo over several pages", async () => {
    const files = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`f/${i}.txt`, `${i}`]));
    const hub = await hubWith({ repos: { [REPO]: repoOf(files) }, pageSize: 10 });
    const listed = await all(listFiles({ repo: REPO, recursive: true, hubUrl: hub.url }));
    expect(listed.filter(({ type }) => type === "file").map(({ path }) => path)).toEqual(Object.keys(files).sort());
    expect(listed.filter(({ type }) => type === "directory").map(({ path }) => path)).toEqual(["f"]);
    expect(hub.traffic().requests).toBe(3);
  });

  it("gets pages of 50 where each entry is expanded, with what the scanners found", async () => {
    const files = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`${i}.txt`, `${i}`]));
    const hub = await hubWith({ repos: { [REPO]: repoOf(files, { security: { "7.txt": "unsafe" } }) } });
    const listed = await all(listFiles({ repo: REPO, expand: true, hubUrl: hub.url }));
    expect(listed).toHaveLength(60);
    expect(hub.traffic().requests).toBe(2);
    expect(listed.find(({ path }) => path === "7.txt")?.securityFileStatus).toEqual({ status: "unsafe" });
    expect(listed.find(({ path }) => path === "8.txt")?.securityFileStatus).toEqual({ status: "safe" });
  });

  it("loses what is behind the first page when its link is relative", async () => {
    const hub = await hubWith({ pageSize: 2 });
    hub.fault({ kind: "relative-link", path: /\/tree\// });
    expect(await all(listFiles({ repo: REPO, hubUrl: hub.url }))).toHaveLength(2);
  });

  it("is told of a large file as LFS and Xet keep it, and of a small one as git does", async () => {
    const hub = await hubWith();
    const [large, small] = await pathsInfo({
      repo: REPO,
      paths: ["model.safetensors", "config.json", "none"],
      hubUrl: hub.url,
    });
    expect(large?.lfs).toEqual({ oid: sha256(WEIGHTS), size: WEIGHTS.length, pointerSize: expect.any(Number) });
    expect(large?.xetHash).toMatch(/^[0-9a-f]{64}$/);
    const blob = `blob ${FILES["config.json"].length}\0${FILES["config.json"]}`;
    expect(small).toMatchObject({ oid: createHash("sha1").update(blob).digest("hex"), lfs: undefined });
  });

  it("reads what the repo says of itself", async () => {
    const repo = repoOf(FILES, { gated: "auto", info: { pipeline_tag: "text-generation", likes: 7, tags: ["gguf"] } });
    const hub = await hubWith({ repos: { [REPO]: repo } });
    const info = await modelInfo({ name: REPO, hubUrl: hub.url, additionalFields: ["sha", "tags", "filePaths"] });
    expect(info).toMatchObject({ name: REPO, gated: "auto", likes: 7, task: "text-generation", tags: ["gguf"] });
    expect(info.filePaths).toEqual(Object.keys(FILES).sort());
    expect((await all(listCommits({ repo: REPO, hubUrl: hub.url }))).map(({ oid }) => oid)).toEqual([info.sha]);
  });

  it("gets sizes and scan results where it asks for them, and the named fields alone", async () => {
    const hub = await hubWith({ repos: { [REPO]: repoOf(FILES, { security: { "sub/a.txt": "suspicious" } }) } });
    const info = async (query: string) =>
      (await (await fetch(`${hub.url}/api/models/${REPO}${query}`)).json()) as object;
    expect(await info("")).not.toHaveProperty("securityRepoStatus");
    expect(await info("?blobs=true&securityStatus=true")).toMatchObject({
      siblings: [
        { rfilename: "config.json", size: FILES["config.json"].length },
        { rfilename: "model.safetensors", size: WEIGHTS.length, lfs: { sha256: sha256(WEIGHTS) } },
        { rfilename: "sub/a.txt", size: 4 },
      ],
      securityRepoStatus: { scansDone: true, filesWithIssues: [{ path: "sub/a.txt", level: "suspicious" }] },
    });
    expect(Object.keys(await info("/revision/main?expand[]=sha&expand[]=gated")).sort()).toEqual([
      "_id",
      "gated",
      "id",
      "sha",
    ]);
  });

  it.each([{ redirectLarge: false }, { redirectLarge: true, redirectSmall: true }])("downloads %o", async (options) => {
    const hub = await hubWith(options);
    for (const [path, content] of Object.entries(FILES)) {
      const at = { repo: REPO, path, hubUrl: hub.url, accessToken: TOKEN };
      const info = await fileDownloadInfo(at);
      expect(info?.size).toBe(content.length);
      const blob = await downloadFile(at);
      expect(Buffer.from((await blob?.arrayBuffer()) ?? new ArrayBuffer())).toEqual(Buffer.from(content));
    }
    expect(await fileExists({ repo: REPO, path: "none", hubUrl: hub.url })).toBe(false);
    expect(await downloadFile({ repo: REPO, path: "none", hubUrl: hub.url })).toBeNull();
  });

  it("reads safetensors headers: a file, and a set of shards", async () => {
    const tensor = (name: string) => ({ name, dtype: "F16", shape: [4, 4], data: new Uint8Array(32) });
    const shards = ["a", "b"].map((name, i) => ({ name: `model-0000${i + 1}-of-00002.safetensors`, tensor: name }));
    const index = writeIndexJson(
      shards.map(({ name, tensor: of }) => ({ name, tensors: [{ name: of, sizeBytes: 32 }] })),
    );
    const set = Object.fromEntries(shards.map(({ name, tensor: of }) => [name, writeSafetensors([tensor(of)])]));
    const repos = { [REPO]: repoOf(FILES), "org/set": repoOf({ ...set, "model.safetensors.index.json": index }) };
    const hub = await hubWith({ repos, redirectLarge: true });
    const count = async (repo: string) =>
      (await parseSafetensorsMetadata({ repo, computeParametersCount: true, hubUrl: hub.url })).parameterCount;
    expect(await count(REPO)).toEqual({ F32: 64 * 64 });
    expect(await count("org/set")).toEqual({ F16: 32 });
  });

  it("meets refusals as errors with their status", async () => {
    const hub = await hubWith({ repos: { "org/gated": repoOf(FILES, { gated: "manual", accepted: [] }) } });
    const statusOf = (promise: Promise<unknown>) =>
      promise.then(
        () => 200,
        (error: unknown) => (error instanceof HubApiError ? error.statusCode : error),
      );
    const { url: hubUrl } = hub;
    expect(await statusOf(checkRepoAccess({ repo: "org/none", hubUrl }))).toBe(401);
    expect(await statusOf(checkRepoAccess({ repo: "org/none", hubUrl, accessToken: TOKEN }))).toBe(404);
    expect(await statusOf(checkRepoAccess({ repo: "org/gated", hubUrl, accessToken: "hf_other" }))).toBe(401);
    expect(await statusOf(checkRepoAccess({ repo: "org/gated", hubUrl }))).toBe(200);
    expect(await statusOf(all(listFiles({ repo: "org/gated", hubUrl })))).toBe(200);
    expect(await statusOf(all(listFiles({ repo: "org/gated", revision: "none", hubUrl })))).toBe(404);
    const at = { repo: "org/gated", path: "config.json", hubUrl };
    expect(await statusOf(downloadFile(at))).toBe(401);
    expect(await statusOf(downloadFile({ ...at, accessToken: TOKEN }))).toBe(403);
  });
});

describe("files", () => {
  it.each([
    ["bytes=0-3", 206, "bytes 0-3/10", "0123"],
    ["bytes=7-", 206, "bytes 7-9/10", "789"],
    ["bytes=-2", 206, "bytes 8-9/10", "89"],
    ["bytes=8-99", 206, "bytes 8-9/10", "89"],
    ["bytes=10-", 416, "bytes */10", undefined],
    ["lines=1-2", 200, null, "0123456789"],
  ])("answers the range %s with %i", async (range, status, contentRange, content) => {
    const hub = await hubWith({ repos: { [REPO]: repoOf({ "a.txt": "0123456789" }) } });
    const response = await fetch(`${hub.url}${AT}/a.txt`, part(range));
    expect([response.status, response.headers.get("content-range")]).toEqual([status, contentRange]);
    const text = await response.text();
    if (content !== undefined) expect(text).toBe(content);
    await hub.idle();
    expect(hub.requests.at(-1)).toMatchObject({ range, status, bytesSent: text.length, aborted: false });
  });

  it("keeps to If-Range and If-None-Match", async () => {
    const { url } = await hubWith();
    const etag = (await fetch(url + LARGE, { method: "HEAD" })).headers.get("etag") ?? "";
    expect(etag).toBe(`"${sha256(WEIGHTS)}"`);
    expect((await codeOf(url + LARGE, part("bytes=0-3", { "if-range": etag })))[0]).toBe(206);
    expect((await codeOf(url + LARGE, part("bytes=0-3", { "if-range": '"other"' })))[0]).toBe(200);
    expect((await codeOf(url + LARGE, { headers: { "if-none-match": `"other", ${etag}` } }))[0]).toBe(304);
    expect((await codeOf(url + LARGE, { headers: { "if-none-match": '"other"' } }))[0]).toBe(200);
  });

  it("says on the first hop what a large file is, and sends it from an origin that sees no token", async () => {
    const hub = await hubWith({ redirectLarge: true });
    const hop = await fetch(hub.url + LARGE, { redirect: "manual", ...withToken });
    expect(hop.status).toBe(302);
    expect(hop.headers.get("x-linked-size")).toBe(String(WEIGHTS.length));
    expect(hop.headers.get("x-linked-etag")).toBe(`"${sha256(WEIGHTS)}"`);
    expect(hop.headers.get("x-xet-hash")).toMatch(/^[0-9a-f]{64}$/);
    expect(hop.headers.get("x-repo-commit")).toMatch(/^[0-9a-f]{40}$/);
    const target = hop.headers.get("location") ?? "";
    expect(new URL(target).origin).toBe(hub.cdnUrl);
    expect((await fetch(hub.url + LARGE, withToken)).status).toBe(200);
    expect(hub.requests.map(({ origin, authorization }) => [origin, authorization])).toEqual([
      ["hub", `Bearer ${TOKEN}`],
      ["hub", `Bearer ${TOKEN}`],
      ["cdn", undefined],
    ]);
    expect((await codeOf(target, withToken))[0]).toBe(400);
    expect(hub.requests.at(-1)?.authorization).toBe(`Bearer ${TOKEN}`);
    expect((await codeOf(target.replace(/Signature=\w+/, "Signature=0")))[0]).toBe(403);
  });

  it("sends a small file through a relative redirect", async () => {
    const hub = await hubWith({ redirectSmall: true });
    const hop = await fetch(`${hub.url}${AT}/sub/a.txt`, { redirect: "manual" });
    expect([hop.status, hop.headers.get("location")]).toEqual([307, expect.stringMatching(/^\/api\/resolve-cache\//)]);
    expect(await (await fetch(`${hub.url}${AT}/sub/a.txt`, part("bytes=1-2"))).text()).toBe("ee");
  });

  it("gives the pointer of a large file as raw text", async () => {
    const { url } = await hubWith();
    const text = await (await fetch(url + LARGE.replace("resolve", "raw"))).text();
    expect(text.split("\n").slice(1, 3)).toEqual([`oid sha256:${sha256(WEIGHTS)}`, `size ${WEIGHTS.length}`]);
  });

  it("knows branches, tags, pull requests and commits, with slashes written either way", async () => {
    const repo = repoOf(FILES, {
      revisions: { dev: { "a.txt": "dev" }, "refs/pr/1": { "a.txt": "pr" } },
      tags: { v1: "dev" },
    });
    const hub = await hubWith({ repos: { [REPO]: repo, old: repoOf({ "a.txt": "old" }) } });
    const text = async (path: string) => (await fetch(hub.url + path)).text();
    expect(await text(`/${REPO}/resolve/refs%2Fpr%2F1/a.txt`)).toBe("pr");
    expect(await text(`/${REPO}/resolve/refs/pr/1/a.txt`)).toBe("pr");
    expect(await text(`/${REPO}/resolve/v1/a.txt`)).toBe("dev");
    expect(await text("/old/resolve/main/a.txt")).toBe("old");
    expect(await (await fetch(`${hub.url}/api/models/${REPO}/refs?include_prs=1`)).json()).toMatchObject({
      branches: [{ name: "main" }, { name: "dev", ref: "refs/heads/dev" }],
      tags: [{ name: "v1", ref: "refs/tags/v1" }],
      pullRequests: [{ ref: "refs/pr/1" }],
    });
    const { sha } = (await (await fetch(`${hub.url}/api/models/old`)).json()) as { sha: string };
    hub.push("old", { "a.txt": "new" });
    expect(await text("/old/resolve/main/a.txt")).toBe("new");
    expect(await text(`/old/resolve/${sha}/a.txt`)).toBe("old");
  });

  it("serves a folder, and files far larger than memory by their ranges", async () => {
    const dir = mkdtempSync(join(tmpdir(), "checkpoint-inspect-"));
    ends.push(() => rmSync(dir, { recursive: true, force: true }));
    mkdirSync(join(dir, "sub"));
    writeFileSync(join(dir, "sub", "huge.gguf"), "GGUF");
    truncateSync(join(dir, "sub", "huge.gguf"), 2 ** 40);
    const { url } = await hubWith({ repos: { [REPO]: repoOfFolder(dir) } });
    const response = await fetch(`${url}${AT}/sub/huge.gguf`, part("bytes=0-3"));
    expect(response.headers.get("content-range")).toBe(`bytes 0-3/${2 ** 40}`);
    expect(await response.text()).toBe("GGUF");
  });
});

describe("refusals", () => {
  it("carry the Hub's codes", async () => {
    const repos = {
      [REPO]: repoOf(FILES),
      "org/gated": repoOf(FILES, { gated: "auto" }),
      "org/private": repoOf(FILES, { private: true }),
      "org/disabled": repoOf(FILES, { disabled: true }),
    };
    const { url } = await hubWith({ repos });
    const file = (repo: string, path = "main/config.json") => `${url}/${repo}/resolve/${path}`;
    expect(await codeOf(file("org/none"))).toEqual([401, "RepoNotFound"]);
    expect(await codeOf(file("org/none"), withToken)).toEqual([404, "RepoNotFound"]);
    expect(await codeOf(file("org/private"))).toEqual([401, "RepoNotFound"]);
    expect(await codeOf(file("org/private"), withToken)).toEqual([200, null]);
    expect(await codeOf(file("org/gated"))).toEqual([401, "GatedRepo"]);
    expect(await codeOf(file("org/gated"), withToken)).toEqual([200, null]);
    expect(await codeOf(`${url}/api/models/org/gated/auth-check`)).toEqual([401, "GatedRepo"]);
    expect(await codeOf(`${url}/api/models/org/gated/auth-check`, withToken)).toEqual([200, null]);
    expect(await codeOf(file(REPO, "none/config.json"))).toEqual([404, "RevisionNotFound"]);
    expect(await codeOf(file(REPO, "main/none"))).toEqual([404, "EntryNotFound"]);
    const disabled = await fetch(file("org/disabled"));
    expect(disabled.headers.get("x-error-message")).toContain("disabled");
    const rejected = { headers: { authorization: "Bearer hf_wrong" } };
    for (const path of [file(REPO), `${url}/api/models/${REPO}`, `${url}/api/models/${REPO}/tree/main`]) {
      expect(await codeOf(path, rejected)).toEqual([401, null]);
    }
  });
});

describe("faults", () => {
  it("answer with a status so many times, after so many that pass", async () => {
    const hub = await hubWith();
    hub.fault({ kind: "status", status: 503, path: /config/, times: 2, after: 1, headers: { "Retry-After": 3 } });
    const statuses = [];
    for (let i = 0; i < 5; i++) statuses.push((await codeOf(`${hub.url}${AT}/config.json`))[0]);
    expect(statuses).toEqual([200, 503, 503, 200, 200]);
    hub.fault({ kind: "status", method: "HEAD" });
    expect((await fetch(hub.url + LARGE, { method: "HEAD" })).status).toBe(500);
    expect((await fetch(hub.url + LARGE)).status).toBe(200);
    hub.clearFaults();
    expect((await fetch(hub.url + LARGE, { method: "HEAD" })).status).toBe(200);
  });

  it("cut a body short of what was declared", async () => {
    const hub = await hubWith();
    hub.fault({ kind: "cut-body", bytes: 10, times: 1 });
    const response = await fetch(hub.url + LARGE, part("bytes=0-99"));
    expect(response.headers.get("content-length")).toBe("100");
    const { bytes, error } = await received(response);
    expect([bytes, error]).toEqual([10, true]);
    expect(await (await fetch(hub.url + LARGE, part("bytes=0-99"))).arrayBuffer()).toHaveProperty("byteLength", 100);
  });

  it("stall, in the body or before it, until the client goes", async () => {
    const hub = await hubWith();
    hub.fault({ kind: "stall-body", bytes: 10, times: 1 });
    const leaving = new AbortController();
    const response = await fetch(hub.url + LARGE, { signal: leaving.signal });
    const reader = response.body?.getReader();
    expect((await reader?.read())?.value).toHaveLength(10);
    leaving.abort();
    await expect(reader?.read()).rejects.toThrow();
    hub.fault({ kind: "stall", times: 1 });
    const silent = new AbortController();
    const waiting = fetch(`${hub.url}${AT}/config.json`, { signal: silent.signal });
    await hub.asked(/config/);
    silent.abort();
    await expect(waiting).rejects.toThrow();
    await hub.idle();
    expect(hub.requests.map(({ status, bytesSent, aborted }) => [status, bytesSent, aborted])).toEqual([
      [200, 10, true],
      [0, 0, true],
    ]);
  });

  it("send the whole in place of a part, slowly enough to be left early", async () => {
    const size = 8 * 2 ** 20;
    const hub = await hubWith({ repos: { [REPO]: repoOf({ "model.safetensors": new Uint8Array(size) }) } });
    hub.fault({ kind: "ignore-range" });
    const leaving = new AbortController();
    const response = await fetch(hub.url + LARGE, { ...part("bytes=0-3"), signal: leaving.signal });
    expect([response.status, response.headers.get("content-length")]).toEqual([200, String(size)]);
    leaving.abort();
    await hub.idle();
    expect(hub.requests[0]?.aborted).toBe(true);
    expect(hub.traffic().bytes).toBeLessThan(size / 2);
  });

  it("bend ranges", async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const hub = await hubWith({ repos: { [REPO]: repoOf({ "model.safetensors": bytes }) } });
    const bent = async (fault: Parameters<FakeHub["fault"]>[0]) => {
      hub.fault({ ...fault, times: 1 });
      const response = await fetch(hub.url + LARGE, part("bytes=10-11"));
      expect(response.status).toBe(206);
      return [response.headers.get("content-range"), ...new Uint8Array(await response.arrayBuffer())];
    };
    expect(await bent({ kind: "wrong-range", shift: 5 })).toEqual(["bytes 15-16/256", 15, 16]);
    expect(await bent({ kind: "wrong-range", shift: 5, silent: true })).toEqual(["bytes 10-11/256", 15, 16]);
    expect(await bent({ kind: "wrong-total", shift: 5 })).toEqual(["bytes 10-11/261", 10, 11]);
    expect(await bent({ kind: "no-content-range" })).toEqual([null, 10, 11]);
  });

  it("change the ETag from now on", async () => {
    const hub = await hubWith();
    const etag = `"${sha256(WEIGHTS)}"`;
    hub.fault({ kind: "etag-change", after: 1 });
    const asked = part("bytes=0-3", { "if-range": etag });
    expect((await codeOf(hub.url + LARGE, asked))[0]).toBe(206);
    for (let i = 0; i < 2; i++) {
      const response = await fetch(hub.url + LARGE, asked);
      expect([response.status, response.headers.get("etag")]).toEqual([200, '"changed"']);
    }
  });

  it("lead elsewhere, and in a circle", async () => {
    const hub = await hubWith();
    hub.fault({ kind: "redirect", path: /config/, to: `${hub.cdnUrl}/elsewhere` });
    hub.fault({ kind: "redirect-loop", path: /safetensors/ });
    expect((await fetch(`${hub.url}${AT}/config.json`)).url).toBe(`${hub.cdnUrl}/elsewhere`);
    await expect(fetch(hub.url + LARGE)).rejects.toThrow();
    expect(hub.requests.filter(({ path }) => path === LARGE).length).toBeGreaterThan(10);
  });

  it("answer with a page, packed bytes, a limit, or not at all", async () => {
    const hub = await hubWith();
    hub.fault({ kind: "not-json", path: /api/, times: 1 });
    const page = await fetch(`${hub.url}/api/models/${REPO}`);
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    hub.fault({ kind: "gzip", times: 1 });
    const packed = await fetch(hub.url + LARGE, part("bytes=0-99"));
    expect(packed.headers.get("content-encoding")).toBe("gzip");
    expect(Buffer.from(await packed.arrayBuffer())).toEqual(Buffer.from(WEIGHTS.subarray(0, 100)));
    hub.fault({ kind: "rate-limit", seconds: 55, times: 1 });
    const limited = await fetch(hub.url + LARGE);
    expect([limited.status, limited.headers.get("ratelimit")]).toEqual([429, '"resolvers";r=0;t=55']);
    hub.fault({ kind: "reset", times: 1 });
    await expect(fetch(hub.url + LARGE)).rejects.toThrow();
  });

  it("strike one origin alone", async () => {
    const hub = await hubWith({ redirectLarge: true });
    hub.fault({ kind: "status", status: 403, origin: "cdn", path: /model\.safetensors$/ });
    const response = await fetch(hub.url + LARGE);
    expect([response.status, new URL(response.url).origin]).toEqual([403, hub.cdnUrl]);
  });
});

describe("the server", () => {
  it("waits before each answer", async () => {
    const hub = await hubWith({ latencyMs: 40 });
    const start = performance.now();
    await fetch(`${hub.url}${AT}/config.json`);
    expect(performance.now() - start).toBeGreaterThan(38);
  });

  it("counts, forgets, and ends every connection when it closes", async () => {
    const hub = await hubWith();
    await (await fetch(`${hub.url}${AT}/config.json`)).text();
    expect(hub.traffic()).toEqual({ requests: 1, bytes: FILES["config.json"].length });
    hub.reset();
    expect(hub.traffic()).toEqual({ requests: 0, bytes: 0 });
    hub.fault({ kind: "stall" });
    const waiting = fetch(`${hub.url}${AT}/config.json`).catch((error: unknown) => error);
    await hub.asked(/config/);
    await hub.close();
    expect(await waiting).toBeInstanceOf(Error);
  });

  it("is started by hand on folders org/name, and prints each request", async () => {
    const dir = mkdtempSync(join(tmpdir(), "checkpoint-inspect-"));
    ends.push(() => rmSync(dir, { recursive: true, force: true }));
    mkdirSync(join(dir, REPO), { recursive: true });
    writeFileSync(join(dir, REPO, "config.json"), FILES["config.json"]);
    const child = spawn(process.execPath, [SCRIPT, dir, "--latency", "1"], { stdio: ["ignore", "pipe", "inherit"] });
    ends.push(() => child.kill());
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe(`  ${REPO}`);
    const endpoint = /^HF_ENDPOINT=(http:\/\/127\.0\.0\.1:\d+)$/.exec((await lines.next()).value ?? "")?.[1];
    expect(await (await fetch(`${endpoint}${AT}/config.json`)).text()).toBe(FILES["config.json"]);
    expect((await lines.next()).value).toBe(`200 GET ${AT}/config.json ${FILES["config.json"].length} bytes`);
  });
});

/** How much of a body came, and whether it broke off. */
async function received(response: Response): Promise<{ bytes: number; error: boolean }> {
  let bytes = 0;
  try {
    for await (const piece of response.body ?? []) bytes += piece.length;
    return { bytes, error: false };
  } catch {
    return { bytes, error: true };
  }
}
