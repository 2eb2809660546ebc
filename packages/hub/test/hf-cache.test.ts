import { createHash } from "node:crypto";
import { link, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { openFileSet, writeSafetensors } from "@checkpoint-inspect/parser";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { findInHubCache, snapshotFileSet } from "../src/hf-cache.ts";
import type { HubTarget } from "../src/target.ts";

const A = "a".repeat(40);
const B = `abc1234${"b".repeat(33)}`;

let cache: string;
let repo: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "hf-cache-"));
  repo = join(cache, "models--org--tiny");
});
afterEach(() => rm(cache, { recursive: true }));

const target = (revision?: string): HubTarget => ({
  kind: "hub",
  repo: "org/tiny",
  ...(revision !== undefined && { revision }),
});
const find = (revision?: string) => findInHubCache(cache, target(revision));

async function put(path: string, content: string | Uint8Array = ""): Promise<string> {
  await mkdir(dirname(join(repo, path)), { recursive: true });
  await writeFile(join(repo, path), content);
  return join(repo, path);
}

/** A file of a snapshot as huggingface_hub lays it out: a link to a blob. */
async function cached(
  commit: string,
  path: string,
  content: string | Uint8Array,
  blob = sha256(content),
): Promise<string> {
  await put(`blobs/${blob}`, content);
  await linked(commit, path, blob);
  return blob;
}

/** The link alone. */
async function linked(commit: string, path: string, blob: string): Promise<void> {
  const at = join(repo, "snapshots", commit, path);
  await mkdir(dirname(at), { recursive: true });
  await symlink(relative(dirname(at), join(repo, "blobs", blob)), at);
}

const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");
const paths = (files: readonly { path: string }[] | undefined) => files?.map(({ path }) => path);

describe("what a snapshot holds", () => {
  it("is listed with sub-folders, true sizes and the hashes that the blobs are called by", async () => {
    const oid = "c".repeat(40);
    await put("refs/main", A);
    const hash = await cached(A, "vae/model.safetensors", "weights");
    await cached(A, "config.json", "{}", oid);
    expect(await find()).toMatchObject({
      repo: "org/tiny",
      commit: A,
      snapshotFolder: join(repo, "snapshots", A),
      files: [
        { path: "config.json", sizeBytes: 2, oid },
        { path: "vae/model.safetensors", sizeBytes: 7, sha256: hash },
      ],
      absent: [],
      noExist: [],
      partial: 0,
      cut: false,
    });
  });

  it("is the same without links, but for the hashes", async () => {
    await put("refs/main", A);
    await put(`snapshots/${A}/sub/config.json`, "{}");
    expect((await find())?.files).toEqual([{ path: "sub/config.json", sizeBytes: 2 }]);
  });

  it("lacks what links lead nowhere, what the listing has more, and what is still downloaded", async () => {
    await put("refs/main", A);
    await cached(A, "a.safetensors", "weights");
    await linked(A, "b.safetensors", "d".repeat(64));
    await put(`blobs/${"d".repeat(64)}.incomplete`, "we");
    await put(`.no_exist/${A}/sub/tokenizer.json`);
    const files = {
      "a.safetensors": { size: 7, blob_id: "e".repeat(40), lfs_size: 7, lfs_sha256: sha256("weights"), xet_hash: "x" },
      "b.safetensors": { size: 134, blob_id: "f".repeat(40), lfs_size: 2_000_000, lfs_sha256: "d".repeat(64) },
      "c/config.json": { size: 12, blob_id: "0".repeat(40) },
    };
    await put(`trees/${A}.json`, JSON.stringify({ format_version: 1, files }));
    expect(await find()).toMatchObject({
      files: [{ path: "a.safetensors" }],
      listed: [
        { path: "a.safetensors", sizeBytes: 7, oid: "e".repeat(40), sha256: sha256("weights") },
        { path: "b.safetensors", sizeBytes: 2_000_000, oid: "f".repeat(40), sha256: "d".repeat(64) },
        { path: "c/config.json", sizeBytes: 12, oid: "0".repeat(40) },
      ],
      absent: ["b.safetensors", "c/config.json"],
      noExist: ["sub/tokenizer.json"],
      partial: 1,
    });
  });

  it("doesn't follow links to folders", async () => {
    await put(`snapshots/${A}/sub/config.json`, "{}");
    await symlink("..", join(repo, "snapshots", A, "sub", "up"));
    expect(paths((await find(A))?.files)).toEqual(["sub/config.json"]);
  });

  it("is said to be cut where it goes too deep", async () => {
    await put(`snapshots/${A}/${"a/".repeat(40)}config.json`, "{}");
    await put(`snapshots/${A}/z.json`, "{}");
    expect(await find(A)).toMatchObject({ files: [{ path: "z.json" }], cut: true });
  });

  it("opens as a folder of the repo's name", async () => {
    const file = writeSafetensors([{ name: "w", dtype: "F32", shape: [2], data: new Uint8Array(8) }]);
    await put("refs/main", A);
    await cached(A, "sub/model.safetensors", file);
    await linked(A, "sub/other.safetensors", "d".repeat(64));
    const found = await find();
    if (!found) throw new Error("not found");
    const files = snapshotFileSet(found, "sub");
    expect(files.label).toBe("org/tiny/sub");
    expect(await files.list()).toEqual([{ name: "model.safetensors", sizeBytes: file.length }]);
    expect(await snapshotFileSet(found).folder?.("sub").list()).toEqual(await files.list());
    expect(snapshotFileSet(found).folder?.("sub").label).toBe("org/tiny/sub");
    const checkpoint = await openFileSet(files, { entry: "model.safetensors" });
    expect(checkpoint.tensors.map(({ name }) => name)).toEqual(["w"]);
    await checkpoint.close();
    expect(() => snapshotFileSet(found, "../..")).toThrow(RangeError);
  });
});

describe("a revision", () => {
  beforeEach(async () => {
    await put(`snapshots/${A}/config.json`, "{}");
    await put(`snapshots/${B}/config.json`, "{ }");
  });
  const commits = async (...revisions: (string | undefined)[]) =>
    Promise.all(revisions.map(async (revision) => (await find(revision))?.commit));

  it("is found by its ref, also in folders, and a commit by itself or its beginning", async () => {
    await put("refs/main", `${A}\n`);
    await put("refs/refs/pr/1", B);
    await put("refs/v1", "9".repeat(40));
    expect(await commits(undefined, "main", "refs/pr/1", A, B, "abc1234")).toEqual([A, A, B, A, B, B]);
    expect(await commits("abc123", "v1", "v2", "9".repeat(40))).toEqual([undefined, undefined, undefined, undefined]);
  });

  it("is told with the time at which it was last asked for", async () => {
    const when = new Date("2026-01-02T03:04:05Z");
    await utimes(await put("refs/main", A), when, when);
    expect(await find()).toMatchObject({ refDate: when });
    expect(await find("main")).toMatchObject({ refDate: when, revision: "main" });
    expect(await find(A)).not.toHaveProperty("refDate");
  });

  it("isn't guessed: of several commits none is the default branch, of one it is said to be assumed", async () => {
    expect(await find()).toBeUndefined();
    await rm(join(repo, "snapshots", B), { recursive: true });
    expect(await find()).toMatchObject({ commit: A, assumed: true });
    expect(await find("v1")).toBeUndefined();
    expect(await find(A)).not.toHaveProperty("assumed");
  });

  it("isn't taken for short when two commits begin like it", async () => {
    await put(`snapshots/abc1234${"c".repeat(33)}/config.json`, "{}");
    expect(await commits("abc1234", "abc1234b")).toEqual([undefined, B]);
  });
});

describe("damage", () => {
  it("is never an error", async () => {
    expect(await find()).toBeUndefined();
    await put("refs/main", "../../../etc");
    expect(await find()).toBeUndefined();
    await put("refs/main", "a".repeat(100_000));
    expect(await find()).toBeUndefined();
    await put("refs/main", A);
    expect(await find()).toBeUndefined();
    await put(`snapshots/${A}`, "a file");
    expect(await find()).toBeUndefined();
    await put("snapshots-of-another/x");
    expect(await find("refs")).toBeUndefined();
    expect(await findInHubCache(join(cache, "nowhere"), target())).toBeUndefined();
    expect(await findInHubCache(await put("file"), target())).toBeUndefined();
  });

  it.each([
    "{",
    "[]",
    "null",
    '{"format_version":1}',
    '{"format_version":2,"files":{}}',
    '{"format_version":1,"files":[]}',
  ])("of a listing (%s) means that there is none", async (text) => {
    await put(`snapshots/${A}/config.json`, "{}");
    await put(`trees/${A}.json`, text);
    expect(await find(A)).not.toHaveProperty("listed");
  });

  it("of names leaves them out", async () => {
    await put(`snapshots/${A}/config.json`, "{}");
    const names = ["../up", "/root", "a/../b", "a\\b", "a\u0000", "__proto__", ""];
    const entries = names.map((name) => `${JSON.stringify(name)}: {"size": 1}`);
    const wrong = ['"size": {"size": -1}', '"half": {"size": 1.5}', '"none": null', '"words": {"size": "1"}'];
    const files = [...entries, ...wrong, '"hash": {"size": 1, "blob_id": "../x", "lfs_sha256": 7}'].join(",");
    await put(`trees/${A}.json`, `{"format_version": 1, "files": {${files}}}`);
    expect((await find(A))?.listed).toEqual([
      { path: "__proto__", sizeBytes: 1 },
      { path: "hash", sizeBytes: 1 },
    ]);
  });

  it("of targets leads nowhere", async () => {
    await put("refs/main", A);
    await put(`snapshots/${A}/config.json`, "{}");
    for (const revision of ["../refs/main", "refs/../main", "/main", "", "main\u0000"]) {
      expect(await find(revision)).toBeUndefined();
    }
    for (const name of ["../tiny", "org/../tiny", "org/tiny/x", ""]) {
      expect(await findInHubCache(cache, { kind: "hub", repo: name })).toBeUndefined();
    }
  });
});

it("finds repos without an organisation", async () => {
  repo = join(cache, "models--tiny");
  await put("refs/main", A);
  const file = await put(`snapshots/${A}/config.json`, "{}");
  await link(file, join(dirname(file), "hard.json"));
  const found = await findInHubCache(cache, { kind: "hub", repo: "tiny" });
  expect(paths(found?.files)).toEqual(["config.json", "hard.json"]);
  expect(await readFile(join(found?.snapshotFolder ?? "", "hard.json"), "utf8")).toBe("{}");
});
