/**
 * Whatever goes wrong on the way, a look at a repo ends: with the right answer where the fault passes, else with an error that says
 * what to do; never with a part of the numbers, never with the token at another origin.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CheckpointError, writeGguf } from "@checkpoint-inspect/parser";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import {
  type FakeHub,
  type Fault,
  repoOf,
  repoOfFolder,
  startFakeHub,
} from "../../../test-support/fake-hub/fake-hub.mjs";
import { findTarget, hubSettings, parseTarget, type TransportOptions, transport } from "../src/index.ts";

const FIXTURES = fileURLToPath(new URL("../../../fixtures/", import.meta.url));
const TOKEN = "hf_test";
const FILES = /\.(?:gguf|safetensors)$/;
const OTHER_HASH = `"${"f".repeat(64)}"`;
/** A guard, not a promise: what takes so long hangs. */
const WITHIN_MS = 5000;

let folder: string;
let hub: FakeHub;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-faults-"));
  hub = await startFakeHub({
    tokens: [TOKEN],
    redirectLarge: true,
    repos: {
      "org/model": repoOfFolder(`${FIXTURES}llama-tiny-safetensors`),
      // Larger than what is asked for first.
      "org/model-GGUF": repoOf({ "model-Q4_K_M.gguf": { file: `${FIXTURES}llama-dense-mixed.gguf` } }),
      "org/long-header-GGUF": repoOf({ "model.gguf": longHeader() }),
    },
  });
});
afterEach(() => {
  const away = hub.requests.filter(({ origin, authorization }) => origin !== "hub" && authorization !== undefined);
  hub.clearFaults();
  hub.reset();
  expect(away).toEqual([]);
});
afterAll(async () => {
  await hub.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Needs more than one request. */
function longHeader(): Uint8Array {
  const tokens = Array.from({ length: 30_000 }, (_, i) => `token ${i}`);
  return writeGguf({
    metadata: [
      { key: "general.architecture", type: "string", value: "llama" },
      { key: "tokenizer.ggml.model", type: "string", value: "gpt2" },
      { key: "tokenizer.ggml.tokens", type: "array", elementType: "string", value: tokens },
    ],
    tensors: [{ name: "output.weight", type: 0, shape: [32, 32] }],
  });
}

function settingsWith(env: Record<string, string> = {}): ReturnType<typeof hubSettings> {
  return hubSettings(
    {},
    {
      HF_ENDPOINT: hub.url,
      HF_HOME: join(folder, "hf"),
      CHECKPOINT_INSPECT_CACHE: join(folder, "cache"),
      HF_TOKEN: TOKEN,
      HF_HUB_ETAG_TIMEOUT: "0.2",
      HF_HUB_DOWNLOAD_TIMEOUT: "0.2",
      ...env,
    },
  );
}

async function look(target: string, more: TransportOptions = {}, env: Record<string, string> = {}): Promise<number> {
  const settings = await settingsWith(env);
  const way = transport(settings, { backoffMs: 1, ...more });
  const parsed = parseTarget(target, { endpoint: settings.endpoint, isLocal: false });
  if (parsed.kind === "local") throw new Error(`${target} is local`);
  const found = await findTarget(parsed, { transport: way });
  const checkpoint = await found.open(more.signal ? { signal: more.signal } : {});
  await checkpoint.close();
  return checkpoint.tensors.length;
}

async function failure(looking: Promise<unknown>): Promise<CheckpointError> {
  const begin = performance.now();
  const error = await looking.then(
    () => undefined,
    (reason: unknown) => reason as CheckpointError,
  );
  expect(performance.now() - begin).toBeLessThan(WITHIN_MS);
  expect(error).toBeInstanceOf(Error);
  expect(error?.message).not.toMatch(/[\n\r]/);
  expect(error?.message).not.toContain(TOKEN);
  return error as CheckpointError;
}

describe.each(["org/model", "org/model-GGUF", "org/long-header-GGUF"])("%s", (target) => {
  it.each<[string, Fault]>([
    ["a cut body", { kind: "cut-body", path: FILES, times: 1, bytes: 100 }],
    ["a cut list of files", { kind: "cut-body", path: /\/tree\//, times: 1 }],
    ["a body that stalls", { kind: "stall-body", path: FILES, times: 1, bytes: 100 }],
    ["no answer", { kind: "stall", times: 1 }],
    ["status 500", { kind: "status", status: 500, times: 2 }],
    ["status 503", { kind: "status", status: 503, times: 1 }],
    ["a closed connection", { kind: "reset", times: 1 }],
    ["the limit of requests", { kind: "rate-limit", times: 1, seconds: 0 }],
  ])("passes over %s", async (_, fault) => {
    const whole = await look(target);
    hub.fault(fault);
    expect(await look(target)).toBe(whole);
  });

  it.each<[string, Fault, string, RegExp]>([
    ["bodies that are cut", { kind: "cut-body", path: FILES, bytes: 100 }, "network", /\b100 of [\d,]+ bytes/],
    ["bodies that stall", { kind: "stall-body", path: FILES, bytes: 100 }, "network", /0\.2 s/],
    ["no answer at all", { kind: "stall" }, "network", /0\.2 s/],
    ["status 500", { kind: "status", status: 500 }, "network", /500/],
    ["the limit of requests", { kind: "rate-limit", seconds: 55 }, "network", /55 s/],
    ["a Range that is ignored", { kind: "ignore-range", path: FILES }, "network", /range/i],
    ["another range than asked for", { kind: "wrong-range", path: FILES }, "network", /bytes \d/],
    ["another total than listed", { kind: "wrong-total", path: FILES }, "network", /size|bytes/],
    ["no Content-Range", { kind: "no-content-range", path: FILES }, "network", /Content-Range/],
    ["a circle of redirects", { kind: "redirect-loop", path: FILES }, "network", /redirect/],
    ["a page in place of the list", { kind: "not-json", path: /\/tree\// }, "network", /JSON/],
    ["compressed ranges", { kind: "gzip", path: FILES }, "network", /gzip/],
    ["closed connections", { kind: "reset" }, "network", /./],
    ["another version than listed", { kind: "etag-change", path: FILES, etag: OTHER_HASH }, "network", /changed/],
    ["no access", { kind: "status", status: 403, headers: { "X-Error-Code": "GatedRepo" } }, "auth", /gated/],
    [
      "a repo that is disabled",
      { kind: "status", status: 403, headers: { "X-Error-Message": "Access to this resource is disabled." } },
      "not-on-server",
      /disabled/,
    ],
  ])("ends at %s", async (_, fault, code, words) => {
    hub.fault(fault);
    const error = await failure(look(target));
    expect(error.message).toMatch(words);
    expect(error.code).toBe(code);
  });
});

it("a version that changes half-way is no mixture", async () => {
  hub.fault({ kind: "etag-change", path: /model\.gguf$/, origin: "cdn", after: 1 });
  const error = await failure(look("org/long-header-GGUF"));
  expect(error).toMatchObject({ code: "network" });
  expect(error.message).toMatch(/changed/);
});

it("a shard that is listed and isn't there is said to be missing, and the rest is no whole", async () => {
  const headers = { "X-Error-Code": "EntryNotFound" };
  hub.fault({ kind: "status", status: 404, path: /00002-of-00003/, headers });
  const way = transport(await settingsWith(), { backoffMs: 1 });
  const found = await findTarget({ kind: "hub", repo: "org/model" }, { transport: way });
  const checkpoint = await found.open();
  await checkpoint.close();
  expect(checkpoint.shards).toMatchObject({ declaredParts: 3, missing: ["model-00002-of-00003.safetensors"] });
  expect(checkpoint.findings).toContainEqual(
    expect.objectContaining({ rule: "safetensors/missing-shard", severity: "error" }),
  );
});

describe("a server of its own", () => {
  async function serving(answer: RequestListener): Promise<{ url: string; end(): Promise<void> }> {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const end = () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    return { url: `http://127.0.0.1:${port}`, end };
  }

  it("that sends a byte now and then is left", async () => {
    const { url, end } = await serving((_, response) => {
      response.writeHead(200, { "Content-Type": "application/json" });
      const drip = setInterval(() => response.write(" "), 20);
      response.on("close", () => clearInterval(drip));
    });
    const error = await failure(look("org/model", {}, { HF_ENDPOINT: url }));
    await end();
    expect(error.code).toBe("network");
    expect(error.message).toMatch(/next to nothing came for 0\.2 s/);
  });

  it.each([
    ["the same page again and again", "/again"],
    ["a page more after each", "/next?n="],
  ])("that lists %s is left", async (_, path) => {
    let pages = 0;
    const { url, end } = await serving((request, response) => {
      pages++;
      const next = `http://${request.headers.host}/api${path}${path.endsWith("=") ? pages : ""}`;
      response.writeHead(200, { "Content-Type": "application/json", Link: `<${next}>; rel="next"` });
      response.end("[]");
    });
    const error = await failure(look("org/model", {}, { HF_ENDPOINT: url }));
    await end();
    expect(error.code).toBe("network");
    expect(error.message).toMatch(/pages/);
    expect(pages).toBeLessThanOrEqual(101);
  });

  it("that lists paths which lead elsewhere is not asked for them", async () => {
    const asked: string[] = [];
    const { url, end } = await serving((request, response) => {
      asked.push(request.url ?? "");
      response.writeHead(200, { "Content-Type": "application/json" });
      const paths = ["../../../api/whoami-v2.gguf", "a/../../../../x.safetensors", "__proto__", "\u001b[31m.gguf"];
      response.end(JSON.stringify(paths.map((path) => ({ type: "file", path, size: 1000, oid: "0".repeat(40) }))));
    });
    await failure(look("org/model", {}, { HF_ENDPOINT: url }));
    await failure(look("org/model:whoami-v2", {}, { HF_ENDPOINT: url }));
    await end();
    expect(asked.filter((path) => !path.startsWith("/api/models/org/model/tree/"))).toEqual([]);
  });

  it("that lists something else than files is said so", async () => {
    const { url, end } = await serving((_, response) => response.end('{"error":"no list"}'));
    const error = await failure(look("org/model", {}, { HF_ENDPOINT: url }));
    await end();
    expect(error.code).toBe("network");
  });
});

it("a server that ignores ranges is left after little", async () => {
  hub.fault({ kind: "ignore-range", path: FILES });
  await failure(look("org/long-header-GGUF"));
  await hub.idle();
  const [sent] = hub.requests.filter(({ path, bytesSent }) => FILES.test(path) && bytesSent > 1000);
  expect(sent?.aborted).toBe(true);
});

it.each([
  ["a host that has no address", "http://no-such-host.invalid", /no-such-host\.invalid/],
  ["a port where nobody listens", "http://127.0.0.1:9", /127\.0\.0\.1:9/],
])("%s is named", async (_, endpoint, words) => {
  const error = await failure(look("org/model", {}, { HF_ENDPOINT: endpoint }));
  expect(error.code).toBe("network");
  expect(error.message).toMatch(words);
});

it("offline, nothing is asked", async () => {
  const error = await failure(look("org/model", {}, { HF_HUB_OFFLINE: "1" }));
  expect(error.code).toBe("network");
  expect(error.message).toMatch(/HF_HUB_OFFLINE/);
  expect(hub.requests).toHaveLength(0);
});

it("an abort ends every request at once", async () => {
  hub.fault({ kind: "stall-body", path: FILES, bytes: 10 });
  const abort = new AbortController();
  const looking = look("org/model", { signal: abort.signal }, { HF_HUB_DOWNLOAD_TIMEOUT: "60" });
  await hub.asked(FILES, 2);
  abort.abort();
  await expect(looking).rejects.toThrow(/abort/i);
  await hub.idle();
});
