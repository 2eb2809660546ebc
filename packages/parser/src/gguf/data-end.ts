/**
 * The end of a GGUF file's data against the end of the file: what is cut off, what follows, and whether a second GGUF file does,
 * as when the parts of a set were joined with `cat`. Offsets and sizes in bytes.
 */
import type { FindingList } from "../findings.ts";
import { lostTensors } from "../layer-words.ts";
import { report } from "../rules/rules.ts";
import type { ByteSource, ReadOptions } from "../source/byte-source.ts";
import { isPieceName } from "../source/sniff.ts";
import { grouped, plural } from "../words.ts";
import type { TensorLayout } from "./tensor-info.ts";
import { formatU64 } from "./values.ts";

/** `GGUF`, the magic of a file. */
const MAGIC = [0x47, 0x47, 0x55, 0x46] as const;

/** Fewer bytes than the smallest file has hold no second one. */
const LEAST_FILE_BYTES = 24;

/** Gives tensors of a type without known size the room up to the next one, and makes all offsets absolute. */
export function placeTensors({ tensors, unsized = [] }: TensorLayout, fileSize: number, dataOffset: number): void {
  if (unsized.length > 0) {
    const starts = [...new Set(tensors.map((tensor) => tensor.offset))].sort((a, b) => a - b);
    const next = new Map(starts.map((start, i) => [start, starts[i + 1] ?? Math.max(start, fileSize - dataOffset)]));
    for (const tensor of unsized) tensor.sizeBytes = (next.get(tensor.offset) as number) - tensor.offset;
  }
  // Offsets are counted from the data section, whose place is known only now.
  for (const tensor of tensors) tensor.offset += dataOffset;
}

interface DataEnd {
  readonly source: ByteSource;
  readonly layout: TensorLayout;
  readonly alignment: number;
  readonly dataOffset: number;
  /** `split.count`, where the file has it. */
  readonly splitCount: number | undefined;
}

/** Compares the end of the placed tensors with the file's. Reads four bytes, and only where bytes follow the data. */
export async function checkDataEnd(input: DataEnd, findings: FindingList, options: ReadOptions): Promise<void> {
  const { layout, source, alignment, dataOffset } = input;
  const { sizeBytes: fileSize } = source;
  const { tensors } = layout;
  let end = dataOffset;
  let beyond = 0;
  for (const { offset, sizeBytes } of tensors) {
    const tensorEnd = offset + sizeBytes;
    if (tensorEnd > fileSize) beyond++;
    if (tensorEnd > end) end = tensorEnd;
  }
  if (beyond > 0) return reportCut(input, end, findings);
  const padded = dataOffset + Math.ceil((end - dataOffset) / alignment) * alignment;
  if (fileSize > padded) await reportRest(input, padded, findings, options);
  // A file that ends right after its last tensor is from a writer that doesn't pad it; one that ends a little later was cut.
  else if (tensors.length > 0 && fileSize > end && fileSize < padded) {
    report(findings, "gguf/truncated-data", {
      severity: "note",
      message: `the file ends at byte ${grouped(fileSize)}, ${plural(padded - fileSize, "byte")} before the padding after its last tensor does; no tensor is cut`,
      why: "llama.cpp loads it, but the last bytes of the file are missing, as after a download that stopped",
      offset: fileSize,
    });
  }
}

function reportCut({ layout: { tensors }, source, dataOffset }: DataEnd, end: number, findings: FindingList): void {
  const { name, sizeBytes: fileSize } = source;
  const hit = tensors.filter(({ offset, sizeBytes }) => offset + sizeBytes > fileSize).map((tensor) => tensor.name);
  const where = `the file ends at byte ${grouped(fileSize)}`;
  const missing = end - fileSize === 1 ? "1 byte" : `${formatU64(end - fileSize)} bytes`;
  const before =
    dataOffset > fileSize
      ? `${where}, before its data, which should begin at byte ${grouped(dataOffset)}: ${missing} missing`
      : `${where}, ${missing} before its tensors do`;
  report(findings, "gguf/truncated-data", {
    message: `${before}; ${lostTensors(hit, tensors.length)}`,
    ...(isPieceName(name) && {
      why: "its name says that it is a piece of a file that was cut in pieces: alone it can't be loaded",
      fix: "join the pieces in their order with cat, then open the whole file",
    }),
    tensor: hit[0] ?? "",
    offset: fileSize,
  });
}

async function reportRest(
  { source, splitCount = 1 }: DataEnd,
  from: number,
  findings: FindingList,
  options: ReadOptions,
): Promise<void> {
  const count = source.sizeBytes - from;
  const follow = `${plural(count, "byte")} after the data, which end at byte ${grouped(from)}`;
  const next = count >= LEAST_FILE_BYTES ? await source.read(from, MAGIC.length, options) : [];
  if (MAGIC.some((byte, i) => next[i] !== byte)) {
    report(findings, "gguf/trailing-data", { message: follow, offset: from });
    return;
  }
  const isPart = splitCount > 1;
  report(findings, "gguf/glued-parts", {
    severity: isPart ? "error" : "warning",
    message: `${follow}: they begin with "GGUF", so they are another file${isPart ? `; this one is a part of ${grouped(splitCount)}` : ""}`,
    offset: from,
  });
}
