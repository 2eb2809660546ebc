/** What is done with every mutated checkpoint, and what must hold of it. */
import { examine, TEMPLATE_RULES, valuesWanted } from "@checkpoint-inspect/analysis";
import { CheckpointError, type Finding, findingOfError, openFileSet } from "@checkpoint-inspect/parser";

import { sarifLog } from "../../apps/inspect/src/check/sarif.ts";
import { memoryDocument } from "../../apps/inspect/src/memory/document.ts";
import { findHardware } from "../../apps/inspect/src/memory/gpus.ts";
import { viewOf } from "../../apps/inspect/src/memory/look.ts";
import { terminalStyle } from "../../apps/inspect/src/terminal.ts";
import { checkView } from "../../apps/inspect/src/views/check.ts";
import { jsonText } from "../../apps/inspect/src/views/json.ts";
import { memoryView } from "../../apps/inspect/src/views/memory/view.ts";
import { whyView } from "../../apps/inspect/src/views/memory/why.ts";
import { overview } from "../../apps/inspect/src/views/overview.ts";
import { withWideText } from "../../apps/inspect/src/views/text.ts";
import { type SparseFiles, sparseFileSet } from "./sparse-files.ts";

/** All that a memory plan can be asked for. */
const ASKED = { quants: "all", train: true, price: 1, optimizer: "adamw", rank: 16 } as const;
const FOUND = findHardware("RTX 4090 + 8GB");
const GPUS = "hardware" in FOUND ? FOUND.hardware.map(({ hardware }) => hardware) : [];

const STYLE = terminalStyle({ width: 100, color: false });
/** A message is one line for a terminal. */
const CONTROLS = /\p{Cc}/u;
/** Elements of each array that are decoded, from its middle. */
const PAGE = 20;
/** The other reader may be slow; that it is bounded is what is tried. */
const OPINION_MS = 5000;

/**
 * Opens it, runs every rule of the audit, and makes the views; whatever is thrown but a refusal of the reader is a fault.
 * @param opinion asks the other reader as well
 * @returns whether it was read
 */
export async function tryCase(files: SparseFiles, opinion = false): Promise<boolean> {
  const set = sparseFileSet("files", files);
  const checkpoint = await refusable(() => openFileSet(set, { beside: true }));
  if (!checkpoint) return false;
  await refusable(() => checkpoint.readData(valuesWanted(checkpoint)));
  for (const { value } of checkpoint.metadata) {
    if (typeof value !== "object") continue;
    const middle = Math.floor(value.length / 2);
    await refusable(() => value.slice(middle, middle + PAGE));
  }
  const { report, memory } = examine(checkpoint, { rules: TEMPLATE_RULES });
  const { error } = checkpoint;
  const findings = [...(error ? [findingOfError(error)] : []), ...report.findings];
  if (opinion) {
    const { secondOpinion } = await import("../../apps/inspect/src/second-opinion/second-opinion.ts");
    findings.push(...(await secondOpinion(set, checkpoint, { timeoutMs: OPINION_MS })).findings);
  }
  checkWords(findings);
  const checked = { target: "files", source: report.source, report, findings, filesBeside: 0 };
  jsonText(report);
  jsonText(sarifLog([checked], 0));
  await withWideText(() => overview(report, STYLE) + checkView(checked, "error", STYLE));
  if (memory) {
    const planned = viewOf(checkpoint, report, memory, ASKED, GPUS, undefined);
    jsonText(memoryDocument(planned));
    await withWideText(() => memoryView(planned, STYLE) + whyView(planned, "", STYLE));
  }
  await checkpoint.close();
  return true;
}

function checkWords(findings: readonly Finding[]): void {
  for (const { rule, message, why = "", fix = "" } of findings) {
    const words = [message, why, fix].join("; ");
    if (message === "" || CONTROLS.test(words)) throw new Error(`${rule} is no line of text: ${JSON.stringify(words)}`);
  }
}

/** Undefined where the reader refuses, in words of its own. */
async function refusable<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    if (CONTROLS.test(error.message)) throw new Error(`an error is no line of text: ${JSON.stringify(error.message)}`);
    return undefined;
  }
}
