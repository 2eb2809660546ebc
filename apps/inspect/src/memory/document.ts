/** `inspect memory --json`: the figures of a report's memory part for the settings that were asked for, and all that follows from them. */
import { type MemoryFigures, memoryFigures, SCHEMA_VERSION } from "@checkpoint-inspect/analysis";

import type { MemoryView } from "./room.ts";

/** One target; of several, `targets` has one of these each. */
export function memoryDocument(view: MemoryView): object {
  const { report, model, answer, hardware, speed, training } = view;
  const { source, error } = report;
  const { machine } = answer;
  const memory: MemoryFigures = memoryFigures(model, answer.settings);
  return {
    schemaVersion: SCHEMA_VERSION,
    source,
    memory,
    cacheGroups: (answer.plan.cacheSize?.groups ?? []).map(({ group, rows, bytes }) => ({
      rule: group.rule,
      kind: group.kind,
      layers: group.layers,
      rows,
      bytes,
    })),
    notes: model.cache.notes,
    contexts: answer.contexts.map(({ context, cells }) => ({ context, cells })),
    ...(machine && {
      machine: {
        hardware: hardware.map(({ name, memoryBytes, bandwidth = null }) => ({ name, memoryBytes, bandwidth })),
        verdict: machine.devices.verdict,
        devices: machine.devices.devices.map(({ gpu, blocks, name, ...need }) => ({
          name,
          isGpu: gpu !== undefined,
          layers: blocks.length,
          ...need,
        })),
        largestContext: machine.largest,
        sequences: machine.sequences,
        offloads: machine.offloads.map(({ gpuLayers = null, cpuMoeLayers = null }) => ({ gpuLayers, cpuMoeLayers })),
        bestQuantization: machine.bestQuant?.label ?? null,
      },
    }),
    ...(view.showQuants && { quantizations: answer.quants }),
    ...(speed && {
      speed:
        "missing" in speed
          ? { missing: speed.missing }
          : {
              writing: { empty: speed.empty.tokensPerSecond, full: speed.full.tokensPerSecond },
              reading: speed.prefill?.tokensPerSecond ?? null,
              ...(speed.cost && {
                costPerMillionTokens: { output: speed.cost.output, input: speed.cost.input ?? null },
              }),
            },
    }),
    ...(training && { training }),
    why: {
      weights: answer.plan.weights.why,
      kv: answer.plan.cache?.why ?? null,
      compute: answer.plan.compute?.why ?? null,
    },
    command: answer.command,
    ...(error && { error }),
  };
}
