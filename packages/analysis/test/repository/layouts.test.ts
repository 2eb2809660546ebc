/** Repositories as they usually are: nothing is said of them. And repositories that nobody has: no work beyond their size. */
import { checkpointsIn, type RepositoryFile } from "@checkpoint-inspect/parser";
import { describe, expect, it } from "vitest";

import { fitExponent } from "../../../../benchmarks/lib.mjs";
import { auditRepository, REPOSITORY_RULES, type RepositoryInfo } from "../../src/index.ts";
import { GOOD_INFO, looked, modelReport, said, subject } from "./subjects.ts";

const CARD = [".gitattributes", "README.md", "LICENSE"];
const TOKENIZER = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt"];
const SETTINGS = ["config.json", "generation_config.json", ...TOKENIZER];

const shards = (stem: string, count: number, ending: string) =>
  Array.from({ length: count }, (_, i) => `${stem}-0000${i + 1}-of-0000${count}.${ending}`);

const info = (libraryName: string, pipelineTag: string, ...tags: string[]): RepositoryInfo => ({
  ...GOOD_INFO,
  libraryName,
  pipelineTag,
  tags: [libraryName, "license:apache-2.0", ...tags],
});

const text = info("transformers", "text-generation");

const LAYOUTS: Readonly<Record<string, readonly [id: string, info: RepositoryInfo, paths: readonly string[]]>> = {
  "one file": ["org/Model-7B", text, [...SETTINGS, "model.safetensors"]],
  "shards and their index": [
    "org/Model-7B-Instruct",
    text,
    [...SETTINGS, ...shards("model", 4, "safetensors"), "model.safetensors.index.json", "chat_template.jinja"],
  ],
  "shards and Mistral's own form": [
    "org/Model-24B",
    text,
    [
      ...SETTINGS,
      "params.json",
      "tekken.json",
      "consolidated.safetensors",
      ...shards("model", 2, "safetensors"),
      "model.safetensors.index.json",
    ],
  ],
  "GGUF quants": [
    "org/Model-7B-GGUF",
    info("gguf", "text-generation", "base_model:org/Model-7B"),
    [
      "Model-7B-Q4_K_M.gguf",
      "Model-7B-Q8_0.gguf",
      ...shards("BF16/Model-7B-BF16", 2, "gguf"),
      "mmproj-F16.gguf",
      "imatrix_unsloth.gguf",
      "config.json",
    ],
  ],
  "a diffusers pipeline": [
    "org/image-xl",
    info("diffusers", "text-to-image"),
    [
      ...["model_index.json", "scheduler/scheduler_config.json", "tokenizer/vocab.json", "tokenizer/merges.txt"],
      ...["text_encoder", "unet", "vae"].map((name) => `${name}/config.json`),
      ...["text_encoder/model", "unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model"].flatMap((stem) => [
        `${stem}.safetensors`,
        `${stem}.fp16.safetensors`,
      ]),
      ...[
        "image-xl.safetensors",
        "unet/model.onnx",
        "unet/model.onnx_data",
        "vae/openvino_model.bin",
        "vae/openvino_model.xml",
      ],
    ],
  ],
  "a PEFT adapter": [
    "org/model-lora",
    info("peft", "text-generation", "base_model:adapter:org/Model-7B"),
    ["adapter_config.json", "adapter_model.safetensors", ...TOKENIZER],
  ],
  "sentence-transformers": [
    "org/embed-small",
    info("sentence-transformers", "sentence-similarity"),
    [
      ...[
        "config.json",
        "modules.json",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
        "1_Pooling/config.json",
      ],
      ...["model.safetensors", "vocab.txt", "tokenizer.json", "2_Dense/config.json", "2_Dense/model.safetensors"],
      ...["onnx/model.onnx", "onnx/model_O2.onnx", "openvino/openvino_model.bin", "openvino/openvino_model.xml"],
    ],
  ],
  "a model that hears": [
    "org/whisper-like",
    info("transformers", "automatic-speech-recognition"),
    [
      "config.json",
      "generation_config.json",
      "preprocessor_config.json",
      "normalizer.json",
      "vocab.json",
      "model.safetensors",
    ],
  ],
  "a model that sees": [
    "org/vit-base",
    info("transformers", "image-classification"),
    ["config.json", "preprocessor_config.json", "model.safetensors"],
  ],
  "MLX weights": [
    "org/Model-7B-4bit",
    info("mlx", "text-generation", "base_model:quantized:org/Model-7B"),
    [...SETTINGS, "model.safetensors", "model.safetensors.index.json"],
  ],
  "files for ComfyUI": [
    "org/image-files",
    info("diffusion-single-file", "text-to-image"),
    [
      "split_files/vae/ae.safetensors",
      "split_files/diffusion_models/image_fp8.safetensors",
      "workflow.json",
      "example.png",
    ],
  ],
};

function files(paths: readonly string[]): RepositoryFile[] {
  return paths.map((path, i) => ({
    path,
    sizeBytes: 1000 + i,
    ...(/\.(?:safetensors|gguf)$/.test(path) && { sizeBytes: 4e9 + i, sha256: String(i).padStart(64, "0") }),
  }));
}

describe("nothing is said of", () => {
  it.each(Object.entries(LAYOUTS))("%s", (_, [id, hub, paths]) => {
    const all = files([...CARD, ...paths]);
    const checkpoints = checkpointsIn(all);
    expect(checkpoints.length).toBeGreaterThan(0);
    expect(said({ id, files: all, checkpoints, info: hub })).toEqual([]);
    // The same from a folder, of which the Hub hasn't been asked.
    expect(said({ id, files: all, checkpoints })).toEqual([]);
  });

  it("a model whose checkpoint was looked into", () => {
    const all = files([...CARD, ...SETTINGS, "model.safetensors"]);
    const checkpoints = checkpointsIn(all);
    const report = modelReport({ format: "safetensors" });
    const hub = { ...text, safetensors: { total: report.parameters.total, parameters: {} }, usedStorageBytes: 4e9 };
    const json = { "config.json": { architectures: ["LlamaForCausalLM"] } };
    const opened = checkpoints.map((listed) => looked(listed, report));
    expect(said({ id: "org/Model-200M", files: all, checkpoints, looked: opened, info: hub, json })).toEqual([]);
  });
});

it("finds all that was planted in one repo", () => {
  const paths = [
    "config.json",
    "pytorch_model.bin",
    "optimizer.pt",
    "remote.py",
    "a\\b",
    ...shards("m-Q4_K_M", 3, "gguf").slice(1),
  ];
  const all = [
    ...files(paths),
    { path: "model.safetensors", sizeBytes: 0 },
    ...files(["x.gguf", "y.gguf"]).map((file) => ({ ...file, sha256: "1" })),
  ];
  const hub = {
    tags: ["gguf"],
    gated: "manual",
    license: "other",
    scans: { done: false, files: [{ path: "pytorch_model.bin", level: "unsafe" }] },
    usedStorageBytes: 1e12,
  } as const;
  const rules = auditRepository(subject({ files: all, checkpoints: checkpointsIn(all), info: hub })).map(
    ({ rule }) => rule,
  );
  const expected = ["incomplete-set", "empty-file", "copies", "storage", "scan", "custom-code", "file-name", "pickle"];
  expect(rules).toEqual(
    expect.arrayContaining(
      [...expected, "training-leftovers", "access", "license-terms", "no-base-model", "no-library"].map(
        (id) => `repo/${id}`,
      ),
    ),
  );
});

describe("a repository of many files", () => {
  const report = modelReport();

  /** Files of one kind each, in one folder or one each, all of them large and the same. */
  function crowd(count: number): RepositoryFile[] {
    const endings = ["bin", "safetensors", "pt", "gguf", "json", "py", "h5", "pkl", "onnx", "xml"];
    return Array.from({ length: count }, (_, i) => ({
      path: `${i % 3 === 0 ? `folder-${i}/` : i % 3 === 1 ? "deep/er/" : ""}file-${i}-Q4_K_M.${endings[i % endings.length]}`,
      sizeBytes: i % 7 === 0 ? 0 : 1e9,
      sha256: String(i % 5),
    }));
  }

  function readsOf(count: number): number {
    let reads = 0;
    const all = crowd(count);
    const checkpoints = checkpointsIn(all);
    const watched = new Proxy(all, {
      get(target, key, receiver) {
        if (typeof key === "string" && /^\d/.test(key)) reads++;
        return Reflect.get(target, key, receiver);
      },
    });
    const opened = checkpoints.map((listed) => looked(listed, report));
    auditRepository(subject({ files: watched, checkpoints, looked: opened, info: GOOD_INFO }));
    return reads;
  }

  it("is looked at a fixed number of times", () => {
    const sizes = [250, 500, 1000, 2000];
    const reads = sizes.map(readsOf);
    expect(fitExponent(sizes, reads)).toBeLessThan(1.1);
  });

  it("has no more than a hundred findings of a rule, whatever is in it", () => {
    const all = crowd(20_000);
    const checkpoints = checkpointsIn(all).map((listed) => ({ ...listed, missing: ["x"] }));
    const findings = auditRepository(subject({ files: all, checkpoints, info: GOOD_INFO }));
    const counts = new Map<string, number>();
    for (const { rule } of findings) counts.set(rule, (counts.get(rule) ?? 0) + 1);
    expect(counts.get("repo/incomplete-set")).toBe(101);
    for (const { message } of findings) expect(message.length).toBeLessThan(500);
  });

  it("whose names are long and odd is read in no time that grows with their square", () => {
    const long = [
      "config",
      "ggml-",
      "zero_pp_rank_",
      ".mlmodelc/",
      "vocab",
      "-00001-of-",
      "Q4_K_M-",
      "../",
      "\u202e",
      "a-nc-",
    ];
    const all = long.map((piece) => ({ path: `${piece.repeat(100_000)}.json`, sizeBytes: 1 }));
    const checkpoints = long.map((piece) => ({
      ...checkpointsIn([{ path: "m.gguf", sizeBytes: 1 }])[0],
      label: piece.repeat(100_000),
    }));
    const made = subject({
      files: all,
      checkpoints: checkpoints as never,
      info: { tags: [], license: "nc-".repeat(100_000) },
    });
    expect(auditRepository(made).map(({ rule }) => rule)).toContain("repo/file-name");
  }, 4000);
});

it("has rows with ids of their own", () => {
  expect(new Set(REPOSITORY_RULES.map(({ id }) => id)).size).toBe(REPOSITORY_RULES.length);
  for (const { id } of REPOSITORY_RULES) expect(id).toMatch(/^repo\/[a-z-]+$/);
});
