/**
 * The sizes and settings of the model that both sides state: from the report, and a few from metadata and config that no other view
 * needs. What one side alone states is no difference between models: formats have keys of their own.
 */
import type { JsonObject, JsonValue } from "@checkpoint-inspect/parser";

import { isObject } from "../json.ts";
import type { DiffSide, FactDifference, FactValue } from "./types.ts";

interface FactRow {
  readonly fact: string;
  readonly label: string;
  read(side: DiffSide): unknown;
}

type ModelField = keyof DiffSide["report"]["model"];

const MODEL_FACTS: readonly (readonly [fact: ModelField, label: string])[] = [
  ["architecture", "architecture"],
  ["kind", "kind"],
  ["layers", "layers"],
  ["contextLength", "context length"],
  ["hiddenSize", "hidden size"],
  ["vocabularySize", "vocabulary"],
  ["attentionHeads", "attention heads"],
  ["headDim", "head size"],
  ["feedForwardSize", "feed-forward size"],
  ["expertFeedForwardSize", "expert size"],
  ["sharedExpertFeedForwardSize", "shared expert size"],
  ["slidingWindow", "sliding window"],
  ["tiedEmbeddings", "tied embeddings"],
  ["mixer", "mixer"],
];

/** Where GGUF (behind `{architecture}.`, or whole where it has a dot first) and config.json have what the report hasn't. */
const STATED: readonly (readonly [fact: string, label: string, gguf: string, config: readonly string[]])[] = [
  ["ropeBase", "rope base", "rope.freq_base", ["rope_theta", "rope_parameters.rope_theta"]],
  ["ropeScaling", "rope scaling factor", "rope.scaling.factor", ["rope_scaling.factor", "rope_parameters.factor"]],
  ["normEpsilon", "norm epsilon", "attention.layer_norm_rms_epsilon", ["rms_norm_eps"]],
  ["bosToken", "first token id (BOS)", ".tokenizer.ggml.bos_token_id", ["bos_token_id"]],
  ["eosToken", "last token id (EOS)", ".tokenizer.ggml.eos_token_id", ["eos_token_id"]],
];

const FACTS: readonly FactRow[] = [
  ...MODEL_FACTS.map(([fact, label]): FactRow => ({ fact, label, read: ({ report }) => report.model[fact] })),
  {
    fact: "kvHeads",
    label: "key-value heads",
    // Of latent attention GGUF says one head, that of the cached latent, and transformers as many as there are queries.
    read: ({ report: { model } }) => (model.latentKv ? undefined : model.kvHeads),
  },
  { fact: "experts", label: "experts a layer", read: ({ report }) => report.experts?.perLayer },
  {
    fact: "expertsPerToken",
    label: "experts a token",
    read: ({ report }) => report.experts?.usedPerToken ?? undefined,
  },
  ...STATED.map(
    ([fact, label, gguf, config]): FactRow => ({
      fact,
      label,
      read: (side) => (side.report.source.format === "gguf" ? ggufNumber(side, gguf) : configNumber(side, config)),
    }),
  ),
];

export function factDifferences(a: DiffSide, b: DiffSide): readonly FactDifference[] {
  const otherFormat = a.report.source.format !== b.report.source.format;
  return FACTS.flatMap(({ fact, label, read }): FactDifference[] => {
    const [inA, inB] = [plain(read(a)), plain(read(b))];
    if (inA === undefined || inB === undefined || same(inA, inB)) return [];
    if (fact !== "architecture" || !otherFormat) return [{ fact, label, a: inA, b: inB }];
    if (bare(inA) === bare(inB)) return [];
    return [{ fact, label, a: inA, b: inB, words: "each format has names of its own" }];
  });
}

/** `qwen3moe` of GGUF is `qwen3_moe` of transformers. */
function bare(name: FactValue): string {
  return String(name)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "");
}

/**
 * A list of equal values is the value: one format has a number where the other has one a layer, and 0 for layers that have nothing of
 * the kind.
 */
function plain(value: unknown): FactValue | undefined {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const said = value.filter((one) => one !== 0);
  return said.length > 0 && said.every((one) => one === said[0]) ? (said[0] as FactValue) : (value as FactValue);
}

/** GGUF keeps fractions in 32 bits: 1e-6 comes back as 9.99999997e-7. */
function same(a: FactValue, b: FactValue): boolean {
  if (typeof a === "number" && typeof b === "number") return a === b || Math.fround(a) === Math.fround(b);
  return typeof a === "object" && typeof b === "object"
    ? a.length === b.length && a.every((one, i) => one === b[i])
    : a === b;
}

function ggufNumber({ metadata, facts }: DiffSide, key: string): number | undefined {
  const whole = key.startsWith(".") ? key.slice(1) : `${facts.architecture}.${key}`;
  const value = metadata.find((entry) => entry.key === whole)?.value;
  return typeof value === "number" ? value : undefined;
}

/** In the text part of a multimodal config first, then at the root. */
function configNumber({ config }: DiffSide, paths: readonly string[]): number | undefined {
  if (!config) return undefined;
  const scopes: readonly JsonObject[] = [config.json.text_config, config.json].filter((scope) => isObject(scope));
  for (const scope of scopes) {
    for (const path of paths) {
      const value = path
        .split(".")
        .reduce<JsonValue | undefined>((inner, word) => (isObject(inner) ? inner[word] : undefined), scope);
      if (typeof value === "number") return value;
    }
  }
  return undefined;
}
