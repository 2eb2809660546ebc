/**
 * Checks how the tensors of one file lie in its data: sizes, holes, overlaps, both ends.
 *
 * The format wants the data fully indexed: sorted by offset, tensors begin at 0, follow one another without hole or
 * overlap, and end with the file. All offsets and sizes in bytes.
 */

import { addFinding, type FindingList } from "../findings.ts";
import { grouped, quoted } from "../words.ts";
import { dtypeBits } from "./dtypes.ts";
import { isExactShape, overflowsU64, packedBytes } from "./sizes.ts";
import type { SafetensorsTensor } from "./types.ts";

export interface LayoutInput {
  /** Tensors in header order. A negative size means reversed offsets; it is replaced by 0. */
  readonly tensors: SafetensorsTensor[];
  /** Absolute offset of the data. */
  readonly dataStart: number;
  readonly fileBytes: number;
  /** False when entries are missing: then holes are no fault of the file. */
  readonly complete: boolean;
  readonly findings: FindingList;
}

export function checkLayout(input: LayoutInput): void {
  const { tensors, findings } = input;
  const { dataStart } = input;
  let unaligned = 0;
  let firstUnaligned: SafetensorsTensor | undefined;
  for (let i = 0; i < tensors.length; i++) {
    const tensor = checkTensor(tensors[i] as SafetensorsTensor, dataStart, findings);
    tensors[i] = tensor;
    const step = (dtypeBits(tensor.type) ?? 8) / 8;
    if (step > 1 && tensor.offset % step !== 0) {
      unaligned++;
      firstUnaligned ??= tensor;
    }
  }
  if (firstUnaligned) {
    const { name, type, offset } = firstUnaligned;
    const where = `${quoted(name)} (${type} at byte ${offset})`;
    const of = `${grouped(unaligned)} of ${grouped(tensors.length)} tensor${tensors.length === 1 ? "" : "s"}`;
    addFinding(findings, {
      rule: "safetensors/misaligned",
      severity: "note",
      message:
        unaligned === 1
          ? `${of} doesn't begin at a multiple of its element size: ${where}`
          : `${of} don't begin at a multiple of their element size, the first is ${where}`,
      why: "the format allows it, but they can't be used in place from a mapped file",
      fix: "write the file again with a writer that pads the header to 8 bytes and sorts by element size",
      tensor: name,
      offset,
    });
  }
  checkCoverage(input);
}

/** Checks one tensor by itself; the answer is the tensor, with a size that can be used. */
function checkTensor(tensor: SafetensorsTensor, dataStart: number, findings: FindingList): SafetensorsTensor {
  const { name, type: dtype, shape, elements, sizeBytes, headerOffset } = tensor;
  const report = (rule: string, severity: "error" | "warning" | "note", message: string, why: string): void =>
    addFinding(findings, {
      rule: `safetensors/${rule}`,
      severity,
      message,
      why,
      tensor: name,
      offset: headerOffset,
    });
  if (name === "__proto__") {
    const why = "readers written in JavaScript can lose such a tensor without a word";
    report("proto-name", "note", 'a tensor is named "__proto__"', why);
  }
  if (name === "") report("empty-name", "note", "a tensor has an empty name", "tools may not be able to name it");
  const begin = tensor.offset - dataStart;
  if (sizeBytes < 0) {
    const message = `tensor ${quoted(name)} has reversed data_offsets [${begin}, ${begin + sizeBytes}]; its size is taken as 0`;
    report("reversed-offsets", "error", message, "it has no data; the reference reader refuses the file");
    return { ...tensor, sizeBytes: 0 };
  }
  const bits = dtypeBits(dtype);
  if (bits === undefined) {
    const message = `tensor ${quoted(name)} has the dtype ${quoted(dtype)}, which the format doesn't know; its ${grouped(sizeBytes)} bytes are taken from its offsets`;
    report("unknown-dtype", "error", message, "the reference reader refuses the file");
  }
  if (!isExactShape(shape)) {
    const refused = overflowsU64(shape, bits ?? 8);
    const dims = shape.length > 8 ? `${shape.slice(0, 8).join(", ")}, …` : shape.join(", ");
    // `elements` is 0 as well when a dimension is 0 and another is huge: there it is exact.
    const empty = shape.includes(0);
    report(
      "size-overflow",
      refused || !empty ? "error" : "warning",
      `tensor ${quoted(name)} has the shape [${dims}], ${empty ? "with a dimension or a partial product" : "a product"} above 2^53; it counts as 0 elements`,
      refused ? "the reference reader refuses the file" : "readers that count in doubles go wrong",
    );
    if (!empty) return tensor;
  }
  if (bits === undefined) return tensor;
  const expected = packedBytes(elements, bits);
  if (expected === undefined) {
    const message = `tensor ${quoted(name)} has ${grouped(elements)} elements of ${bits} bits, which don't end at a byte`;
    report("sub-byte-size", "error", message, "the reference reader refuses the file");
  } else if (expected !== sizeBytes) {
    const message = `tensor ${quoted(name)}: ${dtype} [${shape.slice(0, 8).join(", ")}] takes ${grouped(expected)} bytes, its data_offsets span ${grouped(sizeBytes)}`;
    report("size-mismatch", "error", message, "a reader that trusts either reads wrong data; the reference refuses it");
  }
  return tensor;
}

/** Walks the tensors by offset: holes, overlaps, and whether the last one ends with the file. */
function checkCoverage({ tensors, dataStart, fileBytes, complete, findings }: LayoutInput): void {
  const dataEnd = Math.max(fileBytes, dataStart);
  let running = dataStart;
  let last: SafetensorsTensor | undefined;
  let cut = 0;
  let firstCut: SafetensorsTensor | undefined;
  for (const tensor of byOffset(tensors)) {
    const { name, offset, sizeBytes, headerOffset } = tensor;
    if (offset > running && complete) {
      addFinding(findings, {
        rule: "safetensors/hole",
        severity: "error",
        message: `${grouped(offset - running)} bytes of data before tensor ${quoted(name)} belong to no tensor (from byte ${running} to ${offset})`,
        why: "a hole can hide anything; the reference reader refuses the file",
        tensor: name,
        offset: running,
      });
    } else if (offset < running) {
      addFinding(findings, {
        rule: "safetensors/overlap",
        severity: "error",
        message: `tensor ${quoted(name)} begins at byte ${offset}, before the end of ${quoted(last?.name ?? "")} at byte ${running}`,
        why: "two tensors share bytes; the reference reader refuses the file",
        tensor: name,
        offset: headerOffset,
      });
    }
    if (offset + sizeBytes > dataEnd) {
      cut++;
      firstCut ??= tensor;
    }
    if (offset + sizeBytes >= running) {
      running = offset + sizeBytes;
      last = tensor;
    }
  }
  if (firstCut) {
    addFinding(findings, {
      rule: "safetensors/truncated-data",
      severity: "error",
      message: `the file ends at byte ${fileBytes}, ${grouped(running - fileBytes)} bytes before the data does; ${grouped(cut)} of ${grouped(tensors.length)} tensors are cut or missing, the first is ${quoted(firstCut.name)}`,
      why: "the file is incomplete, most likely a download or a copy that stopped",
      fix: "fetch the file again",
      tensor: firstCut.name,
      offset: fileBytes,
    });
  } else if (running < dataEnd && complete) {
    addFinding(findings, {
      rule: "safetensors/trailing-data",
      severity: "error",
      message: `${grouped(dataEnd - running)} bytes follow the last tensor, which ends at byte ${running}`,
      why: "bytes that belong to no tensor can hide anything; the reference reader refuses the file",
      fix: "write the file again",
      offset: running,
    });
  }
}

/** Tensors sorted by begin, then end; the array itself when it is sorted already, as nearly every writer leaves it. */
function byOffset(tensors: readonly SafetensorsTensor[]): readonly SafetensorsTensor[] {
  const order = (a: SafetensorsTensor, b: SafetensorsTensor): number =>
    a.offset - b.offset || a.sizeBytes - b.sizeBytes;
  for (let i = 1; i < tensors.length; i++) {
    if (order(tensors[i - 1] as SafetensorsTensor, tensors[i] as SafetensorsTensor) > 0) return tensors.toSorted(order);
  }
  return tensors;
}
