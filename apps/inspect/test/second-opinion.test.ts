/** A second opinion: another reader agrees on good files, is known to be wrong where it isn't, and is heard when nobody knows. */
import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import {
  assembleSafetensors,
  type Checkpoint,
  type FileSet,
  type GgufInput,
  type GgufWriteOptions,
  localFolder,
  memoryFileSet,
  openCheckpoint,
  openFileSet,
  writeGguf,
  writeGgufHeader,
  writeIndexJson,
  writeSafetensors,
} from "@checkpoint-inspect/parser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { describeReal, expandHeads, listReal, realData } from "../../../test-support/real-data.ts";
import { reader as ggufReader } from "../src/second-opinion/gguf-reader.ts";
import { reader as hubReader } from "../src/second-opinion/hub-reader.ts";
import { type SecondOpinion, type SecondOpinionOptions, secondOpinion } from "../src/second-opinion/second-opinion.ts";

const networkFetch = globalThis.fetch;
beforeAll(() => {
  globalThis.fetch = () => expect.unreachable("a second opinion may not reach the network");
});
afterAll(() => {
  globalThis.fetch = networkFetch;
});

interface Asked {
  readonly checkpoint: Checkpoint;
  readonly opinion: SecondOpinion;
}

async function ask(
  files: FileSet,
  options: SecondOpinionOptions & { change?: (checkpoint: Checkpoint) => Checkpoint } = {},
): Promise<Asked> {
  const { change = (same: Checkpoint) => same, ...rest } = options;
  const checkpoint = change(await openFileSet(files));
  try {
    return { checkpoint, opinion: await secondOpinion(files, checkpoint, rest) };
  } finally {
    await checkpoint.close();
  }
}

const memory = (files: Readonly<Record<string, Uint8Array>>) => memoryFileSet("set", files);
const gguf = (bytes: Uint8Array) => memory({ "model.gguf": bytes });
const safetensors = (bytes: Uint8Array) => memory({ "model.safetensors": bytes });

const NAME = { key: "general.name", type: "string", value: "a model" } as const;
const TENSOR = { name: "a.weight", shape: [4, 2], type: 0 } as const;
const made = (input: Partial<GgufInput>, options?: GgufWriteOptions) =>
  gguf(writeGguf({ metadata: [NAME], tensors: [TENSOR], ...input }, options));

const tensor = (name: string, dtype = "F32") => ({ name, dtype, shape: [2], data: new Uint8Array(8) });
/** A header as text over 16 bytes of data. */
const headed = (json: string) => safetensors(assembleSafetensors(json, new Uint8Array(16)));
const entry = (begin: number) => `{"dtype":"F32","shape":[2],"data_offsets":[${begin},${begin + 8}]}`;

describe("on a file that both read alike", () => {
  it("GGUF is agreed on in tensors, metadata and parameters", async () => {
    const { opinion } = await ask(
      made({
        metadata: [
          NAME,
          { key: "x.numbers", type: "array", elementType: "f32", value: [0.1, Number.NaN, Number.POSITIVE_INFINITY] },
          { key: "x.large", type: "u64", value: 2n ** 63n },
          { key: "version", type: "u32", value: 7 },
        ],
      }),
    );
    expect(opinion).toMatchObject({ agrees: true, tensors: 1, metadata: 4, findings: [] });
    expect(opinion.summary).toBe("@huggingface/gguf 0.4.6 agrees: 1 tensor, 4 metadata entries");
  });

  it("GGUF is agreed on in either byte order, and in version 1", async () => {
    for (const input of [{ byteOrder: "big" }, { version: 1 }, { version: 2 }, { alignment: 64 }] as const) {
      expect((await ask(made(input))).opinion).toMatchObject({ agrees: true, tensors: 1, findings: [] });
    }
  });

  it("a safetensors set is read through its index, and its files compared", async () => {
    const shards = ["00001", "00002"].map((n) => ({ name: `model-${n}-of-00002.safetensors`, tensor: `t${n}` }));
    const files = Object.fromEntries(
      shards.map((shard) => [shard.name, writeSafetensors([tensor(shard.tensor)], { metadata: { format: "pt" } })]),
    );
    const index = shards.map(({ name, tensor }) => ({ name, tensors: [{ name: tensor, sizeBytes: 8 }] }));
    const { opinion } = await ask(memory({ ...files, "model.safetensors.index.json": writeIndexJson(index) }));
    expect(opinion).toMatchObject({ agrees: true, tensors: 2, metadata: 2, findings: [] });
  });

  it("the models of a pipeline are read one by one, under their folders", async () => {
    const index = { _class_name: "P", unet: ["diffusers", "U"], vae: ["diffusers", "V"] };
    const { opinion } = await ask(
      memory({
        "model_index.json": new TextEncoder().encode(JSON.stringify(index)),
        "unet/diffusion_pytorch_model.safetensors": writeSafetensors([tensor("a")]),
        "vae/diffusion_pytorch_model.safetensors": writeSafetensors([tensor("b")]),
      }),
    );
    // Our names begin with the folder's; in the file they don't.
    expect(opinion).toMatchObject({ agrees: true, tensors: 2, findings: [] });
  });
});

/** What is known of the other reader: a file that shows it, and the case by its id. */
const KNOWN: readonly (readonly [string, FileSet])[] = [
  ["byte-order-mark", made({ metadata: [{ key: "general.name", type: "string", value: "\uFEFFa" }] })],
  ["byte-order-mark", made({ tensors: [{ ...TENSOR, name: "\uFEFFa.weight" }] })],
  ["proto", made({ metadata: [{ key: "__proto__", type: "string", value: "a" }] })],
  ["gguf-duplicate-key", made({ metadata: [NAME, { ...NAME, value: "another" }] })],
  [
    "gguf-limits",
    made({ metadata: [{ key: "a", type: "array", elementType: "u8", value: Array<number>(1_000_001).fill(0) }] }),
  ],
  ["gguf-limits", made({ tensors: [{ name: "a", shape: [2 ** 32 + 1], type: 24 }] }, { unchecked: true })],
  ["gguf-parameters-fit", gguf(writeGgufHeader({ metadata: [NAME], tensors: [{ ...TENSOR, shape: [4096, 64] }] }))],
  [
    "gguf-zeros-past-the-end",
    gguf(writeGgufHeader({ metadata: [NAME], tensors: [TENSOR, { ...TENSOR, name: "b" }] }).subarray(0, 120)),
  ],
  [
    "gguf-cut-string",
    made({
      metadata: [
        { ...NAME, value: "a".repeat(800_000) },
        { ...NAME, key: "a", value: "\u00e9".repeat(300_000) },
        { ...NAME, key: "b", value: "b".repeat(700_000) },
      ],
    }),
  ],
  ["gguf-other-types", made({ tensors: [{ ...TENSOR, type: 31 }] }, { unchecked: true })],
  ["gguf-alignment", made({ alignment: 32, metadata: [{ key: "general.alignment", type: "u32", value: 13 }] })],
  ["hub-unchecked-entry", headed(`{"a":${entry(0)},"b":{"dtype":"F32","shape":[2.0],"data_offsets":[8,16]}}`)],
  ["hub-entry-list", headed(`{"a":${entry(0)},"b":["F32",[2],[8,16]]}`)],
  ["hub-overflow", headed(`{"a":{"dtype":"F32","shape":[${2 ** 32},${2 ** 32},4],"data_offsets":[0,16]}}`)],
  ["hub-metadata-values", headed(`{"__metadata__":{"k":3},"a":${entry(0)},"b":${entry(8)}}`)],
  ["hub-half-pairs", headed(`{"a":${entry(0)},"\\ud800":${entry(8)}}`)],
  ["hub-proto-count", headed(`{"a":${entry(0)},"__proto__":${entry(8)}}`)],
  [
    "hub-missing-shard",
    memory({
      "model-00001-of-00002.safetensors": writeSafetensors([tensor("a")]),
      "model.safetensors.index.json": writeIndexJson([
        { name: "model-00001-of-00002.safetensors", tensors: [{ name: "a", sizeBytes: 8 }] },
        { name: "model-00002-of-00002.safetensors", tensors: [{ name: "b", sizeBytes: 8 }] },
      ]),
    }),
  ],
  ["hub-claim", safetensors(writeSafetensors([tensor("a")], { metadata: { total_parameters: "1" } }))],
];

describe("where the other reader is known to be wrong", () => {
  const rows = new Map([...ggufReader.known, ...hubReader.known].map((row) => [row.id, row] as const));

  it.each(KNOWN)("%s is reported as a note that says so", async (id, files) => {
    const { opinion } = await ask(files);
    const does = rows.get(id)?.does;
    const why = `known: ${opinion.reader.replace(/ .*/, "")} ${does}`;
    expect(opinion.findings).toContainEqual(expect.objectContaining({ why, severity: "note" }));
    expect(opinion.findings.filter(({ severity }) => severity !== "note")).toEqual([]);
    expect(opinion.agrees).toBe(true);
  });

  it("the document names every case", () => {
    const document = readFileSync(new URL("../../../docs/second-opinion.md", import.meta.url), "utf8");
    for (const { id, does } of rows.values()) expect(document).toContain(`| \`${id}\` | ${does} |`);
  });
});

describe("a disagreement that nobody knows", () => {
  it("is a warning that says who says what", async () => {
    const change = (checkpoint: Checkpoint): Checkpoint => ({
      ...checkpoint,
      tensors: checkpoint.tensors.map((own) => ({ ...own, shape: [2, 5], type: "F16", offset: own.offset + 1 })),
      metadata: checkpoint.metadata.map((own) => ({ ...own, value: "another" })),
    });
    const { opinion } = await ask(made({}), { change });
    expect(opinion).toMatchObject({ agrees: false, tensors: 0, metadata: 0 });
    expect(opinion.findings.map(({ severity, rule, message }) => [severity, rule, message])).toEqual([
      ["warning", "opinion/tensors", 'tensor "a.weight": shape is [2, 5] to us, [2, 4] to @huggingface/gguf'],
      ["warning", "opinion/tensors", 'tensor "a.weight": type is "F16" to us, "F32" to @huggingface/gguf'],
      ["warning", "opinion/tensors", 'tensor "a.weight": offset is 129 to us, 128 to @huggingface/gguf'],
      [
        "warning",
        "opinion/metadata",
        'metadata "general.name": value is "another" to us, "a model" to @huggingface/gguf',
      ],
    ]);
    expect(opinion.summary).toContain("disagrees in 4 points");
  });

  it("names what only one of the two has", async () => {
    const change = (checkpoint: Checkpoint): Checkpoint => ({
      ...checkpoint,
      tensors: checkpoint.tensors.map((own) => ({ ...own, name: "ours" })),
      metadata: [],
    });
    const { opinion } = await ask(safetensors(writeSafetensors([tensor("theirs")], { metadata: { k: "v" } })), {
      change,
    });
    expect(opinion.findings.map(({ message }) => message)).toEqual([
      '@huggingface/hub doesn\'t have tensor "ours"',
      '@huggingface/hub has tensor "theirs", which we don\'t have',
      '@huggingface/hub has metadata "k", which we don\'t have',
    ]);
  });

  it("shows no character of the file that can't be seen", async () => {
    const value = "\u001b[31m\u202e\u200b\uFEFF";
    const change = (checkpoint: Checkpoint): Checkpoint => ({ ...checkpoint, metadata: [] });
    const { opinion } = await ask(made({ metadata: [{ key: value, type: "u8", value: 1 }] }), { change });
    expect(opinion.findings).toHaveLength(1);
    expect(opinion.findings[0]?.message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});

describe("the bounds of the other reader", () => {
  it("it isn't shown a header above the limit", async () => {
    const change = (checkpoint: Checkpoint): Checkpoint => ({
      ...checkpoint,
      parts: checkpoint.parts.map((part) => ({ ...part, headerBytes: 40_000_000 })),
    });
    const { opinion } = await ask(made({}), { change });
    expect(opinion.findings).toMatchObject([{ rule: "opinion/not-asked", severity: "note" }]);
    expect(opinion.summary).toContain("a header of 40,000,000 bytes is above the limit of 32,000,000");
  });

  it("it is left behind when it takes too long", async () => {
    const files = made({});
    const checkpoint = await openFileSet(files);
    const stuck: FileSet = { ...files, open: () => new Promise(() => {}) };
    const opinion = await secondOpinion(stuck, checkpoint, { timeoutMs: 20 });
    expect(opinion).toMatchObject({ agrees: false, findings: [{ rule: "opinion/not-asked" }] });
    expect(opinion.summary).toBe("@huggingface/gguf 0.4.6: no answer after 0.02 seconds");
  });

  it("it gets no more of a file than a header of that size can need", async () => {
    const files = gguf(new Uint8Array(40_000_000));
    const claims = writeGguf({ metadata: [NAME], tensors: [] });
    const bytes = new Uint8Array(40_000_000);
    bytes.set(claims);
    // The header claims tensors that we don't know of: it goes on reading zeros.
    const checkpoint = await openFileSet(gguf(claims));
    new DataView(bytes.buffer).setBigUint64(8, 1_000_000n, true);
    const opinion = await secondOpinion({ ...files, open: gguf(bytes).open }, checkpoint);
    expect(opinion.findings).toMatchObject([{ rule: "opinion/refused", severity: "warning" }]);
    expect(opinion.findings[0]?.message).toContain("which its header can't need");
  });
});

it("the versions that it names are those that are installed", () => {
  const require = createRequire(import.meta.url);
  for (const { name, version } of [ggufReader, hubReader]) {
    // Neither exports its package.json.
    const folder = dirname(dirname(require.resolve(name)));
    expect(JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))).toMatchObject({ name, version });
  }
});

async function opinionOn(path: string): Promise<SecondOpinion> {
  const checkpoint = await openCheckpoint(path);
  try {
    return await secondOpinion(localFolder(statSync(path).isDirectory() ? path : dirname(path)), checkpoint);
  } finally {
    await checkpoint.close();
  }
}

describeReal("a second opinion on real files", () => {
  const complete = ["stories260K", "llama-moe", "split", "endian", "variants"].flatMap((folder) =>
    listReal("gguf-made", folder).map((name) => realData("gguf-made", folder, name)),
  );
  const others = [
    realData("gguf-vocab", "ggml-vocab-llama-spm.gguf"),
    realData("gguf-vocab", "historic", "ggml-vocab-llama.2023-08-21.v1.gguf"),
    ...listReal("safetensors-public", "huggingface_safetensors").map((name) =>
      realData("safetensors-public", "huggingface_safetensors", name),
    ),
  ].filter((path) => /\.(gguf|safetensors)$/.test(path));

  it.each([...complete, ...others])("%s: nothing that isn't known", async (path) => {
    const { agrees, findings } = await opinionOn(path);
    expect(findings.filter(({ severity }) => severity !== "note")).toEqual([]);
    expect(agrees).toBe(true);
  });

  describe("of full size", () => {
    const folders = ["Mixtral-8x7B", "gpt-oss-20b", "GLM-4.5-Air"].map((name) => `hf-heads/${name}`);
    let heads: ReturnType<typeof expandHeads>[] = [];
    beforeAll(() => {
      heads = [...folders, "safetensors-headers/Devstral-Small-2507"].map((folder) => expandHeads(folder));
    });
    afterAll(() => {
      for (const { remove } of heads) remove();
    });

    it("agree in every tensor and in the Hub's parameter count", async () => {
      for (const { dir } of heads) {
        const { agrees, tensors, findings } = await opinionOn(dir);
        expect(findings).toEqual([]);
        expect(agrees).toBe(true);
        expect(tensors).toBeGreaterThan(300);
      }
    });
  });
});
