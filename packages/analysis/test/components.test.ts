/** Diffusion checkpoints are several models: told apart, placed by their own rules, counted one by one. */
import {
  type Checkpoint,
  memoryFileSet,
  openFileSet,
  type Tensor,
  type TensorToWrite,
  writeSafetensors,
} from "@checkpoint-inspect/parser";
import { describe, expect, it } from "vitest";

import {
  componentCollector,
  componentOf,
  componentPlacer,
  componentStack,
  componentView,
  innerName,
  isSingleFileDiffusion,
} from "../src/components.ts";
import { modelFacts, type PlacedTensor, placer } from "../src/index.ts";

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

function file(shapes: Readonly<Record<string, readonly number[]>>): Uint8Array {
  const tensors = Object.entries(shapes).map(([name, shape]): TensorToWrite => {
    const data = new Uint8Array(shape.reduce((a, b) => a * b, 1) * 2);
    return { name, dtype: "F16", shape, data };
  });
  return writeSafetensors(tensors);
}

const CLIP = "text_model.encoder.layers.0";
const TEXT = {
  "text_model.embeddings.token_embedding.weight": [10, 4],
  [`${CLIP}.self_attn.q_proj.weight`]: [4, 4],
  [`${CLIP}.mlp.fc1.weight`]: [8, 4],
};
const UNET = {
  "conv_in.weight": [4, 4, 3, 3],
  "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight": [4, 4],
  "down_blocks.1.resnets.0.conv1.weight": [4, 4, 3, 3],
};
const VAE = { "encoder.conv_in.weight": [4, 3, 3, 3], "decoder.conv_out.weight": [3, 4, 3, 3] };

const pipeline = () =>
  openFileSet(
    memoryFileSet("pipeline", {
      "model_index.json": json({
        _class_name: "StableDiffusionPipeline",
        text_encoder: ["transformers", "CLIPTextModel"],
        text_encoder_2: ["transformers", "CLIPTextModelWithProjection"],
        unet: ["diffusers", "UNet2DConditionModel"],
        vae: ["diffusers", "AutoencoderKL"],
      }),
      "text_encoder/config.json": json({ architectures: ["CLIPTextModel"], model_type: "clip_text_model" }),
      "text_encoder/model.safetensors": file(TEXT),
      "text_encoder_2/model.safetensors": file(TEXT),
      "unet/config.json": json({ _class_name: "UNet2DConditionModel" }),
      "unet/diffusion_pytorch_model.safetensors": file(UNET),
      "vae/config.json": json({ _class_name: "AutoencoderKL" }),
      "vae/diffusion_pytorch_model.safetensors": file(VAE),
    }),
  );

const own = (view: Checkpoint) => placer(view, modelFacts(view));
const elements = (shapes: Readonly<Record<string, readonly number[]>>): number =>
  Object.values(shapes).reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);

function rowsIn(checkpoint: Checkpoint, place: (tensor: Tensor) => PlacedTensor) {
  const components = componentCollector(checkpoint);
  for (const tensor of checkpoint.tensors) components.visit(place(tensor));
  return components.rows();
}

describe("a diffusers folder", () => {
  it("has a component for each tensor", async () => {
    const checkpoint = await pipeline();
    const of = componentOf(checkpoint);
    for (const tensor of checkpoint.tensors) {
      const component = of(tensor);
      expect(component && `${component.name}/${innerName(component, tensor.name)}`).toBe(tensor.name);
    }
  });

  it("has views of its components, as if they had been opened alone", async () => {
    const checkpoint = await pipeline();
    const views = (checkpoint.components ?? []).map((component) => componentView(checkpoint, component));
    expect(views.map((view) => view.tensors.map(({ name }) => name))).toEqual(
      [TEXT, TEXT, UNET, VAE].map((shapes) => Object.keys(shapes)),
    );
    // A diffusers config has no model_type, and a missing config no class: the index has both.
    expect(views.map((view) => modelFacts(view).architecture)).toEqual([
      "clip_text_model",
      "CLIPTextModelWithProjection",
      "UNet2DConditionModel",
      "AutoencoderKL",
    ]);
    expect(views.every((view) => view.components === undefined)).toBe(true);
  });

  it("is placed by each component's own rules, in stacks of its own", async () => {
    const checkpoint = await pipeline();
    const place = componentPlacer(checkpoint, own) as (tensor: Tensor) => PlacedTensor;
    for (const component of checkpoint.components ?? []) {
      const alone = own(componentView(checkpoint, component));
      for (const tensor of checkpoint.tensors) {
        if (componentOf(checkpoint)(tensor) !== component) continue;
        const placed = place(tensor);
        const expected = alone({ ...tensor, name: innerName(component, tensor.name) });
        expect(placed.tensor).toBe(tensor);
        const stack = componentStack(component, expected.role.stack);
        expect(placed).toEqual({ ...expected, tensor, role: { ...expected.role, stack } });
        expect(placed.role.stack.split("/")[0]).toBe(component.name);
      }
    }
    const embedding = checkpoint.tensors.find(({ name }) => name.includes("token_embedding")) as Tensor;
    expect(place(embedding).role).toMatchObject({ bucket: "embedding", part: "token" });
  });

  it("is counted component by component", async () => {
    const checkpoint = await pipeline();
    const rows = rowsIn(checkpoint, componentPlacer(checkpoint, own) ?? own(checkpoint));
    const row = (
      name: string,
      className: string,
      words: string,
      shapes: Readonly<Record<string, readonly number[]>>,
    ) => ({
      name,
      className,
      words,
      parameters: elements(shapes),
      bytes: elements(shapes) * 2,
      tensors: Object.keys(shapes).length,
    });
    expect(rows).toEqual([
      row("text_encoder", "CLIPTextModel", "text encoder", TEXT),
      row("text_encoder_2", "CLIPTextModelWithProjection", "text encoder", TEXT),
      row("unet", "UNet2DConditionModel", "denoiser: a UNet", UNET),
      row("vae", "AutoencoderKL", "image autoencoder", VAE),
    ]);
    const bytes = checkpoint.tensors.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect(rows.reduce((sum, counted) => sum + counted.bytes, 0)).toBe(bytes);
  });

  it("stacks are called after the component", () => {
    const component = {
      name: "unet",
      className: "A",
      library: "b",
      firstTensor: 0,
      tensorCount: 0,
      firstPart: 0,
      partCount: 0,
    };
    expect(componentStack(component, "text")).toBe("unet");
    expect(componentStack(component, "down_blocks")).toBe("unet/down_blocks");
  });
});

const WORDS: readonly (readonly [className: string, words: string])[] = [
  ["FluxTransformer2DModel", "denoiser: a transformer"],
  ["StableAudioDiTModel", "denoiser: a transformer"],
  ["UNetSpatioTemporalConditionModel", "denoiser: a UNet"],
  ["PriorTransformer", "prior: from the text to an image's embedding"],
  ["AutoencoderKLWan", "video autoencoder"],
  ["AutoencoderOobleck", "audio autoencoder"],
  ["VQModel", "image autoencoder"],
  ["T5EncoderModel", "text encoder"],
  ["CLIPVisionModelWithProjection", "image encoder"],
  ["StableDiffusionSafetyChecker", "safety checker"],
  ["ControlNetModel", "control network: steers the denoiser by an image"],
  ["SpeechT5HifiGan", "vocoder: from a spectrogram to sound"],
  ["SomethingNew", "component"],
];

it.each(WORDS)("%s is a %s", (className, words) => {
  const component = {
    name: "thing",
    className,
    library: "diffusers",
    firstTensor: 0,
    tensorCount: 1,
    firstPart: 0,
    partCount: 1,
  };
  expect(rowsOf(["thing/a.weight"], [component]).map((row) => row.words)).toEqual([words]);
});

it.each([
  ["transformer", "denoiser: a transformer"],
  ["text_encoder_3", "text encoder"],
  ["vae", "image autoencoder"],
])("a class that nobody knows is told by the component's name %s", (name, words) => {
  const component = {
    name,
    className: "New",
    library: "own",
    firstTensor: 0,
    tensorCount: 1,
    firstPart: 0,
    partCount: 1,
  };
  expect(rowsOf([`${name}/a.weight`], [component]).map((row) => row.words)).toEqual([words]);
});

/** Rows of a checkpoint with tensors of four elements. */
function rowsOf(names: readonly string[], components?: Checkpoint["components"]) {
  const tensors = names.map((name) => ({
    name,
    shape: [4],
    type: "F16",
    elements: 4,
    sizeBytes: 8,
    part: 0,
    offset: 0,
  }));
  const checkpoint: Checkpoint = {
    format: "safetensors",
    label: "made",
    container: "safetensors",
    parts: [{ name: "a.safetensors", sizeBytes: 0, headerBytes: 0, tensorCount: names.length }],
    tensors,
    metadata: [],
    ...(components && { components }),
    findings: [],
    readData: async () => [],
    close: async () => {},
  };
  return rowsIn(checkpoint, own(checkpoint));
}

describe("a single file", () => {
  const unet = "model.diffusion_model.input_blocks.1.0.in_layers.2.weight";

  it("of LDM is counted by its prefixes", () => {
    const rows = rowsOf([
      unet,
      "model.diffusion_model.out.2.weight",
      "first_stage_model.encoder.conv_in.weight",
      "conditioner.embedders.0.transformer.text_model.encoder.layers.0.mlp.fc1.weight",
      "conditioner.embedders.1.model.ln_final.weight",
      "alphas_cumprod",
    ]);
    expect(rows.map(({ name, words, tensors }) => [name, words, tensors])).toEqual([
      ["model.diffusion_model", "denoiser: a UNet", 2],
      ["first_stage_model", "image autoencoder", 1],
      ["conditioner.embedders.0", "text encoder", 1],
      ["conditioner.embedders.1", "text encoder", 1],
      ["other", "noise schedule and other values", 1],
    ]);
    expect(rows.every(({ className }) => className === null)).toBe(true);
  });

  it("of ComfyUI too", () => {
    const rows = rowsOf([
      "model.diffusion_model.double_blocks.0.img_attn.qkv.weight",
      "vae.decoder.conv_in.weight",
      "text_encoders.clip_l.transformer.text_model.final_layer_norm.weight",
      "text_encoders.t5xxl.transformer.shared.weight",
    ]);
    expect(rows.map(({ name, words }) => [name, words])).toEqual([
      ["model.diffusion_model", "denoiser: a transformer"],
      ["vae", "image autoencoder"],
      ["text_encoders.clip_l", "text encoder"],
      ["text_encoders.t5xxl", "text encoder"],
    ]);
  });

  it("of another model has no components", () => {
    for (const names of [
      ["model.layers.0.mlp.up_proj.weight"],
      ["vae.encoder.a.weight", "llm.b.weight"],
      ["model.diffusion_models.x"],
      [],
    ]) {
      expect(rowsOf(names)).toEqual([]);
      expect(isSingleFileDiffusion({ tensors: names.map((name) => ({ name }) as Tensor) })).toBe(false);
    }
  });

  it("can't make more rows than there are models", () => {
    const many = Array.from({ length: 1000 }, (_, i) => `conditioner.embedders.${i}.weight`);
    const rows = rowsOf(many);
    expect(rows.length).toBeLessThan(100);
    expect(rows.reduce((sum, { tensors }) => sum + tensors, 0)).toBe(1000);
  });
});
