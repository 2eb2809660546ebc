/**
 * Reads `*.safetensors.index.json`: `{"metadata": {"total_size": n, …}, "weight_map": {tensor: shard}}`.
 *
 * Shard names come from the file, so they are checked before anything is opened: a plain relative path that ends in
 * `.safetensors`, so that an index can neither leave its folder nor point at a pickle.
 */
import type { JsonObject, JsonValue } from "../checkpoint/checkpoint.ts";
import { CheckpointError } from "../errors.ts";
import { findingList, listedFindings } from "../findings.ts";
import { asName } from "../long-names.ts";
import { report } from "../rules/rules.ts";
import { grouped, quoted } from "../words.ts";
import {
  another,
  CLOSE_BRACE,
  COLON,
  enter,
  expectByte,
  failJson,
  invalidUtf8At,
  type JsonCursor,
  jsonCursor,
  nextByte,
  nextKind,
  OPEN_BRACE,
  rawText,
  readString,
  skipValue,
} from "./json-cursor.ts";
import { MAX_INDEX_BYTES, MAX_SHARDS } from "./limits.ts";
import type { SafetensorsIndex } from "./types.ts";

export type { SafetensorsIndex } from "./types.ts";

/** Matches `model.safetensors.index.json` and variants such as `model.safetensors.index.fp16.json`. */
export const INDEX_NAME = /\.safetensors\.index(\.[^./]+)?\.json$/;

/**
 * Reads an index.
 * @throws {CheckpointError} `limit` above 250 MB or 10,000 shards; `invalid` when it is not JSON or has no weight_map
 */
export function parseIndexJson(bytes: Uint8Array, name: string): SafetensorsIndex {
  if (bytes.length > MAX_INDEX_BYTES) throw indexTooLarge(name, bytes.length);
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  const c = jsonCursor(name, bytes, start, bytes.length);
  const badUtf8 = invalidUtf8At(bytes, start, bytes.length);
  if (badUtf8 >= 0) failJson(c, "the index is not UTF-8", badUtf8);
  const findings = findingList();
  let weightMap: Map<string, string> | undefined;
  let metadata: JsonObject = {};

  const duplicate = (key: string, offset: number): void =>
    report(findings, "safetensors/duplicate-key", {
      message: `the key ${quoted(key)} stands twice in the index; the later one is used`,
      why: "readers differ in which one they take",
      offset,
    });

  if (nextKind(c) !== "object") failJson(c, "the index is not a JSON object");
  const seen = new Set<string>();
  let more = enter(c, OPEN_BRACE, CLOSE_BRACE);
  while (more) {
    nextByte(c);
    const at = c.pos;
    const key = readString(c);
    expectByte(c, COLON);
    if (seen.has(key)) duplicate(key, at);
    seen.add(key);
    if (key === "weight_map" && nextKind(c) === "object") {
      weightMap = readWeightMap(c, duplicate, (tensor, offset) =>
        report(findings, "safetensors/index-bad-entry", {
          message: `the index names no file for tensor ${quoted(tensor)}: the value is not a string`,
          tensor,
          offset,
        }),
      );
    } else {
      const value = readJsonValue(c);
      if (key === "metadata" && isObject(value)) metadata = value;
    }
    more = another(c, CLOSE_BRACE);
  }
  if (nextByte(c) >= 0) failJson(c, "bytes follow the index's JSON object");
  if (!weightMap) return failJson(c, 'the index has no "weight_map" object', 0);

  const shards: string[] = [];
  for (const shard of new Set(weightMap.values())) {
    const fault = shardNameFault(shard);
    if (fault === undefined) shards.push(shard);
    else {
      report(findings, "safetensors/unsafe-shard-name", {
        message: `the index names the file ${quoted(shard)}, which ${fault}; it is not opened`,
        ...(PICKLED.test(shard) && {
          why: "loaders that follow the index open a pickle, which can run code: a known attack",
        }),
      });
    }
    if (shards.length > MAX_SHARDS) {
      const message = `the index names more than ${grouped(MAX_SHARDS)} files, the limit`;
      throw new CheckpointError("limit", message, { file: name });
    }
  }
  const totalSize = wholeNumber(metadata.total_size);
  const totalParameters = wholeNumber(metadata.total_parameters);
  return {
    name,
    weightMap,
    shards: shards.sort(naturalOrder),
    ...(totalSize !== undefined && { totalSize }),
    ...(totalParameters !== undefined && { totalParameters }),
    metadata,
    findings: listedFindings(findings),
  };
}

export function indexTooLarge(name: string, sizeBytes: number): CheckpointError {
  const message = `the index is ${grouped(sizeBytes)} bytes, above the limit of ${grouped(MAX_INDEX_BYTES)}`;
  return new CheckpointError("limit", message, { file: name });
}

/** `shard2` before `shard10`. */
export function naturalOrder(a: string, b: string): number {
  collator ??= new Intl.Collator("en", { numeric: true });
  return collator.compare(a, b);
}

/** Made on first use: it takes 5 ms, for which a lone file needn't wait. */
let collator: Intl.Collator | undefined;

function readWeightMap(
  c: JsonCursor,
  duplicate: (key: string, offset: number) => void,
  notString: (tensor: string, offset: number) => void,
): Map<string, string> {
  const map = new Map<string, string>();
  // One string object for all tensors of a shard.
  const shards = new Map<string, string>();
  let more = enter(c, OPEN_BRACE, CLOSE_BRACE);
  while (more) {
    nextByte(c);
    const at = c.pos;
    const tensor = asName(readString(c));
    expectByte(c, COLON);
    if (nextKind(c) === "string") {
      const text = asName(readString(c));
      const shard = shards.get(text) ?? text;
      if (shard === text) shards.set(text, text);
      if (map.has(tensor)) duplicate(tensor, at);
      map.set(tensor, shard);
    } else {
      skipValue(c, 2);
      notString(tensor, at);
    }
    more = another(c, CLOSE_BRACE);
  }
  return map;
}

/** Checked by our reader first, so that `JSON.parse` sees only what is well formed and not too deep. */
function readJsonValue(c: JsonCursor): JsonValue {
  nextByte(c);
  const start = c.pos;
  skipValue(c, 1);
  return JSON.parse(rawText(c, start, c.pos)) as JsonValue;
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A count written as a number or as a string of digits. */
function wholeNumber(value: JsonValue | undefined): number | undefined {
  const number = typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

/** Endings of files that are, or may hold, a pickle. */
const PICKLED = /\.(?:bin|pt|pth|ckpt|pkl|pickle|joblib)$/i;

/** What is wrong with a shard name, to follow "which"; undefined when it may be opened. */
function shardNameFault(name: string): string | undefined {
  if (/[\0-\x1f\x7f]/.test(name)) return "holds control characters";
  if (name.includes("\\")) return "holds a backslash";
  if (name.startsWith("/")) return "is an absolute path";
  if (name.includes(":")) return "holds a colon (a drive or a URL)";
  if (name.split("/").some((part) => part === ".." || part === "." || part === "")) return "leaves its folder";
  if (!name.endsWith(".safetensors")) return "does not end in .safetensors";
  return undefined;
}
