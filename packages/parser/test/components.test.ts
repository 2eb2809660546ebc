/** Diffusers folders: one checkpoint of several models. What lies beside weights, and the data of small tensors. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { chooseComponentEntry } from "../src/checkpoint/component-files.ts";
import { MAX_DATA_BYTES } from "../src/checkpoint/read-data.ts";
import {
  type Checkpoint,
  type FileSet,
  memoryFileSet,
  openCheckpoint,
  openFileSet,
  splitFileName,
  splitGguf,
  type TensorToWrite,
  writeGguf,
  writeIndexJson,
  writeSafetensors,
} from "../src/index.ts";
import { isChildName } from "../src/source/byte-source.ts";

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const floats = (...values: number[]): Uint8Array => new Uint8Array(new Float32Array(values).buffer);
const tensor = (name: string, ...values: number[]): TensorToWrite => ({
  name,
  dtype: "F32",
  shape: [values.length],
  data: floats(...values),
});
const weights = (...names: string[]): Uint8Array => writeSafetensors(names.map((name, i) => tensor(name, i)));
const rules = (checkpoint: Checkpoint): string[] => checkpoint.findings.map(({ rule }) => rule);

const INDEX = {
  _class_name: "StableDiffusionPipeline",
  _diffusers_version: "0.31.0",
  requires_safety_checker: false,
  safety_checker: [null, null],
  scheduler: ["diffusers", "PNDMScheduler"],
  text_encoder: ["transformers", "CLIPTextModel"],
  tokenizer: ["transformers", "CLIPTokenizer"],
  unet: ["diffusers", "UNet2DConditionModel"],
  vae: ["diffusers", "AutoencoderKL"],
};

const SHARDS = [
  "diffusion_pytorch_model-00001-of-00002.safetensors",
  "diffusion_pytorch_model-00002-of-00002.safetensors",
];

/** A pipeline whose UNet is in two shards. */
function pipeline(changes: Record<string, Uint8Array | undefined> = {}): Record<string, Uint8Array> {
  const shards = [["conv_in.weight", "time"], ["conv_out.weight"]];
  const files: Record<string, Uint8Array | undefined> = {
    "model_index.json": json(INDEX),
    "scheduler/scheduler_config.json": json({}),
    "tokenizer/vocab.json": json({}),
    "text_encoder/config.json": json({ model_type: "clip_text_model", hidden_size: 8 }),
    "text_encoder/model.safetensors": weights("text_model.embeddings.token_embedding.weight"),
    "unet/config.json": json({ _class_name: "UNet2DConditionModel" }),
    "unet/diffusion_pytorch_model.safetensors.index.json": writeIndexJson(
      shards.map((names, i) => ({
        name: SHARDS[i] as string,
        tensors: names.map((name) => ({ name, sizeBytes: 4 })),
      })),
    ),
    [`unet/${SHARDS[0]}`]: weights(...(shards[0] as string[])),
    [`unet/${SHARDS[1]}`]: weights(...(shards[1] as string[])),
    "vae/config.json": json({ _class_name: "AutoencoderKL" }),
    "vae/diffusion_pytorch_model.safetensors": weights("encoder.conv_in.weight", "conv_in.weight"),
    ...changes,
  };
  return Object.fromEntries(Object.entries(files).filter(([, bytes]) => bytes !== undefined)) as Record<
    string,
    Uint8Array
  >;
}

const open = (files: Record<string, Uint8Array>): Promise<Checkpoint> => openFileSet(memoryFileSet("pipeline", files));

describe("a diffusers folder", () => {
  it("is one checkpoint of its components", async () => {
    const checkpoint = await open(pipeline());
    expect(checkpoint.findings).toEqual([]);
    expect(checkpoint.shards).toBeUndefined();
    expect(checkpoint.config).toMatchObject({
      file: "model_index.json",
      json: { _class_name: "StableDiffusionPipeline" },
    });
    expect(checkpoint.components).toMatchObject([
      { name: "text_encoder", library: "transformers", className: "CLIPTextModel", firstTensor: 0, tensorCount: 1 },
      { name: "unet", library: "diffusers", className: "UNet2DConditionModel", firstTensor: 1, tensorCount: 3 },
      { name: "vae", className: "AutoencoderKL", firstTensor: 4, tensorCount: 2 },
    ]);
    expect(checkpoint.components?.[0]?.config).toMatchObject({
      file: "text_encoder/config.json",
      json: { model_type: "clip_text_model" },
    });
    expect(checkpoint.parts.map(({ name, tensorCount }) => [name, tensorCount])).toEqual([
      ["text_encoder/model.safetensors", 1],
      [`unet/${SHARDS[0]}`, 2],
      [`unet/${SHARDS[1]}`, 1],
      ["vae/diffusion_pytorch_model.safetensors", 2],
    ]);
    expect(checkpoint.tensors.map(({ name, part }) => [name, part])).toEqual([
      ["text_encoder/text_model.embeddings.token_embedding.weight", 0],
      ["unet/conv_in.weight", 1],
      ["unet/time", 1],
      ["unet/conv_out.weight", 2],
      ["vae/encoder.conv_in.weight", 3],
      ["vae/conv_in.weight", 3],
    ]);
    for (const { firstPart, partCount, firstTensor, tensorCount } of checkpoint.components ?? []) {
      const own = checkpoint.tensors.slice(firstTensor, firstTensor + tensorCount);
      expect(own.every(({ part }) => part >= firstPart && part < firstPart + partCount)).toBe(true);
    }
  });

  it("names the whole models that lie beside it", async () => {
    const checkpoint = await open(pipeline({ "v1-5-pruned.safetensors": weights("a") }));
    expect(checkpoint.components).toHaveLength(3);
    expect(checkpoint.findings).toMatchObject([{ rule: "source/other-checkpoints" }]);
    expect(checkpoint.findings[0]?.message).toContain("v1-5-pruned.safetensors");
  });

  it("shows the plain files and names the other variants", async () => {
    const checkpoint = await open(
      pipeline({
        "vae/diffusion_pytorch_model.fp16.safetensors": weights("half"),
        "vae/diffusion_pytorch_model.non_ema.safetensors": weights("raw"),
      }),
    );
    expect(checkpoint.parts.at(-1)?.name).toBe("vae/diffusion_pytorch_model.safetensors");
    expect(checkpoint.findings).toMatchObject([{ rule: "diffusers/other-variants", severity: "note", part: "vae" }]);
    expect(checkpoint.findings[0]?.message).toContain("fp16, non_ema");
  });

  it.each([
    ["is not there", { "vae/config.json": undefined, "vae/diffusion_pytorch_model.safetensors": undefined }],
    ["is no safetensors file", { "vae/diffusion_pytorch_model.safetensors": new TextEncoder().encode("<html>") }],
    [
      "is in another format",
      {
        "vae/diffusion_pytorch_model.safetensors": undefined,
        "vae/diffusion_pytorch_model.bin": new Uint8Array(8),
      },
    ],
    ["has a config alone", { "vae/diffusion_pytorch_model.safetensors": undefined }],
  ])("is shown without a component that %s", async (_, changes) => {
    const checkpoint = await open(pipeline(changes));
    expect(checkpoint.components?.map(({ name }) => name)).toEqual(["text_encoder", "unet"]);
    expect(checkpoint.findings).toHaveLength(1);
    expect(checkpoint.findings[0]).toMatchObject({ severity: "error" });
    expect(checkpoint.findings[0]?.message).toContain('"vae" (AutoencoderKL)');
  });

  it("keeps the findings of a component, and where they are", async () => {
    const checkpoint = await open(pipeline({ [`unet/${SHARDS[1]}`]: undefined, "text_encoder/config.json": json([]) }));
    expect(checkpoint.findings).toMatchObject([
      { rule: "safetensors/bad-config", part: "text_encoder/config.json" },
      { rule: "safetensors/missing-shard", part: `unet/${SHARDS[1]}` },
    ]);
    expect(checkpoint.shards).toEqual({ declaredParts: 4, missing: [`unet/${SHARDS[1]}`] });
  });

  it("opens no folder but its own", async () => {
    const names = ["..", "../other", "/etc", "a/b", "C:", "a\\b", "", ".", "x".repeat(300), "a\u0000"];
    const index = { ...INDEX, ...Object.fromEntries(names.map((name) => [name, ["diffusers", "Thing"]])) };
    const asked: string[] = [];
    const files = memoryFileSet("pipeline", pipeline({ "model_index.json": json(index) }));
    const watched: FileSet = {
      ...files,
      folder(name) {
        asked.push(name);
        return files.folder?.(name) as FileSet;
      },
    };
    const checkpoint = await openFileSet(watched);
    expect(asked.sort()).toEqual(["text_encoder", "unet", "vae"]);
    expect(rules(checkpoint)).toEqual(names.map(() => "diffusers/component-name"));
    expect(names.filter(isChildName)).toEqual([]);
    for (const name of names) expect(() => files.folder?.(name)).toThrow(/no name of a folder/);
  });

  it("opens no more components than a pipeline has", async () => {
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`c${i}`, ["diffusers", "Thing"]]));
    const checkpoint = await open(pipeline({ "model_index.json": json({ ...INDEX, ...many }) }));
    expect(rules(checkpoint)).toContain("diffusers/too-many-components");
    expect(checkpoint.findings.length).toBeLessThan(100);
  });

  it("that can't be read gives way to the file beside its index", async () => {
    const files = { "model_index.json": json([]), "a.safetensors": weights("a") };
    const checkpoint = await open(files);
    expect(checkpoint.tensors.map(({ name }) => name)).toEqual(["a"]);
    expect(rules(checkpoint)).toEqual(["diffusers/unreadable"]);
    const gguf = writeGguf({ metadata: [{ key: "general.architecture", type: "string", value: "flux" }], tensors: [] });
    const converted = await open({ "model_index.json": json(INDEX), "flux-Q4_0.gguf": gguf });
    expect(converted.format).toBe("gguf");
    await converted.close();
    await expect(open({ "model_index.json": json([]) })).rejects.toMatchObject({ code: "invalid" });
    await expect(open({ "model_index.json": json(INDEX) })).rejects.toThrow(/no component.*"text_encoder"/);
  });

  it("stops when asked to", async () => {
    const signal = AbortSignal.abort();
    await expect(openFileSet(memoryFileSet("set", pipeline()), { signal })).rejects.toMatchObject({
      name: "AbortError",
    });
  });

  describe("on the disk", () => {
    let folder = "";
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-"));
      for (const [name, bytes] of Object.entries(pipeline())) {
        mkdirSync(join(folder, name, ".."), { recursive: true });
        writeFileSync(join(folder, name), bytes);
      }
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it("is the same as in memory, through its folder or its index", async () => {
      const inMemory = await open(pipeline());
      for (const path of [folder, join(folder, "model_index.json")]) {
        const checkpoint = await openCheckpoint(path);
        expect(checkpoint.tensors).toEqual(inMemory.tensors);
        expect(checkpoint.parts).toEqual(inMemory.parts);
        expect(folder.endsWith(checkpoint.label)).toBe(true);
        await checkpoint.close();
      }
    });

    it("opens just one component through a file or folder inside it", async () => {
      for (const path of ["vae", "vae/diffusion_pytorch_model.safetensors"]) {
        const checkpoint = await openCheckpoint(join(folder, path));
        expect(checkpoint.components).toBeUndefined();
        expect(checkpoint.tensors.map(({ name }) => name)).toEqual(["encoder.conv_in.weight", "conv_in.weight"]);
      }
    });
  });
});

it.each([
  [
    ["diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"],
    "diffusion_pytorch_model.safetensors",
  ],
  [["model.fp16.safetensors", "model.non_ema.safetensors"], "model.fp16.safetensors"],
  [["model.safetensors.index.fp16.json", "model-00001-of-00002.fp16.safetensors"], "model.safetensors.index.fp16.json"],
  [["model.fp16-00001-of-00002.safetensors", "model-00001-of-00001.safetensors"], "model-00001-of-00001.safetensors"],
  [["openvino_model.bin", "config.json"], undefined],
])("of a component's files %j it opens", (names, expected) => {
  expect(chooseComponentEntry(names)?.entry).toBe(expected);
});

describe("what lies beside weights", () => {
  it("is read where it says what an adapter is for", async () => {
    const files = {
      "adapter_model.safetensors": weights("base_model.model.q_proj.lora_A.weight"),
      "adapter_config.json": json({ peft_type: "LORA", r: 8 }),
    };
    const checkpoint = await open(files);
    expect(checkpoint.config).toBeUndefined();
    expect(checkpoint.adapterConfig).toEqual({ file: "adapter_config.json", json: { peft_type: "LORA", r: 8 } });
    const both = await open({ ...files, "config.json": json({ model_type: "llama" }) });
    expect([both.config?.file, both.adapterConfig?.file]).toEqual(["config.json", "adapter_config.json"]);
    const broken = await open({ ...files, "adapter_config.json": new TextEncoder().encode("{") });
    expect(broken.findings).toMatchObject([{ rule: "safetensors/bad-config", part: "adapter_config.json" }]);
  });

  it("is named where it is JSON", async () => {
    const files = {
      "model.safetensors": weights("a"),
      "modules.json": json([]),
      "config.json": json({}),
      "readme.md": json(""),
      "1_Pooling/config.json": json({}),
    };
    expect((await open(files)).sidecars).toEqual(["config.json", "modules.json"]);
  });
});

/** Counts how often each file is opened, and how many are open. */
function counted(files: FileSet, opened: string[], state: { open: number }): FileSet {
  return {
    ...files,
    folder: (name) => counted(files.folder?.(name) as FileSet, opened, state),
    async open(name) {
      const source = await files.open(name);
      opened.push(name);
      state.open++;
      return {
        ...source,
        async close() {
          state.open--;
          await source.close();
        },
      };
    },
  };
}

describe("the data of small tensors", () => {
  const pick = (checkpoint: Checkpoint, ...names: string[]) =>
    names.map((name) => {
      const found = checkpoint.tensors.find((candidate) => candidate.name === name);
      if (!found) throw new Error(`no ${name}`);
      return found;
    });
  const numbers = (bytes: readonly Uint8Array[]): number[][] =>
    bytes.map((one) => [...new Float32Array(one.slice().buffer)]);

  it("come in the order asked for, each part opened once", async () => {
    const opened: string[] = [];
    const state = { open: 0 };
    const checkpoint = await openFileSet(counted(memoryFileSet("pipeline", pipeline()), opened, state));
    opened.length = 0;
    const tensors = pick(checkpoint, "vae/conv_in.weight", "unet/conv_in.weight", "unet/conv_out.weight", "unet/time");
    expect(numbers(await checkpoint.readData(tensors))).toEqual([[1], [0], [0], [1]]);
    expect(opened.sort()).toEqual(["diffusion_pytorch_model.safetensors", ...SHARDS].sort());
    expect(state.open).toBe(0);
    expect(await checkpoint.readData([])).toEqual([]);
  });

  it("of GGUF files are read too, alone and in a set", async () => {
    const one = (i: number) => ({ name: `t${i}`, shape: [2], type: 0, data: floats(i, -i) });
    const input = {
      metadata: [{ key: "general.architecture", type: "string" as const, value: "llama" }],
      tensors: [1, 2].map(one),
    };
    const split = splitGguf(input, { tensorsPerPart: 1 });
    const set = Object.fromEntries(split.map((part, i) => [splitFileName("m", i + 1, split.length), writeGguf(part)]));
    for (const files of [set, { "m.gguf": writeGguf(input) }]) {
      const checkpoint = await open(files);
      expect(numbers(await checkpoint.readData(pick(checkpoint, "t2", "t1")))).toEqual([
        [2, -2],
        [1, -1],
      ]);
      await checkpoint.close();
    }
  });

  it("are no weights", async () => {
    const large = new Array<number>(MAX_DATA_BYTES / 4 + 1).fill(0);
    const file = writeSafetensors([tensor("large", ...large), tensor("fits", ...large.slice(1)), tensor("none")]);
    const checkpoint = await open({ "m.safetensors": file });
    await expect(checkpoint.readData(pick(checkpoint, "fits", "large"))).rejects.toThrow(RangeError);
    const [fits, none] = await checkpoint.readData(pick(checkpoint, "fits", "none"));
    expect([fits?.length, none?.length]).toEqual([MAX_DATA_BYTES, 0]);
    const [foreign] = pick(checkpoint, "fits");
    await expect(checkpoint.readData([{ ...(foreign as Checkpoint["tensors"][number]), part: 3 }])).rejects.toThrow(
      RangeError,
    );
  });

  it("are empty where the file is cut off", async () => {
    const file = writeSafetensors([tensor("a", 1), tensor("b", 2)]);
    const checkpoint = await open({ "m.safetensors": file.subarray(0, file.length - 2) });
    expect(numbers(await checkpoint.readData(pick(checkpoint, "b", "a")))).toEqual([[], [1]]);
  });
});
