/** What a quantized file says of the importance matrix that it was made with. */
import { type Evidence, quoted } from "@checkpoint-inspect/parser";

import type { AuditRule } from "../rule.ts";
import type { Subject } from "../subject.ts";

/** llama.cpp refuses to make these without one (ggml_quantize_requires_imatrix). */
const NEEDS_IMATRIX: ReadonlySet<string> = new Set(["IQ1_S", "IQ2_XXS", "IQ2_XS"]);

/** Of all bytes: a few tensors in such a type are no recipe. */
const LEAST_SHARE = 0.05;

const KEYS = ["file", "dataset", "entries_count", "chunks_count"].map((name) => `quantize.imatrix.${name}`);

/** A user's own folder on Linux, macOS and Windows. */
const HOME_FOLDER = /(?:^|[:\\/])(?:home|Users)[\\/][^\\/]+[\\/]/;

export const IMATRIX_RULES: readonly AuditRule[] = [
  {
    id: "label/no-imatrix",
    severity: "note",
    means: "weights of two bits or less, and no word of an importance matrix",
    why: "these types are hardly usable without one, and llama.cpp makes none without; what it was made from can't be told",
    fix: "prefer a file that names its importance matrix",
    check: noImatrix,
  },
  {
    id: "label/imatrix-path",
    severity: "note",
    means: "the importance matrix is named by a path in somebody's own folder",
    why: "it tells readers the maker's user name, and says nothing that they could look up",
    fix: "if you made the file, set quantize.imatrix.file to a plain name",
    check: imatrixPath,
  },
];

function* noImatrix({ checkpoint, metadata, mix, complete }: Subject): Iterable<Evidence> {
  if (checkpoint.format !== "gguf" || !complete || KEYS.some((key) => metadata.has(key))) return;
  const types = mix.types.filter(({ type, share }) => NEEDS_IMATRIX.has(type) && share >= LEAST_SHARE);
  if (types.length === 0) return;
  yield {
    message: `weights are stored as ${types.map(({ type }) => type).join(", ")}, and no quantize.imatrix key is there`,
  };
}

function* imatrixPath({ checkpoint, metadata }: Subject): Iterable<Evidence> {
  if (checkpoint.format !== "gguf") return;
  for (const key of ["quantize.imatrix.file", "quantize.imatrix.dataset"]) {
    const path = metadata.get(key);
    if (typeof path === "string" && HOME_FOLDER.test(path.slice(0, 1000)))
      yield { message: `${key} is ${quoted(path)}` };
  }
}
