/** docs/report.schema.json against what the command prints: of every fixture and of every real file. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { analyse, reportError } from "@checkpoint-inspect/analysis";
import {
  CheckpointError,
  memoryFileSet,
  openCheckpoint,
  openFileSet,
  writeSafetensors,
} from "@checkpoint-inspect/parser";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { describeReal, expandHeads, realData } from "../../../test-support/real-data.ts";
import { jsonText } from "../src/views/json.ts";
import { FIXTURE_TARGETS, FIXTURES, inspect } from "./run-inspect.ts";

interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
}

const SCHEMA = JSON.parse(
  readFileSync(fileURLToPath(new URL("../../../docs/report.schema.json", import.meta.url)), "utf8"),
) as Schema;

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
const validate = ajv.compile(SCHEMA);
const ID = "https://checkpoint-inspect.invalid/report.schema.json";
const validateReport = ajv.compile({ $ref: `${ID}#/$defs/report` });
const validateError = ajv.compile({ $ref: `${ID}#/$defs/errorDocument` });

/** What is wrong with a document, in a form that a failing test can show: told by the definition that it is meant for. */
function problems(document: unknown): string[] {
  const meant =
    typeof document === "object" && document !== null && "source" in document ? validateReport : validateError;
  if (!meant(document)) {
    return (meant.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }
  return validate(document) ? [] : ["fits its own definition, but not the whole schema"];
}

/** What `inspect target --json` prints, without a process a file (cli.test.ts has the processes). */
async function documentOf(target: string): Promise<unknown> {
  try {
    const checkpoint = await openCheckpoint(target);
    try {
      return JSON.parse(jsonText(analyse(checkpoint, { target })));
    } finally {
      await checkpoint.close();
    }
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return JSON.parse(jsonText({ schemaVersion: 1, error: reportError(error) }));
  }
}

function follow(schema: Schema): Schema {
  return schema.$ref ? (SCHEMA.$defs?.[schema.$ref.replace("#/$defs/", "")] as Schema) : schema;
}

/** Every schema in the document with its place, references not followed. */
function* walk(schema: Schema, place: string): Generator<[string, Schema]> {
  yield [place, schema];
  for (const [name, inner] of Object.entries(schema.$defs ?? {})) yield* walk(inner, `${place}/${name}`);
  for (const [name, inner] of Object.entries(schema.properties ?? {})) yield* walk(inner, `${place}.${name}`);
  if (schema.items) yield* walk(schema.items, `${place}[]`);
  if (typeof schema.additionalProperties === "object") yield* walk(schema.additionalProperties, `${place}.*`);
}

/** Fields that a schema names, as paths: `source.parts[].name`. */
/** Those of a repository are shown by none: a test against a Hub holds its answers against the schema. */
function ofLocalReports(): string[] {
  return [...fieldsOf({ $ref: "#/$defs/report" }, "")].filter((place) => !/^repository\b/.test(place));
}

function* fieldsOf(schema: Schema, place: string): Generator<string> {
  const { properties = {}, items, additionalProperties } = follow(schema);
  for (const [name, inner] of Object.entries(properties)) {
    const path = place === "" ? name : `${place}.${name}`;
    yield path;
    yield* fieldsOf(inner, path);
  }
  if (items) yield* fieldsOf(items, `${place}[]`);
  if (typeof additionalProperties === "object") yield* fieldsOf(additionalProperties, `${place}.*`);
}

/** Fields that a document has, as paths of the schema: the keys of its two maps are `*`. */
function fieldsIn(value: unknown, place: string, found: Set<string>): Set<string> {
  if (Array.isArray(value)) for (const item of value) fieldsIn(item, `${place}[]`, found);
  else if (typeof value === "object" && value !== null) {
    const isMap = /layers?(\[\])?\.(buckets|types)$/.test(place);
    for (const [name, inner] of Object.entries(value)) {
      const path = isMap ? `${place}.*` : place === "" ? name : `${place}.${name}`;
      if (!isMap) found.add(path);
      fieldsIn(inner, path, found);
    }
  }
  return found;
}

const tensor = (name: string, shape: readonly number[], dtype = "F16") => ({
  name,
  dtype,
  shape,
  data: new Uint8Array(shape.reduce((a, b) => a * b, dtype === "F32" ? 4 : 2)),
});

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** Kinds that no file at hand has: an adapter that stores a module whole, a pipeline, latent attention, masks that the Hub counts. */
const MADE: Readonly<Record<string, Record<string, Uint8Array>>> = {
  adapter: {
    "adapter_model.safetensors": writeSafetensors([
      tensor("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", [4, 16]),
      tensor("base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight", [16, 4]),
      tensor("base_model.model.lm_head.modules_to_save.default.weight", [32, 16]),
    ]),
    "adapter_config.json": json({ peft_type: "LORA", r: 4, lora_alpha: 8, base_model_name_or_path: "some/base" }),
  },
  pipeline: {
    "model_index.json": json({ _class_name: "StableDiffusionPipeline", unet: ["diffusers", "UNet2DConditionModel"] }),
    "unet/config.json": json({ _class_name: "UNet2DConditionModel" }),
    "unet/diffusion_pytorch_model.safetensors": writeSafetensors([tensor("conv_in.weight", [8, 4, 3, 3])]),
  },
  latent: {
    "model.safetensors": writeSafetensors([
      tensor("model.layers.0.self_attn.kv_a_proj_with_mqa.weight", [6, 8]),
      tensor("model.layers.0.self_attn.kv_b_proj.weight", [8, 4]),
    ]),
    "config.json": json({
      model_type: "made",
      hidden_size: 8,
      num_hidden_layers: 1,
      kv_lora_rank: 4,
      qk_nope_head_dim: 2,
      qk_rope_head_dim: 2,
      sliding_window: 32,
    }),
  },
  masks: {
    "model.safetensors": writeSafetensors([
      tensor("wte.weight", [16, 12]),
      tensor("h.0.attn.c_attn.weight", [12, 36]),
      tensor("h.0.attn.bias", [1, 1, 8, 8], "F32"),
    ]),
    "config.json": json({ model_type: "gpt2", n_embd: 12, n_head: 3, n_layer: 1 }),
  },
};

async function madeDocument(label: string): Promise<unknown> {
  return JSON.parse(jsonText(analyse(await openFileSet(memoryFileSet(label, MADE[label] ?? {})))));
}

describe("the schema itself", () => {
  it("describes every field in words", () => {
    const silent = [...walk(SCHEMA, "")]
      .filter(([, schema]) => !schema.description && !schema.$ref)
      .map(([place]) => place);
    expect(silent).toEqual([]);
    const fields = [...walk(SCHEMA, "")].flatMap(([place, schema]) =>
      Object.entries(schema.properties ?? {}).map(([name, inner]) => [`${place}.${name}`, inner] as const),
    );
    expect(fields.length).toBeGreaterThan(90);
    // A shared definition says what the value is; the field still says what it is here.
    expect(fields.filter(([, { description }]) => !description).map(([place]) => place)).toEqual([]);
  });

  it("is closed: an object takes no field that it doesn't name", () => {
    const open = [...walk(SCHEMA, "")]
      .filter(([, { type, additionalProperties }]) => type === "object" && (additionalProperties ?? true) === true)
      .map(([place]) => place);
    expect(open).toEqual([]);
  });

  it("refuses a wrong type, a field that isn't known, and a field that is missing", async () => {
    const report = (await documentOf(FIXTURE_TARGETS[0] as string)) as Record<string, Record<string, unknown>>;
    expect(problems(report)).toEqual([]);
    expect(problems({ ...report, parameters: { ...report.parameters, total: "1" } })).not.toEqual([]);
    expect(problems({ ...report, parameters: { ...report.parameters, sum: 1 } })).not.toEqual([]);
    const { findings: _, ...without } = report;
    expect(problems(without)).not.toEqual([]);
    expect(problems({ schemaVersion: 1, error: { code: "odd", message: "m", file: null, offset: null } })).not.toEqual(
      [],
    );
    expect(problems({ ...report, schemaVersion: 2 })).not.toEqual([]);
  });
});

describe("what the command prints", () => {
  it.each(FIXTURE_TARGETS.map((target) => [target.replace(FIXTURES, ""), target]))("%s", async (_, target) => {
    const { stdout, code } = await inspect([target, "--json"]);
    expect(code).toBe(0);
    expect(problems(JSON.parse(stdout))).toEqual([]);
    // The process and the call that the tests below make give the same document.
    expect(JSON.parse(stdout)).toEqual(await documentOf(target));
  });

  it("an error is a document of the same schema", async () => {
    const { stdout, code } = await inspect(["no-such-file.gguf", "--json"]);
    expect(code).toBe(3);
    expect(problems(JSON.parse(stdout))).toEqual([]);
    expect(JSON.parse(stdout)).toMatchObject({ schemaVersion: 1, error: { code: "not-found" } });
  });

  it("a mixture of experts that doesn't say how many a token uses says what is missing", async () => {
    const expert = (i: number) => ({
      name: `model.layers.0.mlp.experts.${i}.up_proj.weight`,
      dtype: "F32",
      shape: [1, 2],
    });
    const file = writeSafetensors([0, 1].map((i) => ({ ...expert(i), data: new Uint8Array(8) })));
    const report = analyse(await openFileSet(memoryFileSet("folder", { "model.safetensors": file })));
    expect(report.parameters).toMatchObject({ active: null, activeMissing: expect.stringMatching(/./) });
    expect(problems(JSON.parse(jsonText(report)))).toEqual([]);
  });

  it("every field of a report is in the schema, and the fixtures show most of them", async () => {
    const seen = new Set<string>();
    for (const target of FIXTURE_TARGETS) fieldsIn(await documentOf(target), "", seen);
    for (const label of Object.keys(MADE)) {
      const document = await madeDocument(label);
      expect(problems(document), label).toEqual([]);
      fieldsIn(document, "", seen);
    }
    const named = new Set(ofLocalReports());
    expect([...seen].filter((field) => !named.has(field))).toEqual([]);
    // Sound fixtures have no findings and no error, and no towers.
    const absent = [...named].filter((field) => !seen.has(field));
    expect(
      absent.filter((field) => !/^(findings\[\]|error|parameters\.(aside\[\]|activeMissing))/.test(field)),
    ).toEqual([]);
  });
});

/** Every checkpoint file below a folder of the real data. */
function checkpointsBelow(folder: string): string[] {
  return readdirSync(realData(folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(gguf|safetensors|bin)$/.test(name))
    .map((name) => join(realData(folder), name));
}

describeReal("reports of real files", () => {
  let heads: ReturnType<typeof expandHeads>;
  const seen = new Set<string>();
  beforeAll(() => {
    heads = expandHeads("gguf-made/arch-f32-heads");
  });
  afterAll(() => heads.remove());

  async function check(targets: readonly string[]): Promise<string[]> {
    const wrong: string[] = [];
    for (const target of targets) {
      const document = await documentOf(target);
      fieldsIn(document, "", seen);
      wrong.push(...problems(document).map((problem) => `${target.replace(realData(), "")}: ${problem}`));
    }
    return wrong;
  }

  it.each([
    "gguf-made",
    "gguf-vocab",
    "gguf-public",
    "safetensors-public",
    "safetensors-flagged",
    "legacy-ggml",
    "gguf-bad",
    "safetensors-bad",
  ])("%s", async (folder) => {
    const targets = checkpointsBelow(folder);
    expect(targets.length).toBeGreaterThan(0);
    expect(await check(targets)).toEqual([]);
  });

  it("one header of each of many architectures", async () => {
    const targets = readdirSync(heads.dir)
      .filter((name) => name.endsWith(".gguf"))
      .map((name) => join(heads.dir, name));
    expect(targets.length).toBeGreaterThan(50);
    expect(await check(targets)).toEqual([]);
  });

  it.each(["Mixtral-8x7B", "DeepSeek-V3", "gpt-oss-20b", "T5-small", "whisper-tiny", "Gemma-3-27B"])(
    "%s as released",
    async (model) => {
      const { dir, remove } = expandHeads(`hf-heads/${model}`);
      try {
        expect(await check([dir])).toEqual([]);
      } finally {
        remove();
      }
    },
  );

  it("together they show every field that the schema names", async () => {
    for (const target of FIXTURE_TARGETS) fieldsIn(await documentOf(target), "", seen);
    for (const label of Object.keys(MADE)) fieldsIn(await madeDocument(label), "", seen);
    const named = new Set(ofLocalReports());
    // Released models say how many experts a token uses (a test above has one that doesn't).
    expect([...named].filter((field) => !seen.has(field))).toEqual(["parameters.activeMissing"]);
  });
});
