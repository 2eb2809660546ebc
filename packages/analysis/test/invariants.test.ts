/** What has to hold for any model at all: sums, order, sharding, the two ways of writing dimensions. */
import type { Checkpoint, JsonObject, MetadataEntry, Tensor } from "@checkpoint-inspect/parser";
import { checkpointFromGguf, memorySource, readGguf, writeGguf } from "@checkpoint-inspect/parser";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { analyse, type Report } from "../src/index.ts";

interface Model {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly ffn: number;
  readonly vocabulary: number;
  readonly biases: boolean;
  readonly tied: boolean;
  readonly norms: boolean;
  /** 0 for a dense model. */
  readonly experts: number;
  readonly used: number;
  readonly shared: boolean;
  readonly denseLayers: number;
  readonly tower: number;
  readonly masks: boolean;
}

const HEAD = 4;

const models: fc.Arbitrary<Model> = fc
  .record({
    layers: fc.integer({ min: 1, max: 5 }),
    heads: fc.integer({ min: 1, max: 4 }),
    kvHeads: fc.integer({ min: 1, max: 4 }),
    ffn: fc.integer({ min: 1, max: 40 }),
    vocabulary: fc.integer({ min: 2, max: 90 }),
    biases: fc.boolean(),
    tied: fc.boolean(),
    norms: fc.boolean(),
    experts: fc.integer({ min: 0, max: 6 }),
    used: fc.integer({ min: 1, max: 6 }),
    shared: fc.boolean(),
    denseLayers: fc.integer({ min: 0, max: 2 }),
    tower: fc.integer({ min: 0, max: 2 }),
    masks: fc.boolean(),
  })
  .map((model) => ({ ...model, hidden: model.heads * HEAD, used: Math.min(model.used, Math.max(1, model.experts)) }));

/** Names and row-major shapes as transformers writes them. */
function namesOf(model: Model): (readonly [name: string, shape: readonly number[]])[] {
  const { layers, hidden, heads, kvHeads, ffn, vocabulary, biases, tied, norms, experts, shared, tower } = model;
  const names: (readonly [string, readonly number[]])[] = [["model.embed_tokens.weight", [vocabulary, hidden]]];
  const linear = (name: string, out: number, width: number, bias = biases) => {
    names.push([`${name}.weight`, [out, width]]);
    if (bias) names.push([`${name}.bias`, [out]]);
  };
  const mlp = (prefix: string) => {
    linear(`${prefix}.gate_proj`, ffn, hidden, false);
    linear(`${prefix}.up_proj`, ffn, hidden, false);
    linear(`${prefix}.down_proj`, hidden, ffn, false);
  };
  for (let i = 0; i < layers; i++) {
    const layer = `model.layers.${i}`;
    linear(`${layer}.self_attn.q_proj`, heads * HEAD, hidden);
    linear(`${layer}.self_attn.k_proj`, kvHeads * HEAD, hidden);
    linear(`${layer}.self_attn.v_proj`, kvHeads * HEAD, hidden);
    linear(`${layer}.self_attn.o_proj`, hidden, heads * HEAD);
    if (norms) names.push([`${layer}.input_layernorm.weight`, [hidden]]);
    if (model.masks) names.push([`${layer}.self_attn.rotary_emb.inv_freq`, [HEAD / 2]]);
    if (experts === 0 || i < model.denseLayers) mlp(`${layer}.mlp`);
    else {
      names.push([`${layer}.mlp.gate.weight`, [experts, hidden]]);
      for (let expert = 0; expert < experts; expert++) mlp(`${layer}.mlp.experts.${expert}`);
      if (shared) mlp(`${layer}.mlp.shared_experts`);
    }
  }
  for (let i = 0; i < tower; i++) linear(`vision_tower.encoder.layers.${i}.mlp.fc1`, ffn, hidden);
  if (!tied) linear("lm_head", vocabulary, hidden, false);
  return names;
}

function checkpointOf(model: Model, order?: readonly number[], shards = 1): Checkpoint {
  const named = namesOf(model);
  const tensors: Tensor[] = named.map(([name, shape], i) => {
    const elements = shape.reduce((a, b) => a * b, 1);
    return { name, shape, type: "BF16", elements, sizeBytes: 2 * elements, part: i % shards, offset: 0 };
  });
  const json: JsonObject = {
    model_type: "made",
    architectures: ["MadeForCausalLM"],
    num_hidden_layers: model.layers,
    tie_word_embeddings: model.tied,
    ...(model.experts > 0 && { num_experts: model.experts, num_experts_per_tok: model.used }),
  };
  return {
    format: "safetensors",
    label: "made",
    container: "safetensors",
    parts: Array.from({ length: shards }, (_, i) => ({
      name: `model-${i}.safetensors`,
      sizeBytes: 0,
      headerBytes: 0,
      tensorCount: 0,
    })),
    tensors: order ? order.map((i) => tensors[i] as Tensor) : tensors,
    metadata: [],
    config: { file: "config.json", json },
    findings: [],
    readData: async () => [],
    close: async () => {},
  };
}

/** What no order and no cut into files may change. Parts of equal size have no order of their own. */
function counted(report: Report) {
  const { parameters, buckets, layers, layerGroups, experts, quantization, model } = report;
  return {
    model,
    experts,
    parameters: {
      ...parameters,
      excluded: parameters.excluded.map(({ examples: _, ...excluded }) => excluded),
    },
    buckets: buckets.map(({ parts, ...bucket }) => ({
      ...bucket,
      parts: [...parts].sort((a, b) => (a.part < b.part ? -1 : 1)),
    })),
    layers: layers.map(({ buckets: inside, ...layer }) => ({
      ...layer,
      buckets: Object.entries(inside).sort(([a], [b]) => (a < b ? -1 : 1)),
    })),
    groups: layerGroups.map(({ ranges, count }) => [ranges, count]),
    types: quantization.types,
  };
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

describe("any model", () => {
  it("adds up: buckets, parts, layers and the rest, weights and biases, what is stored", () => {
    fc.assert(
      fc.property(models, (model) => {
        const report = analyse(checkpointOf(model));
        const { parameters, buckets, layers } = report;
        expect(sum(buckets.map((bucket) => bucket.parameters))).toBe(parameters.total);
        for (const bucket of buckets) expect(sum(bucket.parts.map((part) => part.parameters))).toBe(bucket.parameters);
        expect(sum(layers.map((layer) => layer.parameters)) + parameters.outsideLayers).toBe(parameters.total);
        expect(parameters.weights + parameters.biases).toBe(parameters.total);
        const excluded = sum(parameters.excluded.map(({ parameters: count }) => count));
        expect(parameters.total + excluded).toBe(parameters.stored + parameters.unpacked);
        const stored = namesOf(model).map(([, shape]) => shape.reduce((a, b) => a * b, 1));
        expect(parameters.stored).toBe(sum(stored));
      }),
    );
  });

  it("uses all of itself for each token when it is dense and has no tower", () => {
    fc.assert(
      fc.property(models, (model) => {
        const { parameters } = analyse(checkpointOf({ ...model, experts: 0, tower: 0 }));
        expect(parameters.active).toBe(parameters.total);
      }),
    );
  });

  it("uses k of E experts, and no tower", () => {
    fc.assert(
      fc.property(models, (model) => {
        const { parameters, experts, buckets } = analyse(checkpointOf(model));
        const moeLayers = model.experts === 0 ? 0 : Math.max(0, model.layers - model.denseLayers);
        const perExpert = 3 * model.hidden * model.ffn;
        const idle = moeLayers * (model.experts - model.used) * perExpert;
        const tower = buckets.find(({ bucket }) => bucket === "vision")?.parameters ?? 0;
        expect(parameters.active).toBe(parameters.total - idle - tower);
        expect(experts?.layers ?? 0).toBe(moeLayers);
        if (experts) expect(experts.perLayer).toBe(model.experts);
      }),
    );
  });

  it("is the same in whatever order its tensors stand, and in however many files", () => {
    const shuffled = models.chain((model) => {
      const indices = namesOf(model).map((_, i) => i);
      return fc.tuple(
        fc.constant(model),
        fc.shuffledSubarray(indices, { minLength: indices.length }),
        fc.integer({ min: 1, max: 5 }),
      );
    });
    fc.assert(
      fc.property(shuffled, ([model, order, shards]) => {
        expect(counted(analyse(checkpointOf(model, order, shards)))).toEqual(counted(analyse(checkpointOf(model))));
      }),
    );
  });
});

describe("GGUF, which writes dimensions the other way round", () => {
  /** The same model under llama.cpp's names; shapes are reversed where `fileOrder` says so. */
  const ggufNames = (model: Model) => {
    const { layers, hidden, heads, kvHeads, ffn, vocabulary, tied, experts } = model;
    const names: (readonly [string, readonly number[]])[] = [["token_embd.weight", [vocabulary, hidden]]];
    for (let i = 0; i < layers; i++) {
      const add = (part: string, ...shape: number[]) => names.push([`blk.${i}.${part}.weight`, shape]);
      add("attn_q", heads * HEAD, hidden);
      add("attn_k", kvHeads * HEAD, hidden);
      add("attn_v", kvHeads * HEAD, hidden);
      add("attn_output", hidden, heads * HEAD);
      if (model.norms) add("attn_norm", hidden);
      if (experts === 0 || i < model.denseLayers) {
        add("ffn_gate", ffn, hidden);
        add("ffn_up", ffn, hidden);
        add("ffn_down", hidden, ffn);
      } else {
        add("ffn_gate_inp", experts, hidden);
        add("ffn_gate_exps", experts, ffn, hidden);
        add("ffn_up_exps", experts, ffn, hidden);
        add("ffn_down_exps", experts, hidden, ffn);
      }
    }
    if (!tied) names.push(["output.weight", [vocabulary, hidden]]);
    return names;
  };

  async function ggufReport(model: Model): Promise<Report> {
    const bytes = writeGguf({
      metadata: [
        { key: "general.architecture", type: "string", value: "llama" },
        { key: "llama.block_count", type: "u32", value: model.layers },
        ...(model.experts > 0
          ? ([
              { key: "llama.expert_count", type: "u32", value: model.experts },
              { key: "llama.expert_used_count", type: "u32", value: model.used },
            ] as const)
          : []),
      ],
      tensors: ggufNames(model).map(([name, shape]) => ({ name, shape: [...shape].reverse(), type: 0 })),
    });
    const file = await readGguf(memorySource("made.gguf", bytes));
    return analyse(checkpointFromGguf({ label: "made", files: [file] }));
  }

  it("has the counts of its row-major shapes, and of the same model in safetensors", async () => {
    const plain = models.map((model) => ({ ...model, biases: false, tower: 0, shared: false, masks: false }));
    await fc.assert(
      fc.asyncProperty(plain, async (model) => {
        const asGguf = await ggufReport(model);
        const elements = ggufNames(model).map(([, shape]) => shape.reduce((a, b) => a * b, 1));
        expect(asGguf.parameters.total).toBe(sum(elements));
        const asSafetensors = analyse(checkpointOf(model));
        const logical = ({ parameters, buckets }: Report) => ({
          total: parameters.total,
          active: parameters.active,
          b: parameters.activeWithoutInputEmbedding,
          c: parameters.activeNonEmbedding,
          buckets: buckets.map(({ bucket, parameters: count, biases }) => [bucket, count, biases]),
          outside: parameters.outsideLayers,
        });
        expect(logical(asGguf)).toEqual(logical(asSafetensors));
      }),
      { numRuns: 60 },
    );
  });

  it("counts nothing differently for metadata that says nothing of sizes", () => {
    const extra: MetadataEntry = { key: "general.name", type: "string", value: "made", part: 0 };
    fc.assert(
      fc.property(models, (model) => {
        const checkpoint = checkpointOf(model);
        expect(counted(analyse({ ...checkpoint, metadata: [extra] }))).toEqual(counted(analyse(checkpoint)));
      }),
      { numRuns: 20 },
    );
  });
});
