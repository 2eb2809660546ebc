/**
 * The sha256 that a file should have, where something beside it says so: the name of the blob in a Hugging Face cache, the notes of
 * a download into a folder, or a list of checksums.
 */
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

export interface KnownHash {
  /** 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  /** Who says so: `SHA256SUMS`, `the Hugging Face cache`. */
  readonly from: string;
}

const HEX_64 = /^[0-9a-f]{64}$/;
/** Lists of checksums are short; what is longer is something else. */
const MOST_LIST_BYTES = 2 ** 20;
const MOST_LISTS = 64;
const LIST_NAME = /^(?:sha256sums?(?:\.txt)?|checksums?(?:\.sha256)?(?:\.txt)?|.+\.sha256(?:sums?)?(?:\.txt)?)$/i;

/** @returns by path */
export async function knownHashes(paths: readonly string[]): Promise<Map<string, KnownHash>> {
  const known = new Map<string, KnownHash>();
  const lists = new Map<string, Promise<Map<string, KnownHash>>>();
  for (const path of paths) {
    const folder = dirname(path);
    const listed = lists.get(folder) ?? listedHashes(folder);
    lists.set(folder, listed);
    const hash = (await cacheHash(path)) ?? (await listed).get(basename(path)) ?? (await downloadHash(path));
    if (hash) known.set(path, hash);
  }
  return known;
}

/** `snapshots/<commit>/model.safetensors` is a link to `blobs/<sha256>`. */
async function cacheHash(path: string): Promise<KnownHash | undefined> {
  const real = await realpath(path).catch(() => path);
  const name = basename(real);
  return HEX_64.test(name) && basename(dirname(real)) === "blobs"
    ? { sha256: name, from: "its name in the Hugging Face cache" }
    : undefined;
}

/** `hf download --local-dir`: three lines, of which the second is the file's tag on the Hub, the sha256 of large files. */
async function downloadHash(path: string): Promise<KnownHash | undefined> {
  const note = join(dirname(path), ".cache", "huggingface", "download", `${basename(path)}.metadata`);
  const [, tag = ""] = (await smallText(note)).split("\n");
  return HEX_64.test(tag.trim()) ? { sha256: tag.trim(), from: "the note of its download from the Hub" } : undefined;
}

/** By file name, out of every list of checksums in the folder. */
async function listedHashes(folder: string): Promise<Map<string, KnownHash>> {
  const names = await readdir(folder).catch(() => []);
  const known = new Map<string, KnownHash>();
  for (const list of names
    .filter((name) => LIST_NAME.test(name))
    .sort()
    .slice(0, MOST_LISTS)) {
    for (const [name, sha256] of parseChecksums(await smallText(join(folder, list)), list)) {
      if (!known.has(name)) known.set(name, { sha256, from: list });
    }
  }
  return known;
}

async function smallText(path: string): Promise<string> {
  const stats = await stat(path).catch(() => undefined);
  if (!stats?.isFile() || stats.size > MOST_LIST_BYTES) return "";
  return readFile(path, "utf8").catch(() => "");
}

/** Lines of `sha256sum` (`<hash>  <name>`), of `shasum --tag` and BSD (`SHA256 (<name>) = <hash>`), or one hash alone. */
export function parseChecksums(text: string, list: string): [name: string, sha256: string][] {
  const own = list.replace(/\.sha256(?:sums?)?(?:\.txt)?$/i, "");
  return text.split(/\r?\n/).flatMap((line): [string, string][] => {
    const [, hash, name] = /^([0-9a-f]{64})(?:[ \t]+\*?(.+))?$/i.exec(line.trim()) ?? [];
    if (hash) return [[name === undefined ? own : relative(name), hash.toLowerCase()]];
    const [, tagged, tagHash] = /^SHA256 \((.+)\) = ([0-9a-f]{64})$/i.exec(line.trim()) ?? [];
    return tagged && tagHash ? [[relative(tagged), tagHash.toLowerCase()]] : [];
  });
}

const relative = (name: string): string => name.replace(/^\.\//, "");
