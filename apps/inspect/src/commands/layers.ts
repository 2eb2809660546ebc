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
    async ({ report, style }) => layersView(await report(), style, flags.all),
    async ({ report }) => layersDocument(await report()),
  );
}

/** What `--json` prints. */
export function layersDocument({
  schemaVersion,
  source,
  layers,
  layerGroups,
  layerPatterns,
  parameters,
  error,
}: Report) {
  return {
    schemaVersion,
    source,
    outsideLayers: parameters.outsideLayers,
    layers,
    layerGroups,
    layerPatterns,
    ...(error && { error }),
  };
}
