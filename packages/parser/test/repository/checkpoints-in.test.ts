/** Which checkpoints a repository holds, by the names that repositories really use. */
import { readdirSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { describeReal, listReal, realData } from "../../../../test-support/real-data.ts";
import { checkpointsIn, type ListedCheckpoint, type RepositoryFile } from "../../src/index.ts";

const GB = 1e9;

/** Files of a size each, in the order given. */
function files(...names: (string | readonly [path: string, sizeBytes: number])[]): RepositoryFile[] {
  return names.map((name) =>
    typeof name === "string" ? { path: name, sizeBytes: 1000 } : { path: name[0], sizeBytes: name[1] },
  );
}

function parts(name: (number: string) => string, count: number, without: readonly number[] = []): string[] {
  const numbers = Array.from({ length: count }, (_, i) => i + 1).filter((i) => !without.includes(i));
  return numbers.map((i) => name(String(i).padStart(5, "0")));
}

const shards = (count: number, without?: readonly number[], folder = ""): string[] =>
  parts((i) => `${folder}model-${i}-of-${String(count).padStart(5, "0")}.safetensors`, count, without);

/** `model gguf a.gguf 1/1`: what a test wants to know of a checkpoint in one line. */
function line({ use, kind, entry, files: own, declaredParts }: ListedCheckpoint): string {
  return `${use} ${kind} ${entry === "" ? "." : entry} ${own.length}/${declaredParts}`;
}

const lines = (...names: Parameters<typeof files>): string[] => checkpointsIn(files(...names)).map(line);

describe("GGUF repositories", () => {
  it("list each quant once, from small to large, also those in folders of their own, with what goes with them last", () => {
    const listed = checkpointsIn(
      files(
        "README.md",
        ["BF16/m-BF16-00001-of-00002.gguf", 8 * GB],
        ["BF16/m-BF16-00002-of-00002.gguf", 8 * GB],
        "imatrix_unsloth.gguf",
        "imatrix.dat",
        ["m-Q8_0.gguf", 8.5 * GB],
        ["m-UD-Q4_K_XL.gguf", 5 * GB],
        ["m-Q4_K_M.gguf", 4.9 * GB],
        ["mmproj-F16.gguf", 0.8 * GB],
        ["mtp-m-Q8_0.gguf", 0.5 * GB],
      ),
    );
    expect(listed.map(line)).toEqual([
      "model gguf m-Q4_K_M.gguf 1/1",
      "model gguf m-UD-Q4_K_XL.gguf 1/1",
      "model gguf m-Q8_0.gguf 1/1",
      "model gguf BF16/m-BF16-00001-of-00002.gguf 2/2",
      "projector gguf mmproj-F16.gguf 1/1",
      "draft gguf mtp-m-Q8_0.gguf 1/1",
      "imatrix gguf imatrix_unsloth.gguf 1/1",
    ]);
    expect(listed.slice(0, 4).map(({ quant }) => quant)).toEqual(["Q4_K_M", "UD-Q4_K_XL", "Q8_0", "BF16"]);
    expect(listed[3]).toMatchObject({ label: "m-BF16", sizeBytes: 16 * GB, missing: [] });
  });

  it("name the parts that aren't there, and keep such a set at the place of its whole size", () => {
    const listed = checkpointsIn(
      files(["m-Q8_0.gguf", 8 * GB], ["F32/m-F32-00002-of-00003.gguf", 4 * GB], ["m-F16.gguf", 11 * GB]),
    );
    expect(listed.map(({ quant }) => quant)).toEqual(["Q8_0", "F16", "F32"]);
    expect(listed[2]).toMatchObject({
      entry: "F32/m-F32-00002-of-00003.gguf",
      declaredParts: 3,
      missing: ["F32/m-F32-00001-of-00003.gguf", "F32/m-F32-00003-of-00003.gguf"],
    });
  });

  it("take the quant of the folder where the file has none", () => {
    expect(checkpointsIn(files("Q4_K_M/model-00001-of-00001.gguf"))[0]).toMatchObject({ quant: "Q4_K_M" });
  });

  it.each([
    ["mmproj-model-f16.gguf", "projector"],
    ["gemma-3-4b-mmproj-BF16.gguf", "projector"],
    ["m.imatrix.gguf", "imatrix"],
    ["m-imatrix-Q4_K_M.gguf", "model"],
    ["m-0.5B-draft-Q8_0.gguf", "draft"],
    ["eagle3-m-BF16.gguf", "draft"],
    ["MTP/m-Q8_0-MTP.gguf", "draft"],
    ["m-MTP-Q4_K_M.gguf", "model"],
    ["m-lora-f16.gguf", "adapter"],
    ["control_vector-happy.gguf", "adapter"],
    ["m-lora-Q4_K_M.gguf", "model"],
    ["m-lora-merged-F16.gguf", "model"],
    ["exploration-Q4_0.gguf", "model"],
  ])("tell what %s is there for: %s", (name, use) => {
    const listed = checkpointsIn(files("whole-Q4_K_M.gguf", name));
    expect(listed.find(({ entry }) => entry === name)?.use).toBe(use);
  });

  it("of draft models alone hold models", () => {
    expect(lines("m-0.6B-DRAFT-Q4_0.gguf", "m-0.6B-DRAFT-Q8_0.gguf").map((text) => text.split(" ")[0])).toEqual([
      "model",
      "model",
    ]);
  });
});

describe("safetensors repositories", () => {
  it("open a set by its index, and name what is missing of it", () => {
    const listed = checkpointsIn(files("config.json", "model.safetensors.index.json", ...shards(4, [3])));
    expect(listed.map(line)).toEqual(["model safetensors model.safetensors.index.json 3/4"]);
    expect(listed[0]).toMatchObject({ label: "model", missing: ["model-00003-of-00004.safetensors"] });
  });

  it("open a set without an index by the first part that is there", () => {
    expect(lines(...shards(3, [1]))).toEqual(["model safetensors model-00002-of-00003.safetensors 2/3"]);
  });

  it("count parts from 0 where a set does", () => {
    const [set] = checkpointsIn(files("m-00000-of-00003.safetensors", "m-00002-of-00003.safetensors"));
    expect(set).toMatchObject({ declaredParts: 3, missing: ["m-00001-of-00003.safetensors"] });
  });

  it.each([
    ["Mistral's whole file", ["model.safetensors.index.json", ...shards(2), "consolidated.safetensors"]],
    ["a whole file beside its shards", ["model.safetensors.index.json", ...shards(2), "model.safetensors"]],
    ["a variant", ["model.safetensors.index.json", ...shards(2), "model.fp16.safetensors"]],
    ["a folder of the original form", ["model.safetensors.index.json", ...shards(2), "original/model.safetensors"]],
  ])("hold %s as a copy of the model", (_, names) => {
    expect(lines(...names).map((text) => text.split(" ")[0])).toEqual(["model", "copy"]);
  });

  it("hold a model where Mistral's form is all there is", () => {
    expect(lines("consolidated.safetensors", "params.json")).toEqual([
      "model safetensors consolidated.safetensors 1/1",
    ]);
  });

  it("take Meta's pickles for no checkpoint", () => {
    expect(lines("model.safetensors", "original/consolidated.00.pth", "pytorch_model.bin", "onnx/model.onnx")).toEqual([
      "model safetensors model.safetensors 1/1",
    ]);
  });

  it.each([
    ["before the number", (i: string) => `model.fp32-${i}-of-00002.safetensors`],
    ["behind the number", (i: string) => `model-${i}-of-00002.fp32.safetensors`],
  ])("join the index and the parts of a variant whose name stands %s", (_, name) => {
    const listed = checkpointsIn(files("model.safetensors", "model.safetensors.index.fp32.json", ...parts(name, 2)));
    expect(listed.map(line)).toEqual([
      "model safetensors model.safetensors 1/1",
      "copy safetensors model.safetensors.index.fp32.json 2/2",
    ]);
    expect(listed[1]?.variant).toBe("fp32");
  });

  it.each([
    ["MLX, which writes an index for one file", ["model.safetensors"]],
    ["parts named otherwise than the index", parts((i) => `quant_model_weights-${i}-of-00003.safetensors`, 3)],
    ["parts without padding", ["model-1-of-2.safetensors", "model-2-of-2.safetensors"]],
    ["parts by rank", ["model_pp0_ep0_shard0.safetensors", "model_pp0_ep1_shard0.safetensors"]],
    ["parts by layer", ["layer_0.safetensors", "layer_1.safetensors", "layer_10.safetensors"]],
  ])("give an index its files: %s", (_, names) => {
    expect(lines("model.safetensors.index.json", ...names)).toEqual([
      `model safetensors model.safetensors.index.json ${names.length}/${names.length}`,
    ]);
  });

  it("keep a version number in a name", () => {
    expect(checkpointsIn(files("sd_xl_base_1.0.safetensors"))[0]).toMatchObject({ label: "sd_xl_base_1.0" });
    expect(checkpointsIn(files("sd_xl_base_1.0.safetensors"))[0]).not.toHaveProperty("variant");
  });

  it("show an index of which no file is there", () => {
    expect(lines("model.safetensors.index.json", "pytorch_model.bin")).toEqual([
      "model safetensors model.safetensors.index.json 0/0",
    ]);
  });

  it("list adapters, also those in the folders of a training run", () => {
    const names = ["adapter_config.json", "adapter_model.safetensors"];
    const run = ["checkpoint-1000", "checkpoint-500"].flatMap((folder) => names.map((name) => `${folder}/${name}`));
    expect(lines(...run, ...names)).toEqual([
      "adapter safetensors adapter_model.safetensors 1/1",
      "adapter safetensors checkpoint-500/adapter_model.safetensors 1/1",
      "adapter safetensors checkpoint-1000/adapter_model.safetensors 1/1",
    ]);
  });

  it("put the modules behind an embedding model beside it", () => {
    expect(lines("modules.json", "model.safetensors", "1_Pooling/config.json", "2_Dense/model.safetensors")).toEqual([
      "model safetensors model.safetensors 1/1",
      "projector safetensors 2_Dense/model.safetensors 1/1",
    ]);
  });

  it("put the root before folders, and safetensors before GGUF", () => {
    expect(lines("a/model.safetensors", "m-Q4_K_M.gguf", ".cache/model.safetensors", "model.safetensors")).toEqual([
      "model safetensors model.safetensors 1/1",
      "model gguf m-Q4_K_M.gguf 1/1",
      "model safetensors a/model.safetensors 1/1",
    ]);
  });
});

describe("pipelines", () => {
  const SDXL = files(
    "model_index.json",
    ["sd_xl_base_1.0.safetensors", 6.9 * GB],
    "sd_xl_offset_example-lora_1.0.safetensors",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    ["text_encoder/model.safetensors", 0.5 * GB],
    "text_encoder/model.onnx",
    ["unet/diffusion_pytorch_model-00001-of-00002.safetensors", 5 * GB],
    ["unet/diffusion_pytorch_model-00002-of-00002.safetensors", 5 * GB],
    "unet/diffusion_pytorch_model.safetensors.index.json",
    ["unet/diffusion_pytorch_model.fp16.safetensors", 5 * GB],
    "checkpoint-500/model.safetensors",
  );

  it("are one checkpoint of the weights that their components take; the same once more is a copy", () => {
    const listed = checkpointsIn(SDXL);
    expect(listed.map(line)).toEqual([
      "model pipeline . 3/3",
      "model safetensors checkpoint-500/model.safetensors 1/1",
      "adapter safetensors sd_xl_offset_example-lora_1.0.safetensors 1/1",
      "copy safetensors sd_xl_base_1.0.safetensors 1/1",
      "copy safetensors unet/diffusion_pytorch_model.fp16.safetensors 1/1",
    ]);
    expect(listed[0]).toMatchObject({
      sizeBytes: 10.5 * GB,
      components: [
        { name: "text_encoder", sizeBytes: 0.5 * GB, files: 1 },
        { name: "unet", sizeBytes: 10 * GB, files: 2 },
      ],
    });
  });

  it("may stand in a folder", () => {
    expect(lines("a/model_index.json", "a/unet/diffusion_pytorch_model.safetensors")).toEqual(["model pipeline a 1/1"]);
  });

  it("without weights that can be read are none: a GGUF conversion keeps the index", () => {
    expect(lines("model_index.json", "unet/diffusion_pytorch_model.bin", "unet-Q4_K_S.gguf")).toEqual([
      "model gguf unet-Q4_K_S.gguf 1/1",
    ]);
  });
});

describe("any names at all", () => {
  const name = fc.oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.constantFrom(
      "model",
      "model.safetensors",
      "model.safetensors.index.json",
      "m-00001-of-00003.gguf",
      "m-00000-of-99999.gguf",
      "model-99999-of-99999.safetensors",
      "x_000002-of-000003.fp16.safetensors",
      "model_index.json",
      "unet",
      "__proto__",
      ".gguf",
      ".safetensors",
    ),
  );
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((segments) => segments.join("/"));

  it("put no file into two checkpoints, and lose no weights", () => {
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 20 }), (paths) => {
        const taken = checkpointsIn(files(...paths)).flatMap(({ files: own }) => own.map((file) => file.path));
        expect(new Set(taken).size).toBe(taken.length);
        const hidden = /(?:^|\/)\.[^/]*\//;
        const weights = paths.filter((text) => /\.(?:gguf|safetensors)$/.test(text) && !hidden.test(text));
        expect(taken.sort()).toEqual(weights.sort());
      }),
    );
  });

  it("promise no more missing parts than can be listed", () => {
    const claims = Array.from({ length: 2000 }, (_, i) => `m${i}-00001-of-09999.safetensors`);
    const listed = checkpointsIn(files(...claims));
    expect(listed).toHaveLength(2000);
    expect(listed.every(({ declaredParts }) => declaredParts === 9999)).toBe(true);
    expect(listed.reduce((sum, { missing }) => sum + missing.length, 0)).toBeLessThanOrEqual(20_000);
  });

  it("take time in step with their number", () => {
    const names = (count: number): RepositoryFile[] =>
      files(
        ...Array.from({ length: count }, (_, i) => [`a${i}.safetensors.index.json`, `b${i}/w-${i}.safetensors`]).flat(),
      );
    const time = (list: RepositoryFile[]): number => {
      const start = performance.now();
      checkpointsIn(list);
      return performance.now() - start;
    };
    time(names(1000));
    // Sixteen times as many names in far less than the 256 times of a square.
    const [few, many] = [names(1000), names(16_000)].map((list) => Math.min(time(list), time(list)));
    expect(many as number).toBeLessThan(100 * Math.max(1, few as number));
  });
});

describeReal("real repositories", () => {
  it("hold the one set that their folders are", () => {
    const folders = [
      ...listReal("hf-heads").map((name) => ["hf-heads", name] as const),
      ["safetensors-headers", "Devstral-Small-2507"] as const,
      ["safetensors-headers", "Reflection-Llama-3.1-70B"] as const,
    ];
    expect(folders.length).toBeGreaterThan(30);
    for (const folder of folders) {
      const names = readdirSync(realData(...folder)).map((name) => name.replace(/\.head(?:\.gz)?$/, ""));
      const listed = checkpointsIn(files(...names));
      expect(listed, folder.join("/")).toHaveLength(1);
      expect(listed[0]).toMatchObject({ kind: "safetensors", use: "model", missing: [] });
      expect(listed[0]?.files).toHaveLength(names.filter((name) => name.endsWith(".safetensors")).length);
    }
  });
});
