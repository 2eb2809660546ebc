/** Rules of safetensors files and sets beyond the ten checks of the reference reader: framework, rows, index against folder. */
import { describe, expect, it } from "vitest";

import { readSafetensorsSet } from "../src/checkpoint/read-safetensors-set.ts";
import {
  assembleSafetensors,
  type Checkpoint,
  memoryFileSet,
  openFileSet,
  writeGguf,
  writeIndexJson,
  writeSafetensors,
} from "../src/index.ts";
import { readSafetensors } from "../src/safetensors/read.ts";
import { memorySource } from "../src/source/byte-source.ts";

type Files = Record<string, Uint8Array>;

const open = (files: Files): Promise<Checkpoint> => openFileSet(memoryFileSet("folder", files));

const verdicts = ({ findings }: Checkpoint): string[] => findings.map(({ rule, severity }) => `${severity} ${rule}`);

const tensor = (name: string) => ({ name, dtype: "F32", shape: [2], data: new Uint8Array(8) });

const INDEX = "model.safetensors.index.json";

/** A set of files with a tensor each, and its index. */
function set(names: readonly string[]): Files {
  const index = writeIndexJson(names.map((name) => ({ name, tensors: [{ name: `t.${name}`, sizeBytes: 8 }] })));
  const files = Object.fromEntries(names.map((name) => [name, writeSafetensors([tensor(`t.${name}`)])]));
  return { ...files, [INDEX]: index };
}

const shard = (number: number, of: number): string =>
  `model-${String(number).padStart(5, "0")}-of-${String(of).padStart(5, "0")}.safetensors`;

describe("an index against its folder", () => {
  const two = [shard(1, 2), shard(2, 2)];

  it("is silent where names and files agree", async () => {
    expect(verdicts(await open(set(two)))).toEqual([]);
    expect(verdicts(await open(set(["a.safetensors", "b.safetensors"])))).toEqual([]);
  });

  it.each([
    ["of the same set", shard(3, 2)],
    ["of another", shard(1, 5)],
    ["whole", "model.safetensors"],
    ["that mlx-lm loads", "model_extra.safetensors"],
  ])("names a file %s that it doesn't list", async (_, orphan) => {
    const checkpoint = await open({ ...set(two), [orphan]: writeSafetensors([tensor("x")]) });
    expect(verdicts(checkpoint)).toEqual(["warning safetensors/orphan-shard"]);
    expect(checkpoint.findings[0]).toMatchObject({ part: orphan });
  });

  it("leaves variants and other models in peace", async () => {
    const others = ["model.fp16.safetensors", "consolidated.safetensors", "adapter_model.safetensors"];
    const checkpoint = await open({
      ...set(two),
      ...Object.fromEntries(others.map((name) => [name, writeSafetensors([tensor("x")])])),
    });
    expect(verdicts(checkpoint)).toEqual(["note source/other-checkpoints"]);
  });

  it("of a variant says nothing of the plain file", async () => {
    const { [INDEX]: index = new Uint8Array(), ...shards } = set(["model.fp16-00001-of-00001.safetensors"]);
    const plain = writeSafetensors([tensor("x")]);
    const name = "model.safetensors.index.fp16.json";
    const files = memoryFileSet("folder", { ...shards, [name]: index, "model.safetensors": plain });
    expect(verdicts(await readSafetensorsSet(files, name))).toEqual([]);
  });

  it("counts its files against what their names say", async () => {
    const checkpoint = await open(set([shard(1, 30), shard(2, 30)]));
    expect(verdicts(checkpoint)).toEqual(["warning safetensors/shard-count"]);
    expect(checkpoint.findings[0]?.message).toBe('the index lists 2 files whose names say "of 30"');
  });

  it("says of a file that can't be read what it should hold", async () => {
    const files = { ...set(two), [two[1] as string]: new TextEncoder().encode("<!DOCTYPE html><html>") };
    const checkpoint = await open(files);
    expect(verdicts(checkpoint)).toEqual(["error safetensors/unreadable-shard"]);
    expect(checkpoint.findings[0]?.message).toMatch(/an HTML page.*; it holds 1 of 2 tensors$/);
  });
});

describe("__metadata__.format", () => {
  const withFormat = (format: string | undefined): Promise<Checkpoint> =>
    open({ "a.safetensors": writeSafetensors([tensor("a")], format === undefined ? {} : { metadata: { format } }) });

  it("is a warning where no framework has that name", async () => {
    const odd = await withFormat("pickle");
    expect(verdicts(odd)).toEqual(["warning safetensors/metadata-format"]);
    expect(odd.findings[0]?.message).toBe('__metadata__.format is "pickle"');
    for (const known of [undefined, "pt", "tf", "flax", "mlx", "np"])
      expect(verdicts(await withFormat(known))).toEqual([]);
  });

  it("is one warning for a whole set", async () => {
    const names = [shard(1, 2), shard(2, 2)];
    const files = Object.fromEntries(
      names.map((name) => [name, writeSafetensors([tensor(name)], { metadata: { format: "x" } })]),
    );
    const checkpoint = await open(files);
    expect(verdicts(checkpoint)).toEqual(["warning safetensors/metadata-format"]);
    expect(checkpoint.findings[0]?.message).toContain("in 2 of 2 files");
  });
});

describe("F4", () => {
  const f4 = (shape: readonly number[], bytes: number): Promise<Checkpoint> =>
    open({
      "a.safetensors": assembleSafetensors(
        JSON.stringify({ a: { dtype: "F4", shape, data_offsets: [0, bytes] } }),
        new Uint8Array(bytes),
      ),
    });

  it("needs rows of whole bytes for PyTorch", async () => {
    expect(verdicts(await f4([2, 3], 3))).toEqual(["warning safetensors/odd-row"]);
    expect(verdicts(await f4([3, 2], 3))).toEqual([]);
  });
});

describe("a header above what the Hub reads", () => {
  it("is a note", async () => {
    const padded = `{}${" ".repeat(25_000_000)}`;
    const { findings } = await readSafetensors(memorySource("a.safetensors", assembleSafetensors(padded)));
    expect(findings).toMatchObject([{ rule: "safetensors/long-header", severity: "note" }]);
  });
});

describe("a safetensors file under the ending of GGUF", () => {
  it("is an error, and is read all the same", async () => {
    const checkpoint = await open({ "a.gguf": writeSafetensors([tensor("a")]) });
    expect(checkpoint.format).toBe("safetensors");
    expect(verdicts(checkpoint)).toEqual(["error source/wrong-ending"]);
    expect(verdicts(await open({ "a.gguf": writeGguf({ metadata: [], tensors: [] }) }))).toEqual([]);
  });
});
