/**
 * The Report: everything that every view shows, versioned and JSON-safe. Its JSON Schema (docs/report.schema.json) is the
 * contract with scripts: fields are added, never renamed, as long as schemaVersion stays.
 */
import {
  type Checkpoint,
  type CheckpointError,
  type Finding,
  findingOfError,
  grouped,
  quoted,
} from "@checkpoint-inspect/parser";

import { type AdapterFacts, adapterFacts } from "./adapter.ts";
import { type Anatomy, type AsideCount, type BucketCount, countAnatomy, type ExcludedCount } from "./anatomy.ts";
import { audit } from "./audit/audit.ts";
import type { AuditRule } from "./audit/rule.ts";
import type { Subject } from "./audit/subject.ts";
import { damagedWeights } from "./audit/tensors/quantized-groups.ts";
import { type ComponentCount, componentCollector } from "./components.ts";
import { describeModel, type ModelDescription } from "./describe-model.ts";
import { modelFacts } from "./facts.ts";
import { type HubComparison, hubCollector } from "./hub-count.ts";
import { type Layer, type LayerGroup, layerCollector } from "./layers.ts";
import { sizeCollector } from "./measured-sizes.ts";
import { type MemoryFigures, memoryFigures } from "./memory/figures.ts";
import { type MemoryModel, memoryModel } from "./memory/model.ts";
import { weightCollector } from "./memory/weights/inventory.ts";
import { activeParameters, countExperts, type Experts } from "./moe.ts";
import { type LayerPattern, layerPatterns } from "./patterns.ts";
import { placer } from "./place.ts";
import { mixCollector, type QuantMix } from "./quantization/mix.ts";
import { type Packing, packingOf, type TensorValues } from "./quantization/packing.ts";
import { foundInAnalysis } from "./rules/counting.ts";
import { formatShare } from "./units.ts";

export const SCHEMA_VERSION = 1;

export interface ReportError {
  readonly code: string;
  readonly message: string;
  readonly file: string | null;
  readonly offset: number | null;
}

export interface ReportBucket extends BucketCount {
  /** Of all parameters. */
  readonly share: number;
}

export interface Report {
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly source: {
    readonly target: string;
    /** What to call it in short: a file name without its part number, or the folder's name. */
    readonly label: string;
    readonly format: Checkpoint["format"];
    readonly container: string;
    readonly parts: readonly {
      readonly name: string;
      readonly sizeBytes: number;
      readonly headerBytes: number;
      readonly tensors: number;
    }[];
    readonly sizeBytes: number;
    readonly headerBytes: number;
    readonly tensors: number;
    /** Parts that the set says it has; more than `parts` when some are missing or can't be read. */
    readonly declaredParts: number;
    readonly missingParts: readonly string[];
  };
  readonly model: ModelDescription;
  readonly parameters: {
    readonly total: number;
    /** Per token, definition A; null when it can't be told, and `activeMissing` says what is missing. */
    readonly active: number | null;
    readonly activeWithoutInputEmbedding: number | null;
    readonly activeNonEmbedding: number | null;
    readonly activeMissing?: string;
    readonly weights: number;
    readonly biases: number;
    readonly stored: number;
    /** Logical weights of packed containers minus their words: `stored + unpacked = total + everything excluded`. */
    readonly unpacked: number;
    /**
     * False when a packing isn't understood, and total counts stored words, or when a header leaves a few weights a row open, and
     * total is an upper bound. A finding names the tensors.
     */
    readonly logicalKnown: boolean;
    readonly excluded: readonly ExcludedCount[];
    /** Towers, projectors and MTP blocks: in `total`, never in `active`. */
    readonly aside: readonly AsideCount[];
    /** What the Hugging Face Hub shows for these weights, and why that differs; null where it can't be told. */
    readonly hub: HubComparison | null;
    /** Parameters outside of all layers. */
    readonly outsideLayers: number;
  };
  readonly buckets: readonly ReportBucket[];
  readonly layers: readonly Layer[];
  readonly layerGroups: readonly LayerGroup[];
  /** Which layers are MoE, attend, look through a window, are stored otherwise: sentences, each with where it is from. */
  readonly layerPatterns: readonly LayerPattern[];
  readonly experts?: Experts;
  /** The models of a diffusion checkpoint. */
  readonly components?: readonly ComponentCount[];
  readonly adapter?: Omit<AdapterFacts, "findings">;
  readonly quantization: QuantMix;
  /** What it takes to run, with the settings that programs take unless told. Absent where nothing is run: a vocabulary, an adapter. */
  readonly memory?: MemoryFigures;
  readonly findings: readonly Finding[];
  /** Reading stopped here; everything above was read before. */
  readonly error?: ReportError;
}

export interface AnalyseOptions {
  /** What the user asked for; the checkpoint's label unless told. */
  readonly target?: string;
  /** Small tensors that {@link valuesWanted} asked for, decoded. */
  readonly values?: TensorValues;
  /** Rules of the audit beyond those that always run: `TEMPLATE_RULES`. */
  readonly rules?: readonly AuditRule[];
}

/** A report, and what memory plans for any context and machine are made from. */
export interface Examined {
  readonly report: Report;
  /** null where nothing is run. */
  readonly memory: MemoryModel | null;
}

/** Everything that can be said of a checkpoint. */
export function analyse(checkpoint: Checkpoint, options: AnalyseOptions = {}): Report {
  return examine(checkpoint, options).report;
}

/** Everything that can be said of a checkpoint, in one walk over its tensors. */
export function examine(checkpoint: Checkpoint, options: AnalyseOptions = {}): Examined {
  const { target = checkpoint.label, values } = options;
  const facts = modelFacts(checkpoint);
  const packing = packingOf(checkpoint, values);
  const place = placer(checkpoint, facts, packing);
  const layers = layerCollector();
  const mix = mixCollector();
  const hub = hubCollector(checkpoint);
  const components = componentCollector(checkpoint);
  const sizes = sizeCollector(facts.hiddenSize);
  const weights = weightCollector();
  const expertLayers = new Set<string>();
  let expertsSeen = 0;
  const anatomy = countAnatomy(checkpoint, place, facts, (placed) => {
    layers.visit(placed);
    mix.visit(placed);
    hub.visit(placed);
    components.visit(placed);
    sizes.visit(placed);
    weights.visit(placed);
    const { role, shape } = placed;
    if (role.bucket === "expert" && role.part.startsWith("routed") && role.layer !== undefined) {
      expertLayers.add(`${role.stack} ${role.layer}`);
      // Without a declared count: the highest index, or the outer dimension of a 3-D stack.
      const seen = role.expert !== undefined ? role.expert + 1 : shape.length === 3 ? (shape[0] ?? 0) : 0;
      if (seen > expertsSeen) expertsSeen = seen;
    }
  });
  const experts = countExperts(anatomy, facts, expertLayers.size, expertsSeen);
  const logicalKnown = anatomy.unknownPackingTensors === 0 && (packing?.inexact.length ?? 0) === 0;
  const { layers: layerList, traits, kinds, groups, rest, restKinds } = layers.profile();
  const incomplete =
    checkpoint.error !== undefined ||
    (checkpoint.shards?.missing.length ?? 0) > 0 ||
    checkpoint.findings.some(({ rule }) => rule === "safetensors/unreadable-shard");
  const patterns = layerPatterns(layerList, facts, traits, { format: checkpoint.format, incomplete });
  const { findings: adapterFindings = [], ...adapter } = adapterFacts(checkpoint, values) ?? {};
  const componentRows = components.rows();
  const model = describeModel({
    checkpoint,
    facts,
    anatomy,
    layers: layerList,
    traits,
    patterns,
    measured: sizes.sizes(),
    complete: !incomplete,
  });
  const { active, withoutInputEmbedding, nonEmbedding, missing } = activeParameters(
    anatomy,
    experts,
    model.tiedEmbeddings ?? false,
  );
  const { parts, error } = checkpoint;
  const quantization = mix.mix(checkpoint, anatomy.total, logicalKnown, packing);
  const subject: Subject = {
    checkpoint,
    facts,
    model,
    anatomy,
    experts,
    mix: quantization,
    packing,
    layers: layerList,
    kinds,
    restKinds,
    complete: !incomplete,
    metadata: new Map(checkpoint.metadata.map(({ key, value }) => [key, value] as const).reverse()),
    place,
  };
  const auditFindings = audit(subject, options.rules);
  const memory = memoryModel({
    checkpoint,
    facts,
    model,
    experts,
    layers: layerList,
    traits,
    weights: weights.inventory({
      tied: model.tiedEmbeddings ?? false,
      expertsPerLayer: experts?.perLayer ?? null,
      expertsUsed: experts?.usedPerToken ?? null,
    }),
    complete: !incomplete,
    parameters: { total: anatomy.total, active },
  });
  const report: Report = {
    schemaVersion: SCHEMA_VERSION,
    source: {
      target,
      label: checkpoint.label,
      format: checkpoint.format,
      container: checkpoint.container,
      parts: parts.map(({ name, sizeBytes, headerBytes, tensorCount }) => ({
        name,
        sizeBytes,
        headerBytes,
        tensors: tensorCount,
      })),
      sizeBytes: parts.reduce((sum, part) => sum + part.sizeBytes, 0),
      headerBytes: parts.reduce((sum, part) => sum + part.headerBytes, 0),
      tensors: checkpoint.tensors.length,
      declaredParts: checkpoint.shards?.declaredParts ?? parts.length,
      missingParts: checkpoint.shards?.missing ?? [],
    },
    model,
    parameters: {
      total: anatomy.total,
      active: logicalKnown ? active : null,
      activeWithoutInputEmbedding: logicalKnown ? withoutInputEmbedding : null,
      activeNonEmbedding: logicalKnown ? nonEmbedding : null,
      ...(logicalKnown ? missing && { activeMissing: missing } : { activeMissing: "the packing of the weights" }),
      weights: anatomy.weights,
      biases: anatomy.biases,
      stored: anatomy.stored,
      unpacked: anatomy.unpacked,
      logicalKnown,
      excluded: anatomy.excluded,
      aside: anatomy.aside,
      hub: hub.comparison(),
      outsideLayers: rest.parameters,
    },
    buckets: anatomy.buckets.map((bucket) => ({
      ...bucket,
      share: anatomy.total > 0 ? bucket.parameters / anatomy.total : 0,
    })),
    layers: layerList,
    layerGroups: groups,
    layerPatterns: patterns,
    ...(experts && { experts }),
    ...(componentRows.length > 0 && { components: componentRows }),
    ...("method" in adapter && { adapter }),
    quantization,
    ...(memory && { memory: memoryFigures(memory) }),
    findings: [
      ...(error ? [findingOfError(error)] : []),
      ...checkpoint.findings,
      ...adapterFindings,
      ...anatomyFindings(anatomy, packing, damagedWeights(subject)),
      ...auditFindings,
    ],
    ...(error && { error: reportError(error) }),
  };
  return { report, memory };
}

export function reportError({ code, message, file, offset }: CheckpointError): ReportError {
  return { code, message, file: file ?? null, offset: offset ?? null };
}

/** Above this share of parameters in tensors that no rule places, the buckets don't tell the whole story. */
const UNKNOWN_SHARE_WORTH_SAYING = 0.01;

/** @param damaged packed weights of which the audit says what they lack */
function anatomyFindings(
  anatomy: Anatomy,
  packing: Packing | undefined,
  damaged: ReadonlySet<string>,
): readonly Finding[] {
  const findings: Finding[] = [];
  // As many as are damaged, and the first of them among those: all of them, but for what no file has.
  const isExplained =
    anatomy.unknownPackingTensors <= damaged.size && anatomy.unknownPacking.every((name) => damaged.has(name));
  if (anatomy.unknownPackingTensors > 0) {
    findings.push(
      foundInAnalysis("quantization/packed", {
        message: `${someTensors(anatomy.unknownPacking, anatomy.unknownPackingTensors, "holds", "hold")} weights in a packing that isn't known`,
        ...(isExplained && { fix: "download or quantize the model again; another finding says what they lack" }),
      }),
    );
  }
  if (packing && packing.inexact.length > 0) {
    findings.push(
      foundInAnalysis("quantization/row-width", {
        message: `${someTensors(packing.inexact, packing.inexact.length, "ends", "end")} in words that may not be full`,
      }),
    );
  }
  if (packing && packing.copies.length > 0) {
    findings.push(
      foundInAnalysis("quantization/two-copies", {
        message: `${someTensors(packing.copies, packing.copies.length, "holds a weight", "hold weights")} of which another copy is there`,
      }),
    );
  }
  if (anatomy.unknownSideTensors > 0) {
    findings.push(
      foundInAnalysis("quantization/unknown-side", {
        message: `${someTensors(anatomy.unknownSides, anatomy.unknownSideTensors, "stands", "stand")} beside packed weights under a name that no rule knows`,
      }),
    );
  }
  const { stored, bytes, total, unpacked } = anatomy;
  if (![stored, bytes, total, unpacked].every((sum) => Number.isSafeInteger(sum))) {
    findings.push(
      foundInAnalysis("anatomy/inexact", {
        message: "the tensors claim more than 2^53 elements or bytes together",
      }),
    );
  }
  if (anatomy.unknown > 0 && anatomy.unknown >= anatomy.total * UNKNOWN_SHARE_WORTH_SAYING) {
    findings.push(
      foundInAnalysis("anatomy/unknown-names", {
        message: `${formatShare(anatomy.unknown / anatomy.total)} of the parameters are in tensors whose names no rule knows`,
      }),
    );
  }
  return findings;
}

/** "3 tensors hold (a, b, ...)": a few names say where to look. */
function someTensors(names: readonly string[], count: number, one: string, many: string): string {
  const shown = names.slice(0, 3).map(plainly).join(", ") + (count > 3 ? ", ..." : "");
  return `${grouped(count)} ${count === 1 ? `tensor (${shown}) ${one}` : `tensors (${shown}) ${many}`}`;
}

/** A name without quotes, cut when long, with everything escaped that isn't plainly visible. */
function plainly(name: string): string {
  return quoted(name).slice(1, -1);
}
