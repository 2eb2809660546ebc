/**
 * `npm run bench`: every figure that the project promises, with its limit; exit 1 when one doesn't hold.
 * `npm run bench -- --write` puts the table into results.md as well.
 *
 * How to read it: a figure is a ratio of two things measured in the same run, never a time as such, so that it means
 * the same on a slow machine as on a fast one. What is compared runs in turn (baseline, subject, baseline, ...) in
 * processes of its own, and medians are taken, so that a busy moment falls on both. `measured` is what the figure was
 * made from; the numbers there are of this machine. Needs a build, which `npm run bench` makes.
 */

import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { analyseAlone } from "./analyse.mjs";
import { hostile } from "./hostile.mjs";
import { sectionText, work } from "./lib.mjs";
import { parseAlone } from "./parse.mjs";
import { scale } from "./scale.mjs";
import { startUp, whatIsLoaded } from "./start-up.mjs";
import { browser } from "./tui.mjs";
import { weights } from "./weights.mjs";

/** @typedef {import("./start-up.mjs").Model} Model */

const REAL = "Qwen3-1.7B-Q4_K_M.gguf";
/** Headers of published files, where they stand beside the repository. */
const REAL_HEADS = fileURLToPath(new URL("../../shared/data/gguf-real-heads/", import.meta.url));
const BUILT = ["../apps/inspect/dist/", "../packages/parser/dist/"].map((dist) =>
  fileURLToPath(new URL(dist, import.meta.url)),
);
const RESULTS = fileURLToPath(new URL("results.md", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-bench-"));
try {
  await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function main() {
  const begin = performance.now();
  const build = buildHash();
  const model = realModel() ?? standIn();
  const sections = [];
  for (const measure of [
    () => startUp(model),
    () => parseAlone(model),
    () => analyseAlone((name) => join(folder, name)),
    () => scale((name) => join(folder, name)),
    () => hostile((name) => join(folder, name)),
    () => weights((name) => join(folder, name)),
    () => browser((name) => join(folder, name)),
    () => whatIsLoaded(model),
  ]) {
    const section = await measure();
    const text = sectionText(section);
    console.log(`${text}\n`);
    sections.push({ ...section, text });
  }
  const rows = sections.flatMap((section) => section.rows);
  const failed = rows.filter(({ holds }) => !holds).length;
  const verdict = failed === 0 ? `all ${rows.length} figures hold` : `${failed} of ${rows.length} figures FAILED`;
  console.log(`${verdict}; took ${Math.round((performance.now() - begin) / 1000)} s`);
  if (buildHash() !== build) {
    console.error(
      "bench: the build changed during the run, so the figures are of no one build; results.md is left as it was",
    );
    process.exitCode = 1;
    return;
  }
  if (process.argv.includes("--write")) {
    writeFileSync(RESULTS, results(`${sections.map(({ text }) => text).join("\n\n")}\n\n${verdict}`));
  }
  if (failed > 0) process.exitCode = 1;
}

/**
 * The real header followed by zeros up to the file's size; sparse, so that it takes the header's room on disk.
 * @returns {Model | undefined} undefined where there are no real headers
 */
function realModel() {
  const head = join(REAL_HEADS, `${REAL}.head`);
  const list = join(REAL_HEADS, "HEADS.json");
  if (!existsSync(head) || !existsSync(list)) return undefined;
  const path = join(folder, REAL);
  /** @type {readonly { file: string, full_bytes: number }[]} */
  const heads = JSON.parse(readFileSync(list, "utf8"));
  copyFileSync(head, path);
  truncateSync(path, heads.find(({ file }) => file === REAL)?.full_bytes);
  return { path, headerBytes: statSync(head).size, name: `the real ${REAL}` };
}

/** @returns {Model} */
function standIn() {
  const path = join(folder, "as-large-as-qwen3-1.7b.gguf");
  const { headerBytes } = work("makeQwenLike", path).result;
  return { path, headerBytes, name: `a generated stand-in for ${REAL}` };
}

/** A digest of every script that is measured: a rebuild halfway would mix two programs in one table. */
function buildHash() {
  const hash = createHash("sha256");
  for (const part of BUILT) {
    for (const name of readdirSync(part, { recursive: true, encoding: "utf8" }).sort()) {
      if (/\.c?js$/.test(name)) hash.update(name).update(readFileSync(join(part, name)));
    }
  }
  return hash.digest("hex");
}

/** @param {string} table */
function results(table) {
  const [cpu] = cpus();
  const machine = [
    `${cpus().length} x ${cpu?.model.trim() || process.arch}`,
    `${Math.round(totalmem() / 2 ** 30)} GiB`,
    `${process.platform} ${process.arch}`,
    `Node ${process.version}`,
  ].join(", ");
  return `# Benchmark results

Made by \`npm run bench -- --write\`; how to read it stands at the top of [run.mjs](run.mjs).

- Date: ${new Date().toISOString().slice(0, 10)}
- Machine: ${machine}

\`\`\`text
${table}
\`\`\`
`;
}
