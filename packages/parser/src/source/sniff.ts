/**
 * Names what a file is from its leading bytes, so that both readers say the same of what was opened in place of a checkpoint.
 * Works on however few bytes there are.
 */
import { CheckpointError } from "../errors.ts";

type ForeignKind =
  | "empty"
  | "zeros"
  | "git-lfs-pointer"
  | "html"
  | "xml"
  | "json"
  | "text"
  | "gguf-reversed"
  | "legacy-ggml"
  | "pytorch-zip"
  | "dduf"
  | "zip"
  | "pickle"
  | "compressed"
  | "archive"
  | "document"
  | "image"
  | "program"
  | "hdf5"
  | "numpy"
  | "onnx"
  | "tflite"
  | "parquet";

export interface Sniffed {
  readonly kind: "gguf" | "safetensors" | "unknown" | ForeignKind;
  /** What it is, to follow "is": `a zip archive`. */
  readonly what: string;
  /** What to do, as a clause: `run "git lfs pull"`. */
  readonly next: string;
}

/** Leading bytes that are enough for every test below. */
export const SNIFF_BYTES = 4096;

interface Signature {
  readonly kind: ForeignKind;
  readonly magic: readonly number[];
  readonly at?: number;
  readonly what: string;
  readonly next: string;
}

const ascii = (text: string): number[] => [...text].map((char) => char.charCodeAt(0));

const CONVERT = "convert it to safetensors or GGUF with the tools of its framework";
const LEGACY = "convert it to GGUF with an older llama.cpp, or fetch a GGUF of the model";
const UNPACK = "unpack it first";
const PICKLE = "it can run code when it is loaded; fetch the safetensors version, or convert it in a sandbox";
const WRONG = "check that this is the file you meant";

// Written as a u32 in the writer's byte order, so the file has the letters forwards or, on most machines, backwards.
const LEGACY_WORDS = [
  { word: "ggml", what: "a GGML file from before GGUF (ggml, unversioned)" },
  { word: "ggmf", what: "a GGML file from before GGUF (ggmf)" },
  { word: "ggjt", what: "a GGML file from before GGUF (ggjt)" },
  { word: "ggla", what: "a GGML LoRA adapter from before GGUF (ggla)" },
];

// Magic numbers as they stand on disk. Sources: the formats' own specifications; ggml's historic loaders.
const SIGNATURES = [
  {
    kind: "gguf-reversed",
    magic: ascii("FUGG"),
    what: "a GGUF file with its magic reversed (FUGG)",
    next: "write it again with a current converter",
  },
  ...LEGACY_WORDS.flatMap(({ word, what }) =>
    [word, [...word].reverse().join("")].map((magic) => ({
      kind: "legacy-ggml" as const,
      magic: ascii(magic),
      what,
      next: LEGACY,
    })),
  ),
  { kind: "zip", magic: [0x50, 0x4b, 0x03, 0x04], what: "a zip archive", next: UNPACK },
  { kind: "zip", magic: [0x50, 0x4b, 0x05, 0x06], what: "an empty zip archive", next: WRONG },
  { kind: "compressed", magic: [0x1f, 0x8b], what: "gzip-compressed", next: "decompress it with gunzip first" },
  {
    kind: "compressed",
    magic: [0x28, 0xb5, 0x2f, 0xfd],
    what: "zstd-compressed",
    next: "decompress it with unzstd first",
  },
  {
    kind: "compressed",
    magic: [0xfd, ...ascii("7zXZ"), 0x00],
    what: "xz-compressed",
    next: "decompress it with unxz first",
  },
  { kind: "compressed", magic: ascii("BZh"), what: "bzip2-compressed", next: "decompress it with bunzip2 first" },
  {
    kind: "compressed",
    magic: [0x04, 0x22, 0x4d, 0x18],
    what: "lz4-compressed",
    next: "decompress it with unlz4 first",
  },
  { kind: "archive", magic: [...ascii("7z"), 0xbc, 0xaf, 0x27, 0x1c], what: "a 7z archive", next: UNPACK },
  { kind: "archive", magic: ascii("Rar!"), what: "a RAR archive", next: UNPACK },
  { kind: "archive", magic: ascii("ustar"), at: 257, what: "a tar archive", next: UNPACK },
  { kind: "document", magic: ascii("%PDF"), what: "a PDF document", next: WRONG },
  { kind: "image", magic: [0x89, ...ascii("PNG")], what: "a PNG image", next: WRONG },
  { kind: "image", magic: [0xff, 0xd8, 0xff], what: "a JPEG image", next: WRONG },
  { kind: "program", magic: [0x7f, ...ascii("ELF")], what: "a program or library (ELF)", next: WRONG },
  { kind: "program", magic: [0xcf, 0xfa, 0xed, 0xfe], what: "a program or library (Mach-O)", next: WRONG },
  { kind: "program", magic: [...ascii("MZ"), 0x90, 0x00], what: "a Windows program", next: WRONG },
  {
    kind: "hdf5",
    magic: [0x89, ...ascii("HDF\r\n"), 0x1a, 0x0a],
    what: "an HDF5 file (Keras weights?)",
    next: CONVERT,
  },
  { kind: "numpy", magic: [0x93, ...ascii("NUMPY")], what: "a NumPy array (.npy)", next: CONVERT },
  { kind: "tflite", magic: ascii("TFL3"), at: 4, what: "a TensorFlow Lite model", next: CONVERT },
  { kind: "parquet", magic: ascii("PAR1"), what: "a Parquet table", next: WRONG },
] as const satisfies readonly Signature[];

/**
 * Says what a file is. `fileName` decides only where the bytes don't: a `.dduf` is a zip, a `.onnx` has no magic, and
 * unknown bytes in a `.safetensors` are for that reader to complain of. Else `safetensors` means a plausible header
 * length with a `{` after it.
 */
export function sniff(firstBytes: Uint8Array, fileName: string): Sniffed {
  const bytes = firstBytes.subarray(0, SNIFF_BYTES);
  const magic = ascii("GGUF");
  // A file of one to three bytes may be the beginning of the magic: a download that stopped at once.
  if (startsWith(bytes, magic.slice(0, Math.max(1, bytes.length)))) return GGUF;
  if (looksLikeSafetensors(bytes)) return SAFETENSORS;
  if (bytes.length === 0) return foreign("empty", "empty (0 bytes)", "fetch or write it again");
  const extension = fileName.toLowerCase().replace(/^.*\./s, "");
  const signature = SIGNATURES.find((row) => startsWith(bytes, row.magic, "at" in row ? row.at : 0));
  if (signature?.kind === "zip") return zipKind(bytes, extension) ?? signed(signature);
  if (signature) return signed(signature);
  if (bytes[0] === 0x80 && (bytes[1] ?? 0) >= 2 && (bytes[1] ?? 0) <= 5) {
    return foreign("pickle", `a Python pickle (protocol ${bytes[1]}), as older PyTorch files are`, PICKLE);
  }
  // ModelProto field 1 (ir_version), a varint, comes first; field 2 (producer_name) or 7 (graph) nearly always follows.
  if (bytes[0] === 0x08 && (bytes[1] ?? 99) <= 20 && (extension === "onnx" || bytes[2] === 0x12 || bytes[2] === 0x3a)) {
    return foreign("onnx", "probably an ONNX model", CONVERT);
  }
  if (bytes.every((byte) => byte === 0)) {
    return foreign(
      "zeros",
      bytes.length === firstBytes.length ? "all zeros" : "zeros at its beginning",
      "a download that reserved its space and stopped looks so; fetch it again",
    );
  }
  return textKind(bytes, extension) ?? (extension === "safetensors" ? SAFETENSORS : unknown(bytes, fileName));
}

/** One line for a file that its reader can't read, as an error of code `bad-magic`. */
export function describeForeign(sniffed: Sniffed, fileName: string): CheckpointError {
  const { what, next } = sniffed;
  const readable = sniffed.kind === "gguf" || sniffed.kind === "safetensors";
  const message = readable
    ? `this is ${what} by its first bytes, another than was expected here: give it the ending .${sniffed.kind}`
    : `this is ${what}, not a checkpoint that can be read${next && `: ${next}`}`;
  return new CheckpointError("bad-magic", message, { file: fileName, offset: 0 });
}

const GGUF: Sniffed = { kind: "gguf", what: "a GGUF file", next: "" };
const SAFETENSORS: Sniffed = { kind: "safetensors", what: "a safetensors file", next: "" };

/** A raw piece of a file that was cut in pieces: `model.gguf.part1of2`, `model.gguf-split-a`, `model.gguf.001`. */
const PIECE = /\.part-?\d+-?of-?\d+$|[.-]split-?[a-z]{1,2}$|\.gguf\.\d{2,3}$/i;

/** Whether a name says that its file is a raw piece of a larger one: only the first such piece has a header. */
export function isPieceName(fileName: string): boolean {
  return PIECE.test(fileName);
}

function unknown(bytes: Uint8Array, fileName: string): Sniffed {
  const hex = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const what = `of an unknown kind (it begins with the bytes ${hex})`;
  const next = isPieceName(fileName)
    ? "its name says that it is a piece of a cut file: join the pieces in their order with cat"
    : WRONG;
  return { kind: "unknown", what, next };
}

function foreign(kind: ForeignKind, what: string, next: string): Sniffed {
  return { kind, what, next };
}

function signed({ kind, what, next }: Signature): Sniffed {
  return foreign(kind, what, next);
}

function startsWith(bytes: Uint8Array, magic: readonly number[], at = 0): boolean {
  return bytes.length >= at + magic.length && magic.every((byte, i) => bytes[at + i] === byte);
}

const isBlank = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;

/** A length below 4 GiB that is not 0, then `{`, after whitespace at most. */
function looksLikeSafetensors(bytes: Uint8Array): boolean {
  if (bytes.length < 9) return false;
  if (bytes[4] || bytes[5] || bytes[6] || bytes[7]) return false;
  if (!(bytes[0] || bytes[1] || bytes[2] || bytes[3])) return false;
  let i = startsWith(bytes, [0xef, 0xbb, 0xbf], 8) ? 11 : 8;
  while (isBlank(bytes[i])) i++;
  return i === bytes.length ? isBlank(bytes[i - 1]) : bytes[i] === 0x7b;
}

function zipKind(bytes: Uint8Array, extension: string): Sniffed | undefined {
  if (extension === "dduf") {
    return foreign("dduf", "a DDUF file (a zip of safetensors files)", "unpack it and open the files in it");
  }
  const text = latin1(bytes);
  if (extension === "npz" || /^.{26,60}\.npy/s.test(text))
    return foreign("zip", "a zip of NumPy arrays (.npz)", CONVERT);
  if (/^.{26,300}\/(data\.pkl|byteorder|version)/s.test(text) || /^(pt|pth|bin|ckpt)$/.test(extension)) {
    return foreign("pytorch-zip", "a PyTorch file (a zip with a pickle in it)", PICKLE);
  }
  return undefined;
}

/** How servers say that there is no such file, or that it is not for this user. */
const SERVER_ANSWER = /^\{\s*"(?:error|errors|error_code|message|detail|statuscode|status)"\s*:/;
const BESIDE = "open the weights beside it";

function textKind(bytes: Uint8Array, extension: string): Sniffed | undefined {
  const text = latin1(bytes.subarray(0, 1024)).replace(/^\u00ef\u00bb\u00bf/, "");
  const start = text.trimStart().toLowerCase();
  if (start.startsWith("version https://git-lfs.github.com/spec/") || start.startsWith("version https://hawser.")) {
    const oid = /^oid sha256:([0-9a-f]{64})$/m.exec(text)?.[1];
    const size = /^size (\d{1,16})$/m.exec(text)?.[1];
    const details = [...(size ? [`${size} bytes`] : []), ...(oid ? [`sha256 ${oid}`] : [])].join(", ");
    const what = `a Git LFS pointer${details && ` to the real file (${details})`}`;
    return foreign("git-lfs-pointer", what, 'run "git lfs pull" in the folder, or download the file itself');
  }
  if (/^<(!doctype html|html|head|body)/.test(start)) {
    return foreign("html", "an HTML page", "the download got a web page, perhaps an error or a login; fetch it again");
  }
  if (/^<(\?xml|error)/.test(start)) {
    return foreign("xml", "an XML document", "the download got a server's answer, perhaps an error; fetch it again");
  }
  // Control characters beyond tab, line ends and form feed mean that it is no text.
  if (start === "" || /[\0-\x08\x0b\x0e-\x1f\x7f]/.test(text)) return undefined;
  if (/^(\{\s*("|\}|$)|\[\s*["[{\]\d-])/.test(start)) {
    if (text.includes('"weight_map"')) {
      const next = "name it *.safetensors.index.json to open the set";
      return foreign("json", "the JSON index of a sharded checkpoint", next);
    }
    const isAnswer = SERVER_ANSWER.test(start) || extension === "safetensors" || extension === "gguf";
    const next = isAnswer ? "the download got a server's answer, perhaps an error; fetch it again" : BESIDE;
    return foreign("json", "a JSON file", next);
  }
  if (/[\x80-\xff]/.test(text)) return undefined;
  // Its words are not quoted: an index may have led to any file of the machine.
  return foreign("text", "plain text", "perhaps a server's error; fetch it again");
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
