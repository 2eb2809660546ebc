/**
 * Writes the tables of docs/quantized-safetensors.md: what others report for one quantized layer, and what it holds.
 * Usage: node scripts/quantized-table.mjs           (needs a build)
 * With `--check` it writes nothing, and exits 1 when the document's tables aren't what the recipes and readers of today give.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { analyse, valuesWanted } from "@checkpoint-inspect/analysis";
import { decodeNumbers, memoryFileSet, openFileSet } from "@checkpoint-inspect/parser";
import { parseSafetensorsMetadata } from "@huggingface/hub";
import { USUAL_SETTINGS } from "../fixtures/quantized/usual-settings.mjs";
import { quantizedFiles } from "../fixtures/quantized/write.mjs";

/** @typedef {import("../fixtures/quantized/write.mjs").Recipe} Recipe */
/** @typedef {Readonly<Record<string, Uint8Array>>} Files */

const SIDE = 4096;
/** Reported through true, as far as the table shows. */
const RIGHT = "1.000";
/** The marks that stand around each table of the page. */
const MARKS = {
  usual: ["<!-- the usual settings: node scripts/quantized-table.mjs -->\n", "<!-- end of the usual settings -->"],
  all: ["<!-- every recipe: node scripts/quantized-table.mjs -->\n", "<!-- end of every recipe -->"],
};

const folder = new URL("../fixtures/quantized/", import.meta.url);
const page = new URL("../docs/quantized-safetensors.md", import.meta.url);

const rows = new Map();
for (const recipe of new Set([...USUAL_SETTINGS, ...(await allRecipes())])) rows.set(recipe, await row(recipe));
const text = readFileSync(page, "utf8");
let fresh = replaced(text, MARKS.usual, tableOf(USUAL_SETTINGS));
fresh = replaced(fresh, MARKS.all, tableOf(await allRecipes()));
if (process.argv.includes("--check")) {
  if (fresh !== text) fail(`docs/quantized-safetensors.md is stale: run \`node scripts/quantized-table.mjs\``);
  console.log("the tables are as the recipes say");
} else {
  writeFileSync(page, fresh);
  console.log("docs/quantized-safetensors.md has its tables");
}

/**
 * @param {string} text
 * @param {readonly string[]} marks
 * @param {string} table
 */
function replaced(text, [before = "", after = ""], table) {
  const [from, to] = [text.indexOf(before) + before.length, text.indexOf(after)];
  if (from < before.length || to < from) fail("docs/quantized-safetensors.md has lost the marks around a table");
  return text.slice(0, from) + table + text.slice(to);
}

/** @param {readonly Recipe[]} recipes */
function tableOf(recipes) {
  const list = recipes.map((recipe) => /** @type {Awaited<ReturnType<typeof row>>} */ (rows.get(recipe)));
  const right = (/** @type {"hub" | "product"} */ column) => list.filter((cells) => cells[column] === RIGHT).length;
  return [
    `Of ${list.length} ways to store the layer, huggingface.js counts ${right("hub")} right, a shape product ${right("product")}, inspect all.`,
    "",
    "| stored as | which is | huggingface.js | shape product | inspect | bits per weight |",
    "|---|---|---:|---:|---:|---:|",
    ...list.map(
      ({ name, words, hub, product, bits }) =>
        `| ${name} | ${words} | ${mark(hub)} | ${mark(product)} | ${RIGHT} | ${bits} |`,
    ),
    "",
  ].join("\n");
}

/** @param {string} ratio */
function mark(ratio) {
  return ratio === RIGHT ? ratio : `**${ratio}**`;
}

/** Every list that a file of the folder exports, in the order of the files' names. */
async function allRecipes() {
  /** @type {Recipe[]} */
  const recipes = [];
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith(".mjs")) continue;
    const module = await import(new URL(name, folder).href);
    recipes.push(...Object.values(module).filter(Array.isArray).flat());
  }
  // With one shape, the config itself names it, and the recipe can't be had in another size.
  return [...new Set(recipes)].filter(({ shapes }) => shapes.length > 1);
}

/** @param {Recipe} recipe */
async function row(recipe) {
  const files = quantizedFiles(recipe, SIDE, SIDE);
  const weights = recipe.parameters?.(SIDE, SIDE) ?? SIDE * SIDE;
  const checkpoint = await openFileSet(memoryFileSet(recipe.name, files));
  const stored = checkpoint.tensors.reduce((sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1), 0);
  const bytes = checkpoint.tensors.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const { parameters, quantization } = analyse(checkpoint, { values: await smallValues(checkpoint) });
  await checkpoint.close();
  const { total } = parameters;
  if (total !== weights) fail(`${recipe.name}: inspect counts ${total} parameters where there are ${weights}`);
  const [hub, product] = [await hubCount(files), stored].map((count) => (count / weights).toFixed(3));
  const words = quantization.schemes.map((scheme) => scheme.words).join(", ");
  return { name: recipe.name, words, hub: hub ?? "", product: product ?? "", bits: ((8 * bytes) / weights).toFixed(2) };
}

/** @param {import("@checkpoint-inspect/parser").Checkpoint} checkpoint */
async function smallValues(checkpoint) {
  const wanted = valuesWanted(checkpoint);
  const data = await checkpoint.readData(wanted);
  return new Map(wanted.map(({ name, type }, i) => [name, decodeNumbers(type, data[i] ?? new Uint8Array()) ?? []]));
}

/**
 * The sum that huggingface.js computes, the files served to it from memory.
 * @param {Files} files
 */
async function hubCount(files) {
  /** @type {typeof fetch} */
  const serve = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const bytes = files[url.pathname.split("/").at(-1) ?? ""];
    if (!bytes) return new Response(null, { status: 404, headers: { "X-Error-Code": "EntryNotFound" } });
    const range = /bytes=(\d+)-(\d+)/.exec(new Headers(init?.headers).get("range") ?? "");
    const start = Number(range?.[1] ?? 0);
    const end = Math.min(Number(range?.[2] ?? bytes.length - 1) + 1, bytes.length);
    const headers = {
      ETag: '"e"',
      "Content-Length": String(end - start),
      "Content-Range": `bytes ${start}-${end - 1}/${bytes.length}`,
    };
    return new Response(bytes.slice(start, end), { status: range ? 206 : 200, headers });
  };
  const params = { repo: "test/model", path: "model.safetensors", fetch: serve };
  const { parameterCount } = await parseSafetensorsMetadata({ ...params, computeParametersCount: true });
  return Object.values(parameterCount).reduce((sum, count) => sum + count, 0);
}

/**
 * @param {string} why
 * @returns {never}
 */
function fail(why) {
  console.error(`quantized-table: ${why}`);
  process.exit(1);
}
