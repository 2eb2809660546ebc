/**
 * The README's pictures: SVG of real screens of the browser, drawn from the buffer of a terminal emulator that it runs in. What it
 * opens are released models, made from their recipes (fixtures/models). Needs a build.
 * Usage: node scripts/pictures.mjs [--check]
 * With --check nothing is written, and exit code 1 says that a picture isn't what the command shows today.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { spawn } from "@lydell/node-pty";
import xterm from "@xterm/headless";

import { MODELS } from "../fixtures/models/index.mjs";
import { writeModel } from "../fixtures/models/write.mjs";

/** @typedef {{ name: string, model: string, keys: string, shows: RegExp, alt: string }} Picture */

/** @type {readonly Picture[]} */
const PICTURES = [
  {
    name: "overview",
    model: "Qwen3-30B-A3B",
    keys: "jj",
    shows: /\u25b8 X expert/,
    alt: "Overview: Qwen3-30B-A3B, its parameters by what they do",
  },
  {
    name: "layers",
    model: "Llama-3.1-8B",
    keys: "2llll",
    shows: /layer 4 \u00b7/,
    alt: "Layers: a heat strip of all layers, one of them as a treemap and a list",
  },
  {
    name: "tensors",
    model: "Llama-3.1-8B",
    keys: "3s/layer:17\r",
    shows: /filter: layer:17[\s\S]*\? help/,
    alt: "Tensors: those of layer 17, the largest first",
  },
  {
    name: "memory",
    model: "Qwen3-30B-A3B",
    keys: "5lll",
    shows: /PLAN/,
    alt: "The memory planner: what fits on a GPU of 24 GB, and the largest context that does",
  },
];

const COLUMNS = 100;
const ROWS = 31;

/** Of a common dark terminal; the screens use the sixteen colours alone. */
const COLOURS = [
  ...["#45475a", "#f38ba8", "#a6e3a1", "#f9e2af", "#89b4fa", "#cba6f7", "#94e2d5", "#bac2de"],
  ...["#6c7086", "#f38ba8", "#a6e3a1", "#f9e2af", "#89b4fa", "#f5c2e7", "#89dceb", "#ffffff"],
];
const INK = "#cdd6f4";
const PAPER = "#1e1e2e";
const CELL = { width: 8.4, height: 18, size: 14, rise: 13.5 };
const MARGIN = 12;

/** Longer than any screen takes to open. */
const HANG_MS = 30_000;

const root = new URL("../", import.meta.url);
const command = fileURLToPath(new URL("apps/inspect/bin/inspect.js", root));
const [check] = process.argv.slice(2);
if (check !== undefined && check !== "--check") {
  console.error("usage: node scripts/pictures.mjs [--check]");
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-"));
try {
  await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
// A terminal that was ended holds the process for a while.
process.exit();

async function main() {
  const files = new Map(
    [...new Set(PICTURES.map(({ model }) => model))].map((name) => {
      const recipe = MODELS.find((one) => one.name === name);
      if (!recipe) throw new Error(`there is no recipe of ${name}`);
      return [name, writeModel(recipe, "gguf", folder)];
    }),
  );
  for (const picture of PICTURES) {
    const path = fileURLToPath(new URL(`docs/pictures/${picture.name}.svg`, root));
    const svg = await draw(picture, files.get(picture.model) ?? "");
    if (check) {
      if (readFileSync(path, "utf8") === svg) continue;
      console.error(`docs/pictures/${picture.name}.svg is not what the command shows; run node scripts/pictures.mjs`);
      process.exitCode = 1;
    } else {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, svg);
    }
  }
}

/**
 * @param {Picture} picture
 * @param {string} file
 */
async function draw({ name, keys, shows, alt }, file) {
  const terminal = new xterm.Terminal({ cols: COLUMNS, rows: ROWS, allowProposedApi: true });
  const { CI: _, NO_COLOR: __, ...env } = process.env;
  const child = spawn(process.execPath, [command, "-i", basename(file)], {
    name: "xterm-256color",
    cols: COLUMNS,
    rows: ROWS,
    cwd: dirname(file),
    env: /** @type {Record<string, string>} */ (env),
  });
  const text = () =>
    Array.from({ length: ROWS }, (_, row) => terminal.buffer.active.getLine(row)?.translateToString(true) ?? "").join(
      "\n",
    );
  /** @type {() => void} */
  let look = () => {};
  let frames = 0;
  let written = "";
  child.onData((data) => {
    terminal.write(data, () => {
      written += data;
      // Ink ends each frame so; the mark may come in two pieces.
      frames = written.split("\u001b[?2026l").length;
      look();
    });
  });
  /** @param {() => boolean} test */
  const until = (test) =>
    new Promise((/** @type {(value?: unknown) => void} */ resolve, reject) => {
      const guard = setTimeout(() => reject(new Error(`${name}: ${shows} never comes:\n${text()}`)), HANG_MS);
      look = () => {
        if (!test()) return;
        clearTimeout(guard);
        resolve();
      };
      look();
    });
  await until(() => /\? help {2}q quit/.test(text()));
  // One at a time, each when the frame of the one before is whole: the last frame is then that of the last key.
  for (const key of keys) {
    const before = frames;
    child.write(key);
    await until(() => frames > before);
  }
  await until(() => shows.test(text()));
  const svg = picture(terminal, alt);
  child.kill("SIGKILL");
  return svg;
}

/**
 * @param {InstanceType<typeof xterm.Terminal>} terminal
 * @param {string} alt
 */
function picture(terminal, alt) {
  const width = COLUMNS * CELL.width + 2 * MARGIN;
  const height = (ROWS - 1) * CELL.height + 2 * MARGIN;
  const rows = Array.from({ length: ROWS - 1 }, (_, row) => rowOf(terminal, row));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${round(height)}" role="img" aria-label="${escaped(alt)}">`,
    `<rect width="100%" height="100%" rx="8" fill="${PAPER}"/>`,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${CELL.size}" fill="${INK}" xml:space="preserve">`,
    ...rows.flat(),
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

/**
 * Runs of cells that look alike, each at its place on the grid.
 * @param {InstanceType<typeof xterm.Terminal>} terminal
 * @param {number} row
 */
function rowOf(terminal, row) {
  const line = terminal.buffer.active.getLine(row);
  /** @type {{ at: number, cells: number, text: string, look: string, paper: string | undefined }[]} */
  const runs = [];
  for (let at = 0; line && at < COLUMNS; at++) {
    const cell = line.getCell(at);
    if (!cell || cell.getWidth() === 0) continue;
    const own = cell.isFgPalette() ? (COLOURS[cell.getFgColor()] ?? INK) : INK;
    const inverse = cell.isInverse() !== 0;
    const ink = inverse ? PAPER : own;
    const paper = inverse ? own : undefined;
    const look = `fill="${ink}"${cell.isBold() ? ' font-weight="bold"' : ""}${cell.isDim() ? ' opacity="0.6"' : ""}`;
    const last = runs.at(-1);
    const text = cell.getChars() || " ";
    if (last && last.look === look && last.paper === paper && last.at + last.cells === at) {
      last.text += text;
      last.cells += cell.getWidth();
    } else runs.push({ at, cells: cell.getWidth(), text, look, paper });
  }
  const top = MARGIN + row * CELL.height;
  return runs
    .filter(({ text, paper }) => paper !== undefined || text.trim() !== "")
    .flatMap(({ at, cells, text, look, paper }) => {
      const left = round(MARGIN + at * CELL.width);
      const width = round(cells * CELL.width);
      const back = paper
        ? [`<rect x="${left}" y="${round(top)}" width="${width}" height="${CELL.height}" fill="${paper}"/>`]
        : [];
      return [
        ...back,
        `<text x="${left}" y="${round(top + CELL.rise)}" textLength="${width}" lengthAdjust="spacingAndGlyphs" ${look}>${escaped(text)}</text>`,
      ];
    });
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 100) / 100;
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
