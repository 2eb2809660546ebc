/**
 * Writes docs/rules.md: every rule that a finding can come from, from the tables that the readers and the audit report by.
 * Usage: node scripts/rules-doc.mjs           (needs a build)
 * With `--check` it writes nothing, and exits 1 when the page isn't what the tables of today give.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { RULES } from "@checkpoint-inspect/analysis";

/** @typedef {(typeof RULES)[number]} Rule */

const page = new URL("../docs/rules.md", import.meta.url);

/**
 * Families that need a word more than their name.
 * @type {Readonly<Record<string, string>>}
 */
const FAMILIES = {
  gguf: "The GGUF container: header, tensor table, data, split sets. Sources: ggml `docs/gguf.md`, `ggml/src/gguf.cpp`, llama.cpp's loader.",
  safetensors:
    "The safetensors container: header, data, shards and their index. Sources: the format's README, crate `safetensors`.",
  source: "The folder and the names of the files in it.",
  diffusers: "Folders of a diffusers pipeline.",
  read: "What ends the reading of a file. The rest of the checkpoint is still shown.",
  adapter: "LoRA and its like: tensors against what config and metadata say of them.",
  quantization:
    "Packed and quantized weights: what they bear on the counts, whether their groups are complete, and what config.json says.",
  anatomy: "Counting itself.",
  tokenizer:
    "Vocabulary, special tokens, and the files of a tokenizer, in GGUF metadata and beside safetensors weights.",
  config:
    "What config.json (or a name) says against what the tensors are. Shapes of packed weights are those of the weights inside.",
  tensors: "Layers, tables and expert sets that lack something.",
  label: "What the file calls itself: quantization, size, provenance.",
  text: "Names, keys and values that could mislead or attack who reads them.",
  file: "Files in the folder of the weights. Looked at by `inspect check` alone.",
  repo: "A repository as a whole: its files by name and size, what the Hub says of it, its checkpoints against each other. Looked at by `inspect audit` alone.",
  template:
    "Chat templates: parsed, never rendered. `inspect check` looks at all of them; other views only at one in the metadata that holds telling words.",
  weights: "The values themselves: `inspect check --weights`.",
  opinion:
    "Another reader of the same bytes: `inspect check --second-opinion`, see [second-opinion.md](second-opinion.md).",
};

const HEAD = `# Rules

Every finding of \`inspect\` comes from one of these rows. \`inspect check --list\` prints them, too.

This page is written by \`node scripts/rules-doc.mjs\` (after \`npm run build\`) from the tables in
\`packages/parser/src/rules/\` and \`packages/analysis/src/\`; with \`--check\` the script compares them with this page.

Severity: **error**: a reference reader or loader refuses the file, or something is missing, contradictory or plainly hostile.
**warning**: it loads somewhere, with a risk or a wrong figure. **note**: worth knowing. A second severity after "or" is that of the
case that the row names. A case may say more than its row of why it matters and what to do. Of one rule and file, 100 findings are kept; a
last line counts the rest.
`;

const fresh = `${[HEAD, ...[...byFamily()].map(([family, rules]) => section(family, rules))].join("\n")}`;
const known = process.argv.includes("--check") ? readFileSync(page, "utf8") : undefined;
if (known === undefined) {
  writeFileSync(page, fresh);
  console.log(`docs/rules.md has ${RULES.length} rules`);
} else if (known === fresh) {
  console.log("docs/rules.md is as the tables say");
} else {
  console.error("docs/rules.md is stale: run `node scripts/rules-doc.mjs`");
  process.exitCode = 1;
}

/** @returns {Map<string, Rule[]>} in the order of the tables */
function byFamily() {
  /** @type {Map<string, Rule[]>} */
  const families = new Map();
  for (const rule of RULES) {
    const family = rule.id.slice(0, rule.id.indexOf("/"));
    families.set(family, [...(families.get(family) ?? []), rule]);
  }
  return families;
}

/**
 * @param {string} family
 * @param {readonly Rule[]} rules
 */
function section(family, rules) {
  const words = Object.hasOwn(FAMILIES, family) ? [FAMILIES[family], ""] : [];
  const rows = rules.map(({ id, severity, severities = [], means, why, fix }) => {
    const cells = [`\`${id}\``, [severity, ...severities].join(" or "), means, why, fix];
    return `| ${cells.map(cell).join(" | ")} |`;
  });
  return [
    `## ${family}`,
    "",
    ...words,
    "| rule | severity | means | why it matters | what to do |",
    "|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

/**
 * Text as a cell of a table: bars, and what Markdown would take for a mark.
 * @param {string | undefined} text
 */
function cell(text = "") {
  return text.replace(/[|<]/g, "\\$&").replace(/(?<!`)(?:__\w+__|\*)(?!`)/g, "`$&`");
}
