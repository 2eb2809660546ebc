/** Split GGUF sets: joined through any part, checked against what the parts say, shown as far as they are there. */
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

import { describeReal, realData } from "../../../test-support/real-data.ts";
import { readGgufSet } from "../src/checkpoint/read-gguf-set.ts";
import {
  type Checkpoint,
  CheckpointError,
  type FileSet,
  type Finding,
  findingOfError,
  type GgufInput,
  memoryFileSet,
  openCheckpoint,
  openFileSet,
  splitFileName,
  splitGguf,
  writeGguf,
} from "../src/index.ts";

const MODEL: GgufInput = {
  metadata: [
    { key: "general.architecture", type: "string", value: "llama" },
    { key: "llama.block_count", type: "u32", value: 3 },
  ],
  tensors: [0, 1, 2].map((i) => ({ name: `blk.${i}.attn_q.weight`, shape: [8, 4], type: 0 })),
};

function parts(change: (part: GgufInput, index: number) => GgufInput = (part) => part): Record<string, Uint8Array> {
  const split = splitGguf(MODEL, { tensorsPerPart: 1 });
  return Object.fromEntries(
    split.map((part, i) => [splitFileName("m", i + 1, split.length), writeGguf(change(part, i))]),
  );
}

const rules = (checkpoint: Checkpoint) => checkpoint.findings.map((finding) => finding.rule);
const names = (checkpoint: Checkpoint) => checkpoint.tensors.map((tensor) => tensor.name);

describe("a split set", () => {
  it("is the same through each of its parts", async () => {
    const files = memoryFileSet("folder", parts());
    const through = await Promise.all([1, 2, 3].map((i) => readGgufSet(files, splitFileName("m", i, 3))));
    for (const checkpoint of through) {
      expect(names(checkpoint)).toEqual(["blk.0.attn_q.weight", "blk.1.attn_q.weight", "blk.2.attn_q.weight"]);
      expect(checkpoint.tensors.map((tensor) => tensor.part)).toEqual([0, 1, 2]);
      expect(checkpoint.metadata.filter(({ key }) => key === "general.architecture").length).toBe(1);
      expect(checkpoint.label).toBe("m");
      expect(checkpoint.shards).toEqual({ declaredParts: 3, missing: [], declaredTensors: 3 });
      expect(checkpoint.findings).toEqual([]);
    }
  });

  it("opens through its folder, also when the first part is gone", async () => {
    const { [splitFileName("m", 1, 3)]: _, ...rest } = parts();
    const checkpoint = await openFileSet(memoryFileSet("folder", rest));
    expect(names(checkpoint)).toEqual(["blk.1.attn_q.weight", "blk.2.attn_q.weight"]);
    expect(checkpoint.shards?.missing).toEqual([splitFileName("m", 1, 3)]);
  });

  it("names a part that is missing, and shows what is there", async () => {
    const { [splitFileName("m", 2, 3)]: _, ...rest } = parts();
    const checkpoint = await readGgufSet(memoryFileSet("folder", rest), splitFileName("m", 3, 3));
    expect(names(checkpoint)).toEqual(["blk.0.attn_q.weight", "blk.2.attn_q.weight"]);
    expect(checkpoint.findings).toMatchObject([
      { rule: "gguf/missing-part", severity: "error", part: splitFileName("m", 2, 3) },
    ]);
  });

  it("names a part that can't be read, and shows the others", async () => {
    const files = { ...parts(), [splitFileName("m", 2, 3)]: new TextEncoder().encode("<!DOCTYPE html><html>") };
    const checkpoint = await readGgufSet(memoryFileSet("folder", files), splitFileName("m", 1, 3));
    expect(names(checkpoint)).toEqual(["blk.0.attn_q.weight", "blk.2.attn_q.weight"]);
    expect(rules(checkpoint)).toContain("gguf/unreadable-part");
  });

  it("compares split.no, split.count and split.tensors.count with what is there", async () => {
    const other = (key: string, value: number) => (part: GgufInput, i: number) =>
      i === 1
        ? {
            ...part,
            metadata: part.metadata.map((entry) =>
              entry.key === key ? { ...entry, value } : entry,
            ) as GgufInput["metadata"],
          }
        : part;
    const open = (files: Record<string, Uint8Array>) =>
      readGgufSet(memoryFileSet("folder", files), splitFileName("m", 1, 3));
    expect(rules(await open(parts(other("split.no", 2))))).toEqual(["gguf/split-number"]);
    expect(rules(await open(parts(other("split.count", 7))))).toEqual(["gguf/split-count"]);
    const fewer = parts((part, i) => (i === 2 ? { ...part, tensors: [] } : part));
    expect(rules(await open(fewer))).toEqual(["gguf/split-tensors"]);
    const twice = parts((part, i) => (i === 2 ? { ...part, tensors: MODEL.tensors.slice(0, 1) } : part));
    expect(rules(await open(twice))).toEqual(["gguf/duplicate-tensor"]);
  });

  it("has one finding for the tensors that two parts share", async () => {
    const split = splitGguf(MODEL, { tensorsPerPart: 1 });
    const all = split.map((part, i) => ({ ...part, tensors: i === 0 ? [] : MODEL.tensors }));
    const files = Object.fromEntries(all.map((part, i) => [splitFileName("m", i + 1, 3), writeGguf(part)]));
    const { findings } = await readGgufSet(memoryFileSet("folder", files), splitFileName("m", 1, 3));
    const [finding, ...more] = findings.filter(({ rule }) => rule === "gguf/duplicate-tensor");
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ severity: "error", tensor: "blk.0.attn_q.weight", part: splitFileName("m", 3, 3) });
    expect(finding?.message).toContain(
      `all 3 tensors of ${splitFileName("m", 3, 3)} stand in ${splitFileName("m", 2, 3)}, too`,
    );
  });

  it("is told from a part under another name", async () => {
    const first = parts()[splitFileName("m", 1, 3)] as Uint8Array;
    const checkpoint = await readGgufSet(memoryFileSet("folder", { "renamed.gguf": first }), "renamed.gguf");
    expect(rules(checkpoint)).toEqual(["gguf/split-name"]);
  });
});

describe("an aborted set", () => {
  it("leaves no part open", async () => {
    const abort = new AbortController();
    let open = 0;
    const files = memoryFileSet("folder", parts());
    const counted: FileSet = {
      ...files,
      async open(name) {
        const source = await files.open(name);
        open++;
        return {
          ...source,
          async read(...args) {
            if (name === splitFileName("m", 3, 3)) abort.abort();
            return source.read(...args);
          },
          async close() {
            open--;
          },
        };
      },
    };
    const reading = readGgufSet(counted, splitFileName("m", 1, 3), { signal: abort.signal });
    await expect(reading).rejects.toThrow(/abort/i);
    expect(open).toBe(0);
  });
});

describe("a folder", () => {
  const one = writeGguf(MODEL);

  it("with several models asks which", async () => {
    const error = await openFileSet(memoryFileSet("folder", { "a-Q4_K_M.gguf": one, "a-Q8_0.gguf": one })).catch(
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(CheckpointError);
    expect((error as CheckpointError).message).toMatch(/2 GGUF models.*a-Q4_K_M\.gguf, a-Q8_0\.gguf/);
  });

  it("opens the model beside its projector, and says what else is there", async () => {
    const checkpoint = await openFileSet(memoryFileSet("folder", { "mmproj-a.gguf": one, "a.gguf": one }));
    expect(checkpoint.parts.map((part) => part.name)).toEqual(["a.gguf"]);
    expect(checkpoint.findings).toMatchObject([{ rule: "source/other-checkpoints", severity: "note" }]);
    expect(checkpoint.findings[0]?.message).toContain("mmproj-a.gguf");
  });

  it("doesn't call a part that can't be read another checkpoint", async () => {
    const split = { ...parts(), [splitFileName("m", 3, 3)]: new Uint8Array(10) };
    const checkpoint = await openFileSet(memoryFileSet("folder", split));
    expect(rules(checkpoint)).toEqual(["gguf/unreadable-part"]);
  });

  it("with links that lead nowhere opens all the same", async () => {
    const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-"));
    try {
      writeFileSync(join(folder, "a.gguf"), one);
      symlinkSync(join(folder, "gone"), join(folder, "b.gguf"));
      symlinkSync("c.gguf", join(folder, "c.gguf"));
      const checkpoint = await openCheckpoint(folder);
      await checkpoint.close();
      expect(checkpoint.parts.map((part) => part.name)).toEqual(["a.gguf"]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it.runIf(existsSync("/dev/null"))("is told from a device, which is not read", async () => {
    const finding = await openCheckpoint("/dev/null").catch((error: CheckpointError) => findingOfError(error));
    expect(finding).toMatchObject({ rule: "read/unsupported", message: expect.stringContaining("is a device") });
    expect((finding as Finding).fix).toMatch(/^get it as a plain file/);
  });

  it("without a checkpoint is an error that says what was looked for", async () => {
    await expect(openFileSet(memoryFileSet("folder", { "readme.md": one }))).rejects.toThrow(
      /no \.gguf and no \.safetensors/,
    );
  });
});

describeReal("real sets", () => {
  it.each([
    ["llama-moe-Q4_K_M-ntfs", 4],
    ["llama-dense-F16-s1M", 3],
  ])("%s opens through each part", async (prefix, count) => {
    const first = await openCheckpoint(realData("gguf-made", "split", splitFileName(prefix, 1, count)));
    await first.close();
    expect(first.findings.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(first.shards?.declaredTensors).toBe(first.tensors.length);
    for (let i = 2; i <= count; i++) {
      const through = await openCheckpoint(realData("gguf-made", "split", splitFileName(prefix, i, count)));
      await through.close();
      expect(names(through)).toEqual(names(first));
      expect(through.parts).toEqual(first.parts);
    }
  });

  it("are not confused with a single file of the same folder", async () => {
    const path = realData("gguf-made", "llama-dense", "llama-dense-F16.gguf");
    const whole = await openCheckpoint(path);
    await whole.close();
    const split = await openCheckpoint(
      join(realData("gguf-made", "split"), splitFileName("llama-dense-F16-s1M", 2, 3)),
    );
    await split.close();
    expect(names(split).sort()).toEqual(names(whole).sort());
    expect(readFileSync(path).length).toBe(whole.parts[0]?.sizeBytes);
  });
});
