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
/** The words say more than a bar or a count of tensors: those go first when room is short. */
const WORDS_MIN = 34;

/** One sentence: bits per weight as measured, the saving, and the labels. */
export function labelLine(report: Report): string {
  const { quantization } = report;
  const { bitsPerWeight, savingAgainst16Bit, measured, measuredShare } = quantization;
  const words: string[] = [];
  if (bitsPerWeight !== null) {
    words.push(`${bitsPerWeight.toFixed(2)} bits per weight`);
    if (savingAgainst16Bit !== null && Math.abs(savingAgainst16Bit) >= 0.005) {
      words.push(
        `${Math.abs(savingAgainst16Bit * 100).toFixed(0)}% ${savingAgainst16Bit > 0 ? "smaller" : "larger"} than at 16 bits`,
      );
    }
  }
  if (measured) {
    const share = `${formatShare(measuredShare)} of the bytes`;
    if (measuredShare === 1) words.push(`all of it ${safe(measured)}`);
    else words.push(`${measuredShare > 0.5 ? "mostly" : "largest part"} ${safe(measured)} (${share})`);
  }
  const labels = labelWords(report);
  return [words.join(", "), labels].filter(Boolean).join("; ");
}

function labelWords({ quantization }: Report): string {
  const { declared, declaredGuessed, declaredType, fileName, types } = quantization;
  const guessed = declaredGuessed ? " (guessed by its writer)" : "";
  // Rows that don't divide into blocks fall back to other types: a label may name a type that no tensor has.
  const absent =
    declaredType && !types.some(({ type }) => type === declaredType) ? `, though no tensor is ${declaredType}` : "";
  const says = declared ? `declared ${safe(declared)}${guessed}` : "";
  if (!fileName) return says + absent;
  if (!declared) return `file name says ${fileName}`;
  return `${says}, ${same(declared, fileName) ? "as its name says" : `but its name says ${fileName}`}${absent}`;
}

/** Labels are compared as people write them: case and separators aside. */
function same(a: string, b: string): boolean {
  const plain = (label: string) => label.toLowerCase().replace(/[^a-z0-9]/g, "");
  return plain(a) === plain(b);
}

/** Packed safetensors: each scheme with what its modules hold; nothing where no weight is packed. */
export function schemeTable({ quantization: { schemes } }: Report, style: Style): string[] {
  if (schemes.length === 0) return [];
  return table<SchemeCount>(
    schemes,
    [
      { title: "packed as", cell: ({ words }) => safe(words), stretch: true },
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
        optional: 2,
        paint: (text) => style.color.dim(text),
      },
    ],
    style,
    { stretchMin: WORDS_MIN },
  );
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
  const lines = [...title(report, style), "", ...wrap(labelLine(report), style.width)];
  const { declared } = quantization;
  const mixWords = declared ? fileTypeWords(declared) : undefined;
  const cost = declared ? perplexityDelta(declared) : undefined;
  const about = [
    mixWords && `${safe(declared ?? "")}: ${mixWords}`,
    cost && `perplexity ${formatDelta(cost.delta)} against F16 on ${cost.model} (${cost.source})`,
  ];
  for (const text of about) if (text) lines.push(...wrap(text, style.width).map((line) => style.color.dim(line)));
  const schemes = schemeTable(report, style);
  if (schemes.length > 0)
    lines.push("", heading("How the weights are packed", style, "bits with their scales"), ...schemes);
  lines.push("", heading("Types by bytes", style), ...typeTable(report, style, Number.POSITIVE_INFINITY));
  const { bitsPerWeight, sixteenBitBytes, savingAgainst16Bit } = quantization;
  if (bitsPerWeight !== null && savingAgainst16Bit !== null) {
    const bytes = (bitsPerWeight * parameters.total) / 8;
    lines.push(
      "",
      heading("How the figures come about", style),
      ...[
        `bits per weight = 8 x ${formatExact(Math.round(bytes))} bytes / ${formatExact(parameters.total)} parameters = ${bitsPerWeight.toFixed(4)}`,
        `at 16 bits = 2 x ${formatExact(parameters.total)} = ${formatBytes(sixteenBitBytes)}; here ${formatBytes(bytes)}`,
      ].flatMap((line) => wrap(line, style.width - 4).map((piece, i) => (i === 0 ? `  ${piece}` : `    ${piece}`))),
    );
  }
  if (!parameters.logicalKnown) {
    const note = "A packing isn't known, or rows end in words that may not be full: bits per weight can't be told.";
    lines.push("", ...wrap(note, style.width).map((line) => style.color.yellow(line)));
  }
  return lines.join("\n");
}
