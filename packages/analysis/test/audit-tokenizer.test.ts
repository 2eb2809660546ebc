/** Tokenizers: in GGUF metadata, and in files beside safetensors weights. */
import type { Beside, Checkpoint, GgufWriteEntry, JsonObject } from "@checkpoint-inspect/parser";
import { memoryFileSet, openCheckpoint, openFileSet, writeSafetensors } from "@checkpoint-inspect/parser";
import { describe, expect, it } from "vitest";

import { describeReal, expandHeads } from "../../../test-support/real-data.ts";
import { f32, flag, type GgufChanges, ggufModel, said, saidOf, text, texts, u32 } from "./gguf-models.ts";

const FAMILY = /^tokenizer\//;

const scores = (count: number): GgufWriteEntry => ({
  key: "tokenizer.ggml.scores",
  type: "array",
  elementType: "f32",
  value: Array.from({ length: count }, () => 0),
});

describe("in a GGUF file", () => {
  it.each<[string, GgufChanges, string[]]>([
    ["nothing that is right", { set: [scores(6), u32("tokenizer.ggml.padding_token_id", 0xffffffff)] }, []],
    ["no tokenizer", { drop: ["tokenizer.ggml.model"] }, ["error tokenizer/missing: tokenizer.ggml.model is missing"]],
    [
      "no tokens",
      { drop: ["tokenizer.ggml.tokens"], set: [u32("llama.vocab_size", 6)] },
      ["error tokenizer/missing: tokenizer.ggml.tokens is missing"],
    ],
    [
      "scores that are too few, token types that are too many",
      {
        set: [
          scores(5),
          { key: "tokenizer.ggml.token_type", type: "array", elementType: "i32", value: [1, 1, 1, 1, 3, 3, 3] },
        ],
      },
      [
        "error tokenizer/list-length: tokenizer.ggml.scores has 5 entries for 6 tokens",
        "warning tokenizer/list-length: tokenizer.ggml.token_type has 7 entries for 6 tokens",
      ],
    ],
    [
      "tables with fewer rows than tokens, or with more",
      { tensors: { "token_embd.weight": [8, 5], "output.weight": [8, 8] } },
      [
        'error tokenizer/embedding-rows: "token_embd.weight" has 5 rows for 6 tokens (tokenizer.ggml.tokens) [token_embd.weight]',
        'error tokenizer/embedding-rows: "output.weight" has 8 rows for 6 tokens (tokenizer.ggml.tokens) [output.weight]',
      ],
    ],
    [
      "a vocabulary that is kept elsewhere, by its size",
      {
        drop: ["tokenizer.ggml.tokens", "tokenizer.ggml.merges", "tokenizer.ggml.token_type"],
        set: [text("tokenizer.ggml.model", "none"), u32("llama.vocab_size", 7)],
        tensors: { "output.weight": null },
      },
      [
        'error tokenizer/embedding-rows: "token_embd.weight" has 6 rows for 7 tokens (llama.vocab_size) [token_embd.weight]',
      ],
    ],
    [
      "a size of the vocabulary that is of another model",
      { set: [u32("llama.vocab_size", 100)] },
      ["note tokenizer/vocab-size: llama.vocab_size is 100, and there are 6 tokens and as many rows"],
    ],
    [
      "a way of splitting text that nobody knows",
      { set: [text("tokenizer.ggml.pre", "nonsense\u202e")] },
      ['note tokenizer/unknown-pre-tokenizer: tokenizer.ggml.pre is "nonsense\\u202e", which is not a known one'],
    ],
    [
      "byte pairs without merges and without a pre-tokenizer",
      { drop: ["tokenizer.ggml.merges", "tokenizer.ggml.pre"] },
      [
        "error tokenizer/no-merges: tokenizer.ggml.merges is missing",
        "warning tokenizer/no-pre-tokenizer: tokenizer.ggml.pre is missing",
      ],
    ],
    [
      "an empty list of merges",
      { set: [texts("tokenizer.ggml.merges", [])] },
      ["warning tokenizer/no-merges: tokenizer.ggml.merges is empty"],
    ],
    [
      "sentence pieces, which need neither",
      { drop: ["tokenizer.ggml.merges", "tokenizer.ggml.pre"], set: [text("tokenizer.ggml.model", "llama")] },
      [],
    ],
    [
      "special tokens outside of the vocabulary",
      { set: [u32("tokenizer.ggml.eos_token_id", 6), u32("tokenizer.ggml.fim_pad_token_id", 4_000_000_000)] },
      [
        "warning tokenizer/token-id: tokenizer.ggml.eos_token_id is 6, of 6 tokens",
        "warning tokenizer/token-id: tokenizer.ggml.fim_pad_token_id is 4,000,000,000, of 6 tokens",
      ],
    ],
    [
      "no end of an answer, where the loader takes any token for it",
      { drop: ["tokenizer.ggml.eos_token_id"] },
      ["warning tokenizer/no-end: tokenizer.ggml.eos_token_id and tokenizer.ggml.eot_token_id are missing"],
    ],
    [
      "no end of an answer, where the loader's guess is mostly right",
      { drop: ["tokenizer.ggml.eos_token_id"], set: [text("tokenizer.ggml.model", "llama")] },
      ["note tokenizer/no-end: tokenizer.ggml.eos_token_id and tokenizer.ggml.eot_token_id are missing"],
    ],
    [
      "a begin token that is to be added and isn't named",
      { drop: ["tokenizer.ggml.bos_token_id"], set: [flag("tokenizer.ggml.add_bos_token", true)] },
      ["warning tokenizer/no-begin: tokenizer.ggml.add_bos_token is true, and tokenizer.ggml.bos_token_id is missing"],
    ],
    ["no begin token, and none to be added", { drop: ["tokenizer.ggml.bos_token_id"] }, []],
    [
      "a model for chat without a template",
      { set: [text("general.name", "Qwen2.5 7B Instruct"), f32("llama.rope.freq_base", 1e6)] },
      [
        'note tokenizer/no-chat-template: the model calls itself "Qwen2.5 7B Instruct", and there is no chat template in the metadata',
      ],
    ],
    [
      "a model for chat with a template",
      { set: [text("general.finetune", "it"), text("tokenizer.chat_template", "{{ messages }}")], file: "a-it.gguf" },
      [],
    ],
    ["names that only hold such letters", { set: [text("general.name", "Chatham Italic Split-item")] }, []],
  ])("%s", async (_, changes, lines) => {
    expect(await saidOf(changes, FAMILY)).toEqual(lines);
  });

  it("lists that belong to a vocabulary alone are compared too", async () => {
    const { tensors } = await ggufModel();
    const none = Object.fromEntries(tensors.map(({ name }) => [name, null]));
    expect(await saidOf({ set: [scores(7)], tensors: none }, FAMILY)).toEqual([
      "warning tokenizer/list-length: tokenizer.ggml.scores has 7 entries for 6 tokens",
    ]);
  });
});

// --- beside safetensors weights ------------------------------------------------------------------------------------------

/** A Llama of 10 tokens, its config, and what lies beside it. */
async function repository(config: JsonObject, beside?: Partial<Beside>, label = "model"): Promise<Checkpoint> {
  const tensors = [
    { name: "model.embed_tokens.weight", rows: 10 },
    { name: "model.layers.0.self_attn.q_proj.weight", rows: 4 },
    { name: "model.layers.0.mlp.up_proj.weight", rows: 4 },
  ];
  const files = {
    "model.safetensors": writeSafetensors(
      tensors.map(({ name, rows }) => ({ name, dtype: "F16", shape: [rows, 4], data: new Uint8Array(rows * 8) })),
    ),
    "config.json": new TextEncoder().encode(
      JSON.stringify({ model_type: "llama", architectures: ["LlamaForCausalLM"], vocab_size: 10, ...config }),
    ),
  };
  const checkpoint = await openFileSet(memoryFileSet("model", files));
  const empty: Beside = { files: [], json: new Map(), templates: [], unreadable: [] };
  const { beside: _, ...plain } = checkpoint;
  return { ...plain, label, ...(beside && { beside: { ...empty, ...beside } }) };
}

const generation = (json: JsonObject): Partial<Beside> => ({ json: new Map([["generation_config.json", json]]) });
const folder = (...names: string[]): Partial<Beside> => ({
  files: names.map((name) => ({ name, sizeBytes: 1 })),
});
const PUBLISHED = ["README.md", "generation_config.json", "model.safetensors", "config.json"];

describe("beside safetensors weights", () => {
  it.each<[string, JsonObject, Partial<Beside> | undefined, string[]]>([
    [
      "ids that have a row",
      { eos_token_id: [9, 3], pad_token_id: -1, bos_token_id: null },
      generation({ eos_token_id: 9 }),
      [],
    ],
    [
      "an end that has no row, where the config is all there is",
      { eos_token_id: [3, 50256] },
      undefined,
      ["note tokenizer/config-token-id: config.json eos_token_id is 50,256, of 10 tokens"],
    ],
    [
      "an end that has no row, in the file that generation goes by",
      { eos_token_id: 10 },
      generation({ eos_token_id: [10, 11], pad_token_id: 9 }),
      ["warning tokenizer/config-token-id: generation_config.json eos_token_id is 10, of 10 tokens"],
    ],
    ["a config that generation_config.json puts right", { pad_token_id: 12 }, generation({ pad_token_id: 0 }), []],
    [
      "different ends",
      { eos_token_id: 2 },
      generation({ eos_token_id: [7, 8] }),
      ["note tokenizer/end-disagrees: eos_token_id is 2 in config.json, 7, 8 in generation_config.json"],
    ],
    ["one end in common", { eos_token_id: 8 }, generation({ eos_token_id: [7, 8] }), []],
    [
      "a few special tokens that only a sibling has",
      {},
      { tokenizerVocabulary: 11 },
      ["note tokenizer/more-names-than-rows: tokenizer.json has ids up to 10, and the token table 10 rows"],
    ],
    [
      "another tokenizer",
      {},
      { tokenizerVocabulary: 128_256 },
      ["warning tokenizer/more-names-than-rows: tokenizer.json has ids up to 128,255, and the token table 10 rows"],
    ],
    ["a table that was padded", {}, { tokenizerVocabulary: 9 }, []],
    [
      "a published model without tokenizer",
      {},
      folder(...PUBLISHED),
      ["note tokenizer/none-beside: none of the 4 files in the folder is a tokenizer"],
    ],
    ...[
      "tokenizer.json",
      "tokenizer.model",
      "vocab.json",
      "spiece.model",
      "tekken.json",
      "qwen.tiktoken",
      "tokenization_x.py",
    ].map((name): [string, JsonObject, Partial<Beside>, string[]] => [
      `with ${name}`,
      {},
      folder(...PUBLISHED, name),
      [],
    ]),
    ["a folder of which only the first files are listed", {}, { ...folder(...PUBLISHED), fileCount: 5000 }, []],
    ["weights in a scratch folder", {}, folder("model.safetensors", "config.json"), []],
  ])("%s", async (_, config, beside, lines) => {
    expect(said(await repository(config, beside), FAMILY)).toEqual(lines);
  });

  it("a model for chat needs a template, where somebody looked for it", async () => {
    const label = "Some-7B-Instruct";
    const line = `note tokenizer/no-chat-template: the model calls itself "${label}", and there is no chat template beside the weights`;
    expect(said(await repository({}, {}, label), FAMILY)).toEqual([line]);
    expect(said(await repository({}, undefined, label), FAMILY)).toEqual([]);
    expect(
      said(await repository({}, { templates: [{ from: "chat_template.jinja", text: "" }] }, label), FAMILY),
    ).toEqual([]);
    expect(said(await repository({}, folder("tekken.json"), label), FAMILY)).toEqual([]);
    const unreadable = [{ name: "tokenizer_config.json", why: "it is not JSON" }];
    expect(said(await repository({}, { unreadable }, label), FAMILY)).toEqual([]);
  });
});

describeReal("a released model as transformers writes it", () => {
  // Defaults of its config class, which are GPT-2's; the released model has others in its generation_config.json.
  it("names an end that it has no row for", async () => {
    const { dir, remove } = expandHeads("hf-heads/StarCoder2-3B");
    const checkpoint = await openCheckpoint(dir);
    expect(said(checkpoint)).toEqual([
      "note tokenizer/config-token-id: config.json bos_token_id is 50,256, of 49,152 tokens",
      "note tokenizer/config-token-id: config.json eos_token_id is 50,256, of 49,152 tokens",
    ]);
    await checkpoint.close();
    remove();
  });
});
