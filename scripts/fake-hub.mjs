/**
 * A Hub on this computer, to try the command (or any other client) against: serves the folders DIR/org/name as repos. A folder
 * that holds files itself, or a single file, is the repo local/<name>.
 *
 *   npm run fake-hub -- DIR                       then: HF_ENDPOINT=… inspect org/name
 *   npm run fake-hub -- DIR --port 8080           a port of one's own choice
 *   npm run fake-hub -- DIR --latency 80          every answer 80 ms late
 *   npm run fake-hub -- DIR --redirect            large files from another origin, small ones through a relative redirect
 *   npm run fake-hub -- DIR --gated               files want the token hf_test
 *
 * Each request is printed when it has ended. Ctrl-C ends it.
 */
import { readdirSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { repoOfFolder, startFakeHub } from "../test-support/fake-hub/fake-hub.mjs";

const USAGE = "usage: npm run fake-hub -- DIR [--port N] [--latency MS] [--redirect] [--gated]";
const EXIT_USAGE = 2;
const LARGEST_PORT = 65535;
const LONGEST_LATENCY_MS = 60_000;
const TOKEN = "hf_test";

const { folder, options } = readArguments();
const repos = Object.fromEntries(
  reposIn(folder).map(([id, path]) => [id, repoOfFolder(path, options.gated ? { gated: "auto" } : {})]),
);
if (Object.keys(repos).length === 0) fail(`${folder} holds no files, and no folders org/name`);

const hub = await startFakeHub({
  repos,
  port: options.port,
  latencyMs: options.latency,
  redirectLarge: options.redirect,
  redirectSmall: options.redirect,
  tokens: [TOKEN],
  onDone: (record) => console.log(lineOf(record)),
}).catch((error) => fail(`port ${options.port} can't be used: ${error.message}`));
for (const id of Object.keys(repos)) console.log(`  ${id}`);
console.log(`HF_ENDPOINT=${hub.url}${options.gated ? ` HF_TOKEN=${TOKEN}` : ""}`);
process.once("SIGINT", () => hub.close().then(() => process.exit(0)));

/** @param {import("../test-support/fake-hub/fake-hub.mjs").RequestRecord} record */
function lineOf({ method, origin, url, range, status, bytesSent, aborted }) {
  const words = [status || "-", method, origin === "cdn" ? `(other origin) ${url}` : url, range, `${bytesSent} bytes`];
  return [...words, aborted && "aborted"].filter(Boolean).join(" ");
}

/**
 * @param {string} path
 * @returns {[id: string, path: string][]}
 */
function reposIn(path) {
  const local = basename(path).replace(/\.(?:gguf|safetensors)$/, "");
  if (!statSync(path).isDirectory() || hasFiles(path)) return [[`local/${local}`, path]];
  return foldersIn(path).flatMap((org) => {
    if (hasFiles(join(path, org))) return [[`local/${org}`, join(path, org)]];
    return foldersIn(join(path, org)).map(
      (name) => /** @type {[string, string]} */ ([`${org}/${name}`, join(path, org, name)]),
    );
  });
}

/** @param {string} path */
function hasFiles(path) {
  return readdirSync(path, { withFileTypes: true }).some(
    (entry) => !entry.isDirectory() && !entry.name.startsWith("."),
  );
}

/** @param {string} path */
function foldersIn(path) {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map((entry) => entry.name)
    .sort();
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        port: { type: "string", default: "0" },
        latency: { type: "string", default: "0" },
        redirect: { type: "boolean", default: false },
        gated: { type: "boolean", default: false },
      },
    });
    const [given, ...more] = positionals;
    if (given === undefined || more.length > 0) throw new Error(given ? "one folder at a time" : "a folder is missing");
    if (!statSync(given, { throwIfNoEntry: false })) throw new Error(`${given} isn't there`);
    const port = numberOf("--port", values.port, LARGEST_PORT);
    const latency = numberOf("--latency", values.latency, LONGEST_LATENCY_MS);
    return { folder: resolve(given), options: { ...values, port, latency } };
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : error}\n${USAGE}`);
  }
}

/**
 * @param {string} name
 * @param {string} value
 * @param {number} most
 */
function numberOf(name, value, most) {
  if (/^\d{1,5}$/.test(value) && Number(value) <= most) return Number(value);
  throw new Error(`${name} ${value} isn't a number from 0 to ${most}`);
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(`fake-hub: ${message}`);
  process.exit(EXIT_USAGE);
}
