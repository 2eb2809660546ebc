/**
 * Part of the build: runs the bundle on a checkpoint of each format and keeps what V8 compiled on the way, so that no start has
 * to compile it again. Run by rolldown.config.ts with the bundle's folder.
 */
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const [folder = "apps/inspect/dist"] = process.argv.slice(2);
const dist = resolve(folder);
const fixture = (/** @type {string} */ name) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

const RUNS = [
  [fixture("llama-moe-mixed.gguf")],
  [fixture("llama-tiny-safetensors")],
  [fixture("llama-tiny-gptq"), "--json"],
  ["layers", fixture("llama-dense-mixed.gguf")],
  ["tensors", fixture("llama-dense-mixed.gguf")],
  ["quant", fixture("llama-dense-mixed.gguf")],
  ["meta", fixture("llama-dense-mixed.gguf")],
  ["memory", fixture("llama-moe-mixed.gguf"), "--gpu", "24GB"],
  ["check", fixture("llama-tiny-safetensors"), "--width", "100"],
  ["explain", "moe"],
];

/** @type {typeof import("../apps/inspect/src/start.ts")} */
const { start, keepCompiled } = createRequire(import.meta.url)(resolve(dist, "start.cjs"));
// The answers go nowhere.
process.stdout.write = (/** @type {unknown[]} */ ...args) => {
  const done = args.at(-1);
  if (typeof done === "function") done();
  return true;
};
for (const args of RUNS) {
  await start(dist, args);
  if (process.exitCode) throw new Error(`inspect ${args.join(" ")} ended with code ${process.exitCode}`);
}
keepCompiled(dist);
