import type { Report } from "@checkpoint-inspect/analysis";

import { layersView } from "../views/layers.ts";
import { type CommonFlags, runOn } from "./command.ts";

export interface LayersFlags extends CommonFlags {
  readonly all: boolean;
}

export const LAYERS_DEFAULTS = { all: false } as const;

/** `inspect layers <target>` */
export function runLayers(flags: LayersFlags): Promise<void> {
  return runOn(
    flags,
    ({ report, style }) => layersView(report(), style, flags.all),
    ({ report }) => part(report()),
  );
}

function part({ schemaVersion, source, layers, layerGroups, parameters, error }: Report) {
  return {
    schemaVersion,
    source,
    outsideLayers: parameters.outsideLayers,
    layers,
    layerGroups,
    ...(error && { error }),
  };
}
