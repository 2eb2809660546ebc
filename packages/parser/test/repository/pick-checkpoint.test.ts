/** Which checkpoint of a repository is meant. */
import { describe, expect, it } from "vitest";

import { type CheckpointAsk, checkpointsIn, pickCheckpoint } from "../../src/index.ts";

const list = (...paths: string[]) => checkpointsIn(paths.map((path, i) => ({ path, sizeBytes: 1000 + i })));

/** The entry picked, or `? entry entry` of the choices. */
function pick(paths: readonly string[], ask: CheckpointAsk = {}): string {
  const answer = pickCheckpoint(list(...paths), ask);
  if ("picked" in answer) return answer.picked.entry;
  return ["?", ...answer.choices.map(({ entry }) => entry)].join(" ");
}

const why = (paths: readonly string[]): string | undefined => {
  const answer = pickCheckpoint(list(...paths), {});
  return "picked" in answer ? answer.why : undefined;
};
const problem = (paths: readonly string[], ask: CheckpointAsk = {}): string | undefined => {
  const answer = pickCheckpoint(list(...paths), ask);
  return "problem" in answer ? answer.problem : undefined;
};

const QUANTS = [
  "m-Q8_0.gguf",
  "m-Q4_K_M.gguf",
  "m-UD-Q4_K_XL.gguf",
  "m-UD-Q4_K_M.gguf",
  "m-F16.gguf",
  "mmproj-F16.gguf",
];

describe("a quant that is asked for", () => {
  it.each([
    ["Q4_K_M", "m-Q4_K_M.gguf"],
    ["q4_k_m", "m-Q4_K_M.gguf"],
    ["UD-Q4_K_M", "m-UD-Q4_K_M.gguf"],
    ["UD-Q4_K_XL", "m-UD-Q4_K_XL.gguf"],
    ["q4_k_xl", "m-UD-Q4_K_XL.gguf"],
    ["fp16", "m-F16.gguf"],
    ["m-Q8_0.gguf", "m-Q8_0.gguf"],
  ])("%s is found", (quant, entry) => expect(pick(QUANTS, { quant })).toBe(entry));

  it("is found by a word of the name", () => {
    const names = ["m.i1-Q4_K_M.gguf", "m.Q4_K_M.gguf", "m-Q5_K_M-imat.gguf"];
    expect(pick(names, { quant: "i1-Q4_K_M" })).toBe("m.i1-Q4_K_M.gguf");
    expect(pick(names, { quant: "Q5_K_M-imat" })).toBe("m-Q5_K_M-imat.gguf");
  });

  it("that several files have is a choice", () => {
    expect(pick(["m.i1-Q4_K_M.gguf", "m.Q4_K_M.gguf"], { quant: "Q4_K_M" })).toBe("? m.i1-Q4_K_M.gguf m.Q4_K_M.gguf");
    expect(problem(["a-Q4_0.gguf", "b-Q4_0.gguf"], { quant: "Q4_0" })).toBe(
      '"Q4_0" may be any of 2: "a-Q4_0.gguf", "b-Q4_0.gguf"; name one by its path',
    );
  });

  it("that isn't there is answered with those that are", () => {
    expect(problem(["m-Q4_0.gguf", "m-Q8_0.gguf"], { quant: "Q4" })).toBe(
      'no checkpoint here is called "Q4"; there are Q4_0, Q8_0',
    );
    expect(problem(["model.safetensors"], { quant: "Q4" })).toBe(
      'no checkpoint here is called "Q4"; no file name here has a quant',
    );
  });

  it("is never a projector's", () => {
    expect(pick(["m-Q4_0.gguf", "mmproj-F16.gguf"], { quant: "F16" })).toMatch(/^\?/);
  });

  it("may be the variant of a safetensors file", () => {
    expect(pick(["model.safetensors", "model.fp16.safetensors"], { quant: "FP16" })).toBe("model.fp16.safetensors");
  });
});

describe("a path that is asked for", () => {
  const pipeline = [
    "model_index.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
  ];

  it.each([
    ["a file", QUANTS, "mmproj-F16.gguf", "mmproj-F16.gguf"],
    [
      "any part of a set",
      ["F16/m-00001-of-00002.gguf", "F16/m-00002-of-00002.gguf"],
      "F16/m-00002-of-00002.gguf",
      "F16/m-00001-of-00002.gguf",
    ],
    [
      "a folder",
      ["model.safetensors", "checkpoint-5/model.safetensors"],
      "checkpoint-5/",
      "checkpoint-5/model.safetensors",
    ],
    ["a component", pipeline, "unet", "unet/diffusion_pytorch_model.safetensors"],
    [
      "a component's file",
      pipeline,
      "vae/diffusion_pytorch_model.safetensors",
      "vae/diffusion_pytorch_model.safetensors",
    ],
  ])("%s is found", (_, names, path, entry) => expect(pick(names, { path })).toBe(entry));

  it("is a folder with a quant in it", () => {
    const names = ["a/m-Q4_0.gguf", "a/m-Q8_0.gguf", "b/m-Q8_0.gguf"];
    expect(pick(names, { path: "a", quant: "Q8_0" })).toBe("a/m-Q8_0.gguf");
  });

  it("that isn't there is a problem", () => {
    expect(problem(QUANTS, { path: "nothing" })).toBe('there is no checkpoint at "nothing"');
    expect(pick(["a/m-Q8_0.gguf"], { path: "constructor" })).toBe("? a/m-Q8_0.gguf");
  });
});

describe("when nothing is asked for", () => {
  it("a lone model needs no word", () => {
    expect(pick(["m-Q2_K.gguf", "mmproj-F16.gguf"])).toBe("m-Q2_K.gguf");
    expect(why(["m-Q2_K.gguf", "mmproj-F16.gguf"])).toBeUndefined();
  });

  it("of several quants it is the one that llama.cpp takes, and that is said", () => {
    expect(why(QUANTS)).toBe(
      "5 GGUF models are here; Q4_K_M is shown, as llama.cpp picks it when none is named; name another with :QUANT",
    );
    expect(pick(QUANTS)).toBe("m-Q4_K_M.gguf");
    expect(pick(["m-Q2_K.gguf", "m-Q8_0.gguf"])).toBe("m-Q8_0.gguf");
    expect(pick(["m-Q6_K.gguf", "m-IQ2_M.gguf"])).toBe("m-IQ2_M.gguf");
  });

  it("safetensors stand for a repository that has GGUF too", () => {
    const names = ["model.safetensors", "m-Q4_K_M.gguf"];
    expect(pick(names)).toBe("model.safetensors");
    expect(why(names)).toBe('"model.safetensors" is shown; there is 1 GGUF model to name with :QUANT');
  });

  it("a pipeline stands before single files, a model before its adapters and copies", () => {
    expect(pick(["model_index.json", "unet/diffusion_pytorch_model.safetensors", "all.safetensors"])).toBe("");
    expect(pick(["adapter_model.safetensors", "sub/model.safetensors"])).toBe("sub/model.safetensors");
  });

  it("what inspect shows of a folder is shown of a repository", () => {
    expect(pick(["extra.safetensors", "model.safetensors"])).toBe("model.safetensors");
    expect(pick(["model.safetensors.index.json", "m-Q4_K_M.gguf"])).toBe("m-Q4_K_M.gguf");
  });

  it("adapters are shown where there is no model", () => {
    expect(pick(["adapter_model.safetensors", "checkpoint-5/adapter_model.safetensors"])).toBe(
      "adapter_model.safetensors",
    );
  });

  it("what goes with a model is not", () => {
    expect(problem(["mmproj-F16.gguf"])).toBe(
      'only what goes with a model is here; name a file by its path: "mmproj-F16.gguf"',
    );
    expect(problem(["README.md"])).toBe("there is no GGUF and no safetensors file here");
  });

  it("no name reaches a message raw", () => {
    expect(why(["a\x1b[31m.gguf", "b\u202e.gguf"])).not.toMatch(/[\x1b\u202e]/);
  });
});
