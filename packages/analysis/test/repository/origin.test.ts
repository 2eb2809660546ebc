/** Licence, access and base model; tokenizer, settings and labels. */
import { describe, expect, it } from "vitest";

import { finding, GOOD_INFO, listed, looked, type Made, modelReport, said } from "./subjects.ts";

const MODEL = listed("model.safetensors");
const FILES = { "model.safetensors": 4e8, "config.json": 700, "tokenizer.json": 1e6 };
const { license: _, ...UNLICENSED } = { ...GOOD_INFO, tags: ["transformers"] };

function expectLines(some: RegExp) {
  return (_name: string, made: Made, lines: string[]) => expect(said(made, some)).toEqual(lines);
}

describe("access", () => {
  it.each<[string, Made, string[]]>([
    ["is free", { info: GOOD_INFO }, []],
    ["isn't known", { info: {} }, []],
    [
      "is gated",
      { info: { gated: "auto" } },
      ["note repo/access: the repo is gated: who accepts its terms gets access at once"],
    ],
    [
      "is gated by hand",
      { info: { gated: "manual" } },
      ["note repo/access: the repo is gated: its owner decides on each request"],
    ],
    ["is refused: then the partial answer says it", { info: { gated: "auto" }, closed: true }, []],
    [
      "is private",
      { info: { private: true } },
      ["note repo/access: the repo is private: its owner and members of the organization alone have access"],
    ],
    ["is disabled", { info: { disabled: true } }, ["error repo/disabled: the Hub has disabled access to this repo"]],
  ])("%s", expectLines(/access|disabled/));
});

describe("licence", () => {
  it.each<[string, Made, string[]]>([
    ["is an open one", { files: FILES, info: GOOD_INFO }, []],
    ["isn't known", { files: FILES, info: {} }, []],
    [
      "isn't stated",
      { files: FILES, info: UNLICENSED },
      ["note repo/no-license: the model card states no licence, and none of the files is one"],
    ],
    ["is a file", { files: { ...FILES, "LICENSE.md": 9 }, info: UNLICENSED }, []],
    ["may be a file beyond the list", { files: FILES, info: UNLICENSED, filesCut: true }, []],
    ["is a tag", { files: FILES, info: { tags: ["license:mit"] } }, []],
    [
      "is another",
      { info: { license: "other" } },
      ['note repo/license-terms: the licence is stated as "other": terms that the Hub has no name for'],
    ],
    [
      "forbids commerce",
      { info: { license: "cc-by-nc-4.0" } },
      ['note repo/license-terms: the licence is "cc-by-nc-4.0": not for commercial use, or for research alone'],
    ],
    ["has the letters by chance", { info: { license: "ncsa" } }, []],
  ])("%s", expectLines(/licen[cs]e/));
});

describe("base model", () => {
  const quant = listed("m-Q4_K_M.gguf", { quant: "Q4_K_M" });
  const full = listed("m-F16.gguf", { quant: "F16" });
  const adapter = listed("adapter_model.safetensors", { use: "adapter" });
  const info = { tags: ["gguf"] };
  const noBase = (what: string) => [`note repo/no-base-model: ${what}`];

  it.each<[string, Made, string[]]>([
    ["of a plain model", { checkpoints: [MODEL], info }, []],
    ["of GGUF in full width", { checkpoints: [full], info }, []],
    [
      "of quants",
      { checkpoints: [full, quant], info },
      noBase("the model card names no base_model for the quantized model (Q4_K_M)"),
    ],
    ["of quants, named", { checkpoints: [quant], info: { ...info, baseModels: ["org/m"] } }, []],
    ["of quants, named by a tag", { checkpoints: [quant], info: { tags: ["base_model:org/m"] } }, []],
    ["of quants, where the Hub didn't answer", { checkpoints: [quant], info: {} }, []],
    [
      "of a quantized repo by name",
      { id: "org/m-7B-GPTQ-4bit", checkpoints: [MODEL], info },
      noBase("the model card names no base_model, and the repo's name says that it is quantized"),
    ],
    ["of an adapter", { checkpoints: [adapter], info }, noBase('the adapter names no base model: "adapter_model"')],
    [
      "of an adapter, named in its settings",
      { checkpoints: [adapter], info, json: { "adapter_config.json": { base_model_name_or_path: "org/m" } } },
      [],
    ],
  ])("%s", expectLines(/base-model/));
});

describe("tokenizer", () => {
  const none = { "model.safetensors": 4e8, "config.json": 700 };
  const report = modelReport({ format: "safetensors", layers: 1 });
  const line = ["note repo/no-tokenizer: none of the 2 files is a tokenizer"];
  const made = (more: Made): Made => ({ files: none, checkpoints: [MODEL], looked: [looked(MODEL, report)], ...more });

  it.each<[string, Made, string[]]>([
    ["is there", made({ files: FILES }), []],
    ["is there in a folder", made({ files: { ...none, "tokenizer/vocab.txt": 9 } }), []],
    ["is missing", made({}), line],
    [
      "is missing by the class alone",
      made({ looked: [], json: { "config.json": { architectures: ["LlamaForCausalLM"] } } }),
      line,
    ],
    [
      "isn't needed to see",
      made({ looked: [], json: { "config.json": { architectures: ["ViTForImageClassification"] } } }),
      [],
    ],
    [
      "isn't needed to hear",
      made({ looked: [], json: { "config.json": { architectures: ["WhisperForConditionalGeneration"] } } }),
      [],
    ],
    ["isn't needed by another library", made({ info: { libraryName: "nemo" } }), []],
    ["is in the GGUF beside it", made({ checkpoints: [MODEL, listed("m.gguf")] }), []],
    ["may be beyond the list", made({ filesCut: true }), []],
    [
      "was missed by the rule on the checkpoint",
      made({ looked: [looked(MODEL, report, [finding("tokenizer/none-beside")])] }),
      [],
    ],
  ])("%s", expectLines(/no-tokenizer/));
});

describe("config.json", () => {
  const alone = { "model.safetensors": 4e8 };
  const message = "repo/no-config: there is no config.json beside model.safetensors [model.safetensors]";

  it.each<[string, Made, string[]]>([
    ["is there", { files: FILES, checkpoints: [MODEL] }, []],
    ["is missing", { files: alone, checkpoints: [MODEL] }, [`note ${message}`]],
    [
      "is missing for transformers",
      { files: alone, checkpoints: [MODEL], info: { libraryName: "transformers" } },
      [`warning ${message}`],
    ],
    ["isn't what the library reads", { files: alone, checkpoints: [MODEL], info: { libraryName: "diffusers" } }, []],
    ["is another file", { files: { ...alone, "params.json": 9 }, checkpoints: [MODEL] }, []],
    [
      "isn't needed by a lone file",
      { files: { "flux1-dev.safetensors": 9 }, checkpoints: [listed("flux1-dev.safetensors")] },
      [],
    ],
  ])("%s", expectLines(/no-config/));
});

describe("library and task", () => {
  it.each<[string, Made, string[]]>([
    ["are known", { checkpoints: [MODEL], info: GOOD_INFO }, []],
    ["weren't asked for", { checkpoints: [MODEL], info: {} }, []],
    [
      "are unknown",
      { checkpoints: [MODEL], info: { tags: [] } },
      ["note repo/no-library: the Hub knows no library_name and no pipeline_tag for this repo"],
    ],
    [
      "are known in half",
      { checkpoints: [MODEL], info: { tags: [], libraryName: "gguf" } },
      ["note repo/no-library: the Hub knows no pipeline_tag for this repo"],
    ],
  ])("%s", expectLines(/no-library/));
});
