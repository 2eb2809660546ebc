/**
 * Checks how the tensors of one file lie in its data: sizes, holes, overlaps, both ends.
 *
 * The format wants the data fully indexed: sorted by offset, tensors begin at 0, follow one another without hole or
 * overlap, and end with the file. All offsets and sizes in bytes.
 */

import type { FindingList } from "../findings.ts";
import { lostTensors } from "../layer-words.ts";
import type { Evidence } from "../rules/rule.ts";
import { type ReaderRule, report } from "../rules/rules.ts";
import { grouped, plural, quoted } from "../words.ts";
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
    report(findings, "safetensors/misaligned", {
      message:
        unaligned === 1
          ? `${of} doesn't begin at a multiple of its element size: ${where}`
          : `${of} don't begin at a multiple of their element size, the first is ${where}`,
      tensor: name,
      offset,
    });
  }
  checkCoverage(input);
}

/** Checks one tensor by itself; the answer is the tensor, with a size that can be used. */
function checkTensor(tensor: SafetensorsTensor, dataStart: number, findings: FindingList): SafetensorsTensor {
  const { name, type: dtype, shape, elements, sizeBytes, headerOffset } = tensor;
  const complain = (rule: ReaderRule, message: string, milder: Pick<Evidence, "severity" | "why"> = {}): void =>
    report(findings, rule, { message, ...milder, tensor: name, offset: headerOffset });
  if (name === "__proto__") complain("safetensors/proto-name", 'a tensor is named "__proto__"');
  if (name === "") complain("safetensors/empty-name", "a tensor has an empty name");
  const begin = tensor.offset - dataStart;
  if (sizeBytes < 0) {
    const message = `tensor ${quoted(name)} has reversed data_offsets [${begin}, ${begin + sizeBytes}]; its size is taken as 0`;
    complain("safetensors/reversed-offsets", message);
    return { ...tensor, sizeBytes: 0 };
  }
  const bits = dtypeBits(dtype);
  if (bits === undefined) {
    const message = `tensor ${quoted(name)} has the dtype ${quoted(dtype)}, which the format doesn't know; its ${grouped(sizeBytes)} bytes are taken from its offsets`;
    complain("safetensors/unknown-dtype", message);
  }
  if (!isExactShape(shape)) {
    const refused = overflowsU64(shape, bits ?? 8);
    const dims = shape.length > 8 ? `${shape.slice(0, 8).join(", ")}, …` : shape.join(", ");
    // `elements` is 0 as well when a dimension is 0 and another is huge: there it is exact.
    const empty = shape.includes(0);
    complain(
      "safetensors/size-overflow",
      `tensor ${quoted(name)} has the shape [${dims}], ${empty ? "with a dimension or a partial product" : "a product"} above 2^53; it counts as 0 elements`,
      {
        ...(!refused && empty && { severity: "warning" }),
        ...(!refused && { why: "readers that count in doubles go wrong" }),
      },
    );
    if (!empty) return tensor;
  }
  if (bits === undefined) return tensor;
  const expected = packedBytes(elements, bits);
  if (expected === undefined) {
    const message = `tensor ${quoted(name)} has ${grouped(elements)} elements of ${bits} bits, which don't end at a byte`;
    complain("safetensors/sub-byte-size", message);
  } else if (expected !== sizeBytes) {
    const message = `tensor ${quoted(name)}: ${dtype} [${shape.slice(0, 8).join(", ")}] takes ${grouped(expected)} bytes, its data_offsets span ${grouped(sizeBytes)}`;
    complain("safetensors/size-mismatch", message);
  } else if (dtype === "F4" && (shape.at(-1) ?? 0) % 2 !== 0) {
    const message = `tensor ${quoted(name)} is F4 with rows of ${grouped(shape.at(-1) ?? 0)}, an odd number`;
    complain("safetensors/odd-row", message);
  }
  return tensor;
}

/** Walks the tensors by offset: holes, overlaps, and whether the last one ends with the file. */
function checkCoverage({ tensors, dataStart, fileBytes, complete, findings }: LayoutInput): void {
  const dataEnd = Math.max(fileBytes, dataStart);
  let running = dataStart;
  let last: SafetensorsTensor | undefined;
  const cut: SafetensorsTensor[] = [];
  for (const tensor of byOffset(tensors)) {
    const { name, offset, sizeBytes, headerOffset } = tensor;
    if (offset > running && complete) {
      report(findings, "safetensors/hole", {
        message: `${plural(offset - running, "byte")} of data before tensor ${quoted(name)} belong to no tensor (from byte ${running} to ${offset})`,
        tensor: name,
        offset: running,
      });
    } else if (offset < running) {
      report(findings, "safetensors/overlap", {
        message: `tensor ${quoted(name)} begins at byte ${offset}, before the end of ${quoted(last?.name ?? "")} at byte ${running}`,
        tensor: name,
        offset: headerOffset,
      });
    }
    if (offset + sizeBytes > dataEnd) cut.push(tensor);
    if (offset + sizeBytes >= running) {
      running = offset + sizeBytes;
      last = tensor;
    }
  }
  const [first] = cut;
  if (first) {
    const names = cut.map(({ name }) => name);
    report(findings, "safetensors/truncated-data", {
      message: `the file ends at byte ${grouped(fileBytes)}, ${plural(running - fileBytes, "byte")} before the data does; ${lostTensors(names, tensors.length)}`,
      tensor: first.name,
      offset: fileBytes,
    });
  } else if (running < dataEnd && complete) {
    report(findings, "safetensors/trailing-data", {
      message: `${plural(dataEnd - running, "byte")} after the last tensor, which ends at byte ${grouped(running)}`,
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
