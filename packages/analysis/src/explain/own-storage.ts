/** A checkpoint's own numbers for the entries of terms-storage.ts. */
import { dtypeBits } from "@checkpoint-inspect/parser";

import type { AdapterTarget } from "../adapter.ts";
import type { SchemeCount, TypeCount } from "../quantization/mix.ts";
import { fileTypeWords, perplexityDelta, typeWords } from "../quantization/type-words.ts";
import type { Report } from "../report.ts";
import { formatBytes, formatCount, formatExact, formatShare, plural } from "../units.ts";
import { listed, ofAll, restLines, weightBytes, weightWords } from "./report-numbers.ts";

/** How many types are worth a sentence each; `inspect quant` has all. */
const TYPES_SHOWN = 5;

export function ownQuantization(report: Report): readonly string[] {
  const { types } = report.quantization;
  if (types.length === 0) return ["This file has no tensors."];
  const more = types.length - TYPES_SHOWN;
  return [
    ...sizeLines(report),
    ...types.slice(0, TYPES_SHOWN).map(typeLine),
    ...(more > 0 ? [`${plural(more, "more type")}: see 'inspect quant'.`] : []),
    ...schemeLines(report.quantization.schemes),
    ...labelLines(report),
  ];
}

/** "Packed as GPTQ 4-bit, groups of 128: 6.48 B parameters at 4.16 bits each, scales included." */
function schemeLines(schemes: readonly SchemeCount[]): readonly string[] {
  return schemes.slice(0, TYPES_SHOWN).map(({ words, parameters, bitsPerWeight, modules }) => {
    if (parameters === 0) return `Packed as ${words}: ${plural(modules, "matrix", "matrices")}.`;
    const bits = bitsPerWeight === null ? "" : ` at ${bitsPerWeight.toFixed(2)} bits each, scales included`;
    return `Packed as ${words}: ${formatCount(parameters)} parameters${bits}.`;
  });
}

/** "Q4_K, 61.5% of the bytes, 4.5 bits per weight (4-bit k-quant: scale and minimum per 32)." */
function typeLine(count: TypeCount): string {
  const { type, share, bitsPerWeight } = count;
  const held = perWord(count);
  if (held !== undefined)
    return `${type}, ${formatShare(share)} of the bytes, holds packed weights of ${formatBits(bitsPerWeight ?? 0)} bits.`;
  const bits = bitsPerWeight === null ? "" : `, ${formatBits(bitsPerWeight)} bits each`;
  return `${type}, ${formatShare(share)} of the bytes${bits} (${typeWords(type)}).`;
}

/** How many weights stand in one number of a type that other schemes pack weights into; undefined for other types. */
function perWord({ type, parameters, bitsPerWeight }: TypeCount): number | undefined {
  const word = dtypeBits(type);
  if (!PACKED_INTO.test(type) || !word || !bitsPerWeight || parameters === 0) return undefined;
  const held = word / bitsPerWeight;
  return held > 1 + ROUNDING ? held : undefined;
}

/** Types that other schemes pack several weights into (GPTQ, AWQ, MLX, bitsandbytes). */
const PACKED_INTO = /^[IU](?:8|16|32|64)$/;
const ROUNDING = 1e-9;

/** 4.5, 16, 6.5625: as many decimals as the type has, at most four. */
export function formatBits(bits: number): string {
  return Number(bits.toFixed(4)).toString();
}

/** Savings below this are rounding or headers, not quantization. */
const SAVING_WORTH_SAYING = 0.005;

function sizeLines(report: Report): readonly string[] {
  const { quantization } = report;
  const { bitsPerWeight, savingAgainst16Bit, sixteenBitBytes } = quantization;
  if (bitsPerWeight === null || savingAgainst16Bit === null) return ["Its bits per weight can't be told."];
  const bytes = formatBytes(weightBytes(report));
  const what = weightWords(report);
  const saved = Math.abs(savingAgainst16Bit);
  const against = `${formatBytes(sixteenBitBytes)} at 16 bits each`;
  const size =
    saved < SAVING_WORTH_SAYING
      ? `${what} take ${bytes}, as much as 16 bits each.`
      : `${what} take ${bytes} instead of ${against}: ${(100 * saved).toFixed(0)}% ${savingAgainst16Bit > 0 ? "less" : "more"}.`;
  return [`Measured: ${bitsPerWeight.toFixed(2)} bits per weight on average.`, size, ...restLines(report)];
}

function labelLines({ quantization }: Report): readonly string[] {
  const { declared, fileName, declaredGuessed } = quantization;
  if (!declared) return fileName ? [`The file name says ${fileName}; the file itself states no label.`] : [];
  const words = fileTypeWords(declared);
  const cost = perplexityDelta(declared);
  return [
    `Its label is ${declared}${declaredGuessed ? " (guessed by the program that wrote it)" : ""}${words ? ` (${words})` : ""}.`,
    ...(cost
      ? [
          `What ${declared} cost when it was measured on ${cost.model}: perplexity, a measure of wrong guesses, rose by ${cost.delta} against F16 (${cost.source}). Other models differ.`,
        ]
      : []),
  ];
}

export function ownBitsPerWeight(report: Report): readonly string[] {
  const { bitsPerWeight } = report.quantization;
  const { total } = report.parameters;
  if (bitsPerWeight === null) return ["It can't be told for this file: a type or packing in it isn't understood."];
  const bytes = Math.round((bitsPerWeight * total) / 8);
  return [
    `8 x ${formatExact(bytes)} bytes / ${formatExact(total)} parameters = ${bitsPerWeight.toFixed(4)} bits per weight.`,
    ...report.quantization.types
      .filter(({ parameters }) => parameters > 0)
      .slice(0, TYPES_SHOWN)
      .map(
        ({ type, parameters, bitsPerWeight }) =>
          `${type}: ${ofAll(report, parameters)}${bitsPerWeight === null ? "" : `, ${formatBits(bitsPerWeight)} bits each`}.`,
      ),
  ];
}

/** Types and packings that belong together. */
interface Family {
  /** As a sentence names it: "8-bit integers". */
  readonly name: string;
  type(type: string): boolean;
  /** Fits the words of packings that are of this family. */
  readonly packing?: RegExp;
  /** What is easily taken for the family: types, and a sentence on what they are. */
  readonly mistaken?: { readonly type: RegExp; readonly words: string };
}

/** What of a file is stored in types of one family, by name or inside packed containers. */
export function ownOfFamily(report: Report, { name, type, packing, mistaken }: Family): readonly string[] {
  const { types, schemes } = report.quantization;
  const found = types.filter((count) => type(count.type) && perWord(count) === undefined);
  const packed = packing ? schemes.filter(({ words }) => packing.test(words)) : [];
  const packedLines = schemeLines(packed);
  if (found.length > 0) return [...found.map(storedLine), ...packedLines];
  if (packed.length > 0) return [`Yes: this file has weights stored as ${name}.`, ...packedLines];
  const others = types.slice(0, TYPES_SHOWN).map((count) => count.type);
  const alike = mistaken && types.some((count) => mistaken.type.test(count.type));
  return [
    `Nothing in this file is stored as ${name}${report.parameters.logicalKnown ? "" : ", as far as its packing is known"}.`,
    ...(others.length > 0 ? [`Its types: ${listed(others)}.`] : []),
    ...(alike ? [mistaken.words] : []),
    ...schemeLines(schemes),
  ];
}

/** What of a file is stored in one type. */
export function ownOfType(report: Report, name: string): readonly string[] {
  const { types, schemes } = report.quantization;
  const count = types.find(({ type }) => type === name);
  if (!count) return ownOfFamily(report, { name, type: () => false });
  const held = perWord(count);
  if (held === undefined) return [storedLine(count)];
  const { tensors, parameters, bytes, share, bitsPerWeight } = count;
  const each = Number.isInteger(held)
    ? `each number holds ${formatExact(held)} of them`
    : "one stands behind the other";
  return [
    `${name}: ${plural(tensors, "tensor")} ${tensors === 1 ? "takes" : "take"} ${formatBytes(bytes)}, ${formatShare(share)} of the bytes. ${formatCount(parameters)} weights are packed inside, at ${formatBits(bitsPerWeight ?? 0)} bits each: ${each}.`,
    ...schemeLines(schemes),
  ];
}

/** "Q4_K: 22 tensors with 4.19 M parameters take 2.36 MB, 74.3% of the bytes, at 4.5 bits each." */
function storedLine({ type, tensors, parameters, bytes, share, bitsPerWeight }: TypeCount): string {
  const size = `${formatBytes(bytes)}, ${formatShare(share)} of the bytes`;
  if (parameters === 0) return `${type}: ${plural(tensors, "tensor")} of ${size}; none of it is counted as weights.`;
  const start = `${type}: ${plural(tensors, "tensor")} with ${formatCount(parameters)} parameters ${tensors === 1 ? "takes" : "take"} ${size}`;
  if (bitsPerWeight === null) return `${start}.`;
  const bits = `at ${formatBits(bitsPerWeight)} bits each`;
  const counted = formatBytes((parameters * bitsPerWeight) / 8);
  // Scales, masks and the stored copy of a tied table have a type too.
  return counted === formatBytes(bytes)
    ? `${start}, ${bits}.`
    : `${start}. The parameters alone take ${counted}, ${bits}.`;
}

/** Of a label such as Q4_K_M: whether the file carries it, and what stands behind it. */
export function ownOfLabel(report: Report, label: string): readonly string[] {
  const { declared, fileName, types, bitsPerWeight } = report.quantization;
  const carried = declared === label || fileName === label;
  const says = [
    declared ? `it declares ${declared}` : "it declares none",
    ...(fileName && fileName !== declared ? [`its name says ${fileName}`] : []),
  ];
  return [
    !carried
      ? `This file doesn't carry the label ${label}: ${says.join(", and ")}.`
      : declared === label
        ? `This file declares itself as ${label}${fileName === label ? ", and its name says the same" : fileName ? `; its name says ${fileName}` : ""}.`
        : `The file's name says ${label}; the file itself ${declared ? `declares ${declared}` : "states no label"}.`,
    ...(bitsPerWeight === null
      ? []
      : [`Measured: ${bitsPerWeight.toFixed(2)} bits per weight on average, all types together.`]),
    ...types
      .filter(({ parameters }) => parameters > 0)
      .slice(0, TYPES_SHOWN)
      .map(storedLine),
  ];
}

export function ownCheckpoint({ source }: Report): readonly string[] {
  const { container, parts, declaredParts, tensors, sizeBytes, headerBytes, missingParts } = source;
  return [
    `${container}, ${declaredParts > 1 ? `${formatExact(parts.length)} of ${formatExact(declaredParts)} parts` : "one file"}, ${plural(tensors, "tensor")}, ${formatBytes(sizeBytes)}.`,
    `Headers take ${formatBytes(headerBytes)} of it (${formatShare(sizeBytes > 0 ? headerBytes / sizeBytes : 0)}). No weights were read.`,
    ...(missingParts.length > 0
      ? [`Missing: ${missingParts.slice(0, 3).join(", ")}${missingParts.length > 3 ? " and more" : ""}.`]
      : []),
  ];
}

/** A rank in the middle of what is used. */
const EXAMPLE_RANK = 16;

/** Targets worth naming; adapters of diffusion models have dozens. */
const TARGETS_NAMED = 8;

export function ownLora(report: Report): readonly string[] {
  if (report.adapter) return adapterLines(report, report.adapter);
  const { model, parameters } = report;
  if (model.kind === "adapter") {
    return [
      `This file is an adapter, with ${formatExact(parameters.total)} parameters (${formatCount(parameters.total)}). It needs the model that it was trained on.`,
    ];
  }
  if (model.kind !== "llm") return ["This file is no adapter."];
  const { hiddenSize: width } = model;
  if (!width) return ["This file is no adapter."];
  const whole = width * width;
  const thin = EXAMPLE_RANK * 2 * width;
  if (thin >= whole) return ["This file is no adapter."];
  return [
    "This file is no adapter, but a model that one could be made for.",
    `One matrix of ${formatExact(width)} x ${formatExact(width)} (its width) has ${formatExact(whole)} weights; a change of rank ${EXAMPLE_RANK} to it would have ${formatExact(thin)} (${formatShare(thin / whole)}).`,
  ];
}

function adapterLines({ parameters }: Report, adapter: NonNullable<Report["adapter"]>): readonly string[] {
  const { method, rank, targets, modulesToSave, layers, base, baseArchitecture, sources } = adapter;
  const ranks = typeof rank === "number" ? formatExact(rank) : rank && listed(rank.map(formatExact));
  const changed = targets.reduce((sum, { count }) => sum + count, 0);
  const architecture = baseArchitecture ? ` (${baseArchitecture})` : "";
  return [
    `This file is an adapter (${method}), with ${formatExact(parameters.total)} parameters (${formatCount(parameters.total)}). It needs the model that it was trained on.`,
    base || baseArchitecture
      ? `That model, the base: ${base ?? "not named"}${architecture}${sources.base ? `, says ${sources.base}` : ""}.`
      : "Which model that is, the base, isn't stated.",
    ranks
      ? `Rank: ${ranks}${sources.rank ? `, by ${sources.rank}` : ""}.`
      : "Its rank isn't stated, or its method has none.",
    scalingLine(adapter),
    `It changes ${plural(changed, "module")}${layers > 0 ? ` in ${plural(layers, "layer")}` : ""}: ${targetWords(targets)}.`,
    ...(modulesToSave.length > 0 ? [`Stored whole beside them: ${targetWords(modulesToSave)}.`] : []),
  ];
}

function scalingLine({ alpha, scaling, rank }: NonNullable<Report["adapter"]>): string {
  if (scaling === null) {
    return alpha === null
      ? "Alpha isn't stated in the file or beside it, so how strongly the change counts can't be told."
      : `Alpha: ${decimal(alpha)}; the factor of the change can't be told in one number.`;
  }
  if (alpha === null || typeof rank !== "number") return `Scaling: the change is multiplied by ${decimal(scaling)}.`;
  const near = (factor: number) => Math.abs(scaling - factor) <= 1e-6 * Math.abs(factor);
  const how = near(alpha / rank)
    ? `alpha / rank = ${decimal(alpha)} / ${formatExact(rank)} = `
    : near(alpha / Math.sqrt(rank))
      ? `alpha / square root of the rank (rsLoRA) = `
      : "";
  return `Alpha: ${decimal(alpha)}. Scaling: the change is multiplied by ${how}${decimal(scaling)}.`;
}

/** "attn_q x4, attn_v x4" */
function targetWords(targets: readonly AdapterTarget[]): string {
  const more = targets.length - TARGETS_NAMED;
  const shown = targets
    .slice(0, TARGETS_NAMED)
    .map(({ module, count }) => (count > 1 ? `${module} x${formatExact(count)}` : module));
  return `${shown.join(", ")}${more > 0 ? `, and ${plural(more, "more name")}` : ""}`;
}

function decimal(value: number): string {
  return String(Number(value.toPrecision(4)));
}
