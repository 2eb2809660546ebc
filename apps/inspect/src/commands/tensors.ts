/** `inspect tensors <target>`: rows picked by `--filter` terms, ordered by `--sort`. */
import { modelFacts, type PlacedTensor, packingOf, placer, reportError } from "@checkpoint-inspect/analysis";
import type { Checkpoint } from "@checkpoint-inspect/parser";

import { parseTerm, SORTS } from "../tensor-filter.ts";
import { tensorsView } from "../views/tensors.ts";
import { type CommonFlags, type Opened, runOn } from "./command.ts";

export interface TensorsFlags extends CommonFlags {
  readonly filter: readonly string[];
  readonly sort: string;
  readonly reverse: boolean;
  readonly limit: number;
}

export const TENSORS_DEFAULTS = { filter: [] as readonly string[], sort: "file", reverse: false, limit: 0 } as const;

export const SORT_NAMES = Object.keys(SORTS);

export function runTensors(flags: TensorsFlags): Promise<void> {
  const tests = flags.filter.flatMap((filter) => filter.split(/\s+/).filter(Boolean)).map(parseTerm);
  const select = async ({ checkpoint, values }: Opened): Promise<PlacedTensor[]> => {
    const packing = packingOf(checkpoint, await values());
    const rows = checkpoint.tensors
      .map(placer(checkpoint, modelFacts(checkpoint), packing))
      .filter((row) => tests.every((test) => test(row)));
    const sorted = flags.sort === "file" ? rows : rows.sort(SORTS[flags.sort]);
    if (flags.reverse) sorted.reverse();
    return flags.limit > 0 ? sorted.slice(0, flags.limit) : sorted;
  };
  return runOn(
    flags,
    async (opened) => tensorsView(await select(opened), opened.checkpoint.tensors.length, opened.style),
    async (opened) => tensorsDocument(opened.checkpoint, await select(opened)),
  );
}

/** What `--json` prints of these rows. */
export function tensorsDocument({ parts, error }: Checkpoint, rows: readonly PlacedTensor[]): object {
  return {
    schemaVersion: 1,
    tensors: rows.map(({ tensor, role, excluded, parameters, packed }) => ({
      name: tensor.name,
      shape: tensor.shape,
      type: tensor.type,
      elements: tensor.elements,
      sizeBytes: tensor.sizeBytes,
      part: parts[tensor.part]?.name,
      offset: tensor.offset,
      role,
      parameters,
      ...(packed && { packed }),
      ...(excluded && { excluded }),
    })),
    ...(error && { error: reportError(error) }),
  };
}
