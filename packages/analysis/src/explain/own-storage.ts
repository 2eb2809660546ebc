/** A checkpoint's own numbers for the entries of terms-storage.ts. */
import type { TypeCount } from "../quantization/mix.ts";
import { fileTypeWords, perplexityDelta, typeWords } from "../quantization/type-words.ts";
import type { Report } from "../report.ts";
import { formatBytes, formatCount, formatExact, formatShare } from "../units.ts";
import { listed, ofAll, plural } from "./report-numbers.ts";

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
    ...schemeLines(report),
    ...labelLines(report),
  ];
}

/** "Packed as GPTQ 4-bit, groups of 128: 6.48 B parameters at 4.16 bits each, scales included." */
function schemeLines({ quantization: { schemes } }: Report): readonly string[] {
  return schemes.slice(0, TYPES_SHOWN).map(({ words, parameters, bitsPerWeight }) => {
    const bits = bitsPerWeight === null ? "" : ` at ${bitsPerWeight.toFixed(2)} bits each, scales included`;
    return `Packed as ${words}: ${formatCount(parameters)} parameters${bits}.`;
  });
}

/** "Q4_K, 61.5% of the bytes, 4.5 bits per weight (4-bit k-quant: scale and minimum per 32)." */
function typeLine({ type, share, bitsPerWeight }: TypeCount): string {
  const bits = bitsPerWeight === null ? "" : `, ${formatBits(bitsPerWeight)} bits each`;
  return `${type}, ${formatShare(share)} of the bytes${bits} (${typeWords(type)}).`;
}

/** 4.5, 16, 6.5625: as many decimals as the type has, at most four. */
export function formatBits(bits: number): string {
  return Number(bits.toFixed(4)).toString();
}

/** Savings below this are rounding or headers, not quantization. */
const SAVING_WORTH_SAYING = 0.005;

function sizeLines({ quantization, parameters }: Report): readonly string[] {
  const { bitsPerWeight, savingAgainst16Bit, sixteenBitBytes } = quantization;
  if (bitsPerWeight === null || savingAgainst16Bit === null) return ["Its bits per weight can't be told."];
  const bytes = formatBytes((bitsPerWeight * parameters.total) / 8);
  const saved = Math.abs(savingAgainst16Bit);
  const against = `${formatBytes(sixteenBitBytes)} at 16 bits each`;
  const size =
    saved < SAVING_WORTH_SAYING
      ? `The weights take ${bytes}, as much as 16 bits each.`
      : `The weights take ${bytes} instead of ${against}: ${(100 * saved).toFixed(0)}% ${savingAgainst16Bit > 0 ? "less" : "more"}.`;
  return [`Measured: ${bitsPerWeight.toFixed(2)} bits per weight on average.`, size];
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

/** Types that other schemes pack several weights into (GPTQ, AWQ, MLX, bitsandbytes). */
const INTEGER_WORDS = /^[IU](?:8|16|32|64)$/;

/** What of a file is stored in types of one family. */
export function ownOfTypes(report: Report, family: string, wanted: (type: string) => boolean): readonly string[] {
  const { types, schemes } = report.quantization;
  const found = types.filter(({ type }) => wanted(type));
  if (found.length === 0) {
    const packed = types.filter(({ type, parameters }) => parameters > 0 && INTEGER_WORDS.test(type));
    if (packed.length > 0 || schemes.length > 0) {
      const words = packed.length > 0 ? ` (${listed(packed.map(({ type }) => type))})` : "";
      return [
        `No tensor has such a type by name, but weights are packed into plain numbers${words}, whose type doesn't tell what is inside.`,
        ...(schemes.length > 0 ? schemeLines(report) : ["How they are packed isn't known."]),
      ];
    }
    const others = types.slice(0, TYPES_SHOWN).map(({ type }) => type);
    return [
      `Nothing in this file is stored as ${family}.`,
      ...(others.length > 0 ? [`Its types: ${listed(others)}.`] : []),
    ];
  }
  return found.map(
    ({ type, tensors, parameters, bytes, share, bitsPerWeight }) =>
      `${type}: ${plural(tensors, "tensor")} with ${formatCount(parameters)} parameters take ${formatBytes(bytes)}, ${formatShare(share)} of the bytes${bitsPerWeight === null ? "" : `, at ${formatBits(bitsPerWeight)} bits each`}.`,
  );
}

export function ownCheckpoint({ source }: Report): readonly string[] {
  const { container, parts, declaredParts, tensors, sizeBytes, headerBytes, missingParts } = source;
  return [
    `${container}, ${declaredParts > 1 ? `${formatExact(parts.length)} of ${formatExact(declaredParts)} parts` : "one file"}, ${plural(tensors, "tensor")}, ${formatBytes(sizeBytes)}.`,
    `Headers take ${formatBytes(headerBytes)} of it (${formatShare(sizeBytes > 0 ? headerBytes / sizeBytes : 0)}). Only they were read.`,
    ...(missingParts.length > 0
      ? [`Missing: ${missingParts.slice(0, 3).join(", ")}${missingParts.length > 3 ? " and more" : ""}.`]
      : []),
  ];
}

/** A rank in the middle of what is used. */
const EXAMPLE_RANK = 16;

export function ownLora({ model, parameters }: Report): readonly string[] {
  if (model.kind === "adapter") {
    return [
      `This file is an adapter, with ${formatExact(parameters.total)} parameters (${formatCount(parameters.total)}). It needs the model that it was trained on.`,
    ];
  }
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
