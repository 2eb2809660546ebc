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
import { median, sectionText, work } from "./lib.mjs";

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
        "The same, large files redirected to another origin (two requests for each first read)",
        redirecting,
        models,
        false,
      ),
      await timed(hub),
    ];
    const texts = sections.map(sectionText);
    for (const text of texts) console.log(`${text}\n`);
    const rows = sections.flatMap(({ rows }) => rows);
    const failed = rows.filter(({ holds }) => !holds).length;
    console.log(failed === 0 ? `all ${rows.length} figures hold` : `${failed} of ${rows.length} figures FAILED`);
    if (failed > 0) process.exitCode = 1;
    else if (process.argv.includes("--write")) {
      const [cpu] = cpus();
      const head = `# What a remote look costs\n\nMade by \`npm run bench:remote -- --write\` on ${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} x ${cpu?.model ?? "?"}; ${models.words}.\n\n`;
      writeFileSync(RESULTS, `${head}${texts.map((text) => `\`\`\`\n${text}\n\`\`\``).join("\n\n")}\n`);
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
  if (!existsSync(tool)) return undefined;
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
  /** @type {Record<string, string>} */
  const weightMap = {};
  for (let i = 1; i <= SHARDS; i++) {
    const name = `model-${String(i).padStart(5, "0")}-of-${String(SHARDS).padStart(5, "0")}.safetensors`;
    const tensors = ["q", "k", "v", "o"].map((part) => ({
      name: `model.layers.${i}.self_attn.${part}_proj.weight`,
      dtype: /** @type {const} */ ("F32"),
      shape: [1024, 1024],
    }));
    const header = writeSafetensorsHeader(tensors);
    writeFileSync(join(sharded, name), header);
    truncateSync(join(sharded, name), header.length + tensors.length * 4 * 1024 * 1024);
    for (const tensor of tensors) weightMap[tensor.name] = name;
  }
  writeFileSync(join(sharded, "model.safetensors.index.json"), writeIndexJson(weightMap, SHARDS * 16 * 1024 * 1024));
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
  const fileBudget = Math.round(1.3 * models.headerBytes);
  const row = (
    /** @type {string} */ what,
    /** @type {Costs} */ own,
    /** @type {string} */ beside,
    /** @type {number} */ requests,
    /** @type {number} */ bytes = Number.POSITIVE_INFINITY,
  ) => ({
    what,
    measured: `${kB(own.bytes)}${beside}`,
    figure: `${own.requests}`,
    limit: limited ? `<= ${requests}${Number.isFinite(bytes) ? `, ${kB(bytes)}` : ""}` : "-",
    holds: !limited || (own.requests <= requests && own.bytes <= bytes),
  });
  const versus = (/** @type {string} */ name, /** @type {Costs} */ peer) =>
    ` (${name}: ${peer.requests}, ${kB(peer.bytes)})`;
  return {
    title,
    rows: [
      row(`${SHARDS} shards, first look`, sharded, versus("hub.js", peer), SHARDS + 6),
      row(`${SHARDS} shards, second look`, again, "", 2),
      row("Q4_K_M of a GGUF repo, first look", gguf, versus("gguf.js", ggufPeer), 3, fileBudget),
      row("Q4_K_M of a GGUF repo, second look", ggufAgain, "", 2),
      row("the GGUF by its URL, first look", await costs(hub, "ours", url, cache.url, NO_HUB), "", 3, fileBudget),
      row("the GGUF by its URL, second look", await costs(hub, "ours", url, cache.url, NO_HUB), "", 2),
    ],
  };
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
  return {
    title: `Time with ${LATENCY_MS} ms of latency a request (medians of ${ROUNDS})`,
    rows: [
      {
        what: `${SHARDS} shards against parseSafetensorsMetadata`,
        measured: `${Math.round(ours)} / ${Math.round(peer)} ms`,
        figure: `${(ours / peer).toFixed(2)}x`,
        limit: "< 0.33x",
        holds: ours / peer < 1 / 3,
      },
    ],
  };
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
