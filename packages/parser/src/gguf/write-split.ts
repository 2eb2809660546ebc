/**
 * Split sets: one checkpoint over several GGUF files, as llama.cpp's gguf-split lays them out.
 *
 * Part 1 carries all metadata and the three split keys, the others the split keys alone. `split.no` counts from 0,
 * file names from 1.
 */
import type { GgufInput, GgufWriteTensor } from "./write.ts";
import type { GgufWriteEntry } from "./write-values.ts";

/** `split.no` and `split.count` are u16. */
const MAX_PARTS = 0xffff;

export type GgufSplit =
  /** As many tensors in each part, in file order (gguf-split's default is 128). */
  | { readonly tensorsPerPart: number }
  /** The part, from 0, of the tensor at an index. Parts without tensors stay, as gguf-split's empty first one. */
  | { readonly partOf: (tensor: number) => number };

/**
 * The inputs of all parts, in order; each goes to `writeGguf`, under a name made by `splitFileName`.
 * Parts but the first are aligned to the default 32 bytes, since only the first can say otherwise.
 * @throws {RangeError} when a part is no number from 0 to 65,534
 */
export function splitGguf(input: GgufInput, split: GgufSplit): GgufInput[] {
  const partOf = "partOf" in split ? split.partOf : (i: number) => Math.floor(i / split.tensorsPerPart);
  const parts: GgufWriteTensor[][] = [[]];
  for (const [i, tensor] of input.tensors.entries()) {
    const part = partOf(i);
    if (!Number.isInteger(part) || part < 0 || part >= MAX_PARTS) {
      throw new RangeError(`tensor "${tensor.name}": ${part} is not a part from 0 to ${MAX_PARTS - 1}`);
    }
    while (parts.length <= part) parts.push([]);
    (parts[part] as GgufWriteTensor[]).push(tensor);
  }
  const { version, byteOrder } = input;
  const own = input.metadata.filter(({ key }) => !key.startsWith("split."));
  return parts.map((tensors, no) => {
    const keys: GgufWriteEntry[] = [
      { key: "split.no", type: "u16", value: no },
      { key: "split.tensors.count", type: "i32", value: input.tensors.length },
      { key: "split.count", type: "u16", value: parts.length },
    ];
    if (no === 0) return { ...input, metadata: [...own, ...keys], tensors };
    return { ...(version && { version }), ...(byteOrder && { byteOrder }), metadata: keys, tensors };
  });
}
