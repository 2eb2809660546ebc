/** How fast a model would run as it was planned: what each device reads for a token, by its own bandwidth. */
import { cacheBytes } from "./cache/size.ts";
import { type TokenCost, tokenCost } from "./cost.ts";
import { type DeviceNeed, type DevicePlan, shardBytes } from "./devices.ts";
import type { Hardware } from "./hardware/hardware.ts";
import { type RamRow, TYPICAL_RAM } from "./hardware/ram.ts";
import type { MemoryModel } from "./model.ts";
import type { MemorySettings } from "./settings.ts";
import {
  bytesOfStep,
  type DecodePlacement,
  type DecodeSpeed,
  type DenseAgainstExperts,
  decodeSpeed,
  denseAgainstExperts,
  type PrefillSpeed,
  prefillSpeed,
} from "./speed.ts";

export interface SpeedPlan {
  /** With an empty cache, and with the context that was asked for filled. */
  readonly empty: DecodeSpeed;
  readonly full: DecodeSpeed;
  readonly prefill?: PrefillSpeed;
  readonly experts?: DenseAgainstExperts;
  readonly cost?: TokenCost;
  /** The memory that parts on the host are read from, where there are any. */
  readonly ram?: RamRow;
}

export interface SpeedInput {
  readonly model: MemoryModel;
  readonly settings: MemorySettings;
  readonly devices: DevicePlan;
  /** Of each GPU of the plan, in its order. */
  readonly hardware: readonly Hardware[];
  readonly ram?: RamRow;
  /** Per hour, of all GPUs together. */
  readonly pricePerHour?: number;
}

/** undefined where a bandwidth or the share of experts isn't known, or nothing writes text; `why` then says so. */
export function speedPlan(input: SpeedInput): SpeedPlan | { readonly missing: string } {
  const { model, settings, devices, hardware, ram = TYPICAL_RAM, pricePerHour } = input;
  if (model.cache.none !== undefined) return { missing: "a model that writes text token by token" };
  const { experts, routedBytes, inputBytes, tiedBytes, asideBytes, bytes } = model.weights;
  if (routedBytes > 0 && !experts) return { missing: "how many experts a token uses" };
  const unknown = hardware.find(({ bandwidth }) => bandwidth === undefined);
  if (unknown)
    return { missing: `the memory bandwidth of ${unknown.kind === "size" ? "the GPU (name it)" : unknown.name}` };
  const gpus = devices.devices.filter(({ gpu }) => gpu);
  const onHost = devices.devices.find(
    ({ gpu, blocks, routedBytes: routed }) => !gpu && (blocks.length > 0 || routed > 0),
  );
  const placement = (need: DeviceNeed, at: { bandwidth: number; from: string; name: string }, depth: number) => ({
    name: at.name,
    weightBytes: bytesOfStep(
      {
        denseBytes: Math.max(0, need.weightBytes - need.routedBytes - need.lookupBytes),
        routedBytes: need.routedBytes,
        experts: experts?.count ?? 0,
        used: experts?.used ?? 0,
      },
      settings.sequences,
    ),
    kvBytes: cacheRead(model, settings, need, depth, gpus.length),
    bandwidth: at.bandwidth,
    from: at.from,
  });
  const flops = hardware.reduce((sum, { matrixFlops = Number.NaN }) => sum + matrixFlops, 0);
  // llama.cpp works with one GPU after the other; vLLM with all at once.
  const together = model.engine === "vllm" ? flops : flops / Math.max(1, hardware.length);
  const [{ matrixFlopsSource = "", prefillEfficiency } = {} as Partial<Hardware>] = hardware;
  const { active } = model.parameters;
  const compute =
    Number.isFinite(together) && active !== null
      ? { flops: together, activeParameters: active, ...(prefillEfficiency && { efficiency: prefillEfficiency }) }
      : undefined;
  const at = (depth: number) => {
    const placements: DecodePlacement[] = gpus.map((need, i) => {
      const { name = "GPU", bandwidth = 0, bandwidthSource = "", decodeEfficiency } = hardware[i] ?? {};
      const place = placement(need, { name, bandwidth, from: bandwidthSource }, depth);
      return { ...place, ...(decodeEfficiency && { efficiency: decodeEfficiency }) };
    });
    if (onHost)
      placements.push(placement(onHost, { name: ram.name, bandwidth: ram.bytesPerSecond, from: ram.source }, depth));
    // vLLM's GPUs read their shares side by side: a step takes as long as one of them does.
    return decodeSpeed({
      placements: model.engine === "vllm" ? placements.slice(0, 1) : placements,
      sequences: settings.sequences,
      ...(compute && { compute }),
    });
  };
  const [empty, full] = [at(0), at(settings.context)];
  if (!empty || !full) return { missing: "bytes to read and a bandwidth" };
  const prefill =
    model.parameters.active === null || onHost
      ? undefined
      : prefillSpeed({
          activeParameters: model.parameters.active,
          flops: together,
          from: matrixFlopsSource,
          ...(prefillEfficiency && { efficiency: prefillEfficiency }),
        });
  const routed = experts
    ? denseAgainstExperts({
        denseBytes: bytes - routedBytes - inputBytes + tiedBytes - asideBytes,
        routedBytes,
        experts: experts.count,
        used: experts.used,
      })
    : undefined;
  const cost =
    pricePerHour === undefined
      ? undefined
      : tokenCost({
          pricePerHour,
          decode: { low: full.tokensPerSecond.low, high: empty.tokensPerSecond.high },
          ...(prefill && { prefill: prefill.tokensPerSecond }),
        });
  return {
    empty,
    full,
    ...(prefill && { prefill }),
    ...(routed && { experts: routed }),
    ...(cost && { cost }),
    ...(onHost && { ram }),
  };
}

/** What one sequence of such a depth has in a device's cache: rows are read as far as there are tokens, and windows as far as they go. */
function cacheRead(
  model: MemoryModel,
  settings: MemorySettings,
  need: DeviceNeed,
  depth: number,
  gpus: number,
): number {
  const size = cacheBytes(model.cache, { ...settings, context: depth, sequences: 1 }, "vllm");
  if (model.engine === "vllm") return size.groups.reduce((sum, group) => sum + shardBytes(group, Math.max(1, gpus)), 0);
  const here = new Set(need.blocks);
  return size.groups.reduce((sum, { group, bytes }) => {
    const share = group.layers.filter((layer) => here.has(layer)).length / group.layers.length;
    return sum + bytes * share;
  }, 0);
}
