/**
 * Reads what lies in the folder with the weights, for the audit: which files, what those are that may be weights or archives,
 * small JSON files, chat templates. Everything is bounded, and a file that can't be read is named and left out.
 */
import pLimit from "p-limit";

import { CheckpointError } from "../errors.ts";
import { INDEX_NAME } from "../safetensors/index-json.ts";
import type { FileEntry, FileSet, ReadOptions } from "../source/byte-source.ts";
import { SNIFF_BYTES, sniff } from "../source/sniff.ts";
import { grouped } from "../words.ts";
import type { Beside, BesideFile, BesideText, Checkpoint, JsonObject, JsonValue } from "./checkpoint.ts";
import { faultOfFile } from "./set-options.ts";

/** Repos have dozens of files, the largest sets some hundred. */
const MAX_FILES = 10_000;
/** Files whose first bytes are read; each costs an opening. */
const MAX_SNIFFED = 1_000;
/** Open files at a time, as many as shards. */
const AT_ONCE = 8;
/** A tokenizer_config.json with thousands of added tokens has 1 MB; the longest chat templates have 60 kB. */
const MAX_JSON_BYTES = 8 * 1024 * 1024;
/** All small files of a folder together. */
const MAX_ALL_BYTES = 32 * 1024 * 1024;
/** tokenizer.json of vocabularies of 262,144 words reaches 35 MB, and parsing takes a second for 100 MB. */
const MAX_TOKENIZER_BYTES = 40 * 1024 * 1024;
/** Of a remote folder: fetching it would cost more than everything else that is read of the model. */
const MAX_REMOTE_TOKENIZER_BYTES = 1024 * 1024;
/** Templates in additional_chat_templates/. */
const MAX_TEMPLATES = 50;

/** JSON files whose settings rules look at. */
const SETTINGS: ReadonlySet<string> = new Set([
  ...["tokenizer_config.json", "generation_config.json", "special_tokens_map.json", "added_tokens.json"],
  ...[
    "preprocessor_config.json",
    "processor_config.json",
    "chat_template.json",
    "modules.json",
    "quantize_config.json",
  ],
]);
/** A folder that was made for one model has one of these. */
const REPO_FILES = /^(?:config|tokenizer_config|adapter_config|model_index|modules)\.json$/;
/** Endings of weights and archives, and of what stands in their place. */
const WEIGHTS =
  /\.(?:bin|pt|pth|pt2|ckpt|pkl|pickle|dill|joblib|npy|npz|nemo|mar|h5|hdf5|keras|pb|zip|msgpack|onnx|tflite|safetensors|gguf|ggml|dduf|tar|tgz|gz|xz|zst|bz2|7z|rar|llamafile|distcp)$/i;
/** Small files of a tokenizer, which Git LFS keeps, too. */
const TOKENIZER_FILES = /^(?:.*\.(?:model|tiktoken|spm)|tokenizer\.json|vocab\.json)$/;
const POINTER_BYTES = 1024;

/**
 * What lies with a checkpoint. Of a lone file in a folder of anything (downloads, a collection of models) that is the file alone.
 * @param folder the folder itself was asked for, not a file in it
 */
export async function readBeside(
  files: FileSet,
  checkpoint: Checkpoint,
  folder: boolean,
  options: ReadOptions = {},
): Promise<Beside> {
  const all = await files.list();
  if (!folder && !belongsTogether(checkpoint, all)) {
    const own = new Set(checkpoint.parts.map(({ name }) => name));
    const entries = all.filter(({ name }) => own.has(name));
    return { files: entries, json: new Map(), templates: [], unreadable: [] };
  }
  const reader = smallFiles(files, options);
  const json = new Map<string, JsonObject>();
  for (const { name } of all.filter((entry) => SETTINGS.has(entry.name))) {
    const value = await reader.json(name, MAX_JSON_BYTES);
    if (isObject(value)) json.set(name, value);
    else if (value !== undefined) reader.refuse(name, "it is not a JSON object");
  }
  const templates = [...templatesIn(json), ...(await jinjaFiles(files, all, reader))];
  const mostTokenizer = files.remote ? MAX_REMOTE_TOKENIZER_BYTES : MAX_TOKENIZER_BYTES;
  const tokenizer = all.some(({ name, sizeBytes }) => name === "tokenizer.json" && sizeBytes <= mostTokenizer)
    ? await reader.json("tokenizer.json", MAX_TOKENIZER_BYTES)
    : undefined;
  const tokenizerVocabulary = vocabularyOf(tokenizer);
  return {
    // Of remote files, first bytes cost a request each: their names have to do.
    files: files.remote
      ? all.slice(0, MAX_FILES)
      : await sniffed(files, all.slice(0, MAX_FILES), checkpoint, reader.refuse, options),
    ...(all.length > MAX_FILES && { fileCount: all.length }),
    json,
    templates,
    ...(tokenizerVocabulary !== undefined && { tokenizerVocabulary }),
    unreadable: reader.unreadable,
  };
}

/** Whether the folder of a file is the file's own: a set, or weights with the configuration that was made for them. */
function belongsTogether({ format, shards }: Checkpoint, all: readonly FileEntry[]): boolean {
  if (format !== "safetensors") return false;
  return shards !== undefined || all.some(({ name }) => REPO_FILES.test(name) || INDEX_NAME.test(name));
}

interface SmallFiles {
  readonly unreadable: { readonly name: string; readonly why: string }[];
  refuse(name: string, why: string): void;
  text(name: string, limit: number, set?: FileSet, called?: string): Promise<string | undefined>;
  json(name: string, limit: number): Promise<JsonValue | undefined>;
}

/** Reads small files whole, within a limit for each and one for all; what can't be read is put on a list. */
function smallFiles(files: FileSet, options: ReadOptions): SmallFiles {
  const unreadable: { name: string; why: string }[] = [];
  let left = MAX_ALL_BYTES;
  const refuse = (name: string, why: string): void => {
    unreadable.push({ name, why });
  };
  async function text(name: string, limit: number, set = files, called = name): Promise<string | undefined> {
    try {
      const source = await set.open(name);
      try {
        const { sizeBytes } = source;
        // The tokenizer has a limit of its own.
        const most = limit === MAX_TOKENIZER_BYTES ? limit : Math.min(limit, left);
        if (sizeBytes > most) {
          if (limit !== MAX_TOKENIZER_BYTES)
            refuse(called, `it has ${grouped(sizeBytes)} bytes, above the limit of ${grouped(most)}`);
          return undefined;
        }
        if (limit !== MAX_TOKENIZER_BYTES) left -= sizeBytes;
        const bytes = await source.read(0, sizeBytes, options);
        const { kind, what } = sniff(bytes, name);
        if (kind === "git-lfs-pointer" || kind === "html" || kind === "zeros" || kind === "empty") {
          refuse(called, `it is ${what}`);
          return undefined;
        }
        return new TextDecoder().decode(bytes);
      } finally {
        await source.close();
      }
    } catch (error) {
      refuse(called, faultOfFile(error, options).message);
      return undefined;
    }
  }
  return {
    unreadable,
    refuse,
    text,
    async json(name, limit) {
      const read = await text(name, limit);
      if (read === undefined) return undefined;
      try {
        return JSON.parse(read) as JsonValue;
      } catch {
        // The parser's own words quote the file.
        refuse(name, "it is not valid JSON");
        return undefined;
      }
    },
  };
}

/** Chat templates in the settings: a text, or a list of named ones. */
function* templatesIn(json: ReadonlyMap<string, JsonObject>): Generator<BesideText> {
  for (const [file, settings] of json) {
    const template = settings.chat_template;
    if (typeof template === "string") yield { from: `${file} chat_template`, text: template };
    if (!Array.isArray(template)) continue;
    for (const row of template.slice(0, MAX_TEMPLATES)) {
      if (isObject(row) && typeof row.template === "string") {
        yield {
          from: `${file} chat_template ${typeof row.name === "string" ? row.name : ""}`.trim(),
          text: row.template,
        };
      }
    }
  }
}

const ADDITIONAL = "additional_chat_templates";

async function jinjaFiles(files: FileSet, all: readonly FileEntry[], reader: SmallFiles): Promise<BesideText[]> {
  const found: BesideText[] = [];
  const read = async (set: FileSet, name: string, called: string): Promise<void> => {
    const text = await reader.text(name, MAX_JSON_BYTES, set, called);
    if (text !== undefined) found.push({ from: called, text });
  };
  const own = all.filter(({ name }) => name.endsWith(".jinja")).slice(0, MAX_TEMPLATES);
  for (const { name } of own) await read(files, name, name);
  const folder = files.folder?.(ADDITIONAL);
  if (!folder) return found;
  const more = await folder.list().catch((error: unknown) => {
    // Most have no such folder.
    if (error instanceof CheckpointError) return [];
    throw error;
  });
  const named = more.filter(({ name }) => name.endsWith(".jinja")).slice(0, MAX_TEMPLATES);
  for (const { name } of named) await read(folder, name, `${ADDITIONAL}/${name}`);
  return found;
}

/** Highest id of the vocabulary and the added tokens, + 1. Vocabularies are objects (word to id), or lists of pairs. */
function vocabularyOf(tokenizer: JsonValue | undefined): number | undefined {
  if (!isObject(tokenizer) || !isObject(tokenizer.model)) return undefined;
  const { vocab } = tokenizer.model;
  let size = -1;
  if (Array.isArray(vocab)) size = vocab.length;
  else if (isObject(vocab)) for (const word in vocab) size = Math.max(size, afterId(vocab[word]));
  if (size < 0) return undefined;
  const { added_tokens: added } = tokenizer;
  if (Array.isArray(added)) for (const token of added) if (isObject(token)) size = Math.max(size, afterId(token.id));
  return size;
}

function afterId(id: JsonValue | undefined): number {
  return typeof id === "number" && Number.isSafeInteger(id) && id >= 0 ? id + 1 : 0;
}

/** Says of files that may be weights or archives what they are. The checkpoint's own parts were read already. */
async function sniffed(
  files: FileSet,
  entries: readonly FileEntry[],
  { parts }: Checkpoint,
  refuse: SmallFiles["refuse"],
  options: ReadOptions,
): Promise<BesideFile[]> {
  const own = new Set(parts.map(({ name }) => name));
  const limit = pLimit(AT_ONCE);
  // Of too many, the largest are likelier to be what they are called.
  const wanted = entries
    .filter(({ name, sizeBytes }) => WEIGHTS.test(name) || (TOKENIZER_FILES.test(name) && sizeBytes <= POINTER_BYTES))
    .filter(({ name }) => !own.has(name))
    .sort((a, b) => b.sizeBytes - a.sizeBytes);
  const looked = new Set(wanted.slice(0, MAX_SNIFFED));
  if (wanted.length > MAX_SNIFFED)
    refuse(
      wanted[MAX_SNIFFED]?.name ?? "",
      `it and ${grouped(wanted.length - MAX_SNIFFED - 1)} more were not looked at: ${grouped(MAX_SNIFFED)} larger files go before`,
    );
  const look = async (entry: FileEntry): Promise<BesideFile> => {
    options.signal?.throwIfAborted();
    try {
      const source = await files.open(entry.name);
      try {
        return { ...entry, ...describe(await source.read(0, SNIFF_BYTES, options), entry.name) };
      } finally {
        await source.close();
      }
    } catch (error) {
      if (options.signal?.aborted || !(error instanceof CheckpointError)) throw error;
      return entry;
    }
  };
  return Promise.all(entries.map((entry) => (looked.has(entry) ? limit(() => look(entry)) : entry))).finally(() =>
    limit.clearQueue(),
  );
}

function describe(bytes: Uint8Array, name: string): Pick<Required<BesideFile>, "what" | "kind"> {
  const { kind, what } = sniff(bytes, name);
  // A NumPy file of objects holds a pickle.
  if (kind === "numpy" && new TextDecoder("latin1").decode(bytes.subarray(0, 256)).includes("'|O'")) {
    return { kind: "pickle", what: "a NumPy array of Python objects (a pickle)" };
  }
  return { kind, what };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
