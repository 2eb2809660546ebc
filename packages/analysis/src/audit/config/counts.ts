/** Numbers of layers and experts that are stated, against those that are there; and a head that nothing stands in for. */
import { type Evidence, type JsonValue, quoted } from "@checkpoint-inspect/parser";

import { asObject } from "../../json.ts";
import type { AuditRule } from "../rule.ts";
import { type HeldLayer, isWholeModel, layersByStack } from "../stacks.ts";
import type { Subject } from "../subject.ts";
import { expertLayers, usualExperts } from "../tensors/experts.ts";
import { configValue, stated, textScopes } from "./read.ts";

/** Keys of encoder-decoder models, each of which may be the one for a stack. */
const STACK_KEYS = [
  "num_hidden_layers",
  "num_layers",
  "decoder_layers",
  "num_decoder_layers",
  "encoder_layers",
  "num_encoder_layers",
  "n_layers",
] as const;

/** Parts by which a block that drafts further tokens is told from a layer; without them it is one by its index alone. */
const DRAFT_PART = /eh_proj|enorm|hnorm|shared_head/;

function* layerCount(subject: Subject): Iterable<Evidence> {
  const { facts, complete, anatomy } = subject;
  // llama.cpp's rules for block_count and expert_count stand with the others of its metadata.
  if (
    subject.checkpoint.format !== "safetensors" ||
    !complete ||
    !facts.layers ||
    facts.numHiddenGroups !== undefined ||
    !isWholeModel(subject)
  )
    return;
  // Where names are unknown, layers may be called in another way.
  if (anatomy.unknown > 0.01 * anatomy.total) return;
  const stacks = layersByStack(subject);
  const text = stacks.get("text");
  if (!text) {
    yield* encoderDecoder(subject);
    return;
  }
  const highest = text.at(-1)?.layer.index ?? 0;
  if (highest + 1 < facts.layers) {
    const missing = Array.from({ length: Math.min(facts.layers - highest - 1, 2) }, (_, i) => highest + 1 + i);
    const lost = missing.length === 1 ? `layer ${missing[0]} is` : `layers ${missing[0]}-${facts.layers - 1} are`;
    yield {
      message: `${stated(subject, "layers")} is ${facts.layers}, the tensors end with layer ${highest}: ${lost} missing`,
    };
  }
  const beyond = layersBeyond(stacks.get("mtp") ?? [], facts.layers);
  // A block that drafts stands right behind the layers too, and the config counts it.
  if (beyond === 0 || facts.mtpLayers || highest + 1 !== facts.layers) return;
  const indexes = Array.from({ length: Math.min(beyond, 2) }, (_, i) => highest + 1 + i);
  const more = indexes.length === 1 ? `layer ${indexes[0]}` : `layers ${indexes[0]}-${highest + beyond}`;
  yield {
    severity: "warning",
    message: `${stated(subject, "layers")} is ${facts.layers}, and there are tensors of ${more}`,
    why: "a loader builds the layers that the config states and leaves the others out, so that the model is another one",
  };
}

/** Blocks behind the last stated layer that are taken for drafting ones by their number alone: they have no part of such a block. */
function layersBeyond(blocks: readonly HeldLayer[], stated: number): number {
  return blocks.filter(({ kinds }) =>
    [...kinds.keys()].every(({ part, first }) => {
      const index = LAYER_NUMBER.exec(first.name.slice(0, LONGEST_PREFIX))?.[1];
      return index !== undefined && Number(index) >= stated && !DRAFT_PART.test(part) && !DRAFT_PART.test(first.name);
    }),
  ).length;
}

/** The number of a layer, in names of the text's own list of layers. */
const LAYER_NUMBER = /(?:^|\.)(?:layers|h|blocks)\.(\d{1,6})\./;

/** A layer's number stands near the front of a name. */
const LONGEST_PREFIX = 128;

/** Encoder and decoder have a key each, and each class its own words: a stack is contradicted where none of them fits. */
function* encoderDecoder(subject: Subject): Iterable<Evidence> {
  const root = subject.checkpoint.config?.json;
  if (!root) return;
  const counts = new Set(STACK_KEYS.flatMap((key) => (typeof root[key] === "number" ? [root[key]] : [])));
  if (counts.size === 0) return;
  for (const [stack, layers] of layersByStack(subject)) {
    if (stack !== "encoder" && stack !== "decoder") continue;
    const count = (layers.at(-1)?.layer.index ?? 0) + 1;
    if (counts.has(count)) continue;
    yield {
      ...(Math.max(...counts) < count && { severity: "warning" as const }),
      message: `${stated(subject, "layers")} and its like state ${[...counts].join(" and ")} layers, the ${stack} has ${count}`,
    };
  }
}

function* typedLayers(subject: Subject): Iterable<Evidence> {
  const { facts, checkpoint } = subject;
  const { layers, layerTypes } = facts;
  // A longer list may go on to the blocks that draft.
  if (checkpoint.format !== "safetensors" || !layers || !layerTypes || !isWholeModel(subject)) return;
  if (layerTypes.length === 0 || layerTypes.length >= layers || checkpoint.config?.json.auto_map !== undefined) return;
  yield {
    message: `${stated(subject, "layerTypes")} names ${layerTypes.length} layers, ${stated(subject, "layers")} is ${layers}`,
  };
}

/** Classes of transformers, and the one model_type of each. */
const TYPE_OF_CLASS: Readonly<Record<string, string | undefined>> = {
  LlamaForCausalLM: "llama",
  MistralForCausalLM: "mistral",
  MixtralForCausalLM: "mixtral",
  Qwen2ForCausalLM: "qwen2",
  Qwen2MoeForCausalLM: "qwen2_moe",
  Qwen3ForCausalLM: "qwen3",
  Qwen3MoeForCausalLM: "qwen3_moe",
  GPT2LMHeadModel: "gpt2",
  GemmaForCausalLM: "gemma",
  Gemma2ForCausalLM: "gemma2",
  Gemma3ForCausalLM: "gemma3_text",
  Phi3ForCausalLM: "phi3",
  GPTNeoXForCausalLM: "gpt_neox",
};

const TYPES_OF_CLASSES: ReadonlySet<unknown> = new Set(Object.values(TYPE_OF_CLASS));

function* otherType(subject: Subject): Iterable<Evidence> {
  const { config, format, components } = subject.checkpoint;
  const json = config?.json;
  const [name, ...more] = Array.isArray(json?.architectures) ? json.architectures : [];
  if (format !== "safetensors" || components || json?.auto_map !== undefined || more.length > 0) return;
  const type = typeof name === "string" && Object.hasOwn(TYPE_OF_CLASS, name) ? TYPE_OF_CLASS[name] : undefined;
  if (type === undefined || type === json?.model_type || !TYPES_OF_CLASSES.has(json?.model_type)) return;
  yield {
    message: `${config?.file} model_type is ${quoted(String(json?.model_type))}, its class ${name} is that of ${quoted(type)}`,
  };
}

function* expertCount(subject: Subject): Iterable<Evidence> {
  const { facts, complete } = subject;
  const { experts, expertsPerToken } = facts;
  if (subject.checkpoint.format !== "safetensors" || !isWholeModel(subject)) return;
  if (experts && expertsPerToken && expertsPerToken > experts) {
    yield {
      message: `${stated(subject, "expertsPerToken")} is ${expertsPerToken}, of ${experts} experts`,
      why: "a token can't use more experts than a layer has: loaders refuse it",
    };
  }
  // Two sets of experts in one list (ERNIE 4.5 VL).
  if (!complete || !experts || Array.isArray(configValue(subject, "moe_num_experts"))) return;
  if ((subject.packing?.copies.length ?? 0) > 0) return;
  const layers = expertLayers(subject);
  const usual = usualExperts(layers);
  if (usual === undefined || usual === experts) return;
  // Pruned models may have another number in each layer.
  const shown = new Set(layers.flatMap(({ numbered, stacked }) => [...numbered.values(), ...stacked.values()]));
  if (shown.has(experts)) return;
  yield {
    message: `${stated(subject, "experts")} is ${experts}, the layers have ${[...shown]
      .sort((a, b) => a - b)
      .slice(0, 4)
      .join(", ")}`,
  };
}

/** Classes that put out scores for the next token. */
const SCORING_CLASS = /(?:ForCausalLM|LMHeadModel|ForConditionalGeneration)$/;

function* missingHead(subject: Subject): Iterable<Evidence> {
  const { checkpoint, complete, anatomy, model } = subject;
  if (checkpoint.format !== "safetensors" || !complete || !isWholeModel(subject) || model.kind !== "llm") return;
  const root = checkpoint.config?.json;
  const classes = root?.architectures;
  if (!Array.isArray(classes) || typeof classes[0] !== "string" || !SCORING_CLASS.test(classes[0])) return;
  // Vision-language configs state it twice, and classes differ in which one they read.
  const inner = Object.values<JsonValue>(root ?? {}).map((value) => asObject(value)?.tie_word_embeddings);
  const flags = new Set([...inner, ...textScopes(subject).map((scope) => scope.tie_word_embeddings)]);
  if (!flags.has(false) || flags.has(true)) return;
  const { buckets } = anatomy;
  if (buckets.some(({ bucket }) => bucket === "head") || anatomy.unknown > 0.01 * anatomy.total) return;
  if (!buckets.some(({ bucket, parts }) => bucket === "embedding" && parts.some(({ part }) => part === "token")))
    return;
  yield { message: `${checkpoint.config?.file} tie_word_embeddings is false, and no output head is stored` };
}

export const COUNT_RULES: readonly AuditRule[] = [
  {
    id: "config/layer-count",
    severity: "error",
    severities: ["warning"],
    means: "the config states another number of layers than the tensors have",
    why: "a loader fails on the layers that aren't there, or fills them with random numbers",
    fix: "use the config that belongs to these weights, or get the tensors that are missing",
    check: layerCount,
  },
  {
    id: "config/layer-types",
    severity: "error",
    means: "the list of layer types names fewer layers than the config states",
    why: "transformers refuses such a config, or fails on the first layer without a type",
    fix: "use the config that belongs to these weights",
    check: typedLayers,
  },
  {
    id: "config/model-type",
    severity: "warning",
    means: "model_type names one known model, and architectures the class of another",
    why: "transformers goes by model_type, other loaders by the class: one of them builds the wrong model",
    fix: "use the config that belongs to these weights",
    check: otherType,
  },
  {
    id: "config/expert-count",
    severity: "error",
    means: "the config states another number of experts than the layers have, or uses more than there are",
    why: "a loader builds the experts that the config states: it fails on those that aren't there, and leaves others out",
    fix: "use the config that belongs to these weights",
    check: expertCount,
  },
  {
    id: "config/missing-head",
    severity: "error",
    means: "the config says that the output head is no copy of the token table, and there is no head",
    why: "a loader starts with a random head: the model puts out noise",
    fix: "set tie_word_embeddings to true if the original model ties them, else get the head's tensor",
    check: missingHead,
  },
];
