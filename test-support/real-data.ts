/**
 * The one place that knows where ../shared/data is. Real files of others, never copied into the repository:
 * tests on them are skipped (and counted) where the folder is absent.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { describe } from "vitest";

/** `WITHOUT_REAL_DATA=1` is as if the folder weren't there. */
const FOLDER = process.env.WITHOUT_REAL_DATA ? "no-shared" : "shared";
const SHARED = fileURLToPath(new URL(`../../${FOLDER}/`, import.meta.url));

export const hasRealData = existsSync(join(SHARED, "data"));

/** Path of a file or folder under shared/data. */
export function realData(...segments: string[]): string {
  return join(SHARED, "data", ...segments);
}

/** Path of a table under shared/reference. */
export function reference(...segments: string[]): string {
  return join(SHARED, "reference", ...segments);
}

/** A `describe` that runs only where shared/data is; its tests carry `[real]`, by which the closing lines count them. */
export function describeReal(name: string, body: () => void): void {
  describe.skipIf(!hasRealData)(`[real] ${name}`, body);
}

/** Names in a folder under shared/data; empty where the folder is absent, so that `it.each` can be built anyway. */
export function listReal(...segments: string[]): string[] {
  return hasRealData ? readdirSync(realData(...segments)).sort() : [];
}

export function readRealJson<T>(...segments: string[]): T {
  // Python writes infinities as bare words; a number too large for a double reads as one.
  const text = readFileSync(realData(...segments), "utf8").replace(/(?<=[[,:]\s*)(-?)Infinity(?=[\],}\s])/g, "$11e999");
  return JSON.parse(text) as T;
}

/** Rows of a reference TSV as objects keyed by the header line; none where the folder is absent, as tests are collected there too. */
export function readReferenceTsv(name: string): Record<string, string>[] {
  if (!hasRealData) return [];
  const [head, ...rows] = readFileSync(reference(name), "utf8").trimEnd().split("\n");
  const columns = (head ?? "").split("\t");
  return rows.map((row) => {
    const cells = row.split("\t");
    return Object.fromEntries(columns.map((column, i) => [column, cells[i] ?? ""]));
  });
}

interface HeadRow {
  readonly head?: string;
  readonly file?: string;
  readonly full_bytes?: number;
  readonly size?: number;
}

/**
 * Turns the `*.head` and `*.head.gz` files of a folder into full-size sparse checkpoints in a temporary folder:
 * the real header, then zeros. Only files whose name passes `keep` are made.
 * @returns the folder and a function that removes it
 */
export function expandHeads(
  folder: string,
  keep: (name: string) => boolean = () => true,
): { dir: string; remove(): void } {
  const from = realData(folder);
  const list = ["HEADS.json", "SHARDS.json"].map((name) => join(from, name)).find((path) => existsSync(path));
  if (!list) throw new Error(`${folder} holds neither HEADS.json nor SHARDS.json`);
  const sizes = new Map(
    (JSON.parse(readFileSync(list, "utf8")) as HeadRow[]).map((row) => [
      basename(row.head ?? `${row.file}.head`),
      row.full_bytes ?? row.size ?? 0,
    ]),
  );
  const dir = mkdtempSync(join(tmpdir(), "checkpoint-inspect-"));
  mkdirSync(dir, { recursive: true });
  for (const name of readdirSync(from)) {
    const head = name.replace(/\.gz$/, "");
    if (head.endsWith(".head")) {
      const target = head.slice(0, -".head".length);
      if (!keep(target)) continue;
      const bytes = readFileSync(join(from, name));
      writeFileSync(join(dir, target), name === head ? bytes : gunzipSync(bytes));
      truncateSync(join(dir, target), sizes.get(head) ?? 0);
    } else if (name.endsWith(".json") && join(from, name) !== list) {
      copyFileSync(join(from, name), join(dir, name));
    }
  }
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}
