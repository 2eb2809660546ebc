/** No line of any view is wider than what it was given: fixtures through the command, real files through its views. */
import { examine, modelFacts, placer } from "@checkpoint-inspect/analysis";
import { type MetadataElement, openCheckpoint } from "@checkpoint-inspect/parser";
import stringWidth from "string-width";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { describeReal, expandHeads, hasRealData, realData } from "../../../test-support/real-data.ts";
import { findHardware } from "../src/memory/gpus.ts";
import { viewOf } from "../src/memory/look.ts";
import { terminalStyle } from "../src/terminal.ts";
import { layersView } from "../src/views/layers.ts";
import { memoryView } from "../src/views/memory/view.ts";
import { whyView } from "../src/views/memory/why.ts";
import { metaView, PREVIEW_ELEMENTS } from "../src/views/meta.ts";
import { overview } from "../src/views/overview.ts";
import { quantView } from "../src/views/quant.ts";
import { tensorsView } from "../src/views/tensors.ts";
import { loadWideText } from "../src/views/text.ts";
import { COMMANDS, type Command, FIXTURE_TARGETS, FIXTURES, inspect, inspectCommand } from "./run-inspect.ts";

const MOE = `${FIXTURES}llama-moe-mixed.gguf`;
const WIDTHS = [40, 60, 80, 100, 120] as const;

/** Characters that are one column wide whatever stands beside them; measuring the rest takes much longer. */
const NARROW = /^[\x20-\x7e\u2026\u00b7]*$/;

/** The lines that are wider than they may be, with how wide they are. */
function tooWide(text: string, columns: number): string[] {
  return text
    .split("\n")
    .map((line) => ({ line, takes: NARROW.test(line) ? line.length : stringWidth(line) }))
    .filter(({ takes }) => takes > columns)
    .map(({ line, takes }) => `${takes} of ${columns}: ${line}`);
}

describe.concurrent("the command", () => {
  it.each(COMMANDS.flatMap((command) => [60, 120].map((columns) => [command, columns] as const)))(
    "%s in %i columns",
    async (command, columns) => {
      const { code, stdout } = await inspectCommand(command, MOE, "--width", String(columns));
      expect(code).toBe(0);
      expect(tooWide(stdout, columns)).toEqual([]);
    },
  );

  it("uses the room that it is given", async () => {
    const widest = async (columns: number) => {
      const { stdout } = await inspect([MOE, "--width", String(columns)]);
      return Math.max(...stdout.split("\n").map((line) => stringWidth(line)));
    };
    const [narrow, wide] = await Promise.all([widest(40), widest(120)]);
    expect(narrow).toBeGreaterThan(30);
    expect(wide).toBeGreaterThan(narrow);
  });

  it("of less than 40 columns, gives 40", async () => {
    const [five, forty] = await Promise.all(["5", "40"].map((columns) => inspect([MOE, "--width", columns])));
    expect(five).toEqual(forty);
  });
});

/** What every command prints of a checkpoint, a function of the width. */
async function viewsOf(
  target: string,
): Promise<Record<Exclude<Command, ""> | "overview" | "layers --all" | "memory --why", (columns: number) => string>> {
  const checkpoint = await openCheckpoint(target);
  try {
    const { report, memory } = examine(checkpoint, { target });
    const placed = checkpoint.tensors.map(placer(checkpoint, modelFacts(checkpoint)));
    const rows = await Promise.all(
      checkpoint.metadata.map(async (entry) => {
        const { value } = entry;
        const preview: readonly MetadataElement[] =
          typeof value === "object" ? await value.slice(0, PREVIEW_ELEMENTS) : [];
        return { entry, preview };
      }),
    );
    const asked = { gpu: "2x RTX 3090", quants: "all", train: true, price: 1, optimizer: "adamw", rank: 16 } as const;
    const found = findHardware(asked.gpu);
    const hardware = "hardware" in found ? found.hardware.map((row) => row.hardware) : [];
    const planned = memory && viewOf(checkpoint, report, memory, asked, hardware, undefined);
    const style = (columns: number) => terminalStyle({ width: columns, color: false });
    return {
      overview: (columns) => overview(report, style(columns)),
      layers: (columns) => layersView(report, style(columns), false),
      "layers --all": (columns) => layersView(report, style(columns), true),
      tensors: (columns) => tensorsView(placed, checkpoint.tensors.length, style(columns)),
      quant: (columns) => quantView(report, style(columns)),
      memory: (columns) => (planned ? memoryView(planned, style(columns)) : ""),
      "memory --why": (columns) => (planned ? whyView(planned, "", style(columns)) : ""),
      meta: (columns) => metaView(rows, style(columns)),
    };
  } finally {
    await checkpoint.close();
  }
}

/** Sizes, containers, architectures and oddities of every kind. */
const FILES = [
  "gguf-made/llama-dense/llama-dense-Q2_K.gguf",
  "gguf-made/llama-moe/llama-moe-MXFP4_MOE.gguf",
  "gguf-made/arch-quant/deepseek2-moe-Q3_K_S.gguf",
  "gguf-made/endian/stories260K-Q4_0-BE.gguf",
  "gguf-made/split/llama-dense-F16-s1M-00002-of-00003.gguf",
  "gguf-made/stories260K/stories260K-imatrix.gguf",
  "gguf-made/variants/control_vector.gguf",
  "gguf-made/variants/llama-dense-Q4_K_M-mixed-overrides.gguf",
  "gguf-vocab/ggml-vocab-qwen2.gguf",
  "gguf-public/ollama_ollama/llama-2-tiny-random.gguf",
  "safetensors-public/huggingface_diffusers/pytorch_lora_weights.safetensors",
  "safetensors-public/ollama_ollama/model.safetensors",
  "safetensors-public/tracel-ai_burn/mnist.safetensors",
  "safetensors-bad/reported/name-1MB.safetensors",
  "safetensors-bad/reported/shape-10000-dims.safetensors",
  "gguf-bad/reported/name-dup.gguf",
  "gguf-bad/reported/size-past-eof.gguf",
] as const;

const MODELS = [
  "Mixtral-8x7B",
  "DeepSeek-V3",
  "Llama-3.1-405B",
  "T5-small",
  "whisper-tiny",
  "gpt-oss-20b",
  "Jamba-1.5-mini",
] as const;

async function wideLines(target: string): Promise<string[]> {
  const views = await viewsOf(target);
  return Object.entries(views).flatMap(([view, print]) =>
    WIDTHS.flatMap((columns) => tooWide(print(columns), columns).map((line) => `${view}: ${line.slice(0, 200)}`)),
  );
}

beforeAll(loadWideText);

describe("the views of the fixtures", () => {
  it.each(FIXTURE_TARGETS.map((target) => target.replace(FIXTURES, "")))("%s", async (target) => {
    expect(await wideLines(FIXTURES + target)).toEqual([]);
  });
});

describeReal("the views of real files", () => {
  it.each(FILES)("%s", async (file) => {
    expect(await wideLines(realData(file))).toEqual([]);
  });

  it.each(MODELS)("%s", async (model) => {
    const { dir, remove } = expandHeads(`hf-heads/${model}`);
    try {
      expect(await wideLines(dir)).toEqual([]);
    } finally {
      remove();
    }
  });

  describe("one header of each of many architectures", () => {
    let heads: ReturnType<typeof expandHeads> | undefined;
    const ARCHITECTURES = [
      "qwen35moe-moe",
      "kimi-linear-moe",
      "hunyuan_vl-dense",
      "gpt-oss-moe",
      "mamba-dense",
      "qwen3tts-dense",
    ];
    beforeAll(() => {
      if (hasRealData)
        heads = expandHeads("gguf-made/arch-f32-heads", (name) => ARCHITECTURES.some((arch) => name.startsWith(arch)));
    });
    afterAll(() => heads?.remove());

    it.each(ARCHITECTURES)("%s", async (architecture) => {
      expect(await wideLines(`${heads?.dir}/${architecture}.gguf`)).toEqual([]);
    });
  });
});
