/** `inspect quant <target>`: storage types by bytes, bits per weight, what the labels say, what each type is. */
import {
  fileTypeWords,
  formatBytes,
  formatCount,
  formatExact,
  formatShare,
  perplexityDelta,
  type Report,
  type SchemeCount,
  type TypeCount,
  typeWords,
} from "@checkpoint-inspect/analysis";

import type { Style } from "../terminal.ts";
import { bars } from "./bars.ts";
import { heading, title } from "./parts.ts";
import { table } from "./table.ts";
import { cut, safe, wrap } from "./text.ts";

const BAR_CELLS = 10;
/** Words in a column narrower than this are hard to read; wider ones fold. */
const WORDS_MIN = 24;

/** One sentence: bits per weight as measured, the saving, and the labels. */
export function labelLine(report: Report): string {
  const { quantization } = report;
  const { bitsPerWeight, savingAgainst16Bit } = quantization;
  const words: string[] = [];
  if (bitsPerWeight !== null) {
    words.push(`${bitsPerWeight.toFixed(2)} bits per weight`);
    if (savingAgainst16Bit !== null && Math.abs(savingAgainst16Bit) >= 0.005) {
      words.push(
        `${Math.abs(savingAgainst16Bit * 100).toFixed(0)}% ${savingAgainst16Bit > 0 ? "smaller" : "larger"} than at 16 bits`,
      );
    }
  }
  const most = mainStorage(report);
  if (most) {
    const { name, share } = most;
    if (share === 1) words.push(`all of it ${name}`);
    else words.push(`${share > 0.5 ? "mostly" : "largest part"} ${name} (${formatShare(share)} of the bytes)`);
  }
  const labels = labelWords(report);
  return [words.join(", "), labels].filter(Boolean).join("; ");
}

/** What holds most of the bytes: a storage type, or the scheme that packs weights into such a type. */
function mainStorage({ quantization }: Report): { readonly name: string; readonly share: number } | undefined {
  const { measured, measuredShare, types, schemes } = quantization;
  if (!measured) return undefined;
  const [scheme] = schemes;
  const all = types.reduce((sum, { bytes }) => sum + bytes, 0);
  const packed = types.find(({ type }) => type === measured);
  // Of a type that holds some more than the scheme does, the type says it.
  if (scheme && packed && scheme.bytes >= packed.parameterBytes) {
    return { name: safe(scheme.words), share: scheme.bytes / all };
  }
  return { name: safe(measured), share: measuredShare };
}

function labelWords({ quantization }: Report): string {
  const { declared, declaredGuessed, declaredType, fileName, types } = quantization;
  // A vocabulary may carry the label of the model that it was taken from.
  if (types.length === 0) return "";
  const guessed = declaredGuessed ? " (guessed by its writer)" : "";
  // Rows that don't divide into blocks fall back to other types: a label may name a type that no tensor has.
  const absent =
    declaredType && !types.some(({ type }) => type === declaredType) ? `, though no tensor is ${declaredType}` : "";
  const says = declared ? `declared ${safe(declared)}${guessed}` : "";
  if (!fileName) return says + absent;
  if (!declared) return `file name says ${fileName}`;
  return `${says}, ${same(declared, fileName) ? "as its name says" : `but its name says ${fileName}`}${absent}`;
}

/**
 * What people write for a label in short. Of the mixes `_M` alone has a short form, so that Q4_K is no Q4_K_S. Sources: the names
 * that llama.cpp tools/quantize takes for the same type; PyTorch's names of dtypes.
 */
const SHORT_LABELS: Readonly<Record<string, string>> = {
  mxfp4: "mxfp4moe",
  q3k: "q3km",
  q4k: "q4km",
  q5k: "q5km",
  bf16: "bfloat16",
  f16: "float16",
  f32: "float32",
};

/** Labels are compared as people write them: case, separators and short forms aside. */
function same(a: string, b: string): boolean {
  const plain = (label: string) => {
    const bare = label.toLowerCase().replace(/[^a-z0-9]/g, "");
    return SHORT_LABELS[bare] ?? bare;
  };
  return plain(a) === plain(b);
}

/** Packed safetensors: each scheme with what its modules hold; nothing where no weight is packed. */
export function schemeTable({ quantization: { schemes } }: Report, style: Style): string[] {
  if (schemes.length === 0) return [];
  return table<SchemeCount>(
    schemes,
    [
      {
        title: "packed as",
        cell: ({ words }) => safe(words),
        stretch: true,
        fold: ({ words }, columns) => wrap(safe(words), columns),
      },
      { title: "modules", cell: ({ modules }) => formatExact(modules), align: "right", optional: 1 },
      { title: "params", cell: ({ parameters }) => formatCount(parameters), align: "right" },
      { title: "bytes", cell: ({ bytes }) => formatBytes(bytes), align: "right" },
      {
        title: "bits",
        cell: ({ bitsPerWeight }) => (bitsPerWeight === null ? "?" : bitsPerWeight.toFixed(2)),
        align: "right",
      },
    ],
    style,
    { stretchMin: 24 },
  );
}

export function typeTable(report: Report, style: Style, most: number): string[] {
  const types = report.quantization.types.slice(0, most);
  const drawn = bars(
    report.quantization.types.map((type) => type.bytes),
    BAR_CELLS,
    style,
  );
  const bar = new Map(types.map((type, i) => [type, drawn[i] ?? ""]));
  return table<TypeCount>(
    types,
    [
      { title: "type", cell: ({ type }) => cut(safe(type), 16) },
      { title: "bytes", cell: ({ bytes }) => formatBytes(bytes), align: "right" },
      { title: "params", cell: ({ parameters }) => formatCount(parameters), align: "right", optional: 1 },
      { title: "", cell: (type) => bar.get(type) ?? "", paint: (text) => style.color.green(text), optional: 3 },
      { title: "share", cell: ({ share }) => formatShare(share), align: "right" },
      { title: "tensors", cell: ({ tensors }) => formatExact(tensors), align: "right", optional: 4 },
      {
        title: "bits",
        cell: ({ bitsPerWeight }) => (bitsPerWeight === null ? "?" : formatBits(bitsPerWeight)),
        align: "right",
      },
      {
        title: "what it is",
        cell: ({ type }) => typeWords(type),
        stretch: true,
        fold: ({ type }, columns) => wrap(typeWords(type), columns),
        optional: 2,
        paint: (text) => style.color.dim(text),
      },
    ],
    style,
    { stretchMin: WORDS_MIN },
  );
}

/** What a row's params don't explain of its bytes, below this share of them, is too little to see. */
const VISIBLE_SHARE = 0.005;

/**
 * Why a row's bytes, params and bits don't multiply: what else is of its type.
 * @param all also of types that hold no parameters, and what is too little to see
 */
export function excludedLines({ quantization: { types } }: Report, style: Style, all: boolean): string[] {
  const sizes = new Map<string, string[]>();
  for (const { type, parameters, bytes, excluded } of types) {
    for (const rest of excluded) {
      if (!all && (parameters === 0 || rest.bytes < bytes * VISIBLE_SHARE)) continue;
      sizes.set(rest.words, [...(sizes.get(rest.words) ?? []), `${formatBytes(rest.bytes)} of ${safe(type)}`]);
    }
  }
  if (sizes.size === 0) return [];
  const words = [...sizes].map(([what, list]) => `${list.join(" and ")} (${what})`).join(", ");
  return wrap(`not parameters: ${words}`, style.width - 2).map((line) => style.color.dim(`  ${line}`));
}

function formatDelta(delta: number): string {
  return `${delta < 0 ? "" : "+"}${delta}`;
}

/** 4.5, 16, 6.5625: as many decimals as the type has, at most four. */
function formatBits(bits: number): string {
  return Number(bits.toFixed(4)).toString();
}

export function quantView(report: Report, style: Style): string {
  const { quantization, parameters } = report;
  if (quantization.types.length === 0) {
    const words = "No tensors: the header holds metadata only.";
    return [...title(report, style), "", ...wrap(words, style.width)].join("\n");
  }
  const { declared } = quantization;
  const mixWords = declared ? fileTypeWords(declared) : undefined;
  const cost = declared ? perplexityDelta(declared) : undefined;
  const about = [
    mixWords && `${safe(declared ?? "")}: ${mixWords}`,
    cost && `perplexity ${formatDelta(cost.delta)} against F16 on ${cost.model} (${cost.source})`,
  ].flatMap((text) => (text ? wrap(text, style.width) : []));
  const schemes = schemeTable(report, style);
  const note = "A packing isn't known, or rows end in words that may not be full: bits per weight can't be told.";
  const sections = [
    title(report, style),
    [...wrap(labelLine(report), style.width), ...about.map((line) => style.color.dim(line))],
    schemes.length > 0 ? [heading("How the weights are packed", style, "bits with their scales"), ...schemes] : [],
    [
      heading("Types by bytes", style),
      ...typeTable(report, style, Number.POSITIVE_INFINITY),
      ...excludedLines(report, style, true),
    ],
    figureLines(report, style),
    parameters.logicalKnown ? [] : wrap(note, style.width).map((line) => style.color.yellow(line)),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

/** The division behind the headline, to be done again by hand. */
function figureLines({ quantization, parameters: { total } }: Report, style: Style): string[] {
  const { bitsPerWeight, sixteenBitBytes, savingAgainst16Bit, types } = quantization;
  if (bitsPerWeight === null || savingAgainst16Bit === null) return [];
  const weights = types.reduce((sum, { parameterBytes }) => sum + parameterBytes, 0);
  const rest = new Map<string, number>();
  let scales = 0;
  for (const { reason, words, bytes } of types.flatMap(({ excluded }) => excluded)) {
    if (reason === "quant-side") scales += bytes;
    else rest.set(words, (rest.get(words) ?? 0) + bytes);
  }
  const bytes = weights + scales;
  return [
    heading("How the figures come about", style),
    ...[
      ...(scales > 0
        ? [
            `${formatExact(bytes)} bytes = ${formatExact(weights)} of weights + ${formatExact(scales)} of scales and maps`,
          ]
        : []),
      `bits per weight = 8 x ${formatExact(bytes)} bytes / ${formatExact(total)} parameters = ${bitsPerWeight.toFixed(4)}`,
      `at 16 bits = 2 x ${formatExact(total)} = ${formatBytes(sixteenBitBytes)}; here ${formatBytes(bytes)}`,
      ...[...rest].map(([words, left]) => `left out: ${formatExact(left)} bytes, ${words}`),
    ].flatMap((line) => wrap(line, style.width - 4).map((piece, i) => (i === 0 ? `  ${piece}` : `    ${piece}`))),
  ];
}
