/** The type that config.json names, against the one that the weights are stored in. */
import type { Evidence } from "@checkpoint-inspect/parser";

import { quantConfig } from "../../quantization/quant-config.ts";
import { formatBytes, formatShare } from "../../units.ts";
import type { AuditRule } from "../rule.ts";
import { isWholeModel } from "../stacks.ts";
import type { Subject } from "../subject.ts";
import { configValue } from "./read.ts";

/** Names of torch's types, with the ones of the container. */
const DTYPES: Readonly<Record<string, readonly [type: string, bits: number]>> = {
  float64: ["F64", 64],
  float32: ["F32", 32],
  float16: ["F16", 16],
  bfloat16: ["BF16", 16],
};

/** Share of the bytes from which the weights are said to be of a type. */
const MOSTLY = 0.9;

function* dtype(subject: Subject): Iterable<Evidence> {
  const { checkpoint, mix, packing } = subject;
  if (checkpoint.format !== "safetensors" || packing || !isWholeModel(subject)) return;
  if (quantConfig(checkpoint).method !== undefined) return;
  // A part of a multimodal config may keep its class's default.
  const root = checkpoint.config?.json;
  const value = root?.torch_dtype ?? root?.dtype ?? configValue(subject, "torch_dtype", "dtype");
  const name = typeof value === "string" ? value.replace(/^torch\./, "") : "";
  const declared = Object.hasOwn(DTYPES, name) ? DTYPES[name] : undefined;
  const total = mix.types.reduce((sum, { bytes }) => sum + bytes, 0);
  const stored = mix.types[0];
  const own = Object.values(DTYPES).find(([type]) => type === stored?.type);
  if (!declared || !stored || !own || own[0] === declared[0] || stored.bytes < MOSTLY * total) return;
  const [, bits] = declared;
  const isWider = own[1] > bits;
  const words = isWider ? `: ${formatBytes(total)} where ${name} takes ${formatBytes((total * bits) / own[1])}` : "";
  yield {
    message: `${checkpoint.config?.file} says ${name}, ${formatShare(stored.bytes / total)} of the bytes are ${own[0]}${words}`,
    why: isWider
      ? "loaders that go by the config cut the weights down to its type; the bytes beyond it are downloaded for nothing"
      : own[1] < bits
        ? "loaders that go by the config widen the weights: they take more memory than the file, and are no more exact"
        : "loaders that go by the config convert the weights, and some values change or overflow",
  };
}

export const DTYPE_RULES: readonly AuditRule[] = [
  {
    id: "config/dtype",
    severity: "note",
    means: "the config names another type than the weights are stored in",
    why: "loaders that go by the config convert the weights",
    fix: "set the type in the config to the stored one, or save the weights in the declared one",
    check: dtype,
  },
];
