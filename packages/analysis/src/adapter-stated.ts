/**
 * What an adapter's config and metadata say of it: `adapter_config.json` of PEFT and of mlx-lm, `ss_*` metadata of kohya-ss,
 * `lora_adapter_metadata` of diffusers, `adapter.*` keys of GGUF.
 */

import type { Checkpoint, JsonObject, JsonValue } from "@checkpoint-inspect/parser";
import type { AdapterMethod } from "./adapter-names.ts";
import { metadataValue } from "./facts.ts";
import { isObject } from "./json.ts";

/** A fact, and where it stands. */
interface From<T> {
  readonly value: T;
  readonly from: string;
}

export interface Stated {
  readonly method?: From<AdapterMethod> | undefined;
  readonly rank?: From<number> | undefined;
  /** Ranks of single modules (`rank_pattern`, kohya's `conv_dim`). */
  readonly otherRanks: readonly number[];
  readonly alpha?: From<number> | undefined;
  /** The scaling itself, as mlx-lm states it. */
  readonly scale?: From<number> | undefined;
  /** rsLoRA: alpha over the square root of the rank. */
  readonly rankStabilized: boolean;
  /** Names of modules; empty where the config gives a pattern. */
  readonly targets: readonly string[];
  /** The factors of all experts of a layer stand in one matrix (PEFT, `target_parameters`). */
  readonly expertsStacked: boolean;
  readonly base?: From<string> | undefined;
  readonly baseArchitecture?: From<string> | undefined;
}

/** `peft_type` (PEFT, utils/peft_types.py) and mlx-lm's `fine_tune_type`. */
const METHODS: ReadonlyMap<string, AdapterMethod> = new Map<string, AdapterMethod>([
  ["LORA", "LoRA"],
  ["DORA", "DoRA"],
  ["ADALORA", "AdaLoRA"],
  ["LOHA", "LoHa"],
  ["LOKR", "LoKr"],
  ["IA3", "IA3"],
  ["OFT", "OFT"],
  ["BOFT", "BOFT"],
  ["VERA", "VeRA"],
  ["PROMPT_TUNING", "prompt tuning"],
  ["P_TUNING", "prompt tuning"],
  ["PREFIX_TUNING", "prompt tuning"],
]);

export function statedFacts(checkpoint: Checkpoint): Stated {
  const file = checkpoint.adapterConfig;
  const config = file ? fromConfig(file.json, file.file) : {};
  const metadata = checkpoint.format === "gguf" ? fromGguf(checkpoint) : fromMetadata(checkpoint);
  return {
    method: config.method ?? metadata.method,
    rank: config.rank ?? metadata.rank,
    otherRanks: [...(config.otherRanks ?? []), ...(metadata.otherRanks ?? [])],
    alpha: config.alpha ?? metadata.alpha,
    scale: config.scale,
    rankStabilized: config.rankStabilized ?? false,
    targets: config.targets ?? [],
    expertsStacked: config.expertsStacked ?? false,
    base: config.base ?? metadata.base,
    baseArchitecture: config.baseArchitecture ?? metadata.baseArchitecture,
  };
}

/** Lists name a dozen kinds of modules. One that names every single module of a model is not compared: it would cost its square. */
const MAX_TARGETS = 100;

function fromConfig(json: JsonObject, file: string): Partial<Stated> {
  const mlx = isObject(json.lora_parameters) ? json.lora_parameters : {};
  const mapping = isObject(json.auto_mapping) ? json.auto_mapping : {};
  const type = text(json.peft_type) ?? text(json.fine_tune_type)?.toUpperCase();
  const known = METHODS.get(type ?? "");
  const method = known === "LoRA" && json.use_dora === true ? "DoRA" : known;
  const { target_modules: targets, target_parameters: parameters } = json;
  const stated = <T>(value: T | undefined, key: string): From<T> | undefined =>
    value === undefined ? undefined : { value, from: `${file} ${key}` };
  return {
    method: stated(method, "peft_type" in json ? "peft_type" : "fine_tune_type"),
    // OFT's r counts blocks and is no rank.
    rank: /^B?OFT$/.test(type ?? "") ? undefined : (stated(count(json.r), "r") ?? stated(count(mlx.rank), "rank")),
    otherRanks: numbersIn(json.rank_pattern),
    alpha:
      stated(number(json.lora_alpha), "lora_alpha") ??
      stated(number(json.alpha), "alpha") ??
      stated(number(mlx.alpha), "alpha"),
    scale: stated(number(mlx.scale), "scale"),
    rankStabilized: json.use_rslora === true,
    targets:
      Array.isArray(targets) && targets.length <= MAX_TARGETS
        ? targets.filter((target): target is string => typeof target === "string")
        : [],
    expertsStacked: Array.isArray(parameters) && parameters.length > 0,
    base: stated(text(json.base_model_name_or_path), "base_model_name_or_path") ?? stated(text(json.model), "model"),
    baseArchitecture: stated(text(mapping.base_model_class), "auto_mapping"),
  };
}

function fromGguf(checkpoint: Checkpoint): Partial<Stated> {
  const read = <T>(key: string, as: (value: unknown) => T | undefined): From<T> | undefined => {
    const value = as(metadataValue(checkpoint, key));
    return value === undefined ? undefined : { value, from: key };
  };
  const type = read("adapter.type", text);
  const method = METHODS.get(type?.value.toUpperCase() ?? "");
  return {
    method: type && method && { value: method, from: type.from },
    alpha: read("adapter.lora.alpha", number),
    base:
      read("general.base_model.0.name", text) ??
      read("general.base_model.0.repo_url", text) ??
      read("general.base_model.0.organization", text),
    baseArchitecture: read("general.architecture", text),
  };
}

/** Longest JSON in the metadata that is parsed; real ones are a few kilobytes. */
const MAX_JSON = 1_000_000;

function fromMetadata(checkpoint: Checkpoint): Partial<Stated> {
  const read = <T>(key: string, as: (value: unknown) => T | undefined): From<T> | undefined => {
    const value = as(metadataValue(checkpoint, key));
    return value === undefined ? undefined : { value, from: key };
  };
  const diffusers = Object.entries(json(metadataValue(checkpoint, "lora_adapter_metadata")));
  // Keys carry the component before the name: `transformer.lora_alpha`.
  const component = (name: string): From<number> | undefined => {
    const value = count(diffusers.find(([key]) => key === name || key.endsWith(`.${name}`))?.[1]);
    return value === undefined ? undefined : { value, from: `lora_adapter_metadata ${name}` };
  };
  const args = json(metadataValue(checkpoint, "ss_network_args"));
  const convolutions = count(digits(args.conv_dim));
  return {
    rank: read("ss_network_dim", (value) => count(digits(value))) ?? component("r"),
    otherRanks: convolutions === undefined ? [] : [convolutions],
    alpha: read("ss_network_alpha", digits) ?? component("lora_alpha"),
    base: read("ss_sd_model_name", text),
    baseArchitecture: read("ss_base_model_version", text) ?? read("modelspec.architecture", text),
  };
}

function json(value: unknown): JsonObject {
  if (typeof value !== "string" || value.length > MAX_JSON) return {};
  try {
    const parsed = JSON.parse(value) as JsonValue;
    return isObject(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

/** Trainers write "None" for what they don't know. */
function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" && value !== "None" ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function count(value: unknown): number | undefined {
  const found = number(value);
  return found !== undefined && found > 0 ? found : undefined;
}

/** A number that is written as a string, as all safetensors metadata are. */
function digits(value: unknown): number | undefined {
  if (typeof value === "number") return number(value);
  return typeof value === "string" && /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : undefined;
}

function numbersIn(value: JsonValue | undefined): number[] {
  return isObject(value) ? Object.values(value).filter((one) => typeof one === "number") : [];
}
