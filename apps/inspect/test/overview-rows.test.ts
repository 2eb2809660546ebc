/** The overview's rows: how numbers are said, and what each kind of checkpoint is told by. */
import { analyse, type Report } from "@checkpoint-inspect/analysis";
import { memoryFileSet, openFileSet, writeSafetensors } from "@checkpoint-inspect/parser";
import { Chalk } from "chalk";
import { describe, expect, it } from "vitest";

import { type Style, terminalStyle } from "../src/terminal.ts";
import { adapterLines } from "../src/views/overview-kinds.ts";
import { parameterRows } from "../src/views/overview-parameters.ts";
import { wrap } from "../src/views/text.ts";

const style = (width: number): Style => ({
  ...terminalStyle({ width, color: false }),
  color: new Chalk({ level: 0 }),
});

const tensor = (name: string, shape: readonly number[]) => ({
  name,
  dtype: "F16",
  shape,
  data: new Uint8Array(shape.reduce((a, b) => a * b, 2)),
});

type Shapes = Readonly<Record<string, readonly number[]>>;

async function report(shapes: Shapes, config: object, names = ["model.safetensors", "config.json"]): Promise<Report> {
  const [weights = "", json = ""] = names;
  const files = {
    [weights]: writeSafetensors(Object.entries(shapes).map(([name, shape]) => tensor(name, shape))),
    [json]: new TextEncoder().encode(JSON.stringify(config)),
  };
  return analyse(await openFileSet(memoryFileSet("made", files)));
}

function words(of: Report, label: string, width = 100): string | undefined {
  return parameterRows(of, style(width)).find(([name]) => name === label)?.[2];
}

const experts = (count: number): Shapes =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`model.layers.0.mlp.experts.${i}.up_proj.weight`, [8, 4]]),
  );
const MIXTURE: Shapes = {
  "model.embed_tokens.weight": [50, 4],
  "model.layers.0.self_attn.q_proj.weight": [4, 4],
  "model.layers.0.mlp.shared_expert.up_proj.weight": [8, 4],
  ...experts(4),
};
const CONFIG = {
  hidden_size: 4,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 64,
  num_experts_per_tok: 2,
};

describe("active parameters", () => {
  const definition = (of: Report, width: number) => {
    const rows = parameterRows(of, style(width));
    return rows[rows.findIndex(([label]) => label === "Active") + 1]?.[2];
  };

  it("are one number by A and B where the table is the head, and the line says so", async () => {
    const tied = await report(MIXTURE, CONFIG);
    expect(definition(tied, 100)).toBe("definition A = B: the table is also the head; C, no tables: 112");
    expect(definition(tied, 80)).toMatch(/^A = B \(the table is also the head\), C \(no tables\) 112/);
    const untied = await report({ ...MIXTURE, "lm_head.weight": [50, 4] }, CONFIG);
    for (const width of [80, 100]) {
      expect(definition(untied, width)).toMatch(/A, .*tables.*B.*no input table.*312.*C.*112/);
      expect(definition(untied, width)).not.toContain("=");
    }
  });

  it("that can't be told say what the file doesn't", async () => {
    const { num_experts_per_tok: _, ...config } = CONFIG;
    expect(words(await report(MIXTURE, config), "Active")).toBe(
      "not known: the file doesn't say how many experts a token uses",
    );
  });

  it("come with the number of shared experts", async () => {
    expect(words(await report(MIXTURE, { ...CONFIG, n_shared_experts: 2 }), "Experts")).toBe(
      "per layer in 1 layer; 2 used per token, plus 2 shared (32), always at work",
    );
  });
});

describe("rows", () => {
  it("say a number once where the figure is exact", async () => {
    const small = await report({ "model.embed_tokens.weight": [10, 4], "model.norm.bias": [4] }, { hidden_size: 4 });
    const rows = parameterRows(small, style(100));
    expect(rows).toContainEqual(["Parameters", "44", ""]);
    expect(rows).toContainEqual(["Biases", "4", "the other 40 are weights"]);
    const large = await report({ "model.embed_tokens.weight": [1000, 4] }, { hidden_size: 4 });
    expect(words(large, "Parameters")).toBe("4,000");
  });

  it("show the experts' width, and no width that nothing has", async () => {
    const width = (of: Report) => words(of, "Width");
    expect(width(await report(MIXTURE, CONFIG))).toBe("2 heads, expert FFN 8, vocabulary 50");
    const dense = { ...MIXTURE, "model.layers.1.mlp.up_proj.weight": [64, 4] };
    expect(width(await report(dense, { ...CONFIG, num_hidden_layers: 2 }))).toBe(
      "2 heads, FFN 64, experts 8, vocabulary 50",
    );
  });

  it("show latent attention by its latent, not by KV heads", async () => {
    const latent = await report(
      {
        "model.layers.0.self_attn.kv_b_proj.weight": [8, 4],
        "model.layers.0.self_attn.kv_a_proj_with_mqa.weight": [6, 4],
      },
      {
        ...CONFIG,
        num_key_value_heads: 1,
        kv_lora_rank: 512,
        qk_nope_head_dim: 128,
        qk_rope_head_dim: 64,
        head_dim: 64,
      },
    );
    expect(words(latent, "Width")).toBe("2 heads of 192, latent KV 512+64");
  });

  it("mention a window only where layers use one", async () => {
    const context = async (config: object) =>
      words(
        await report(
          { "model.layers.0.self_attn.q_proj.weight": [4, 4] },
          { model_type: "mistral", ...CONFIG, ...config },
        ),
        "Context",
      );
    expect(await context({ max_position_embeddings: 64, sliding_window: 16 })).toBe(
      "tokens it was made for; windowed layers look back 16",
    );
    expect(await context({ max_position_embeddings: 64, sliding_window: 64 })).toBe("tokens it was made for");
  });

  it("gather the details of one subject", async () => {
    const vit = await report(
      { "vit.encoder.layer.0.attention.attention.query.weight": [4, 4] },
      { architectures: ["ViTModel"], image_size: 224, patch_size: 16, num_channels: 3 },
    );
    expect(words(vit, "Image")).toBe("224 pixels a side, in patches of 16 by 16, 3 channels");
  });
});

describe("an adapter", () => {
  const at = "base_model.model.model.layers.0.self_attn.q_proj";
  const factors = { [`${at}.lora_A.weight`]: [4, 16], [`${at}.lora_B.weight`]: [16, 4] };
  const files = ["adapter_model.safetensors", "adapter_config.json"];
  const lines = (of: Report) => adapterLines(of, style(100)).join("\n");

  it("with modules stored whole counts them apart from the factors", async () => {
    const whole = { ...factors, "base_model.model.lm_head.modules_to_save.default.weight": [32, 16] };
    const text = lines(await report(whole, { peft_type: "LORA", r: 4, lora_alpha: 8 }, files));
    expect(text).toMatch(/Factors +128 /);
    expect(text).toMatch(/Stored whole +512 .*lm_head/);
    expect(lines(await report(factors, { peft_type: "LORA", r: 4, lora_alpha: 8 }, files))).not.toMatch(
      /Factors|whole/,
    );
  });

  it("with a scaling by the root of the rank is called rsLoRA", async () => {
    const config = { peft_type: "LORA", r: 4, lora_alpha: 8, use_rslora: true };
    expect(lines(await report(factors, config, files))).toMatch(
      /counts 4-fold \(rsLoRA: alpha \/ square root of the rank\)/,
    );
    expect(lines(await report(factors, { ...config, use_rslora: false }, files))).toMatch(/counts 2-fold; from/);
  });
});

it("a number stays on one line with its unit", () => {
  const text = "C, no tables: 12.62 B, 1.5 GB (2.55 K) and A B";
  for (let columns = 8; columns < text.length; columns++) {
    const lines = wrap(text, columns);
    expect(lines.join(" ")).toBe(text);
    for (const line of lines) expect(line).not.toMatch(/^(?:B|GB|K)[,)]/);
  }
});
