/**
 * Opens a diffusers folder: one checkpoint of several models, each in a sub-folder with a config and files of its own.
 * `model_index.json` names them: `"unet": ["diffusers", "UNet2DConditionModel"]`. A component that can't be read is a finding,
 * and the others are still shown.
 *
 * Source: diffusers, pipelines/pipeline_utils.py (`DiffusionPipeline.from_pretrained`, `model_index.json`).
 */
import pLimit from "p-limit";

import { CheckpointError, type Finding } from "../errors.ts";
import { found } from "../rules/rules.ts";
import { checkChildName, type FileSet, type ReadOptions } from "../source/byte-source.ts";
import { grouped, quoted } from "../words.ts";
import type { Checkpoint, Component, JsonValue, MetadataEntry, ModelConfig, Part, Tensor } from "./checkpoint.ts";
import { chooseComponentEntry } from "./component-files.ts";
import { readConfig } from "./read-config.ts";
import { checkReadable } from "./read-data.ts";
import { readSafetensorsSet } from "./read-safetensors-set.ts";
import { faultOfFile, type SetOptions } from "./set-options.ts";

export const PIPELINE_INDEX = "model_index.json";

/** The largest pipelines have about a dozen components; an index may claim a million. */
const MAX_COMPONENTS = 64;

/** Components read at once; each of them reads several files at once. */
const COMPONENTS_AT_ONCE = 4;

/** Classes that hold settings and vocabularies, no weights. Their folders are not looked into. */
const WITHOUT_WEIGHTS = /(?:Scheduler|Tokenizer(?:Fast)?|Processor(?:Fast)?|FeatureExtractor|Guider|Sampler)$/;

/** Endings of weights in formats that aren't read here. */
const OTHER_WEIGHTS = /\.(?:bin|ckpt|pt|pth|msgpack|h5|onnx|gguf)$/;

/** A component as `model_index.json` lists it. */
interface Listed {
  readonly name: string;
  readonly library: string;
  readonly className: string;
}

interface Outcome {
  readonly listed: Listed;
  readonly checkpoint?: Checkpoint;
  readonly findings: readonly Finding[];
  readonly error?: CheckpointError;
}

/**
 * The checkpoint that the components make together; tensors and parts are named `component/...`.
 * @throws {CheckpointError} when `model_index.json` can't be read, or none of the components can
 */
export async function readPipeline(files: FileSet, { signal, onPart }: SetOptions = {}): Promise<Checkpoint> {
  const options: ReadOptions = signal ? { signal } : {};
  const { config, findings: faults } = await readConfig(files, PIPELINE_INDEX, [PIPELINE_INDEX], options);
  if (!config) {
    const message = faults[0]?.message ?? `there is no ${PIPELINE_INDEX}`;
    throw new CheckpointError(faults.length > 0 ? "invalid" : "not-found", message, { file: PIPELINE_INDEX });
  }
  const { listed, findings } = listedComponents(config);
  const limit = pLimit(COMPONENTS_AT_ONCE);
  let done = 0;
  const read = async (item: Listed): Promise<Outcome> => {
    const outcome = await readComponent(files, item, options);
    onPart?.(++done, listed.length);
    return outcome;
  };
  const outcomes = await Promise.all(listed.map((item) => limit(() => read(item)))).finally(() => limit.clearQueue());
  if (!outcomes.some(({ checkpoint }) => checkpoint)) throw nothingReadable(outcomes, findings);
  return joinComponents(files.label, config, outcomes, findings);
}

function nothingReadable(outcomes: readonly Outcome[], findings: readonly Finding[]): CheckpointError {
  const first = outcomes.find(({ error }) => error)?.error;
  const [reason] = [...outcomes.flatMap((outcome) => outcome.findings), ...findings];
  const why = reason?.message ?? `${PIPELINE_INDEX} lists no model with weights`;
  return new CheckpointError(first?.code ?? "not-found", `no component of the pipeline can be read: ${why}`, {
    file: PIPELINE_INDEX,
    ...(first && { cause: first }),
  });
}

/** What the index lists that may have weights. Its names are data: only those of direct sub-folders are taken. */
function listedComponents({ json }: ModelConfig): { listed: readonly Listed[]; findings: Finding[] } {
  const all = Object.entries(json).flatMap(([name, value]) => listedComponent(name, value));
  const findings: Finding[] = [];
  const safe = all.filter(({ name }) => {
    try {
      checkChildName(name, "the pipeline's folder");
      return true;
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      findings.push(
        found("diffusers/component-name", {
          message: `${error.message}; the component is not opened`,
          part: PIPELINE_INDEX,
        }),
      );
      return false;
    }
  });
  if (safe.length > MAX_COMPONENTS) {
    findings.push(
      found("diffusers/too-many-components", {
        message: `${PIPELINE_INDEX} lists ${grouped(safe.length)} components; the first ${MAX_COMPONENTS} are opened`,
        part: PIPELINE_INDEX,
      }),
    );
  }
  // As many bad names as there are components would flood the list.
  return { listed: safe.slice(0, MAX_COMPONENTS), findings: findings.slice(0, MAX_COMPONENTS) };
}

/** `["diffusers", "UNet2DConditionModel"]`; two nulls stand for a component that is left out, other values are settings. */
function listedComponent(name: string, value: JsonValue): Listed[] {
  if (name.startsWith("_") || !Array.isArray(value)) return [];
  const [library, className] = value as readonly JsonValue[];
  if (typeof library !== "string" || typeof className !== "string" || WITHOUT_WEIGHTS.test(className)) return [];
  return [{ name, library, className }];
}

async function readComponent(files: FileSet, listed: Listed, options: ReadOptions): Promise<Outcome> {
  options.signal?.throwIfAborted();
  const { name, className } = listed;
  try {
    const folder = files.folder?.(name);
    if (!folder) throw new CheckpointError("unsupported", `${files.label} has no sub-folders`, { file: name });
    const names = (await folder.list()).map((file) => file.name);
    const chosen = chooseComponentEntry(names);
    if (!chosen) return { listed, findings: await withoutWeights(folder, listed, names, options) };
    const checkpoint = await readSafetensorsSet(folder, chosen.entry, options);
    return { listed, checkpoint, findings: chosen.others.length > 0 ? [variantNote(name, chosen)] : [] };
  } catch (error) {
    const fault = faultOfFile(error, options);
    const { message, file, offset } = fault;
    return {
      listed,
      error: fault,
      findings: [
        found("diffusers/unreadable-component", {
          message: `the component ${quoted(name)} (${quoted(className).slice(1, -1)}) can't be read: ${message}`,
          fix: `fetch the folder ${name} again`,
          part: file && file !== name ? `${name}/${file}` : name,
          ...(offset !== undefined && { offset }),
        }),
      ],
    };
  }
}

/** A folder without safetensors files: settings of some kind, or weights that can't be read here. */
async function withoutWeights(
  folder: FileSet,
  { name, className }: Listed,
  names: readonly string[],
  options: ReadOptions,
): Promise<Finding[]> {
  const other = names.find((file) => OTHER_WEIGHTS.test(file));
  // Only models have a config.json; schedulers, tokenizers and processors have files of their own names.
  const { config } = await readConfig(folder, "config.json", names, options);
  if (other === undefined && !config) return [];
  const what = other === undefined ? "no weights" : `${quoted(other)} and no safetensors file`;
  return [
    found("diffusers/no-weights", {
      message: `the component ${quoted(name)} (${quoted(className).slice(1, -1)}) has ${what}`,
      part: name,
    }),
  ];
}

function variantNote(name: string, { variant, others }: { variant: string; others: readonly string[] }): Finding {
  const named = others.map((other) => (other === "" ? "plain" : other));
  const shown = `${named.slice(0, 4).join(", ")}${named.length > 4 ? ", ..." : ""}`;
  return found("diffusers/other-variants", {
    message: `${name} is there in ${grouped(others.length)} more ${others.length === 1 ? "variant" : "variants"}: ${shown}; ${variant === "" ? "the plain one" : variant} is shown`,
    fix: `name a file of the folder ${name} to see it`,
    part: name,
  });
}

function joinComponents(
  label: string,
  config: ModelConfig,
  outcomes: readonly Outcome[],
  faults: readonly Finding[],
): Checkpoint {
  const parts: Part[] = [];
  const tensors: Tensor[] = [];
  const metadata: MetadataEntry[] = [];
  const findings: Finding[] = [...faults];
  const missing: string[] = [];
  const components: (Component & { readonly checkpoint: Checkpoint })[] = [];
  let declaredParts = 0;
  for (const { listed, checkpoint, findings: own } of outcomes) {
    findings.push(...own);
    if (!checkpoint) continue;
    const { name } = listed;
    const inside = (path: string): string => `${name}/${path}`;
    const firstPart = parts.length;
    const firstTensor = tensors.length;
    for (const part of checkpoint.parts) parts.push({ ...part, name: inside(part.name) });
    for (const tensor of checkpoint.tensors) {
      tensors.push({ ...tensor, name: inside(tensor.name), part: tensor.part + firstPart });
    }
    for (const entry of checkpoint.metadata) metadata.push({ ...entry, part: entry.part + firstPart });
    for (const finding of componentFindings(checkpoint)) {
      const { part, tensor } = finding;
      findings.push({
        ...finding,
        part: part === undefined ? name : inside(part),
        ...(tensor !== undefined && { tensor: inside(tensor) }),
      });
    }
    declaredParts += checkpoint.shards?.declaredParts ?? checkpoint.parts.length;
    missing.push(...(checkpoint.shards?.missing ?? []).map(inside));
    components.push({
      ...listed,
      ...(checkpoint.config && { config: { ...checkpoint.config, file: inside(checkpoint.config.file) } }),
      firstTensor,
      tensorCount: checkpoint.tensors.length,
      firstPart,
      partCount: checkpoint.parts.length,
      checkpoint,
    });
  }
  return {
    format: "safetensors",
    label,
    container: "safetensors (diffusers folder)",
    parts,
    tensors,
    metadata,
    config,
    components: components.map(({ checkpoint: _, ...component }) => component),
    ...(declaredParts > parts.length && { shards: { declaredParts, missing } }),
    findings,
    readData: componentData(parts, components),
    async close() {
      await Promise.all(components.map(({ checkpoint }) => checkpoint.close()));
    },
  };
}

/** What is wrong inside a component; that its reading stopped is one thing more. */
function componentFindings({ findings, error, parts }: Checkpoint): readonly Finding[] {
  if (!error) return findings;
  const stopped = found("diffusers/unreadable-component", {
    message: error.message,
    why: "tensors of this file are missing from every count here",
    ...(parts[0] && { part: parts[0].name }),
    ...(error.offset !== undefined && { offset: error.offset }),
  });
  return [...findings, stopped];
}

/** Each component reads its own tensors, under their own names. */
function componentData(
  parts: readonly Part[],
  components: readonly (Component & { readonly checkpoint: Checkpoint })[],
): Checkpoint["readData"] {
  return async (tensors, options) => {
    checkReadable(tensors, parts);
    const data: Uint8Array[] = tensors.map(() => new Uint8Array());
    for (const { firstPart, partCount, checkpoint } of components) {
      const own = [...tensors.entries()].filter(([, { part }]) => part >= firstPart && part < firstPart + partCount);
      if (own.length === 0) continue;
      const read = await checkpoint.readData(
        own.map(([, tensor]) => ({ ...tensor, part: tensor.part - firstPart })),
        options,
      );
      for (const [i, [at]] of own.entries()) data[at] = read[i] as Uint8Array;
    }
    return data;
  };
}
