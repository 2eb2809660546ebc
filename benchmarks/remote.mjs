/**
 * `npm run bench:remote`: what a look at a model on the Hub costs, counted by the server: requests and bytes, side by side with the
 * Hub's own readers, and times with latency as ratios. Against the loopback Hub of test-support/fake-hub; exit 1 where a figure
 * doesn't hold. `-- --write` puts the table into remote-results.md.
 *
 * Where shared/data is, the models are real ones (headers of published files); else stand-ins of the same shape.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { fileSource, readGguf, writeIndexJson, writeSafetensorsHeader } from "@checkpoint-inspect/parser";

import { repoOfFolder, startFakeHub } from "../test-support/fake-hub/fake-hub.mjs";
import { median, work } from "./lib.mjs";

const CLIENT = fileURLToPath(new URL("remote-client.mjs", import.meta.url));
const RESULTS = fileURLToPath(new URL("remote-results.md", import.meta.url));
const SHARED = fileURLToPath(new URL("../../shared/", import.meta.url));
const LATENCY_MS = 80;
const ROUNDS = 3;
/** With another Hub configured, the loopback one is a plain server. */
const NO_HUB = "http://127.0.0.1:9";
const SHARDS = 162;

const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-bench-"));
try {
  await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function main() {
  const models = await makeModels();
  const hub = await startFakeHub({
    repos: { "org/sharded": await repoOfFolder(models.sharded), "org/model-GGUF": await repoOfFolder(models.gguf) },
  });
  const redirecting = await startFakeHub({
    redirectLarge: true,
    repos: { "org/sharded": await repoOfFolder(models.sharded), "org/model-GGUF": await repoOfFolder(models.gguf) },
  });
  try {
    const sections = [
      await counted("Requests and bytes: files from the Hub's own origin", hub, models, true),
      await counted(
        "The same where large files are redirected to another origin, as on the public Hub: its requests count too",
        redirecting,
        models,
        false,
      ),
      await timed(hub),
    ];
    const texts = sections.map(({ text }) => text);
    for (const text of texts) console.log(`${text}\n`);
    const rows = sections.flatMap(({ rows }) => rows).filter(({ limit }) => limit !== "");
    const failed = rows.filter(({ holds }) => !holds).length;
    console.log(failed === 0 ? `all ${rows.length} figures hold` : `${failed} of ${rows.length} figures FAILED`);
    if (failed > 0) process.exitCode = 1;
    else if (process.argv.includes("--write")) {
      const [cpu] = cpus();
      const head = `# What a remote look costs\n\nMade by \`npm run bench:remote -- --write\` on ${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} x ${cpu?.model.trim() || process.arch}; models: ${models.words}.\nHow to read it stands at the top of [remote.mjs](remote.mjs).\n\n`;
      writeFileSync(RESULTS, `${head}${texts.map((text) => `\`\`\`text\n${text}\n\`\`\``).join("\n\n")}\n`);
    }
  } finally {
    await hub.close();
    await redirecting.close();
  }
}

/** @typedef {{ sharded: string, gguf: string, headerBytes: number, words: string }} Models */

/** @returns {Promise<Models>} */
async function makeModels() {
  const models = realModels() ?? standIns();
  const file = readdirSync(models.gguf).find((name) => name.includes("Q4_K_M")) ?? "";
  const source = await fileSource(join(models.gguf, file));
  const { headerBytes } = await readGguf(source);
  await source.close();
  return { ...models, headerBytes };
}

/** The published headers, followed by zeros up to the files' sizes. */
function realModels() {
  const tool = join(SHARED, "tools/expand-heads.mjs");
  if (!existsSync(tool) || process.env.WITHOUT_REAL_DATA) return undefined;
  const expand = (/** @type {string} */ from) => {
    const to = mkdtempSync(join(folder, "model-"));
    execFileSync(process.execPath, [tool, join(SHARED, "data", from), to], { stdio: "ignore" });
    return to;
  };
  return {
    sharded: expand("safetensors-headers/Reflection-Llama-3.1-70B"),
    gguf: expand("gguf-real-heads"),
    words: "the published headers of Reflection-Llama-3.1-70B (F32) and Qwen3-1.7B-Q4_K_M.gguf",
  };
}

/** A model of 162 shards and a GGUF with a vocabulary of 151,936 tokens, as Reflection-Llama-3.1-70B and Qwen3-1.7B have. */
function standIns() {
  const sharded = join(folder, "sharded");
  const gguf = join(folder, "gguf");
  mkdirSync(sharded);
  mkdirSync(gguf);
  const shards = [];
  for (let i = 1; i <= SHARDS; i++) {
    const name = `model-${String(i).padStart(5, "0")}-of-${String(SHARDS).padStart(5, "0")}.safetensors`;
    const tensors = ["q", "k", "v", "o"].map((part) => ({
      name: `model.layers.${i}.self_attn.${part}_proj.weight`,
      dtype: /** @type {const} */ ("F32"),
      shape: [1024, 1024],
    }));
    const { header, sizeBytes } = writeSafetensorsHeader(tensors);
    writeFileSync(join(sharded, name), header);
    truncateSync(join(sharded, name), sizeBytes);
    shards.push({ name, tensors: tensors.map(({ name }) => ({ name, sizeBytes: 4 * 1024 * 1024 })) });
  }
  writeFileSync(join(sharded, "model.safetensors.index.json"), writeIndexJson(shards));
  work("makeQwenLike", join(gguf, "model-Q4_K_M.gguf"));
  return { sharded, gguf, words: "generated models of the shape of Reflection-Llama-3.1-70B and Qwen3-1.7B" };
}

/**
 * @param {string} title
 * @param {import("../test-support/fake-hub/fake-hub.mjs").FakeHub} hub
 * @param {Models} models
 * @param {boolean} limited whether the limits are of this case
 */
async function counted(title, hub, models, limited) {
  const file = (await (await fetch(`${hub.url}/api/models/org/model-GGUF/tree/main`)).json())
    .map((/** @type {{ path: string }} */ { path }) => path)
    .find((/** @type {string} */ path) => path.includes("Q4_K_M"));
  const url = `${hub.url}/org/model-GGUF/resolve/main/${file}`;
  const cache = {
    sharded: mkdtempSync(join(folder, "cache-")),
    gguf: mkdtempSync(join(folder, "cache-")),
    url: mkdtempSync(join(folder, "cache-")),
  };
  const sharded = await costs(hub, "ours", "hf:org/sharded", cache.sharded);
  const again = await costs(hub, "ours", "hf:org/sharded", cache.sharded);
  const peer = await costs(hub, "hub", "org/sharded");
  const gguf = await costs(hub, "ours", "hf:org/model-GGUF:Q4_K_M", cache.gguf);
  const ggufAgain = await costs(hub, "ours", "hf:org/model-GGUF:Q4_K_M", cache.gguf);
  const ggufPeer = await costs(hub, "gguf", url);
  for (const [own, other] of [
    [sharded, peer],
    [gguf, ggufPeer],
  ]) {
    if (own?.parameters !== other?.parameters) throw new Error(`${own?.parameters} parameters, ${other?.parameters}`);
  }
  const most = Math.round(1.3 * models.headerBytes);
  const row = (
    /** @type {string} */ what,
    /** @type {Costs} */ own,
    /** @type {number} */ requests,
    /** @type {number} */ bytes = Number.POSITIVE_INFINITY,
    /** @type {Costs | undefined} */ other = undefined,
  ) => ({
    what,
    own: costWords(own),
    peer: other ? costWords(other) : "",
    limit: limited ? `<= ${requests}${Number.isFinite(bytes) ? `, ${kB(bytes)}` : ""}` : "",
    holds: !limited || (own.requests <= requests && own.bytes <= bytes),
  });
  const fromUrl = () => costs(hub, "ours", url, cache.url, NO_HUB);
  return table(title, "requests, bytes", [
    row(`${SHARDS} shards (hub.js: parseSafetensorsMetadata)`, sharded, SHARDS + 6, undefined, peer),
    row("  again", again, 2),
    row("Q4_K_M of a GGUF repo (gguf.js, by URL)", gguf, 3, most, ggufPeer),
    row("  again", ggufAgain, 2),
    row("the GGUF by its URL", await fromUrl(), 3, most),
    row("  again", await fromUrl(), 2),
  ]);
}

/** @typedef {{ what: string, own: string, peer: string, limit: string, holds: boolean }} Row */

/**
 * @param {string} title
 * @param {string} figures what the columns hold
 * @param {readonly Row[]} rows
 */
function table(title, figures, rows) {
  const line = (/** @type {Omit<Row, "holds">} */ { what, own, peer, limit }, /** @type {string} */ verdict) =>
    `  ${what.padEnd(45)}${own.padStart(16)}${peer.padStart(16)}${limit.padStart(18)}  ${verdict}`.trimEnd();
  const head = line({ what: figures, own: "ours", peer: "peer", limit: "limit" }, "");
  const lines = rows.map((row) => line(row, row.limit === "" ? "" : row.holds ? "ok" : "FAILED"));
  return { text: [title, head, ...lines].join("\n"), rows };
}

/** @param {Costs} costs */
function costWords({ requests, bytes }) {
  return `${requests}, ${kB(bytes)}`;
}

/** @param {import("../test-support/fake-hub/fake-hub.mjs").FakeHub} hub */
async function timed(hub) {
  hub.setLatency(LATENCY_MS);
  /** @type {Record<"ours" | "hub", number[]>} */
  const times = { ours: [], hub: [] };
  for (let round = 0; round < ROUNDS; round++) {
    const cache = mkdtempSync(join(folder, "cache-"));
    times.ours.push((await costs(hub, "ours", "hf:org/sharded", cache)).ms);
    times.hub.push((await costs(hub, "hub", "org/sharded")).ms);
  }
  hub.setLatency(0);
  const [ours, peer] = [median(times.ours), median(times.hub)];
  return table(`Time with ${LATENCY_MS} ms of latency a request, medians of ${ROUNDS}`, "milliseconds", [
    {
      what: `${SHARDS} shards (hub.js: parseSafetensorsMetadata)`,
      own: `${Math.round(ours)}`,
      peer: `${Math.round(peer)}`,
      limit: `${(ours / peer).toFixed(2)}x < 0.33x`,
      holds: ours / peer < 1 / 3,
    },
  ]);
}

/** @typedef {{ requests: number, bytes: number, ms: number, parameters: number }} Costs */

/**
 * @param {import("../test-support/fake-hub/fake-hub.mjs").FakeHub} hub
 * @param {string} client
 * @param {string} target
 * @param {string} [cache] folder of the header cache
 * @param {string} [endpoint] of the Hub that the client knows
 * @returns {Promise<Costs>}
 */
async function costs(hub, client, target, cache = join(folder, "no-cache"), endpoint = hub.url) {
  hub.reset();
  const env = {
    ...process.env,
    HF_ENDPOINT: endpoint,
    HF_HOME: join(folder, "hf-home"),
    CHECKPOINT_INSPECT_CACHE: cache,
  };
  const child = spawn(process.execPath, [CLIENT, client, target], { env, stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (chunk) => {
    said += chunk;
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(`${client} ${target} ended with code ${code}`);
  const { ms, parameters } = JSON.parse(said);
  if (!(parameters > 0)) throw new Error(`${client} ${target} found no parameters`);
  return { ...hub.traffic(), ms, parameters };
}

/** @param {number} bytes */
function kB(bytes) {
  return `${Math.round(bytes / 1000).toLocaleString("en")} kB`;
}
