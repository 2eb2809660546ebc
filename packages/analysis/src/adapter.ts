/**
 * What an adapter changes: method, rank, alpha, scaling, target modules, and the base that it is for.
 *
 * Shapes come first, for loaders follow them; then what config and metadata say. Where the two disagree, a finding says so.
 * Names and shapes: adapter-names.ts. What is stated elsewhere: adapter-stated.ts.
 */
import { type Checkpoint, type Finding, grouped, quoted, type Tensor } from "@checkpoint-inspect/parser";

import { type AdapterMethod, factorOf, isAdapter, layerKey, moduleName, rankIn } from "./adapter-names.ts";
import { type Stated, statedFacts } from "./adapter-stated.ts";
import { metadataValue } from "./facts.ts";
import type { TensorValues } from "./quantization/packing.ts";
import { foundInAnalysis } from "./rules/counting.ts";

export type { AdapterMethod } from "./adapter-names.ts";

export interface AdapterTarget {
  /** As one would write it in `target_modules`: `q_proj`, `attn_q`, `to_out.0`. */
  readonly module: string;
  /** Modules of that name that are changed. */
  readonly count: number;
  readonly parameters: number;
}

export interface AdapterFacts {
  readonly method: AdapterMethod;
  /** One rank, or the different ones, ascending. null for methods without one, or where it can't be told. */
  readonly rank: number | readonly number[] | null;
  /** null where nobody states it, or modules differ. */
  readonly alpha: number | null;
  /** What the change is multiplied by: alpha / rank, or alpha / sqrt(rank) of rsLoRA. null where modules differ. */
  readonly scaling: number | null;
  /** rsLoRA: alpha counts over the square root of the rank. */
  readonly rankStabilized: boolean;
  /** The most parameters first. */
  readonly targets: readonly AdapterTarget[];
  /** Modules that are stored whole, trained beside the adapter (`modules_to_save`). */
  readonly modulesToSave: readonly AdapterTarget[];
  /** Layers (or blocks) with a changed module. */
  readonly layers: number;
  /** The model that it is for, as its author calls it: may be a path on the author's machine. */
  readonly base: string | null;
  readonly baseArchitecture: string | null;
  /** Where each fact is from, in words: `tensor shapes`, `adapter_config.json r`, `ss_network_alpha`. */
  readonly sources: {
    readonly rank: string | null;
    readonly alpha: string | null;
    readonly base: string | null;
    readonly baseArchitecture: string | null;
  };
  readonly findings: readonly Finding[];
}

/** One module that is changed, and what its factors say. */
interface Module {
  readonly path: string;
  readonly ranks: Set<number>;
  parameters: number;
  alpha: Tensor | undefined;
}

interface Survey {
  readonly modules: ReadonlyMap<string, Module>;
  /** Tensors by method. */
  readonly methods: ReadonlyMap<AdapterMethod, number>;
  /** Tensors that are no factor, by module. */
  readonly saved: readonly AdapterTarget[];
}

/** Alpha scalars that are asked for: one for each rank that occurs, but no more than this. */
const MOST_VALUES = 8;
const FEWEST_VALUES = 3;

const SHAPES = "tensor shapes";

/**
 * The `.alpha` scalars to be read, decoded and handed to {@link adapterFacts}: a few, as trainers write the same alpha into every
 * module of one rank. Empty for other checkpoints, and for adapters that state their alpha elsewhere.
 */
export function adapterValuesNeeded(checkpoint: Checkpoint): readonly Tensor[] {
  if (checkpoint.format === "gguf" || !isAdapter(checkpoint)) return [];
  const { modules } = survey(checkpoint);
  const needed: Tensor[] = [];
  const ranks = new Set<number | undefined>();
  for (const { alpha, ranks: own } of modules.values()) {
    if (alpha?.elements !== 1) continue;
    const [rank] = own;
    if (needed.length >= FEWEST_VALUES && ranks.has(rank)) continue;
    ranks.add(rank);
    needed.push(alpha);
    if (needed.length === MOST_VALUES) break;
  }
  return needed;
}

/**
 * @param values numbers of the tensors of {@link adapterValuesNeeded}, by tensor name
 * @returns undefined for a checkpoint that is no adapter
 */
export function adapterFacts(checkpoint: Checkpoint, values: TensorValues = new Map()): AdapterFacts | undefined {
  const declared = metadataValue(checkpoint, "general.type") === "adapter";
  if (!declared && !isAdapter(checkpoint)) return undefined;
  const { modules, methods, saved } = survey(checkpoint);
  const stated = statedFacts(checkpoint);
  const findings: Finding[] = [];
  const method = methodOf(methods) ?? stated.method?.value ?? "LoRA";
  const ranks = moduleRanks(modules, stated, findings);
  const rank = ranks.length > 0 ? one(ranks) : (stated.rank?.value ?? null);
  const { alpha, scaling, source } = scalingOf(modules, rank, stated, values, findings);
  findings.push(...disagreements({ method, ranks, modules, stated }));
  return {
    method,
    rank,
    alpha,
    scaling,
    rankStabilized: stated.rankStabilized,
    targets: targetsOf(modules.values()),
    modulesToSave: saved,
    layers: new Set([...modules.keys()].map(layerKey).filter((key) => key !== undefined)).size,
    base: stated.base?.value ?? null,
    baseArchitecture: stated.baseArchitecture?.value ?? null,
    sources: {
      rank: ranks.length > 0 ? SHAPES : (stated.rank?.from ?? null),
      alpha: source,
      base: stated.base?.from ?? null,
      baseArchitecture: stated.baseArchitecture?.from ?? null,
    },
    findings,
  };
}

/** Runs over the tensors once. */
function survey({ tensors, format }: Checkpoint): Survey {
  const modules = new Map<string, Module>();
  const methods = new Map<AdapterMethod, number>();
  const saved = new Map<string, { path: string; parameters: number }>();
  for (const tensor of tensors) {
    const factor = factorOf(tensor.name, format);
    if (!factor) {
      const path = savedPath(tensor.name);
      const whole = saved.get(path);
      if (whole) whole.parameters += tensor.elements;
      else saved.set(path, { path, parameters: tensor.elements });
      continue;
    }
    let module = modules.get(factor.path);
    if (!module) {
      module = { path: factor.path, ranks: new Set(), parameters: 0, alpha: undefined };
      modules.set(factor.path, module);
    }
    if (factor.isAlpha) {
      module.alpha ??= tensor;
      continue;
    }
    module.parameters += tensor.elements;
    const rank = rankIn(factor, tensor);
    if (rank !== undefined && rank > 0) module.ranks.add(rank);
    methods.set(factor.method, (methods.get(factor.method) ?? 0) + 1);
  }
  return { modules, methods, saved: targetsOf(saved.values()) };
}

/** The module that a tensor which is no factor belongs to. */
function savedPath(name: string): string {
  return name
    .replace(/^base_model\.model\./, "")
    .replace(/\.modules_to_save\.[^.]+/, "")
    .replace(/\.(?:base_layer|original_module)(?=\.|$)/, "")
    .replace(/\.(?:weight|bias)$/, "");
}

function targetsOf(
  modules: Iterable<{ readonly path: string; readonly parameters: number }>,
): readonly AdapterTarget[] {
  const targets = new Map<string, { module: string; count: number; parameters: number }>();
  for (const { path, parameters } of modules) {
    const module = moduleName(path);
    const target = targets.get(module);
    if (target) {
      target.count++;
      target.parameters += parameters;
    } else targets.set(module, { module, count: 1, parameters });
  }
  return [...targets.values()].sort((a, b) => b.parameters - a.parameters || (a.module < b.module ? -1 : 1));
}

/** The method of most factors; DoRA and AdaLoRA are LoRA with a tensor more. */
function methodOf(methods: Survey["methods"]): AdapterMethod | undefined {
  for (const special of ["DoRA", "AdaLoRA"] as const) if (methods.has(special)) return special;
  return [...methods].sort((a, b) => b[1] - a[1])[0]?.[0];
}

/** Distinct ranks, ascending. A module whose two factors give different ranks is a finding. */
function moduleRanks(modules: Survey["modules"], stated: Stated, findings: Finding[]): readonly number[] {
  const ranks = new Set<number>();
  let [broken, example] = [0, ""];
  for (const { path, ranks: own } of modules.values()) {
    if (own.size > 1 && broken++ === 0) example = `${path}: ${[...own].join(" and ")}`;
    for (const rank of own) ranks.add(expertRank(path, rank, stated));
  }
  if (broken > 0) {
    findings.push(
      foundInAnalysis("adapter/rank-mismatch", {
        message: `the factors of ${grouped(broken)} ${broken === 1 ? "module have" : "modules have"} different ranks (${cut(example)})`,
      }),
    );
  }
  return [...ranks].sort((a, b) => a - b);
}

/** PEFT stacks the factors of all experts of a layer in one matrix: r times the number of experts (`target_parameters`). */
function expertRank(path: string, rank: number, { expertsStacked, rank: config }: Stated): number {
  const r = config?.value;
  return expertsStacked && r && rank % r === 0 && /(?:^|\.)experts$/.test(path) ? r : rank;
}

function scalingOf(
  modules: Survey["modules"],
  rank: AdapterFacts["rank"],
  stated: Stated,
  values: TensorValues,
  findings: Finding[],
): { alpha: number | null; scaling: number | null; source: string | null } {
  const scaled = (alpha: number, r: number): number => alpha / (stated.rankStabilized ? Math.sqrt(r) : r);
  const found: { alpha: number; scaling: number | undefined }[] = [];
  for (const { alpha: tensor, ranks } of modules.values()) {
    const value = tensor && values.get(tensor.name)?.[0];
    if (value === undefined || !Number.isFinite(value)) continue;
    const [r] = ranks;
    found.push({ alpha: value, scaling: r === undefined ? undefined : scaled(value, r) });
  }
  const alphas = distinct(found.map(({ alpha }) => alpha));
  const [alpha] = alphas;
  if (alpha === undefined) {
    const { alpha: config, scale } = stated;
    const scaling = scale?.value ?? (config && typeof rank === "number" ? scaled(config.value, rank) : null);
    return { alpha: config?.value ?? null, scaling, source: config?.from ?? scale?.from ?? null };
  }
  const scalings = distinct(found.map(({ scaling }) => scaling));
  // A rank that wasn't asked for may have another alpha.
  const scaling = scalings.length === 1 && (typeof rank === "number" || alphas.length > 1) ? scalings[0] : undefined;
  if (alphas.length === 1 && stated.alpha && stated.alpha.value !== alpha) {
    findings.push(
      foundInAnalysis("adapter/alpha", {
        message: `${stated.alpha.from} says alpha ${stated.alpha.value}, the .alpha tensors say ${alpha}`,
      }),
    );
  }
  return { alpha: alphas.length === 1 ? alpha : null, scaling: scaling ?? null, source: ".alpha tensors" };
}

/** What config and metadata say that the tensors don't bear out. */
function disagreements({
  method,
  ranks,
  modules,
  stated,
}: {
  readonly method: AdapterMethod;
  readonly ranks: readonly number[];
  readonly modules: Survey["modules"];
  readonly stated: Stated;
}): readonly Finding[] {
  const findings: Finding[] = [];
  if (stated.method && stated.method.value !== method) {
    findings.push(
      foundInAnalysis("adapter/method", {
        message: `${stated.method.from} says ${stated.method.value}, the tensors are those of ${method}`,
      }),
    );
  }
  const allowed = new Set([...(stated.rank ? [stated.rank.value] : []), ...stated.otherRanks]);
  const other = ranks.filter((rank) => !allowed.has(rank));
  // AdaLoRA prunes ranks as it trains; what it began with is in its config.
  if (stated.rank && other.length > 0 && method !== "AdaLoRA") {
    findings.push(
      foundInAnalysis("adapter/rank", {
        message: `${stated.rank.from} says rank ${stated.rank.value}, the shapes say ${other.slice(0, 4).join(", ")}${other.length > 4 ? ", ..." : ""}`,
      }),
    );
  }
  const paths = [...modules.keys()];
  const absent = stated.targets.filter(
    (target) => !paths.some((path) => path === target || path.endsWith(`.${target}`)),
  );
  if (absent.length > 0) {
    findings.push(
      foundInAnalysis("adapter/target-absent", {
        message: `target_modules names ${absent.slice(0, 4).map(cut).join(", ")}${absent.length > 4 ? ", ..." : ""}, which no tensor changes`,
      }),
    );
  }
  return findings;
}

function one(ranks: readonly number[]): number | readonly number[] {
  return ranks.length === 1 ? (ranks[0] as number) : ranks;
}

function distinct(values: readonly (number | undefined)[]): number[] {
  return [...new Set(values.filter((value) => value !== undefined))];
}

/** Longest piece of a file's text in a message. */
const MAX_TEXT = 80;

function cut(text: string): string {
  return quoted(text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text, Number.POSITIVE_INFINITY).slice(1, -1);
}
