import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type GgufInput, openFileSet, splitGguf, writeGguf } from "@checkpoint-inspect/parser";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { findInOllama } from "../src/ollama.ts";

const MEDIA = "application/vnd.ollama.image.";
const F32 = 0;

let models: string;
beforeEach(async () => {
  models = await mkdtemp(join(tmpdir(), "ollama-"));
});
afterEach(() => rm(models, { recursive: true }));

const tiny: GgufInput = {
  metadata: [{ key: "general.architecture", type: "string", value: "llama" }],
  tensors: ["a", "b"].map((name) => ({ name, shape: [4], type: F32 })),
};

interface Layer {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Stores a blob; the layer that names it. */
async function layer(kind: string, content: string | Uint8Array): Promise<Layer> {
  const hex = createHash("sha256").update(content).digest("hex");
  await mkdir(join(models, "blobs"), { recursive: true });
  await writeFile(join(models, "blobs", `sha256-${hex}`), content);
  return { mediaType: MEDIA + kind, digest: `sha256:${hex}`, size: content.length };
}

async function manifest(path: string, content: unknown): Promise<void> {
  const file = join(models, "manifests", path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
}

const TINY = "registry.ollama.ai/library/tiny/latest";

describe("a model of the store", () => {
  it("opens with its own name", async () => {
    const layers = [await layer("license", "MIT License"), await layer("model", writeGguf(tiny))];
    await manifest(TINY, { schemaVersion: 2, layers });
    const { label, files, entry, license, listed } = await findInOllama(models, "tiny");
    expect({ label, entry, license }).toEqual({
      label: "tiny:latest",
      entry: "tiny-latest.gguf",
      license: "MIT License",
    });
    expect(listed).toEqual([
      { path: entry, sizeBytes: writeGguf(tiny).length, sha256: layers[1]?.digest.slice("sha256:".length) },
    ]);
    const checkpoint = await openFileSet(files, { entry });
    expect(checkpoint.tensors.map(({ name }) => name)).toEqual(["a", "b"]);
    await checkpoint.close();
    await expect(files.open("other.gguf")).rejects.toMatchObject({ code: "not-found" });
  });

  it.each([
    ["tiny", TINY, "tiny:latest"],
    ["tiny:1b", "registry.ollama.ai/library/tiny/1b", "tiny:1b"],
    ["TINY:1B", "registry.ollama.ai/library/tiny/1b", "tiny:1b"],
    ["org/tiny", "registry.ollama.ai/org/tiny/latest", "org/tiny:latest"],
    ["hf.co/org/tiny-GGUF:Q4_K_M", "hf.co/org/tiny-GGUF/Q4_K_M", "hf.co/org/tiny-GGUF:Q4_K_M"],
  ])("%s is at %s", async (model, path, label) => {
    await manifest(path, { layers: [await layer("model", writeGguf(tiny))] });
    expect(await findInOllama(models, model)).toMatchObject({ label });
  });

  it("has its projector and adapter beside it", async () => {
    const layers = [
      await layer("projector", "GGUF projector"),
      await layer("adapter", "GGUF adapter"),
      await layer("model", writeGguf(tiny)),
    ];
    await manifest(TINY, { layers });
    const { files, entry } = await findInOllama(models, "tiny");
    expect(entry).toBe("tiny-latest.gguf");
    expect((await files.list()).map(({ name }) => name)).toEqual([
      "adapter-tiny-latest.gguf",
      "mmproj-tiny-latest.gguf",
      "tiny-latest.gguf",
    ]);
  });

  it("of several model layers is a split set in their order", async () => {
    const parts = splitGguf(tiny, { partOf: (i) => i });
    await manifest(TINY, { layers: await Promise.all(parts.map((part) => layer("model", writeGguf(part)))) });
    const { files, entry } = await findInOllama(models, "tiny");
    expect(entry).toBe("tiny-latest-00001-of-00002.gguf");
    const checkpoint = await openFileSet(files, { entry });
    expect(checkpoint.tensors.map(({ name }) => name)).toEqual(["a", "b"]);
    await checkpoint.close();
  });
});

describe("what can't be opened", () => {
  const failure = (model = "tiny") =>
    findInOllama(models, model).then(
      () => expect.fail("found"),
      (error: Error) => error,
    );

  it("says what the store has and how to get the model", async () => {
    expect(await failure()).toMatchObject({
      code: "not-found",
      message: expect.stringMatching(/no tiny:latest: it has no models; .*"ollama pull tiny:latest"/),
    });
    const layers = [await layer("model", writeGguf(tiny))];
    await manifest("registry.ollama.ai/library/other/latest", { layers });
    await manifest("registry.ollama.ai/library/tiny/1b", { layers });
    await manifest("registry.ollama.ai/library/tiny/.DS_Store", "");
    expect((await failure()).message).toContain("it has tiny:1b, other:latest;");
    expect(await failure("../../x")).toMatchObject({ code: "not-found" });
  });

  it("says that a blob is missing", async () => {
    await manifest(TINY, { layers: [await layer("model", writeGguf(tiny))] });
    await rm(join(models, "blobs"), { recursive: true });
    expect(await failure()).toMatchObject({ code: "not-found", message: expect.stringContaining("is not whole") });
  });

  it("says that the weights of a cloud model are elsewhere", async () => {
    const config = await layer(
      "config",
      JSON.stringify({ remote_host: "https://ollama.com:443", remote_model: "big" }),
    );
    await manifest(TINY, { config, layers: [] });
    expect(await failure()).toMatchObject({
      code: "unsupported",
      message: expect.stringContaining('it runs at "https://ollama.com:443"'),
    });
    await manifest(TINY, { layers: [] });
    expect((await failure()).message).toContain("no weights on this machine");
  });

  it("says that single tensors aren't read", async () => {
    await manifest(TINY, { layers: [await layer("tensor; name=a; dtype=F32; shape=4", "0123")] });
    expect(await failure()).toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("tensor by tensor"),
    });
  });

  it.each([
    ["{", /is not JSON/],
    ["[]", /lists no layers/],
    ["null", /lists no layers/],
    [{ layers: 1 }, /lists no layers/],
    [{ layers: [null] }, /no SHA-256/],
    [{ layers: [{ mediaType: `${MEDIA}model`, digest: "sha256:../../../etc/passwd" }] }, /no SHA-256/],
    [{ layers: [{ mediaType: `${MEDIA}model`, digest: `sha256:${"A".repeat(64)}` }] }, /no SHA-256/],
  ])("says what is wrong with the manifest %j", async (content, message) => {
    await manifest(TINY, content);
    expect(await failure()).toMatchObject({ code: "invalid", message: expect.stringMatching(message) });
  });

  it("doesn't read a manifest of any size", async () => {
    await manifest(TINY, " ".repeat(5 * 1024 * 1024));
    expect(await failure()).toMatchObject({ code: "limit" });
    await manifest(TINY, { layers: Array(10_001).fill({}) });
    expect(await failure()).toMatchObject({ code: "limit" });
  });
});
