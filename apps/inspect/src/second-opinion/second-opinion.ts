/**
 * A second opinion: another reader reads the same bytes, and every difference is a finding that says who says what. Nothing touches
 * the network: the reader gets a `fetch` that answers out of the file set.
 *
 * Its time and memory are bounded from outside, as it has few bounds of its own: it is asked only about headers that we have read
 * and that are below a limit, is served no more bytes than such a header can need, and its time is looked at with every byte
 * that it asks for.
 */

import { OPINION_RULES, plural } from "@checkpoint-inspect/analysis";
import {
  addFinding,
  type Checkpoint,
  CheckpointError,
  type FileSet,
  type Finding,
  type FindingList,
  findingList,
  findingOf,
  grouped,
  listedFindings,
} from "@checkpoint-inspect/parser";
import type { Answer, Reader } from "./account.ts";
import { type Agreement, type Disagreement, disagreements } from "./disagreement.ts";
import type { KnownCase } from "./known-cases.ts";
import { loopback } from "./loopback.ts";
import { deadline, OutOfTime } from "./time.ts";
import { differenceWords, reason } from "./words.ts";

export interface SecondOpinion {
  /** Who was asked: `@huggingface/gguf 0.4.6`. */
  readonly reader: string;
  /** It says the same of everything that we read, differs only where it is known to, or refuses what we find errors in. */
  readonly agrees: boolean;
  /** Tensors and metadata entries of which both say the same. */
  readonly tensors: number;
  readonly metadata: number;
  readonly findings: readonly Finding[];
  /** One line: `@huggingface/gguf 0.4.6 agrees: 398 tensors, 28 metadata entries`. */
  readonly summary: string;
}

export interface SecondOpinionOptions {
  /** How long the other reader may take, in milliseconds. It is looked at whenever the reader asks for bytes. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const TIMEOUT_MS = 60_000;

/** A longer header is not shown to the other reader: the largest known are below 50 MB, those of single files below 25. */
const MAX_HEADER_BYTES = 32_000_000;
/** The headers of a set are held by it all at once. */
const MAX_SET_HEADER_BYTES = 64_000_000;
/** Metadata elements: it makes an object of each. */
const MAX_ELEMENTS = 4_000_000;
/** It fetches this far ahead of what it reads, in pieces of 2,000,000 bytes. */
const AHEAD_BYTES = 500_000;
/** An index is no header; the largest real one is 60 MB, and it is read as a stream. */
const MAX_INDEX_BYTES = 64_000_000;

const READERS = {
  gguf: async () => ({ reader: (await import("./gguf-reader.ts")).reader, nameOf: (path: string) => path }),
  safetensors: async () => {
    const { reader, nameOfHubPath } = await import("./hub-reader.ts");
    return { reader, nameOf: nameOfHubPath };
  },
} satisfies Record<
  Checkpoint["format"],
  () => Promise<{ reader: Reader; nameOf: (path: string) => string | undefined }>
>;

/**
 * Asks another reader about a checkpoint that we have read.
 * @param files the set that the checkpoint was opened from: the folder that its parts lie in
 */
export async function secondOpinion(
  files: FileSet,
  checkpoint: Checkpoint,
  { timeoutMs = TIMEOUT_MS, signal }: SecondOpinionOptions = {},
): Promise<SecondOpinion> {
  const { reader, nameOf } = await READERS[checkpoint.format]();
  const name = `${reader.name} ${reader.version}`;
  const list = findingList();
  const agreement: Agreement = { tensors: 0, metadata: 0 };
  const notAsked = (why: string): SecondOpinion => {
    addFinding(
      list,
      findingOf("opinion/not-asked", OPINION_RULES["opinion/not-asked"], { message: `${name}: ${why}` }),
    );
    return { reader: name, agrees: false, ...agreement, findings: listedFindings(list), summary: `${name}: ${why}` };
  };
  const tooMuch = tooMuchFor(checkpoint);
  if (tooMuch !== undefined) return notAsked(`not asked: ${tooMuch}`);

  const time = deadline(timeoutMs, signal);
  const local = loopback(files, { endOf: endOfServed(checkpoint), checkTime: time.check }, nameOf);
  let answer: Answer;
  try {
    answer = await time.race(reader.ask({ files, checkpoint, fetch: local.fetch }));
  } catch (error) {
    if (!(error instanceof OutOfTime)) throw error;
    return notAsked(error.message);
  } finally {
    local.close();
  }
  const verdict = await judge(checkpoint, reader, answer, agreement, list);
  return {
    reader: name,
    agrees: verdict.unexplained === 0,
    ...agreement,
    findings: listedFindings(list),
    summary: `${name} ${summaryOf(verdict, answer, agreement)}`,
  };
}

/** Why the other reader can't be asked, if it can't. */
function tooMuchFor({ parts, metadata }: Checkpoint): string | undefined {
  const largest = Math.max(0, ...parts.map(({ headerBytes }) => headerBytes));
  if (largest > MAX_HEADER_BYTES) {
    return `a header of ${grouped(largest)} bytes is above the limit of ${grouped(MAX_HEADER_BYTES)}`;
  }
  const all = parts.reduce((sum, { headerBytes }) => sum + headerBytes, 0);
  if (all > MAX_SET_HEADER_BYTES) {
    return `headers of ${grouped(all)} bytes are above the limit of ${grouped(MAX_SET_HEADER_BYTES)}`;
  }
  let elements = 0;
  for (const { value } of metadata) {
    if (typeof value !== "object") continue;
    // An array of arrays may hold one element a byte.
    elements += value.elementType === "array" ? value.byteRange.length : value.length;
  }
  if (elements > MAX_ELEMENTS) {
    return `${grouped(elements)} metadata elements are above the limit of ${grouped(MAX_ELEMENTS)}`;
  }
  return undefined;
}

/** Behind the header, or behind where we stopped reading it. */
function endOfServed({ parts }: Checkpoint): (name: string) => number {
  const ends = new Map(parts.map(({ name, headerBytes }) => [name, headerBytes + AHEAD_BYTES] as const));
  return (name) => ends.get(name) ?? MAX_INDEX_BYTES;
}

interface Verdict {
  readonly unexplained: number;
  readonly explained: number;
}

/** Cases of one kind and subject: reported once, with their number. */
interface Group {
  readonly first: Disagreement;
  readonly known: KnownCase | undefined;
  count: number;
}

/** Turns disagreements into findings; those that are explained say by what. */
async function judge(
  checkpoint: Checkpoint,
  reader: Reader,
  answer: Answer,
  agreement: Agreement,
  list: FindingList,
): Promise<Verdict> {
  const groups = new Map<string, Group>();
  const add = (found: Disagreement) => {
    const known = reader.known.find((row) => row.explains(found, checkpoint));
    // Elements of one array, and differences of one kind over all tensors of a file, are one finding.
    const subject = found.what === "element" ? found.name : "";
    const key = JSON.stringify([found.rule, found.part, found.what, subject, known?.id]);
    const group = groups.get(key);
    if (group) group.count++;
    else groups.set(key, { first: found, known, count: 1 });
  };
  try {
    for await (const found of disagreements(checkpoint, answer, agreement)) add(found);
  } catch (error) {
    // An array of ours that can't be decoded (too large at once, or its file has got shorter): the rest was compared.
    if (!(error instanceof CheckpointError)) throw error;
    add({ rule: "opinion/not-asked", what: "refusal", theirs: error.message });
  }
  if (checkpoint.error && answer.accounts.size === checkpoint.parts.length) {
    add({ rule: "opinion/accepted", what: "refusal", ours: checkpoint.error.message });
  }
  const faulty = checkpoint.error !== undefined || checkpoint.findings.some(({ severity }) => severity === "error");
  let unexplained = 0;
  for (const { first, known, count } of groups.values()) {
    const agreedFault = first.rule === "opinion/refused" && faulty;
    if (!known && !agreedFault) unexplained++;
    const { part, name, rule } = first;
    addFinding(
      list,
      findingOf(rule, OPINION_RULES[rule], {
        message: `${differenceWords(first, reader.name)}${count > 1 ? `, and ${grouped(count - 1)} more like it` : ""}`,
        ...((known || agreedFault) && { severity: "note" as const }),
        ...(known && { why: `known: ${reader.name} ${known.does}`, fix: "none needed here" }),
        ...(!known && agreedFault && { why: "both readers find fault with the file", fix: "see the errors" }),
        ...(part !== undefined && { part }),
        ...(rule === "opinion/tensors" && name !== undefined && { tensor: name }),
      }),
    );
  }
  return { unexplained, explained: groups.size - unexplained };
}

function summaryOf(
  { unexplained, explained }: Verdict,
  { refusals }: Answer,
  { tensors, metadata }: Agreement,
): string {
  const counts = `${plural(tensors, "tensor")}, ${plural(metadata, "metadata entry", "metadata entries")}`;
  if (refusals.length > 0 && tensors === 0) return `refuses it: ${reason(refusals[0]?.message)}`;
  const known = explained > 0 ? `; ${plural(explained, "known difference")}` : "";
  if (unexplained === 0) return `agrees: ${counts}${known}`;
  return `disagrees in ${plural(unexplained, "point")}; the same: ${counts}${known}`;
}
