import type { Report } from "@checkpoint-inspect/analysis";

import { quantView } from "../views/quant.ts";
import { type CommonFlags, runOn } from "./command.ts";

/** `inspect quant <target>` */
export function runQuant(flags: CommonFlags): Promise<void> {
  return runOn(
    flags,
    async ({ report, style }) => quantView(await report(), style),
    async ({ report }) => quantDocument(await report()),
  );
}

/** What `--json` prints. */
export function quantDocument({ schemaVersion, source, parameters, quantization, error }: Report) {
  return { schemaVersion, source, parameters, quantization, ...(error && { error }) };
}
