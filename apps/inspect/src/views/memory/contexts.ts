/** How much a model takes at each context, by the type of the cache; with a GPU, whether it fits. */
import { type ContextRow, formatExact, formatMemory } from "@checkpoint-inspect/analysis";

import type { MemoryView } from "../../memory/room.ts";
import type { Style } from "../../terminal.ts";
import { heading } from "../parts.ts";
import { type Column, table } from "../table.ts";
import { MARK_WORDS, marked, paintVerdict, typeName } from "./marks.ts";

export function contextLines({ model, answer }: MemoryView, style: Style): string[] {
  const { contexts, machine } = answer;
  const [first] = contexts;
  // A table of one row, or of rows that are all alike, says nothing.
  if (!first || model.cache.none || contexts.every(({ cells }) => cells.every(({ totalBytes }) => totalBytes === null)))
    return [];
  // A state of fixed size takes the same at every context.
  if (answer.plan.cacheSize?.bytesPerToken === 0) return [];
  const types = first.cells.map(typeName);
  const columns: Column<ContextRow>[] = [
    {
      title: "context",
      cell: ({ context, isAsked }) => `${isAsked ? "> " : ""}${formatExact(context)}`,
      align: "right",
    },
    ...types.map(
      (type, i): Column<ContextRow> => ({
        title: machine ? `${type}  ` : type,
        cell: ({ cells }) => {
          const { totalBytes = null, verdict } = cells[i] ?? {};
          return totalBytes === null ? "?" : marked(formatMemory(totalBytes), verdict);
        },
        align: "right",
        paint: (text, { cells }) => paintVerdict(text, cells[i]?.verdict, style),
      }),
    ),
  ];
  const marks = contexts.some(({ cells }) => cells.some(({ verdict }) => verdict === "tight" || verdict === "no"));
  return [
    heading("By context and type of the cache", style, "weights, cache and compute together"),
    ...table(contexts, columns, style),
    ...(marks ? [style.color.dim(`  ${MARK_WORDS}`)] : []),
  ];
}
