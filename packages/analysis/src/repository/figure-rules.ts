/** Figures of the repository's checkpoints against each other, against labels and names, and against what the Hub counts. */
import { type Evidence, GGML_TYPES, inShort, type ListedCheckpoint, quoted } from "@checkpoint-inspect/parser";

import { falseClaims } from "../audit/labels/size-claims.ts";
import type { ModelKind } from "../kind.ts";
import type { Report } from "../report.ts";
import { formatBytes, formatCount } from "../units.ts";
import { asideOf, bucketOf, coreOf, type Measured, measured, modelName } from "./figures.ts";
import { folderOf, isSaid, nameOf, plainly } from "./paths.ts";
import type { RepositoryRule } from "./rule.ts";
import type { RepositorySubject } from "./subject.ts";

export const FIGURE_RULES: readonly RepositoryRule[] = [
  {
    id: "repo/quant-size",
    severity: "warning",
    means: "a GGUF file that wasn't opened has a size that its label can't have",
    why: "size, speed and quality are chosen by the label",
    fix: "open the file itself to see what it holds, before you rely on its label",
    check: quantSizes,
  },
  {
    id: "repo/parameters-differ",
    severity: "warning",
    severities: ["note"],
    means: "checkpoints of one model differ in parameters; a note between GGUF and safetensors",
    why: "one of them is another model than its name says, or only a part of it",
    fix: "compare their tensors, and take the one that has what the original model has",
    check: parametersDiffer,
  },
  {
    id: "repo/hub-count",
    severity: "note",
    means: "the Hub shows another count of parameters than the tensors have",
    why: "who chooses or plans by the Hub's number is misled",
    fix: "go by the count of the tensors",
    check: hubCounts,
  },
  {
    id: "repo/name-size",
    severity: "warning",
    means: "the repo's name claims a size that its checkpoints don't have",
    why: "the repo holds another model than its name says, or only a part of it",
    fix: "go by the count of parameters, and check where the weights are from",
    check: nameSize,
  },
];

/** Types that a model's maker stored: quantizers leave them as they are, whatever the label. */
const AS_RELEASED: ReadonlySet<string> = new Set(["MXFP4", "NVFP4"]);

/** A row is made of as many weights in all K and IQ types but IQ4_NL; other rows fall back to types with more bits. */
const SUPER_BLOCK = 256;

/**
 * Bits per weight of whole files, as factors of the bits of the label's type. Below: nothing that is stored takes fewer, but for
 * parts under other types. Above: the mixes of llama.cpp src/llama-quant.cpp give Q2_K 1.35 times its type's bits, the others less.
 * Recipes that choose for each tensor (Unsloth's UD, the _XL ones) within a size of their own.
 */
const FACTORS = { recipe: [0.85, 1.45], dynamic: [0.65, 1.9] } as const;
const DYNAMIC = /^UD-|_(?:XL|XXL|P)$/;

/** Metadata and odd tensors weigh more in smaller models. */
const LEAST_PARAMETERS = 100_000_000;

/** Labels that aren't named after a type, by the type that most of their weights have. */
const TYPE_OF_LABEL: Readonly<Record<string, string>> = {
  IQ2_M: "IQ2_S",
  IQ3_XS: "IQ3_XXS",
  IQ3_M: "IQ3_S",
};

/** Bits per weight of the type that a label is named after: 4.5 of `UD-Q4_K_XL`. */
function labelBits(label: string): number | undefined {
  const name = label.replace(/^UD-/, "");
  const wanted = Object.hasOwn(TYPE_OF_LABEL, name) ? TYPE_OF_LABEL[name] : name;
  const type = GGML_TYPES.filter(({ name: own }) => wanted === own || wanted?.startsWith(`${own}_`)).sort(
    (a, b) => b.name.length - a.name.length,
  )[0];
  if (!type || type.blockElements === 0 || type.blockBytes === 0 || AS_RELEASED.has(type.name)) return undefined;
  return (8 * type.blockBytes) / type.blockElements;
}

function* quantSizes(subject: RepositorySubject): Generator<Evidence> {
  const models = new Map<string, Measured>();
  for (const one of measured(subject.looked)) {
    const { listed, report } = one;
    if (listed.kind !== "gguf" || listed.use !== "model" || report.parameters.total < LEAST_PARAMETERS) continue;
    if (report.quantization.types.some(({ type }) => AS_RELEASED.has(type))) continue;
    const name = modelName(listed);
    if (!models.has(name)) models.set(name, one);
  }
  if (models.size === 0) return;
  const looked = new Set(subject.looked.map(({ listed }) => listed.entry));
  for (const listed of subject.checkpoints) {
    const { kind, use, quant, entry, missing, sizeBytes } = listed;
    if (kind !== "gguf" || use !== "model" || quant === undefined || missing.length > 0 || looked.has(entry)) continue;
    const known = models.get(modelName(listed));
    const bits = labelBits(quant);
    if (!known || bits === undefined) continue;
    const { parameters, source } = known.report;
    const each = (8 * Math.max(0, sizeBytes - source.headerBytes)) / parameters.stored;
    const [least, most] = limits(quant, bits, known.report);
    if (each >= least && each <= most) continue;
    yield {
      message: `${plainly(entry)} has ${formatBytes(sizeBytes)}, ${each.toFixed(2)} bits for each of the ${formatCount(parameters.total)} weights that ${plainly(nameOf(known.listed.entry))} has; ${quant} stands for ${shortly(bits)}`,
      part: entry,
    };
  }
}

/** Bits per weight that a file of this label may have as a whole: makers leave the tables in 16 bits at most. */
function limits(quant: string, bits: number, report: Report): readonly [least: number, most: number] {
  const [low, high] = DYNAMIC.test(quant) ? FACTORS.dynamic : FACTORS.recipe;
  const tables = (bucketOf(report, "embedding") + bucketOf(report, "head")) / report.parameters.total;
  const most = hasOddRows(report) ? Number.POSITIVE_INFINITY : (1 - tables) * bits * high + tables * Math.max(16, bits);
  return [bits * low, most];
}

function hasOddRows({ model }: Report): boolean {
  const { hiddenSize, feedForwardSize, expertFeedForwardSize } = model;
  const widths = [hiddenSize, expertFeedForwardSize, feedForwardSize].flat().filter((width) => width !== null);
  return hiddenSize === null || widths.some((width) => width % SUPER_BLOCK !== 0);
}

function shortly(value: number): string {
  return String(Number(value.toFixed(2)));
}

/** Converters pad and trim tables, and keep small tensors or leave them out. */
const SIBLING_TOLERANCE = 0.03;
/** Across formats towers, MTP blocks and padding differ more. */
const FORMAT_TOLERANCE = 0.1;

function* parametersDiffer(subject: RepositorySubject): Generator<Evidence> {
  const models = measured(subject.looked).filter(({ listed }) => listed.use === "model");
  const groups = new Map<string, Measured[]>();
  for (const one of models.filter(({ listed }) => listed.kind === "gguf")) {
    const name = modelName(one.listed);
    const same = groups.get(name);
    if (same) same.push(one);
    else groups.set(name, [one]);
  }
  for (const group of groups.values()) {
    const middle = [...group].sort((a, b) => coreOf(a.report) - coreOf(b.report))[(group.length - 1) >> 1];
    if (!middle) continue;
    for (const one of group)
      if (distance(coreOf(one.report), coreOf(middle.report)) > SIBLING_TOLERANCE) yield disagreement(one, middle);
  }
  yield* acrossFormats(subject, models);
}

/** Only where there is one model of each format, so that they can only be the same. */
function* acrossFormats({ checkpoints }: RepositorySubject, models: readonly Measured[]): Generator<Evidence> {
  const listed = checkpoints.filter(({ use }) => use === "model");
  const names = new Set(listed.filter(({ kind }) => kind === "gguf").map(modelName));
  const others = listed.filter(({ kind }) => kind !== "gguf");
  if (names.size !== 1 || others.length !== 1) return;
  const gguf = models.find((one) => one.listed.kind === "gguf");
  const safetensors = models.find((one) => one.listed.kind === "safetensors");
  if (!gguf || !safetensors) return;
  if (gguf.report.model.kind !== "llm" || safetensors.report.model.kind !== "llm") return;
  if (distance(coreOf(gguf.report), coreOf(safetensors.report)) <= FORMAT_TOLERANCE) return;
  yield { severity: "note", ...disagreement(gguf, safetensors) };
}

function disagreement(one: Measured, other: Measured): Evidence {
  const [ours, theirs] = [one.report.parameters.total, other.report.parameters.total];
  return {
    message: `${plainly(one.listed.entry)} has ${formatCount(ours)} parameters, ${plainly(other.listed.entry)} ${formatCount(theirs)}`,
    part: one.listed.entry,
  };
}

function distance(a: number, b: number): number {
  return Math.abs(a - b) / Math.max(a, b, 1);
}

/** Below that the two are one number in words. */
const HUB_TOLERANCE = 0.05;
/** Within that a count is the one that it is held against. */
const SAME = 0.01;

/** Files that the Hub's count of a repo goes by. */
const HUB_ENTRY = /^model(?:\.safetensors(?:\.index\.json)?|-0*1-of-\d+\.safetensors)$/;

function* hubCounts(subject: RepositorySubject): Generator<Evidence> {
  const { info, looked, checkpoints } = subject;
  const known = measured(looked);
  const others = checkpoints.filter(({ kind }) => kind !== "gguf");
  // Of a pipeline the Hub counts one model alone.
  if (info?.safetensors && others.every(({ kind }) => kind === "safetensors")) {
    const ours = known.find(({ listed }) => listed.kind === "safetensors" && HUB_ENTRY.test(listed.entry));
    if (ours) yield* hubAgainst(info.safetensors.total, ours, others.length === 1);
  }
  const total = info?.gguf?.total;
  // Of a set the Hub may have counted the first file alone, and of several models any.
  const ggufs = checkpoints.filter(({ kind }) => kind === "gguf");
  if (total === undefined || ggufs.some(({ declaredParts, use }) => declaredParts > 1 || use === "imatrix")) return;
  const ours = known.filter(({ listed }) => listed.kind === "gguf");
  const names = new Set(ours.map(({ listed }) => modelName(listed)));
  if (!ggufs.every((listed) => names.has(modelName(listed)))) return;
  const near = ours.some(({ report }) => countsOf(report).some((count) => distance(count, total) <= HUB_TOLERANCE));
  const [first] = ours;
  if (first && !near) yield* hubAgainst(total, first, true);
}

function countsOf({ parameters }: Report): readonly number[] {
  const { total, stored, hub } = parameters;
  return [total, stored, ...(hub ? [hub.parameters] : [])];
}

/** @param only there is nothing else that the Hub may have counted */
function* hubAgainst(theirs: number, { listed, report }: Measured, only: boolean): Generator<Evidence> {
  const { total, stored, hub } = report.parameters;
  if (!Number.isSafeInteger(theirs) || theirs <= 0 || distance(theirs, total) <= HUB_TOLERANCE) return;
  const message = `the Hub shows ${formatCount(theirs)} parameters, the tensors of ${plainly(listed.entry)} hold ${formatCount(total)}`;
  const reasons = hub && distance(theirs, hub.parameters) <= SAME ? hub.differences.map(({ words }) => words) : [];
  if (reasons.length > 0) yield { message: `${message}: ${inShort(reasons, reasons.length, 2)}` };
  else if (distance(theirs, stored) <= SAME)
    yield { message: `${message}: it counts the elements of packed tensors as they are stored` };
  else if (only)
    yield {
      message,
      why: "it may be the count of an earlier commit, or of other files; no rule of the Hub explains it",
    };
}

/** Kinds that hold a whole model, named by its own size. */
const NAMED_BY_SIZE: ReadonlySet<ModelKind> = new Set<ModelKind>([
  "llm",
  "encoder",
  "embedding",
  "reranker",
  "encoder-decoder",
]);

/** Repos that are named after a model which they only help, imitate or cut short. */
const NAMED_AFTER =
  /draft|eagle|medusa|speculat|dflash|mtp|lora|adapter|mmproj|assistant|random|dummy|debug|prun|layer|(?<![a-z])(?:tiny|test|toy|mini)(?![a-z])/i;

/** Parameters that a token uses: `A3B`, `A400M`. */
const ACTIVE_CLAIM = /(?<![a-z0-9.])a(\d{1,4}(?:\.\d{1,3})?)([bm])(?![a-z0-9])/i;
/** Rounded more freely than totals: A1B is 1.5 B in LFM2. */
const ACTIVE_TOLERANCE = 1.6;

function* nameSize(subject: RepositorySubject): Generator<Evidence> {
  const name = nameOf(subject.id);
  const { checkpoints, looked, filesCut } = subject;
  // The rule on a checkpoint has said it, of the file's name or the folder's.
  if (NAMED_AFTER.test(name) || isSaid(subject, "label/size")) return;
  const models = measured(looked).filter(({ listed }) => listed.use === "model");
  const names = new Set(models.map(({ listed }) => nameKey(listed)));
  if (models.length === 0 || !models.every(({ report }) => NAMED_BY_SIZE.has(report.model.kind))) return;
  // One that wasn't looked into may be the one that is named.
  if (!checkpoints.every((listed) => listed.use !== "model" || names.has(nameKey(listed)))) return;
  if (filesCut || isPartOfRepo(subject)) return;
  const [claim] = falseClaims(
    name,
    models.flatMap(({ report }) => nameableSizes(report)),
  );
  const counts = [...new Set(models.map(({ report }) => formatCount(report.parameters.total)))];
  if (claim)
    yield {
      message: `the repo's name says ${claim.text} (${quoted(subject.id)}), the tensors hold ${inShort(counts)} parameters`,
    };
  yield* activeSize(name, subject.id, models);
}

const CHECKPOINT_FILE = /\.(?:safetensors|gguf)$/i;
const HIDDEN = /(?:^|\/)\./;

/** Only some of the repo's checkpoints were asked for. */
function isPartOfRepo({ files, checkpoints }: RepositorySubject): boolean {
  const listed = new Set(checkpoints.flatMap((one) => one.files.map(({ path }) => path)));
  return files.some(({ path }) => CHECKPOINT_FILE.test(path) && !listed.has(path) && !HIDDEN.test(path));
}

function nameKey(listed: ListedCheckpoint): string {
  return listed.kind === "gguf" ? `gguf ${modelName(listed)}` : `${listed.kind} ${folderOf(listed.entry)}`;
}

function* activeSize(name: string, id: string, models: readonly Measured[]): Generator<Evidence> {
  const [text, digits = "", unit = ""] = ACTIVE_CLAIM.exec(name) ?? [];
  const actives = models.map(({ report }) => report.parameters.active).filter((count) => count !== null);
  const scale = unit.toLowerCase() === "b" ? 1e9 : 1e6;
  const claimed = Number(digits) * scale;
  if (text === undefined || claimed === 0 || actives.length < models.length) return;
  const most = Math.max(claimed * ACTIVE_TOLERANCE, claimed + 0.9 * scale);
  const figures = models.flatMap(({ report }) => nameableSizes(report, true));
  if (figures.some((figure) => figure >= claimed / ACTIVE_TOLERANCE && figure <= most)) return;
  const counts = [...new Set(actives.map((count) => formatCount(count)))];
  yield {
    message: `the repo's name says ${text} (${quoted(id)}), a token uses ${inShort(counts)} parameters`,
    why: "the settings name another number of experts for each token than the model was made for, or it is another model",
    fix: "compare the number of experts per token with the original model's config",
  };
}

/** Every count that a maker may name a model by: with and without tables, towers and experts that a token doesn't use. */
function nameableSizes(report: Report, activeOnly = false): readonly number[] {
  const { total, active, activeWithoutInputEmbedding, activeNonEmbedding } = report.parameters;
  const [input, head] = [bucketOf(report, "embedding"), bucketOf(report, "head")];
  const used = [active, activeWithoutInputEmbedding, activeNonEmbedding].filter((count) => count !== null);
  const whole = [total, total - asideOf(report)].flatMap((count) => [count, count - input, count - input - head]);
  return [...(activeOnly ? [] : whole), ...used].filter((count) => count > 0);
}
