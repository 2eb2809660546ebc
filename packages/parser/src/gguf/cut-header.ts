/** A GGUF file that ends inside its header: how much is missing at least, and how much of what it claims could be read. */
import { CheckpointError } from "../errors.ts";
import { grouped, plural } from "../words.ts";
import { type Cursor, formatU64 } from "./values.ts";

/** Least bytes of one entry and of one tensor's record: in version 1, and since. */
const LEAST_ENTRY_BYTES = [9, 13] as const;
const LEAST_TENSOR_BYTES = [20, 24] as const;

/** Magic, version and counts. */
const HEAD_BYTES = 24;

/** A single item that claims more than this doesn't show how much is cut off: it is damaged. */
const MOST_OF_ONE_ITEM = 2 ** 33;

interface ReadSoFar {
  /** The counts have been read. */
  readonly headRead: boolean;
  readonly metadataCount: number;
  readonly tensorCount: number;
  readonly metadata: readonly unknown[];
  readonly layout: { readonly tensors: readonly { readonly sizeBytes: number }[] };
}

/** `error` with the extent of the damage, when it says that the file ends too early; any other as it is. */
export function withExtent(error: CheckpointError, cursor: Cursor, progress: ReadSoFar): CheckpointError {
  const { code, message, file, offset, missingBytes } = error;
  if (code !== "truncated" || missingBytes === undefined || missingBytes > MOST_OF_ONE_ITEM) return error;
  const told = extent(cursor, missingBytes, progress);
  return new CheckpointError(code, `${message}. ${told}; download it again`, { file, offset, missingBytes });
}

function extent({ narrow, fileSize }: Cursor, missingBytes: number, progress: ReadSoFar): string {
  const { headRead, metadata, metadataCount, layout, tensorCount } = progress;
  if (!headRead)
    return `At least ${plural(HEAD_BYTES - fileSize, "byte")} of the header are missing, and all that follows`;
  const version = narrow ? 0 : 1;
  const { tensors } = layout;
  // The item that was cut is in `missingBytes`; of those after it only the least size is known.
  const entriesAfter = Math.max(0, metadataCount - metadata.length - 1);
  const inTable = metadata.length === metadataCount ? 1 : 0;
  const tensorsAfter = Math.max(0, tensorCount - tensors.length - inTable);
  const data = tensors.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const least =
    missingBytes + entriesAfter * LEAST_ENTRY_BYTES[version] + tensorsAfter * LEAST_TENSOR_BYTES[version] + data;
  const read = `${grouped(metadata.length)} of ${plural(metadataCount, "metadata entry", "metadata entries")} and ${grouped(tensors.length)} of ${plural(tensorCount, "tensor")} could be read`;
  const lost = tensorCount > 0 ? ", the data of all tensors is missing" : "";
  return `At least ${formatU64(least)} bytes are missing: ${read}${lost}`;
}
