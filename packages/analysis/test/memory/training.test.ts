/** Training memory is an estimate by rules that papers state; these are their numbers. */
import { describe, expect, it } from "vitest";

import {
  loraParameters,
  OPTIMIZERS,
  type TrainingSettings,
  type TrainingShape,
  trainingMemory,
} from "../../src/memory/training.ts";

const SETTINGS: TrainingSettings = {
  sequence: 1024,
  batch: 2,
  optimizer: "adamw",
  checkpointing: true,
  flashAttention: true,
};
const SHAPE: TrainingShape = { layers: 32, hidden: 4096, heads: 32 };

describe("trainingMemory", () => {
  it("takes 16 bytes a parameter with AdamW in mixed precision: 120 GB for 7.5 billion (arXiv:1910.02054, figure 1)", () => {
    const full = trainingMemory({ kind: "full", parameters: 7.5e9 }, SETTINGS, SHAPE);
    expect((full?.totalBytes ?? 0) - (full?.activationBytes ?? 0)).toBe(120e9);
    expect(full?.why.source).toContain("1910.02054");
  });

  it("takes less with leaner optimizers", () => {
    const bytes = ({ weight, gradient, master, states }: (typeof OPTIMIZERS)[keyof typeof OPTIMIZERS]) =>
      weight + gradient + master + states;
    const each = Object.entries(OPTIMIZERS).map(([name, row]) => [name, bytes(row)]);
    expect(Object.fromEntries(each)).toEqual({
      adamw: 16,
      "adamw-bf16": 8,
      "adamw-8bit": 10,
      adafactor: 8,
      sgd: 8,
      "sgd-momentum": 12,
    });
  });

  it("keeps 34 s b h + 5 a s^2 b bytes a layer without checkpointing (arXiv:2205.05198, equation 1)", () => {
    const kept = (settings: Partial<TrainingSettings>) =>
      trainingMemory({ kind: "full", parameters: 1 }, { ...SETTINGS, ...settings }, SHAPE)?.activationBytes;
    const [linear, scores] = [34 * 1024 * 2 * 4096, 5 * 32 * 1024 ** 2 * 2];
    expect(kept({ checkpointing: false, flashAttention: false })).toBe(32 * (linear + scores));
    expect(kept({ checkpointing: false })).toBe(32 * linear);
    expect(kept({})).toBe(32 * 2 * 1024 * 2 * 4096 + linear);
  });

  it("counts LoRA's two matrices per target", () => {
    expect(
      loraParameters(8, [
        [4096, 4096],
        [4096, 1024],
      ]),
    ).toBe(8 * (8192 + 5120));
    const lora = trainingMemory({ kind: "lora", rank: 8, targets: [[4096, 4096]], baseBytes: 14e9 }, SETTINGS, SHAPE);
    expect(lora?.frozenBytes).toBe(14e9);
    expect(lora?.optimizerBytes).toBe(8 * 8192 * 12);
  });

  it("keeps QLoRA's base in 4.127 bits, embeddings apart", () => {
    const method = {
      kind: "qlora",
      rank: 64,
      targets: [[8192, 8192]],
      linearParameters: 64e9,
      otherParameters: 1e9,
    } as const;
    expect(trainingMemory(method, SETTINGS, SHAPE)?.frozenBytes).toBe(33_016_000_000 + 2e9);
  });

  it("gives no figure for nonsense", () => {
    for (const parameters of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e300])
      expect(trainingMemory({ kind: "full", parameters }, SETTINGS, SHAPE)).toBeUndefined();
    const shape = { ...SHAPE, layers: 2 ** 53, hidden: 2 ** 53 };
    expect(trainingMemory({ kind: "full", parameters: 1 }, SETTINGS, shape)).toBeUndefined();
  });
});
