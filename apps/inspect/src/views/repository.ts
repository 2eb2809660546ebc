/** What a repository holds: the block above the anatomy of the checkpoint that is shown. */
import { formatBytes, formatExact, plural } from "@checkpoint-inspect/analysis";
import type { CheckpointUse, ListedCheckpoint, RepositoryFile } from "@checkpoint-inspect/parser";

import { type Bits, bitsOf } from "../repository-bits.ts";
import type { Style } from "../terminal.ts";
import { heading } from "./parts.ts";
import { isShown, otherFiles, type RepositoryOverview } from "./repository-overview.ts";
import { type Column, table } from "./table.ts";
import { cut, safe, width, wrap } from "./text.ts";

export type { RepositoryOverview } from "./repository-overview.ts";
export { overviewOf, repositoryDocument } from "./repository-overview.ts";

/** Rows of one table; some repos hold hundreds of adapters. JSON has all of them. */
const MODELS_SHOWN = 60;
const OTHERS_SHOWN = 12;
/** Columns that a file name keeps before the parts beside it go. */
const NAME_LEAST = 12;

const ESTIMATE = "~ from the file's size: (size - header) x 8 / parameters of the one shown";

const FROM: Readonly<Record<RepositoryOverview["from"], string>> = {
  hub: "on the Hub",
  "hf-cache": "in the Hugging Face cache",
  "own-cache": "from a listing kept on this machine",
  folder: "a folder",
};

const USE_WORDS: Readonly<Record<CheckpointUse, string>> = {
  model: "model",
  adapter: "adapter",
  copy: "copy",
  projector: "projector",
  draft: "draft model",
  imatrix: "imatrix",
};

interface Shown {
  readonly repo: RepositoryOverview;
  readonly bits: ReadonlyMap<ListedCheckpoint, Bits>;
  readonly style: Style;
}

/** The repository in one block, without a line feed at its end. */
export function repositoryView(repo: RepositoryOverview, style: Style): string {
  const { checkpoints, why } = repo;
  const shown: Shown = { repo, style, bits: bitsOf(checkpoints, repo.shown, repo.read) };
  const title = [...titleLines(repo, style), ...(why === undefined ? [] : wrap(safe(why), style.width))];
  const rest = restWords(repo);
  const [only] = checkpoints;
  if (!only) return [...title, ...wrap(emptyWords(repo), style.width)].join("\n");
  if (checkpoints.length === 1 && !only.components) {
    return [
      ...title,
      ...singleLines(only, shown),
      ...wrap(rest, style.width).map((line) => style.color.dim(line)),
    ].join("\n");
  }
  const models = checkpoints.filter(({ use }) => use === "model");
  const sections = [
    ...models.filter(({ kind }) => kind === "pipeline").map((pipeline) => pipelineLines(pipeline, shown)),
    modelLines(
      "Safetensors",
      models.filter(({ kind }) => kind === "safetensors"),
      shown,
    ),
    modelLines(
      "GGUF",
      models.filter(({ kind }) => kind === "gguf"),
      shown,
    ),
    otherLines(
      checkpoints.filter(({ use }) => use !== "model"),
      shown,
    ),
  ].filter((lines) => lines.length > 0);
  const last = sections.at(-1);
  if (last && rest !== "") last.push(...wrap(rest, style.width - 2).map((line) => style.color.dim(`  ${line}`)));
  return [title, ...sections].map((lines) => lines.join("\n")).join("\n\n");
}

function titleLines({ id, revision, commit, from, when }: RepositoryOverview, style: Style): string[] {
  const name = safe(id);
  const short = commit && safe(commit.slice(0, 7));
  // A commit that was asked for by its hash is said once.
  const at =
    revision && commit?.startsWith(revision) ? short : [revision && safe(revision), short].filter(Boolean).join(" = ");
  const listed =
    when && !Number.isNaN(when.getTime()) ? ` on ${when.toISOString().slice(0, 16).replace("T", " ")} UTC` : "";
  const facts = [at, `${FROM[from]}${listed && (from === "own-cache" ? listed : `, listed${listed}`)}`].filter(Boolean);
  const words = facts.join(` ${style.glyphs.dot} `);
  if (width(name) + 2 + width(words) <= style.width) return [`${style.color.bold(name)}  ${style.color.dim(words)}`];
  return [
    style.color.bold(cut(name, style.width, "middle", style.glyphs.ellipsis)),
    ...wrap(words, style.width).map((line) => style.color.dim(line)),
  ];
}

/** The one checkpoint of a repository. */
function singleLines(checkpoint: ListedCheckpoint, { style, bits }: Shown): string[] {
  const own = bits.get(checkpoint);
  const facts = [
    checkpoint.use === "model" ? (checkpoint.kind === "gguf" ? "GGUF" : "safetensors") : USE_WORDS[checkpoint.use],
    checkpoint.quant,
    formatBytes(checkpoint.sizeBytes),
    own && `${bitsWords(own)} bits per weight`,
    checkpoint.files.length > 0 && partsWords(checkpoint) !== "" && `${partsWords(checkpoint)} parts`,
  ].filter(Boolean);
  const words = `${facts.join(", ")}: `;
  const path = safe(checkpoint.entry);
  const absent = missingLines(checkpoint, style);
  if (width(words) + width(path) <= style.width) return [words + path, ...absent];
  const name = cut(path, style.width, "middle", style.glyphs.ellipsis);
  return [...wrap(words.trimEnd(), style.width), name, ...absent];
}

/** Which of its parts aren't there: the first, and how many. */
function missingLines({ files, declaredParts, missing }: ListedCheckpoint, style: Style): string[] {
  const lost = declaredParts - files.length;
  const [first] = missing;
  if (lost <= 0 && files.length > 0) return [];
  const name = first === undefined ? "" : `: ${cut(safe(first), style.width - 2, "middle", style.glyphs.ellipsis)}`;
  const words =
    files.length === 0
      ? "none of its files is there"
      : `${plural(lost, "part is", "parts are")} missing${name}${name !== "" && lost > 1 ? ` and ${formatExact(lost - 1)} more` : ""}`;
  return wrap(words, style.width - 2).map((line) => style.color.yellow(line));
}

/** Empty for one file; `3` of a set that is whole, `2 of 3` of one that isn't. */
function partsWords({ files, declaredParts }: ListedCheckpoint): string {
  if (files.length === 0) return "none";
  if (files.length < declaredParts) return `${formatExact(files.length)} of ${formatExact(declaredParts)}`;
  return files.length === 1 ? "" : formatExact(files.length);
}

function bitsWords({ bitsPerWeight, exact }: Bits): string {
  return `${exact ? "" : "~"}${bitsPerWeight.toFixed(2)}`;
}

/** What all tables of checkpoints have: a mark at the one that is shown, size, parts and file. */
function columns({ repo, style }: Shown, own: readonly Column<ListedCheckpoint>[]): Column<ListedCheckpoint>[] {
  const bold = (text: string, row: ListedCheckpoint): string => (isShown(repo, row) ? style.color.bold(text) : text);
  return [
    { title: "", cell: (row) => (isShown(repo, row) ? ">" : ""), paint: (text) => style.color.green(text) },
    ...own.map((column) => ({ paint: bold, ...column })),
    {
      title: "parts",
      cell: partsWords,
      align: "right",
      paint: (text, { files, declaredParts }) =>
        files.length < declaredParts || files.length === 0 ? style.color.yellow(text) : text,
    },
    {
      title: "file",
      cell: ({ entry }) => safe(entry),
      stretch: true,
      cutAt: "middle",
      paint: (text, row) => (isShown(repo, row) ? style.color.bold(text) : style.color.dim(text)),
    },
  ];
}

const size: Column<ListedCheckpoint> = {
  title: "size",
  cell: ({ sizeBytes }) => formatBytes(sizeBytes),
  align: "right",
};

/** Rows up to a limit, and always the one that is shown. */
function limited(
  rows: readonly ListedCheckpoint[],
  most: number,
  repo: RepositoryOverview,
): readonly ListedCheckpoint[] {
  if (rows.length <= most) return rows;
  const first = rows.slice(0, most);
  const own = rows.find((row) => isShown(repo, row));
  return own && !first.includes(own) ? [...first.slice(0, -1), own] : first;
}

function moreLine(left: number, style: Style): string[] {
  return left > 0 ? [style.color.dim(`  and ${formatExact(left)} more: --json lists all`)] : [];
}

function modelLines(what: string, models: readonly ListedCheckpoint[], shown: Shown): string[] {
  if (models.length === 0) return [];
  const { bits, style, repo } = shown;
  const rows = limited(models, MODELS_SHOWN, repo);
  const of = (row: ListedCheckpoint): string => {
    const own = bits.get(row);
    return own ? bitsWords(own) : "";
  };
  const lines = table<ListedCheckpoint>(
    rows,
    columns(shown, [
      { title: "quant", cell: ({ quant, variant }) => quant ?? (variant === undefined ? "" : safe(variant)) },
      size,
      { title: "bits", cell: of, align: "right" },
    ]),
    style,
    { stretchMin: NAME_LEAST },
  );
  const estimated = rows.some((row) => bits.get(row)?.exact === false);
  return [
    heading(`${what}: ${plural(models.length, "model")}`, style),
    ...lines,
    ...moreLine(models.length - rows.length, style),
    ...(estimated ? wrap(ESTIMATE, style.width - 2).map((line) => style.color.dim(`  ${line}`)) : []),
  ];
}

function pipelineLines(pipeline: ListedCheckpoint, { repo, style, bits }: Shown): string[] {
  const { entry, components = [] } = pipeline;
  const where = entry === "" ? "Pipeline" : `Pipeline ${safe(entry)}`;
  const own = bits.get(pipeline);
  const facts = [
    plural(components.length, "component"),
    formatBytes(pipeline.sizeBytes),
    own ? `${bitsWords(own)} bits per weight` : "",
    isShown(repo, pipeline) ? "shown" : "",
  ].filter((fact) => fact !== "");
  const rows = components.slice(0, MODELS_SHOWN);
  return [
    heading(`${where}: ${facts.join(", ")}`, style),
    ...table<(typeof components)[number]>(
      rows,
      [
        { title: "component", cell: ({ name }) => safe(name), stretch: true, cutAt: "middle" },
        { title: "size", cell: ({ sizeBytes }) => formatBytes(sizeBytes), align: "right" },
        { title: "files", cell: ({ files }) => formatExact(files), align: "right", optional: 1 },
      ],
      style,
    ),
    ...moreLine(components.length - rows.length, style),
    ...missingLines(pipeline, style).map((line) => `  ${line}`),
  ];
}

/** Adapters, copies, and what goes with a model. */
function otherLines(others: readonly ListedCheckpoint[], shown: Shown): string[] {
  if (others.length === 0) return [];
  const { style, repo } = shown;
  const alone = others.length === repo.checkpoints.length;
  const rows = limited(others, OTHERS_SHOWN, repo);
  return [
    heading(alone ? "What is here" : "Beside them", style),
    ...table<ListedCheckpoint>(
      rows,
      columns(shown, [
        {
          title: "what",
          cell: ({ use, kind }) => (use === "adapter" && kind === "gguf" ? "GGUF adapter" : USE_WORDS[use]),
        },
        {
          title: "type",
          cell: ({ quant, variant }) => quant ?? (variant === undefined ? "" : safe(variant)),
          optional: 2,
        },
        size,
      ]),
      style,
      { header: true, stretchMin: NAME_LEAST },
    ),
    ...moreLine(others.length - rows.length, style),
  ];
}

/** What is there beside the checkpoints, and that the list has an end before its end. */
function restWords(repo: RepositoryOverview): string {
  const { count, sizeBytes, files } = otherFiles(repo);
  const forms = formWords(files);
  const rest = count === 0 ? [] : [[plural(count, "other file"), formatBytes(sizeBytes), ...forms].join(", ")];
  return [...rest, ...(repo.cut ? ["the list of files is longer than what was taken of it"] : [])].join("; ");
}

/** Weights in other forms, by the ending of their names. */
const FORMS: readonly (readonly [one: string, many: string, name: RegExp])[] = [
  ["OpenVINO file", "OpenVINO files", /(?:^|\/)openvino[^/]*\.(?:bin|xml)$/],
  ["pickle", "pickles", /\.(?:bin|pt|pth|ckpt|pkl|pickle)$/],
  ["ONNX file", "ONNX files", /\.onnx(?:_data)?$/],
  ["TensorFlow file", "TensorFlow files", /\.(?:h5|tflite|pb)$/],
  ["Flax file", "Flax files", /\.msgpack$/],
];

/** `3 of them pickles (.bin, .pth)` */
function formWords(files: readonly RepositoryFile[]): string[] {
  const found = FORMS.map(() => ({ count: 0, endings: new Set<string>() }));
  for (const { path } of files) {
    const counted = found[FORMS.findIndex(([, , name]) => name.test(path))];
    if (!counted) continue;
    counted.count++;
    counted.endings.add(path.slice(path.lastIndexOf(".")));
  }
  return FORMS.flatMap(([one, many], i) => {
    const { count = 0, endings = new Set<string>() } = found[i] ?? {};
    if (count === 0) return [];
    const whole = files.length === 1 ? "" : `${formatExact(count)} of them `;
    return [`${whole}${count === 1 ? `a${/^[AEIO]/.test(one) ? "n" : ""} ${one}` : many} (${[...endings].join(", ")})`];
  });
}

/** A repository without anything to open: what is there instead. */
function emptyWords({ files, cut: more }: RepositoryOverview): string {
  const there = files.length === 0 ? "no files at all" : [plural(files.length, "file"), ...formWords(files)].join(", ");
  const end = more ? "; the list of files is longer than what was taken of it" : "";
  return `No GGUF and no safetensors file; ${there}${end}.`;
}
