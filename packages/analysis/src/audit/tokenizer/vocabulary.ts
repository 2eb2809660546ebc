/** How many tokens a model has a row for: in its input table, and in its head. */
import type { TensorKind } from "../../patterns/traits.ts";
import type { Subject } from "../subject.ts";

/** A table of one row a token. */
interface TokenTable {
  readonly kind: TensorKind;
  readonly rows: number;
}

const MAIN_STACKS: readonly string[] = ["text", "decoder", "encoder"];

/** The input table and the head of the text model, as far as they are there. */
export function tokenTables({ restKinds }: Subject): readonly TokenTable[] {
  return restKinds.flatMap(({ stack, kind }) => {
    const { bucket, part, bias, excluded, shape } = kind;
    const table = (bucket === "embedding" && part === "token") || (bucket === "head" && part === "lm_head");
    const rows = shape[0];
    return table && !bias && !excluded && shape.length === 2 && MAIN_STACKS.includes(stack) && rows !== undefined
      ? [{ kind, rows }]
      : [];
  });
}

/** Ids below this have a row; undefined where no table is there. */
export function tokenRows(subject: Subject): number | undefined {
  const rows = tokenTables(subject).map((table) => table.rows);
  return rows.length > 0 ? Math.max(...rows) : undefined;
}
