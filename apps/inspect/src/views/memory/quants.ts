/** What the model would take at other quantizations, and how much context would fit then. */
import { formatExact, formatMemory, type QuantRow } from "@checkpoint-inspect/analysis";

import type { MemoryView } from "../../memory/room.ts";
import type { Style } from "../../terminal.ts";
import { heading } from "../parts.ts";
import { type Column, table } from "../table.ts";
import { safe, wrap } from "../text.ts";
import { MARK_WORDS, marked, paintVerdict } from "./marks.ts";

export function quantLines({ answer, showQuants, model }: MemoryView, style: Style): string[] {
  const { quants, machine, settings } = answer;
  if (!showQuants || quants.length === 0) return [];
  const exact = quants.some((row) => row.exact);
  const columns: Column<QuantRow>[] = [
    { title: "quantization", cell: ({ label, isThis }) => `${isThis ? "> " : ""}${safe(label)}` },
    { title: "weights", cell: ({ bytes }) => formatMemory(bytes), align: "right" },
    { title: "bits", cell: ({ bitsPerWeight }) => bitsPerWeight.toFixed(2), align: "right" },
    {
      title: `with ${formatExact(settings.context)} tokens${machine ? "  " : ""}`,
      cell: ({ totalBytes, verdict }) => (totalBytes === null ? "?" : marked(formatMemory(totalBytes), verdict)),
      align: "right",
      paint: (text, { verdict }) => paintVerdict(text, verdict, style),
    },
    ...(machine ? [{ title: "most context", cell: largest, align: "right" } satisfies Column<QuantRow>] : []),
    {
      title: "what to expect",
      cell: ({ words, needsImatrix }) => (needsImatrix ? `${words}; needs an imatrix` : words),
      optional: 1,
      stretch: true,
      paint: (text) => style.color.dim(text),
    },
  ];
  const marks = quants.some(({ verdict }) => verdict === "tight" || verdict === "no");
  const note = exact
    ? "Sizes are those of llama-quantize, to the byte; quality differs by model."
    : "Estimates: of llama.cpp's types after conversion (to about 1%), of the others by formula; quality differs by model.";
  return [
    heading(
      "At other quantizations",
      style,
      model.engine === "llama.cpp" ? undefined : "FP8 to MXFP4 with vLLM, the rest as GGUF",
    ),
    ...table(quants, columns, style, { stretchMin: 20 }),
    ...(marks ? [style.color.dim(`  ${MARK_WORDS}`)] : []),
    ...wrap(note, style.width - 2).map((line) => style.color.dim(`  ${line}`)),
  ];
}

function largest({ largest: found }: QuantRow): string {
  if (!found) return "";
  return found.tokens === 0 ? "none" : `${formatExact(found.tokens)}${found.all ? " (all)" : ""}`;
}
