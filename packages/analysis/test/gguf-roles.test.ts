import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeReal, listReal, readReferenceTsv, realData } from "../../../test-support/real-data.ts";
import { readGguf } from "../../parser/src/gguf/read.ts";
import { memorySource } from "../../parser/src/source/byte-source.ts";
import { ggufClassifier } from "../src/roles/gguf-classifier.ts";
import { BUFFER_NAMES, NAME_GROUPS } from "../src/roles/gguf-names.ts";
import { BUCKETS, type Role, type RoleFacts } from "../src/roles/role.ts";

/** The role of a name in a checkpoint that holds it and `others`. */
function role(
  name: string,
  { architecture, textLayers, others = [] }: Partial<RoleFacts> & { others?: string[] } = {},
): Role {
  const names = new Set([name, ...others]);
  return ggufClassifier({ architecture, textLayers, has: (other) => names.has(other) })({
    name,
    shape: [1],
    type: "F32",
  });
}

describeReal("the table of GGUF names", () => {
  const rows = readReferenceTsv("gguf-tensor-names.tsv").map((row) => ({
    name: row.gguf_name ?? "",
    bucket: { output_head: "head", quant_side: "quant-side" }[row.bucket ?? ""] ?? row.bucket,
    // Encoder and decoder are stacks of their own, so that their parts need no prefix.
    part: (row.sub_role ?? "")
      .replace(/^(enc|dec)\./, "")
      .replace(/^self\./, "")
      .replace(/^output_head\./, "head."),
    stack: { enc: "encoder", dec: "decoder" }[(row.sub_role ?? "").split(".")[0] ?? ""],
  }));
  const bases = rows.filter((row) => !row.name.startsWith("{any}"));

  it("is read whole: 624 names (one of control vectors) and 8 suffixes", () => {
    expect(rows.length).toBe(632);
    expect(bases.length).toBe(624);
  });

  it("puts every name into its bucket and part, with any suffix and number", () => {
    const wrong: unknown[] = [];
    for (const { name, bucket, part, stack } of bases) {
      const full = name.replaceAll("{}", "7").replace("*", "conv");
      const wanted = part.replace("*", "conv");
      for (const suffix of ["", ".weight"]) {
        const got = role(full + suffix);
        if (got.bucket !== bucket || got.part !== wanted || got.bias || (stack && got.stack !== stack)) {
          wrong.push({ name: full + suffix, bucket, part: wanted, got });
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it("gives vectors their owner's bucket and part, and says that they are biases", () => {
    const notABias = /router_correction|^ssm\.dt$/;
    for (const { name, bucket, part } of bases.filter((row) => !row.name.includes("*"))) {
      const got = role(`${name.replaceAll("{}", "7")}.bias`);
      expect(got.bucket, name).toBe(bucket);
      if (notABias.test(part)) expect(got.bias, name).toBe(false);
      else expect(got, name).toMatchObject({ part, bias: true });
    }
  });

  it("calls exactly the derived and integer tables buffers", () => {
    const buffers = bases.filter((row) => role(row.name.replaceAll("{}", "7")).buffer).map((row) => row.name);
    expect([...buffers].sort()).toEqual([...BUFFER_NAMES].sort());
  });
});

describe("the table's own arrangement", () => {
  it("says each name once", () => {
    const seen = new Set<string>();
    const twice: string[] = [];
    for (const { at, parts = {}, names = "" } of NAME_GROUPS) {
      for (const name of [...Object.values(parts), names].join(" ").split(" ").filter(Boolean)) {
        if (seen.has(at + name)) twice.push(at + name);
        seen.add(at + name);
      }
    }
    expect(twice).toEqual([]);
  });
});

describe("a GGUF tensor's role", () => {
  it("keys layers by stack", () => {
    expect(role("blk.12.attn_q.weight")).toEqual({
      bucket: "attention",
      part: "q",
      stack: "text",
      layer: 12,
      bias: false,
    });
    expect(role("enc.blk.3.attn_q.weight")).toMatchObject({ stack: "encoder", layer: 3, part: "q" });
    expect(role("dec.blk.3.cross_attn_q.weight")).toMatchObject({ stack: "decoder", layer: 3, part: "cross.q" });
    expect(role("v.blk.5.ffn_up.weight")).toMatchObject({ bucket: "vision", stack: "vision", layer: 5 });
    expect(role("a.blk.5.ffn_up.weight")).toMatchObject({ bucket: "audio", stack: "audio", layer: 5 });
    expect(role("v.deepstack.8.fc1.weight")).toMatchObject({ bucket: "projector", stack: "projector", layer: 8 });
    expect(role("v.sam.blk.2.attn.qkv.weight")).toMatchObject({ stack: "vision.sam", layer: 2 });
    expect(role("v.blk.2.9.bn1.weight")).toMatchObject({ stack: "vision.stage.2", layer: 9 });
    expect(role("mm.2.weight").layer).toBeUndefined();
    expect(role("output_norm.weight").layer).toBeUndefined();
  });

  it("knows the expert of the old form with one tensor each", () => {
    expect(role("blk.3.ffn_gate.7.weight")).toMatchObject({
      bucket: "expert",
      part: "routed.gate",
      layer: 3,
      expert: 7,
    });
    expect(role("blk.3.ffn_gate_exps.weight").expert).toBeUndefined();
    expect(role("blk.3.ffn_gate.weight")).toMatchObject({ bucket: "ffn", part: "gate" });
  });

  it("counts blocks from textLayers on as next-token prediction, whole", () => {
    const facts = { textLayers: 61 };
    expect(role("blk.60.attn_q.weight", facts)).toMatchObject({ bucket: "attention", layer: 60 });
    expect(role("blk.61.attn_q.weight", facts)).toMatchObject({
      bucket: "mtp",
      part: "block.attention.q",
      stack: "mtp",
      layer: 0,
    });
    expect(role("blk.62.ffn_up_exps.weight", facts)).toMatchObject({
      bucket: "mtp",
      part: "block.expert.routed.up",
      layer: 1,
    });
    expect(role("blk.61.nextn.eh_proj.weight", facts)).toMatchObject({
      bucket: "mtp",
      part: "nextn.eh_proj",
      stack: "mtp",
      layer: 0,
    });
    expect(role("blk.61.hc_attn_fn.weight", facts)).toMatchObject({
      bucket: "mtp",
      part: "block.other.hyper_connection",
    });
    expect(role("v.blk.70.attn_q.weight", facts).bucket).toBe("vision");
    expect(role("direction.70", facts)).toMatchObject({ bucket: "other", part: "control_vector", layer: 70 });
  });

  it("takes scales beside a tensor for quantization, and scales without one for weights", () => {
    const others = ["blk.0.attn_q.weight"];
    expect(role("blk.0.attn_q.scale", { others })).toMatchObject({
      bucket: "quant-side",
      part: "tensor_scale",
      layer: 0,
      bias: false,
    });
    expect(role("blk.0.attn_q.input_scale", { others })).toMatchObject({ bucket: "quant-side", part: "input_scale" });
    expect(role("blk.0.attn_q.scale")).toMatchObject({ bucket: "attention", part: "q" });
    expect(role("blk.61.attn_q.scale", { others: ["blk.61.attn_q.weight"], textLayers: 61 })).toMatchObject({
      bucket: "quant-side",
      stack: "mtp",
    });
  });

  it("takes Gemma 4's router and expert scales for the weights that they are", () => {
    const facts = {
      architecture: "gemma4",
      others: ["blk.0.ffn_gate_inp.weight", "blk.0.ffn_down_exps.weight", "blk.0.attn_q.weight"],
    };
    expect(role("blk.0.ffn_gate_inp.scale", facts)).toMatchObject({ bucket: "expert", part: "router_scale" });
    expect(role("blk.0.ffn_down_exps.scale", facts)).toMatchObject({ bucket: "expert", part: "expert_scale" });
    expect(role("blk.0.attn_q.scale", facts).bucket).toBe("quant-side");
    expect(role("blk.0.ffn_gate_inp.scale", { ...facts, architecture: "gpt-oss" }).bucket).toBe("quant-side");
  });

  it("knows files that aren't models", () => {
    expect(role("blk.3.attn_q.weight.lora_a")).toMatchObject({
      bucket: "other",
      part: "lora_a",
      layer: 3,
      bias: false,
    });
    expect(role("token_embd.weight.lora_b")).toMatchObject({ bucket: "other", part: "lora_b" });
    expect(role("blk.3.ffn_up.weight.in_sum2")).toMatchObject({ bucket: "other", part: "imatrix", layer: 3 });
    expect(role("blk.3.ffn_up.weight.counts")).toMatchObject({ bucket: "other", part: "imatrix", layer: 3 });
  });

  it("calls no state-space parameter and no router correction a bias", () => {
    expect(role("blk.0.ssm_dt.bias")).toMatchObject({ bucket: "attention", part: "ssm.dt_bias", bias: false });
    expect(role("blk.0.exp_probs_b.bias")).toMatchObject({ part: "router_correction", bias: false });
    expect(role("blk.0.ssm_conv1d.bias")).toMatchObject({ part: "ssm.conv", bias: true });
    expect(role("blk.0.attn_norm.bias")).toMatchObject({ bucket: "norm", bias: true });
    expect(role("blk.0.ffn_gate_inp.bias")).toMatchObject({ part: "router", bias: true });
  });
});

describe("names that mean different things", () => {
  const linearLayer = ["blk.0.ssm_conv1d_q.weight"];
  it.each<[string, string, string, string, string[]?]>([
    // name, architecture, bucket, part
    ["token_embd_norm.weight", "lfm2", "norm", "final"],
    ["token_embd_norm.weight", "bloom", "norm", "embedding"],
    ["blk.0.post_attention_norm.weight", "qwen3next", "norm", "ffn_pre"],
    ["blk.0.post_attention_norm.weight", "qwen35", "norm", "ffn_pre"],
    ["blk.0.post_attention_norm.weight", "gemma3", "norm", "attn_post"],
    ["blk.0.attn_qkv.weight", "qwen3next", "attention", "linattn.qkv"],
    ["blk.0.attn_qkv.weight", "falcon", "attention", "qkv"],
    ["blk.0.attn_gate.weight", "qwen35moe", "attention", "linattn.z"],
    ["blk.0.attn_gate.weight", "afmoe", "attention", "out_gate"],
    ["blk.0.ssm_out.weight", "qwen35", "attention", "linattn.out"],
    ["blk.0.ssm_dt.bias", "qwen3next", "attention", "linattn.dt_bias"],
    ["blk.0.ssm_out.weight", "mamba2", "attention", "ssm.out"],
    ["blk.0.attn_q.weight", "kimi-linear", "attention", "linattn.q", linearLayer],
    ["blk.0.attn_output.weight", "kimi-linear", "attention", "linattn.out", linearLayer],
    ["blk.0.attn_q.weight", "kimi-linear", "attention", "q"],
    ["blk.0.ffn_up.weight", "phi3", "ffn", "gate_up"],
    ["blk.0.ffn_up.weight", "glm4", "ffn", "gate_up"],
    ["blk.0.ffn_up.weight", "modern-bert", "ffn", "gate_up"],
    ["blk.0.ffn_up.weight", "llama", "ffn", "up"],
    ["blk.0.ffn_up.weight", "phi3", "ffn", "up", ["blk.0.ffn_gate.weight"]],
    ["blk.0.attn_norm_2.weight", "falcon", "norm", "attn_pre_2"],
    ["blk.0.attn_norm_2.weight", "rwkv6", "norm", "ffn_pre"],
    ["enc.output_norm.weight", "t5", "norm", "final"],
    ["enc.output_norm.weight", "eagle3", "norm", "hidden"],
    ["blk.0.proj.weight", "gemma3n", "embedding", "per_layer_out"],
    ["blk.0.altup_router.weight", "gemma3n", "other", "altup"],
  ])("%s in %s is %s %s", (name, architecture, bucket, part, others = []) => {
    expect(role(name, { architecture, others })).toMatchObject({ bucket, part });
  });
});

describe("GGUF files of diffusion models", () => {
  it.each<[string, string, string, Partial<Role>]>([
    // FLUX as the usual converter writes it, under its makers' names.
    ["double_blocks.4.img_attn.qkv.weight", "attention", "qkv", { stack: "double_blocks", layer: 4 }],
    ["double_blocks.4.img_mlp.2.bias", "ffn", "down", { stack: "double_blocks", layer: 4, bias: true }],
    ["double_blocks.4.txt_mod.lin.weight", "other", "modulation", { stack: "double_blocks" }],
    ["single_blocks.37.linear1.weight", "attention", "fused_qkv_mlp", { stack: "single_blocks", layer: 37 }],
    ["single_blocks.37.norm.query_norm.scale", "attention", "q_norm", { layer: 37, bias: false }],
    ["final_layer.linear.weight", "head", "denoise", { stack: "text" }],
    ["time_in.in_layer.weight", "embedding", "conditioning", {}],
    // Stable Diffusion, with the prefix of its checkpoints and without.
    ["model.diffusion_model.out.2.weight", "head", "denoise", {}],
    ["model.diffusion_model.input_blocks.1.0.in_layers.2.weight", "other", "conv", { stack: "input_blocks", layer: 1 }],
    ["input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight", "attention", "k", { stack: "input_blocks", layer: 4 }],
    // A Hugging Face name that a careless converter left as it was.
    ["model.layers.3.mlp.gate_proj.weight", "ffn", "gate", { stack: "text", layer: 3 }],
  ])("keep the names of their origin: %s is %s %s", (name, bucket, part, more) => {
    expect(role(name, { architecture: "flux" })).toMatchObject({ bucket, part, ...more });
  });
});

describe("unknown names", () => {
  it.each<[string, string, string]>([
    ["blk.0.attn_new_thing.weight", "attention", "new_thing"],
    ["blk.0.ffn_new_exps.weight", "expert", "routed.new"],
    ["blk.0.some_norm.weight", "norm", "some_norm"],
    ["v.stage.1.blk.2.conv.weight", "vision", "stage.N.conv"],
    ["v.resample_query_144.weight", "projector", "resample_query"],
    ["mm.model.mb_block.1.block.0.0.weight", "projector", "vision.model.mb_block.N.block.N.N"],
    ["a.gen.wav.dac.post_snake.alpha", "audio", "gen.wav.dac.post_snake"],
    ["constructor", "other", "unknown"],
    ["blk.0.attn_constructor.bias", "attention", "constructor"],
    ["", "other", "unknown"],
    ["blk..weight", "other", "unknown"],
    ["7", "other", "unknown"],
  ])("%j is %s %s", (name, bucket, part) => {
    expect(role(name)).toMatchObject({ bucket, part });
  });

  it("don't become a layer when the number is too long to be one", () => {
    expect(role("blk.99999999999999999999.attn_q.weight").layer).toBeUndefined();
  });

  it("have a role of the known shape, whatever the text", () => {
    const piece = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("blk", "v", "a", "mm", "enc", "7", "{}", "attn_q", "ffn_up", "weight", "scale", "bias", "nextn"),
    );
    const names = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(piece, { maxLength: 7 }).map((pieces) => pieces.join(".")),
    );
    const architectures = fc.constantFrom(undefined, "qwen3next", "kimi-linear", "phi3", "gemma4", "__proto__");
    fc.assert(
      fc.property(names, architectures, fc.boolean(), (name, architecture, has) => {
        const got = ggufClassifier({ architecture, textLayers: 3, has: () => has })({ name, shape: [], type: "F32" });
        expect(BUCKETS).toContain(got.bucket);
        expect(got.part).not.toBe("");
        expect(typeof got.part).toBe("string");
        if (got.layer !== undefined) expect(got.layer).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 2000 },
    );
  });
});

describeReal("tensors of llama.cpp's own test models", () => {
  const heads = listReal("gguf-made", "arch-f32-heads").filter((name) => name.endsWith(".head"));

  it.each(heads)("%s has no tensor of unknown role", async (head) => {
    const file = await readGguf(memorySource(head, readFileSync(realData("gguf-made", "arch-f32-heads", head))));
    const architecture = file.metadata.find((entry) => entry.key === "general.architecture")?.value;
    const names = new Set(file.tensors.map((tensor) => tensor.name));
    const classify = ggufClassifier({ architecture: String(architecture), has: (name) => names.has(name) });
    const unknown = file.tensors.filter(
      ({ name, ne }) => classify({ name, shape: ne, type: "F32" }).part === "unknown",
    );
    expect(names.size).toBeGreaterThan(0);
    expect(unknown.map((tensor) => tensor.name)).toEqual([]);
  });
});
