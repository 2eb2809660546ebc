/**
 * All that `inspect memory` says of one model: what it takes, what fits, at which quantization. Pure data, the same for the terminal, the
 * TUI and JSON.
 */
import { type DevicePlan, type Gpu, planDevices, type RunOptions, type Verdict } from "./devices.ts";
import { fewestCpuMoeLayers, type LargestContext, largestContext, mostGpuLayers, mostSequences } from "./fit.ts";
import { type CommandFacts, runCommand } from "./flags.ts";
import { KV_TYPES } from "./kv-types.ts";
import type { MemoryModel } from "./model.ts";
import { type MemoryPlan, memoryNeeds, planMemory } from "./plan.ts";
import type { Engine, MemorySettings } from "./settings.ts";
import { settingsFor } from "./settings-for.ts";
import type { WeightInventory } from "./weights/inventory.ts";

/** A checkpoint at another quantization, with what the weights would then be. */
export interface QuantOption {
  readonly label: string;
  /** In plain words. */
  readonly words: string;
  /** What runs it. */
  readonly engine: Engine;
  readonly bytes: number;
  readonly bitsPerWeight: number;
  readonly exact: boolean;
  readonly needsImatrix: boolean;
  readonly weights: WeightInventory;
  /** What it is stored as now. */
  readonly isThis: boolean;
}

export interface Asked {
  readonly target: string;
  readonly settings?: Partial<MemorySettings>;
  readonly gpus?: readonly Gpu[];
  readonly gpuLayers?: number;
  readonly cpuMoeLayers?: number;
  readonly utilization?: number;
  readonly quants?: readonly QuantOption[];
}

export interface ContextCell {
  readonly keyType: string;
  readonly valueType: string;
  readonly totalBytes: number | null;
  /** Of the GPUs together with what they take besides; absent without GPUs. */
  readonly verdict?: Verdict;
}

export interface ContextRow {
  readonly context: number;
  readonly cells: readonly ContextCell[];
  /** The context that was asked for. */
  readonly isAsked: boolean;
}

export interface QuantRow extends Omit<QuantOption, "weights"> {
  /** Weights, cache and compute at the context that was asked for. */
  readonly totalBytes: number | null;
  readonly verdict?: Verdict;
  readonly largest?: LargestContext;
}

export interface Offload {
  /** What it takes to make it fit: fewer layers on the GPU, or experts in RAM. */
  readonly gpuLayers?: number;
  readonly cpuMoeLayers?: number;
  readonly devices: DevicePlan;
}

export interface MachineAnswer {
  readonly gpus: readonly Gpu[];
  readonly devices: DevicePlan;
  /** For each usual type of the cache, with the model whole on the GPUs (or as it was asked for). */
  readonly largest: readonly ({ readonly keyType: string; readonly valueType: string } & LargestContext)[];
  readonly sequences: number | null;
  /** Where it doesn't fit whole: ways that do, the faster first. */
  readonly offloads: readonly Offload[];
  /** The largest quantization that fits with the context that was asked for. */
  readonly bestQuant?: QuantRow;
}

export interface MemoryAnswer {
  readonly settings: MemorySettings;
  readonly plan: MemoryPlan;
  readonly contexts: readonly ContextRow[];
  readonly machine?: MachineAnswer;
  readonly quants: readonly QuantRow[];
  /** Empty where nothing that was found would run. */
  readonly command: readonly string[];
}

/** Contexts that a table shows, as far as the model goes. */
const CONTEXTS = [4096, 8192, 16_384, 32_768, 65_536, 131_072, 262_144, 1_048_576] as const;

export function answerMemory(model: MemoryModel, asked: Asked): MemoryAnswer {
  const settings = settingsFor(model, asked.settings);
  const { gpus = [] } = asked;
  const options: RunOptions = {
    gpus,
    ...(asked.gpuLayers !== undefined && { gpuLayers: asked.gpuLayers }),
    ...(asked.cpuMoeLayers !== undefined && { cpuMoeLayers: asked.cpuMoeLayers }),
    ...(asked.utilization !== undefined && { utilization: asked.utilization }),
  };
  const quants = (asked.quants ?? []).map((quant) => quantRow(model, quant, settings, options));
  const machine = gpus.length > 0 ? machineAnswer(model, settings, options, quants) : undefined;
  const offload = machine?.devices.verdict === "no" ? machine.offloads[0] : undefined;
  const command: CommandFacts = {
    engine: model.engine,
    target: asked.target,
    settings,
    gpus: gpus.length,
    blocks: model.blocks,
    ...(options.utilization !== undefined && { utilization: options.utilization }),
    isEncoder: model.cache.none !== undefined,
    ...(options.gpuLayers !== undefined && { gpuLayers: options.gpuLayers }),
    ...(options.cpuMoeLayers !== undefined && { cpuMoeLayers: options.cpuMoeLayers }),
    ...(offload?.gpuLayers !== undefined && { gpuLayers: offload.gpuLayers }),
    ...(offload?.cpuMoeLayers !== undefined && { cpuMoeLayers: offload.cpuMoeLayers }),
  };
  return {
    settings,
    plan: planMemory(model, settings),
    contexts: contextRows(model, settings, options),
    ...(machine && { machine }),
    quants,
    command: machine?.devices.verdict === "no" && !offload ? [] : runCommand(command),
  };
}

type Types = Pick<MemorySettings, "keyType" | "valueType">;

/** The types that were asked for, and the usual ones, keys and values in the same. */
function typesShown({ engine }: MemoryModel, { keyType, valueType }: MemorySettings): Types[] {
  const usual = KV_TYPES[engine].filter((row) => row.usual).map(({ type }) => ({ keyType: type, valueType: type }));
  const isUsual = usual.some((row) => row.keyType === keyType && row.valueType === valueType);
  return isUsual ? usual : [{ keyType, valueType }, ...usual];
}

/** Weights, cache and compute together; null where one of them isn't known. */
function totalOf(model: MemoryModel, settings: MemorySettings): number | null {
  const { cacheSize, computeEstimate } = memoryNeeds(model, settings);
  return cacheSize && computeEstimate ? model.weights.bytes + cacheSize.bytes + computeEstimate.hostOnlyBytes : null;
}

function contextRows(model: MemoryModel, settings: MemorySettings, options: RunOptions): ContextRow[] {
  const most = model.contextLength ?? Number.POSITIVE_INFINITY;
  const contexts = new Set<number>(CONTEXTS.filter((context) => context <= most));
  contexts.add(settings.context);
  if (Number.isFinite(most) && most > 0) contexts.add(most);
  return [...contexts]
    .sort((a, b) => a - b)
    .map((context) => ({
      context,
      isAsked: context === settings.context,
      cells: typesShown(model, settings).map((types) => {
        const at = { ...settings, ...types, context };
        const totalBytes = totalOf(model, at);
        const devices = planDevices(model, at, options);
        return { ...types, totalBytes, ...(devices && { verdict: devices.verdict }) };
      }),
    }));
}

function quantRow(
  model: MemoryModel,
  { weights, ...quant }: QuantOption,
  settings: MemorySettings,
  options: RunOptions,
): QuantRow {
  const other = { ...model, weights };
  const devices = planDevices(other, settings, options);
  const largest = devices ? largestContext(other, settings, options) : undefined;
  return {
    ...quant,
    totalBytes: totalOf(other, settings),
    ...(devices && { verdict: devices.verdict }),
    ...(largest && { largest }),
  };
}

function machineAnswer(
  model: MemoryModel,
  settings: MemorySettings,
  options: RunOptions,
  quants: readonly QuantRow[],
): MachineAnswer | undefined {
  const devices = planDevices(model, settings, options);
  if (!devices) return undefined;
  const largest = typesShown(model, settings).flatMap((types) => {
    const found = largestContext(model, { ...settings, ...types }, options);
    return found ? [{ ...types, ...found }] : [];
  });
  const best = [...quants].sort((a, b) => b.bytes - a.bytes).find(({ verdict }) => verdict === "fits");
  return {
    gpus: options.gpus,
    devices,
    largest,
    sequences: mostSequences(model, settings, options) ?? null,
    offloads: devices.verdict === "no" ? offloadsOf(model, settings, options) : [],
    ...(best && { bestQuant: best }),
  };
}

/** Experts in RAM cost less speed than whole layers there: a token reads few of them. */
function offloadsOf(model: MemoryModel, settings: MemorySettings, options: RunOptions): Offload[] {
  if (model.engine !== "llama.cpp") return [];
  const found: Offload[] = [];
  const cpuMoeLayers = fewestCpuMoeLayers(model, settings, options);
  if (cpuMoeLayers !== undefined) {
    const devices = planDevices(model, settings, { ...options, cpuMoeLayers });
    if (devices) found.push({ cpuMoeLayers, devices });
  }
  const gpuLayers = mostGpuLayers(model, settings, options);
  if (gpuLayers !== undefined) {
    const devices = planDevices(model, settings, { ...options, gpuLayers });
    if (devices) found.push({ gpuLayers, devices });
  }
  return found;
}
