/** What config.json says of the quantization, against what the weights are packed in. */
import { type Evidence, type JsonObject, type JsonValue, quoted } from "@checkpoint-inspect/parser";

import { asNumber, asObject } from "../../json.ts";
import { quantConfig } from "../../quantization/quant-config.ts";
import type { AuditRule } from "../rule.ts";
import { isWholeModel } from "../stacks.ts";
import type { Subject } from "../subject.ts";

/** Methods whose weights are always packed, or stored as eight-bit numbers: no loader quantizes plain floats under them. */
const PACKED_METHODS =
  /^(?:gptq|awq|auto-round|intel\/auto-round|aqlm|exl2|exl3|bitsandbytes|fp8|mxfp4|hqq|quip|vptq|spqr|modelopt\w*|compressed-tensors)$/;

function isClaimed(method: string, block: JsonObject): boolean {
  if (method === "bitsandbytes")
    return ["load_in_4bit", "load_in_8bit", "_load_in_4bit", "_load_in_8bit"].some((key) => block[key] === true);
  // Both also describe models of which only the cache is quantized, or nothing yet.
  if (method.startsWith("modelopt")) return weightBits(algorithmOf(block)) !== undefined;
  if (method === "compressed-tensors") return block.format !== "dense" && declaredBits(method, block).length > 0;
  return PACKED_METHODS.test(method);
}

/** Types of quantized weights: whole numbers, and floats of eight bits or fewer. */
const NARROW = /^(?:[IU](?:8|16|32)|F8_|F6_|F4)/;

function* notPacked(subject: Subject): Iterable<Evidence> {
  const { checkpoint, complete, mix } = subject;
  if (checkpoint.format !== "safetensors" || !complete || !isWholeModel(subject)) return;
  const { method, block } = quantConfig(checkpoint);
  if (method === undefined || !isClaimed(method, block)) return;
  const [most] = mix.types;
  if (!most || mix.types.some(({ type, bytes }) => NARROW.test(type) && bytes > 0) || mix.schemes.length > 0) return;
  yield {
    message: `${checkpoint.config?.file} says that the weights are quantized (${quoted(method)}), and all of them are plain ${most.type}`,
  };
}

/** Files beside the weights in which quantizers leave their settings. */
const QUANT_FILES: ReadonlySet<string> = new Set([
  "hf_quant_config.json",
  "quantize_config.json",
  "quant_config.json",
  "quantization_config.json",
  "quant_model_description.json",
  "quant_strategy.json",
]);

/** Schemes that loaders tell from the config alone. */
const TOLD_BY_CONFIG: ReadonlySet<string> = new Set([
  "gptq",
  "awq",
  "bitsandbytes-4bit",
  "bitsandbytes-8bit",
  "compressed-tensors",
  "fp8",
  "aqlm",
  "exl2",
  "exl3",
  "mlx",
  "hqq",
]);

/** Share of the parameters in packed weights from which the checkpoint is a quantized one. */
const MOST_OF_IT = 0.3;

function* undeclared(subject: Subject): Iterable<Evidence> {
  const { checkpoint, mix, anatomy, facts } = subject;
  if (checkpoint.format !== "safetensors" || !isWholeModel(subject)) return;
  const json = checkpoint.config?.json;
  // The files of a model's maker, and of ComfyUI, say it elsewhere or not at all.
  if (!json || typeof json.model_type !== "string" || facts.layers === undefined) return;
  if (
    quantConfig(checkpoint).method !== undefined ||
    hasFields(json.quantization_config) ||
    hasFields(json.quantization)
  )
    return;
  if (checkpoint.sidecars?.some((name) => QUANT_FILES.has(name))) return;
  const used = mix.schemes.filter(({ scheme }) => TOLD_BY_CONFIG.has(scheme));
  const parameters = used.reduce((sum, use) => sum + use.parameters, 0);
  const [first] = used;
  if (!first || parameters < MOST_OF_IT * anatomy.total) return;
  const lack =
    json.quantization_config === undefined ? "has no quantization_config" : "has an empty quantization_config";
  yield { message: `the weights are packed (${first.words}), and ${checkpoint.config?.file} ${lack}` };
}

function hasFields(value: JsonValue | undefined): boolean {
  return Object.keys(asObject(value) ?? {}).length > 0;
}

/** Formats of compressed-tensors that store a byte a weight, whatever its bits. */
const BYTE_FORMATS: ReadonlySet<JsonValue | undefined> = new Set([
  "int-quantized",
  "naive-quantized",
  "float-quantized",
]);

/** Whether some modules have settings of their own, so that the general ones may be no module's. */
function hasExceptions(method: string, block: JsonObject): boolean {
  if (method !== "mlx") return Object.keys(asObject(block.dynamic) ?? {}).length > 0;
  return Object.values<JsonValue>(block).some((value) => asObject(value) !== undefined);
}

/** Methods that state bits and group size for all modules. */
const ONE_PAIR: ReadonlySet<string> = new Set(["gptq", "awq", "mlx"]);

/** ModelOpt's name of a recipe: `NVFP4`, `W4A16_AWQ`, `FP8`; empty where there is none. */
function algorithmOf(block: JsonObject): string {
  return typeof block.quant_algo === "string" ? block.quant_algo : "";
}

/** Bits of a weight by the name of a recipe; undefined for one that mixes them. */
function weightBits(algorithm: string): number | undefined {
  if (/MIXED/i.test(algorithm)) return undefined;
  if (/FP4|W4|INT4/i.test(algorithm)) return 4;
  return /FP8|W8|INT8/i.test(algorithm) ? 8 : undefined;
}

/** The bits that the config states for packed weights; empty where it states none that can be held against them. */
function declaredBits(method: string, block: JsonObject): readonly number[] {
  if (method === "bitsandbytes") {
    if (block.load_in_4bit === true || block._load_in_4bit === true) return [4];
    return block.load_in_8bit === true || block._load_in_8bit === true ? [8] : [];
  }
  if (method.startsWith("modelopt")) {
    const bits = weightBits(algorithmOf(block));
    return bits ? [bits] : [];
  }
  if (method === "compressed-tensors") {
    return Object.values<JsonValue>(asObject(block.config_groups) ?? {}).flatMap((group) => {
      const own = asObject(group);
      const bits = asNumber(asObject(own?.weights)?.num_bits);
      if (bits === undefined) return [];
      // Some formats store fewer bits in a byte each (W4A8).
      return BYTE_FORMATS.has(own?.format ?? block.format) ? [bits, 8] : [bits];
    });
  }
  if (method === "mxfp4") return [4];
  if (method === "fbgemm_fp8") return [8];
  // DeepSeek-V4 and its like keep experts in four bits under the same method.
  if (method === "fp8") return [8, 4];
  if (!ONE_PAIR.has(method) || hasExceptions(method, block)) return [];
  return [asNumber(block.bits) ?? asNumber(block.w_bit) ?? []].flat();
}

/** What the packed modules of the layers hold: bits of a weight, and weights that share a scale. */
function measured(subject: Subject): { readonly bits: ReadonlySet<number>; readonly groups: ReadonlySet<number> } {
  const bits = new Set<number>();
  const groups = new Set<number>();
  for (const kinds of subject.kinds) {
    for (const { first } of kinds.keys()) {
      const unpacked = subject.packing?.container(first.name)?.unpacked;
      // Where zeros take no room, the container's bits are no width.
      if (!unpacked || unpacked.unknown || unpacked.loose || unpacked.format?.includes("sparse")) continue;
      bits.add(unpacked.bits);
      if (unpacked.groupSize) groups.add(unpacked.groupSize);
    }
  }
  return { bits, groups };
}

/** Methods that read one layout of packed weights each, and of the others none. */
const LAYOUT_OF: Readonly<Record<string, string | undefined>> = {
  gptq: "gptq",
  awq: "awq",
  bitsandbytes: "bitsandbytes",
  "compressed-tensors": "compressed-tensors",
};

const LAYOUTS: readonly string[] = Object.values(LAYOUT_OF).flatMap((layout) => layout ?? []);

function* otherMethod(subject: Subject): Iterable<Evidence> {
  const { checkpoint, mix } = subject;
  if (checkpoint.format !== "safetensors" || !isWholeModel(subject)) return;
  const { method = "" } = quantConfig(checkpoint);
  const wanted = LAYOUT_OF[method];
  if (wanted === undefined) return;
  const found = mix.schemes.map(({ scheme, words }) => ({
    words,
    layout: LAYOUTS.find((layout) => scheme === layout || scheme.startsWith(`${layout}-`)),
  }));
  // Only where every packed weight is in a layout that another method surely has.
  const [first] = found;
  if (!first || found.some(({ layout }) => layout === undefined || layout === wanted)) return;
  yield {
    message: `${checkpoint.config?.file} says ${quoted(method)}, the weights are packed as ${first.words}`,
  };
}

function* otherBits(subject: Subject): Iterable<Evidence> {
  const { checkpoint, packing, mix } = subject;
  if (checkpoint.format !== "safetensors" || !packing || packing.components) return;
  const { method, block } = quantConfig(checkpoint);
  if (method === undefined) return;
  const declared = declaredBits(method, block);
  const { bits, groups } = measured(subject);
  const [scheme] = mix.schemes;
  if (declared.length > 0 && bits.size > 0 && scheme && !declared.some((wanted) => bits.has(wanted))) {
    const label = algorithmOf(block) || method;
    const all = mix.bitsPerWeight === null ? "" : `, ${mix.bitsPerWeight.toFixed(2)} bits per weight in all`;
    yield {
      message: `${checkpoint.config?.file} says ${quoted(label)} with ${[...new Set(declared)].join(" or ")} bits, the weights are ${scheme.words}${all}`,
    };
  }
  const size = ONE_PAIR.has(method) && !hasExceptions(method, block) ? asNumber(block.group_size) : undefined;
  if (!size || size < 1 || groups.size === 0 || groups.has(size) || !scheme) return;
  yield {
    message: `${checkpoint.config?.file} says groups of ${size}, the scales stand for ${[...groups].slice(0, 4).join(", ")} weights each`,
  };
}

export const DECLARED_RULES: readonly AuditRule[] = [
  {
    id: "quantization/not-quantized",
    severity: "warning",
    means: "the config says that the weights are quantized, and none is",
    why: "loaders look for packed weights and scales that aren't there: they fail, or load nothing",
    fix: "remove quantization_config from the config, or get the quantized weights",
    check: notPacked,
  },
  {
    id: "quantization/undeclared",
    severity: "warning",
    means: "the weights are packed, and the config doesn't say how",
    why: "loaders go by the config: they look for plain weights and fail, or load the packed numbers as weights",
    fix: "add the quantization_config of the tool that packed them",
    check: undeclared,
  },
  {
    id: "quantization/other-method",
    severity: "error",
    means: "the config states another method of quantization than the weights are packed by",
    why: "loaders go by the config: they look for tensors that aren't there, or unpack the numbers in the wrong order",
    fix: "correct quant_method, or get the weights that the config is for",
    check: otherMethod,
  },
  {
    id: "quantization/declared-otherwise",
    severity: "warning",
    means: "the config states other bits or groups than the packed weights have",
    why: "loaders go by the config: they refuse the shapes, or the model needs more memory than its label says",
    fix: "correct the quantization_config, or get the weights that it is for",
    check: otherBits,
  },
];
