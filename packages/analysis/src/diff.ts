/**
 * Two checkpoints side by side: two quantizations, a base and its fine-tune, a GGUF file and the safetensors that it was made from. From
 * the headers alone: names, shapes, types and metadata are compared, never the values of weights.
 */
import type { Checkpoint } from "@checkpoint-inspect/parser";

import { factDifferences } from "./diff/facts.ts";
import { matchUnits } from "./diff/match.ts";
import { metadataDifferences, templateDifference } from "./diff/metadata.ts";
import { rowMaker } from "./diff/rows.ts";
import {
  DIFF_KINDS,
  type Diff,
  type DiffCount,
  type DiffHalf,
  type DiffKind,
  type DiffRow,
  type DiffSide,
  type DiffSideFigures,
  type DiffTotal,
} from "./diff/types.ts";
import { unitsOf } from "./diff/units.ts";
import { metadataValue, modelFacts } from "./facts.ts";
import { placer } from "./place.ts";
import { packingOf, type TensorValues } from "./quantization/packing.ts";
import type { Report } from "./report.ts";

const WORDS =
  "Names, shapes, types and metadata are compared, not the values of weights; long arrays of metadata by type and length alone.";

/**
 * What is compared of a checkpoint.
 * @param report what `analyse` says of it
 * @param values the small tensors that `valuesWanted` asked for
 */
export function diffSide(checkpoint: Checkpoint, report: Report, values?: TensorValues): DiffSide {
  const facts = modelFacts(checkpoint);
  const packing = packingOf(checkpoint, values);
  const { config, metadata, beside } = checkpoint;
  const stored = metadataValue(checkpoint, "tokenizer.chat_template");
  const chatTemplate = typeof stored === "string" ? stored : beside?.templates[0]?.text;
  return {
    report,
    tensors: checkpoint.tensors.map(placer(checkpoint, facts, packing)),
    metadata,
    facts,
    ...(config && { config }),
    ...(packing && { packing }),
    ...(chatTemplate !== undefined && { chatTemplate }),
  };
}

export function diffCheckpoints(a: DiffSide, b: DiffSide): Diff {
  const rows = matchUnits(unitsOf(a), unitsOf(b)).map(rowMaker(a, b));
  const facts = factDifferences(a, b);
  return {
    a: figures(a),
    b: figures(b),
    matched: rows.filter((row) => row.a.tensors.length > 0 && row.b.tensors.length > 0).length,
    totals: totalsOf(rows),
    rows,
    facts,
    metadata: metadataDifferences(a, b, facts),
    chatTemplate: templateDifference(a.chatTemplate, b.chatTemplate),
    words: WORDS,
  };
}

function figures({ report }: DiffSide): DiffSideFigures {
  const { source, parameters, quantization, error } = report;
  return {
    target: source.target,
    label: source.label,
    format: source.format,
    container: source.container,
    parts: source.parts.length,
    tensors: source.tensors,
    sizeBytes: source.sizeBytes,
    parameters: parameters.total,
    bitsPerWeight: quantization.bitsPerWeight,
    types: quantization.types.map(({ type }) => type),
    incomplete: error !== undefined || source.missingParts.length > 0,
  };
}

interface OpenCount {
  tensors: number;
  parameters: number;
  bytes: number;
}

function totalsOf(rows: readonly DiffRow[]): Record<DiffKind, DiffTotal> {
  const open = (): OpenCount => ({ tensors: 0, parameters: 0, bytes: 0 });
  const totals = Object.fromEntries(
    DIFF_KINDS.map((kind) => [kind, { rows: 0, a: open(), b: open() }] as const),
  ) as Record<DiffKind, { rows: number; readonly a: OpenCount; readonly b: OpenCount }>;
  for (const { kind, a, b } of rows) {
    const total = totals[kind];
    total.rows++;
    add(total.a, a);
    add(total.b, b);
  }
  return totals satisfies Record<DiffKind, { readonly a: DiffCount }>;
}

function add(sum: OpenCount, { tensors, parameters, bytes }: DiffHalf): void {
  sum.tensors += tensors.length;
  sum.parameters += parameters;
  sum.bytes += bytes;
}
