/** All that is known of one tensor: the pane under the table, and its page. */
import {
  bucketWords,
  formatBytes,
  formatExact,
  type PlacedTensor,
  partWords,
  typeWords,
} from "@checkpoint-inspect/analysis";

import { safe, wrap } from "../../../views/text.ts";
import { bold, dim, ends, type Line, line } from "../../line.ts";
import type { Context, Page } from "../../screen.ts";
import { shapeText } from "./layout.ts";

const EXCLUDED: Readonly<Record<string, string>> = {
  buffer: "a buffer that is computed, not learned",
  duplicate: "a second copy of another tensor",
  "quant-side": "scales and tables of a packing, counted with what they unpack",
  statistics: "statistics of a calibration",
};

function roleText({ role }: PlacedTensor): string {
  const layer = role.layer === undefined ? "" : `, layer ${role.layer}`;
  const expert = role.expert === undefined ? "" : `, expert ${role.expert}`;
  return safe(`${role.bucket}: ${role.part}${role.bias ? " bias" : ""}${layer}${expert}`);
}

function bits({ tensor }: PlacedTensor): string {
  return tensor.elements === 0 ? "no values" : `${(8 * tensor.sizeBytes) / tensor.elements} bits per value`;
}

/** Under the table: a rule with the role, then as many lines as there is room for. */
export function detailLines(placed: PlacedTensor, rows: number, { subject, size, ascii }: Context): Line[] {
  const { tensor } = placed;
  const file = subject.checkpoint.parts[tensor.part];
  const rule = ascii ? "-" : "\u2500";
  const head = `${rule}${rule} ${roleText(placed)} `;
  const lines: Line[] = [
    line(dim(head + rule.repeat(Math.max(0, size.columns - head.length)))),
    ends(
      line(safe(tensor.type), dim(`  ${typeWords(tensor.type)}`)),
      line(dim(`${bits(placed)}, ${formatExact(tensor.sizeBytes)} bytes`)),
      size.columns,
    ),
    line(dim("does    "), partWords(placed.role.part) ?? bucketWords(placed.role.bucket, subject.report.model.kind)),
    line(
      dim("lies    "),
      `at byte ${formatExact(tensor.offset)} (0x${tensor.offset.toString(16)}) of ${safe(file?.name ?? "")}`,
    ),
    line(
      dim("shape   "),
      shapeText(tensor.shape),
      dim(`  stored with ${[...tensor.shape].reverse().slice(0, 6).join(", ")}`),
    ),
    line(dim("counts  "), countedWords(placed)),
  ];
  return lines.slice(0, rows);
}

function countedWords({ excluded, parameters }: PlacedTensor): string {
  return excluded
    ? `not among the parameters: ${EXCLUDED[excluded] ?? excluded}`
    : `${formatExact(parameters)} parameters`;
}

/** A page with everything on one tensor. */
export function tensorPage(placed: PlacedTensor, { subject }: Context): Page {
  const { tensor, packed } = placed;
  return {
    title: `Tensor ${safe(tensor.name)}`.slice(0, 200),
    lines: ({ columns }) => {
      const text = (label: string, words: string): Line[] =>
        wrap(words, Math.max(20, columns - 14)).map((row, i) => line(dim((i === 0 ? label : "").padEnd(12)), row));
      const file = subject.checkpoint.parts[tensor.part];
      return [
        ...text("name", safe(tensor.name).slice(0, 1000)),
        ...text("role", roleText(placed)),
        ...text("does", partWords(placed.role.part) ?? bucketWords(placed.role.bucket, subject.report.model.kind)),
        ...text(
          "shape",
          `${shapeText(tensor.shape)}: rows first, as PyTorch writes it; GGUF stores ${[...tensor.shape].reverse().slice(0, 6).join(" x ")}`,
        ),
        ...text("elements", formatExact(tensor.elements)),
        ...text("counts", countedWords(placed)),
        ...text("type", `${safe(tensor.type)}: ${typeWords(tensor.type)}`),
        ...text("size", `${formatExact(tensor.sizeBytes)} bytes (${formatBytes(tensor.sizeBytes)}), ${bits(placed)}`),
        ...text(
          "lies",
          `at byte ${formatExact(tensor.offset)} (0x${tensor.offset.toString(16)}) of ${safe(file?.name ?? "its file")}`,
        ),
        ...(packed === undefined ? [] : text("packed", `as ${safe(packed)}: several weights in a word`)),
        [],
        ...whyLines(placed, columns),
      ];
    },
  };
}

/** Why it is as large as it is. */
export function whyPage(placed: PlacedTensor): Page {
  return { title: `Why ${formatBytes(placed.tensor.sizeBytes)}`, lines: ({ columns }) => whyLines(placed, columns) };
}

function whyLines({ tensor }: PlacedTensor, columns: number): Line[] {
  const text = (words: string): Line[] => wrap(words, Math.min(90, columns - 2)).map((row) => line(row));
  const each = tensor.elements === 0 ? 0 : (8 * tensor.sizeBytes) / tensor.elements;
  return [
    line(bold("How its size comes about")),
    ...text(
      `${tensor.shape.slice(0, 6).map(formatExact).join(" x ") || "1"} = ${formatExact(tensor.elements)} values. As ${safe(tensor.type)} a value takes ${each} bits: ${typeWords(tensor.type)}.`,
    ),
    ...text(`${formatExact(tensor.elements)} x ${each} / 8 = ${formatExact(tensor.sizeBytes)} bytes.`),
    ...text(
      `At 16 bits it would take ${formatExact(2 * tensor.elements)} bytes${each > 0 && each < 16 ? `: it is stored ${(100 * (1 - each / 16)).toFixed(0)}% smaller` : ""}.`,
    ),
  ];
}
