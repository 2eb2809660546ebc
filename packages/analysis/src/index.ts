/** Checkpoint -> facts: pure and synchronous. */

export type { AdapterFacts, AdapterMethod, AdapterTarget } from "./adapter.ts";
export type { Anatomy, AsideCount, BucketCount, ExcludedCount, PartCount } from "./anatomy.ts";
export { countAnatomy, splitParts } from "./anatomy.ts";
export { architectureFacts } from "./architectures.ts";
export type { AuditRule } from "./audit/rule.ts";
export { TEMPLATE_RULES } from "./audit/template-rules.ts";
export { hasTellingTemplate } from "./audit/templates/keys.ts";
export type { ComponentCount } from "./components.ts";
export type { DiffGroup } from "./diff/groups.ts";
export { diffGroups } from "./diff/groups.ts";
export type {
  Diff,
  DiffCount,
  DiffHalf,
  DiffKind,
  DiffRow,
  DiffSide,
  DiffSideFigures,
  DiffTensor,
  DiffTotal,
  FactDifference,
  FactValue,
  MetadataDifference,
} from "./diff/types.ts";
export { diffCheckpoints, diffSide } from "./diff.ts";
export type { NearTerm } from "./explain/find.ts";
export { findTerm, listTerms, nearestTerms, ownNumbers } from "./explain/find.ts";
export type { Formula, Term, TermGroup } from "./explain/term.ts";
export type { ModelFacts } from "./facts.ts";
export { metadataValue, modelFacts } from "./facts.ts";
export type { HubComparison, HubDifference } from "./hub-count.ts";
export { hubCount } from "./hub-count.ts";
export type { ModelKind } from "./kind.ts";
export { KIND_WORDS, kindTitle } from "./kind.ts";
export type { Layer, LayerBucket, LayerGroup, LayerProfile } from "./layers.ts";
export type {
  Asked,
  ContextCell,
  ContextRow,
  MachineAnswer,
  MemoryAnswer,
  Offload,
  QuantOption,
  QuantRow,
} from "./memory/answer.ts";
export { answerMemory } from "./memory/answer.ts";
export type { CacheGroup, CacheRule, CacheSpec } from "./memory/cache/cache.ts";
export type { AboutConfig } from "./memory/cache/config-cache.ts";
export { configCache } from "./memory/cache/config-cache.ts";
export { ggufCache } from "./memory/cache/gguf-cache.ts";
export { cacheRuleSentence, cacheRuleWords } from "./memory/cache/rules.ts";
export type { CacheSize, GroupSize } from "./memory/cache/size.ts";
export { cacheBytes } from "./memory/cache/size.ts";
export type { ComputeEstimate } from "./memory/compute/llama-compute.ts";
export { llamaCompute } from "./memory/compute/llama-compute.ts";
export type { DeviceNeed, DevicePlan, Gpu, Verdict } from "./memory/devices.ts";
export { planDevices, VLLM_UTILIZATION } from "./memory/devices.ts";
export type { MemoryFigures } from "./memory/figures.ts";
export { memoryFigures } from "./memory/figures.ts";
export type { GgufHparams } from "./memory/gguf-hparams.ts";
export { ggufHparams } from "./memory/gguf-hparams.ts";
export { BANDWIDTHS } from "./memory/hardware/bandwidth.ts";
export type { ListedModel } from "./memory/hardware/catalogue.ts";
export { unlistedModels } from "./memory/hardware/catalogue.ts";
export type { FoundHardware, HardwareAnswer } from "./memory/hardware/find-hardware.ts";
export { findHardware } from "./memory/hardware/find-hardware.ts";
export type { Hardware } from "./memory/hardware/hardware.ts";
export type { RamRow } from "./memory/hardware/ram.ts";
export { RAM } from "./memory/hardware/ram.ts";
export { KV_TYPES, kvType } from "./memory/kv-types.ts";
export type { MemoryModel } from "./memory/model.ts";
export type { MemoryItem, MemoryPlan } from "./memory/plan.ts";
export { planMemory } from "./memory/plan.ts";
export { asGguf } from "./memory/quantize/from-roles.ts";
export { QUANT_LABELS } from "./memory/quantize/labels.ts";
export type { ProjectedTensor, Projection, QuantizableTensor } from "./memory/quantize/project.ts";
export { projector } from "./memory/quantize/project.ts";
export type { QuantModel } from "./memory/quantize/rules.ts";
export type { QuantsOptions } from "./memory/quants.ts";
export { quantOptions } from "./memory/quants.ts";
export type { Engine, MemorySettings } from "./memory/settings.ts";
export { DEFAULT_SETTINGS } from "./memory/settings.ts";
export { settingsFor } from "./memory/settings-for.ts";
export type { Sourced, Why } from "./memory/sourced.ts";
export type { Range } from "./memory/speed.ts";
export type { SpeedPlan } from "./memory/speed-plan.ts";
export { speedPlan } from "./memory/speed-plan.ts";
export type { Optimizer, TrainingEstimate } from "./memory/training.ts";
export { OPTIMIZERS } from "./memory/training.ts";
export type { TrainingAsked } from "./memory/training-plan.ts";
export { trainingPlan } from "./memory/training-plan.ts";
export type { WeightInventory } from "./memory/weights/inventory.ts";
export { placeWeights } from "./memory/weights/placement.ts";
export type { ActiveParameters, Experts } from "./moe.ts";
export type { LayerPattern } from "./patterns.ts";
export { placer } from "./place.ts";
export type { Exclusion, PlacedTensor } from "./placed-tensor.ts";
export type { QuantMix, SchemeCount, TypeCount } from "./quantization/mix.ts";
export type { Packed, Packing, SchemeUse, TensorValues } from "./quantization/packing.ts";
export { packingOf } from "./quantization/packing.ts";
export type { PerplexityDelta } from "./quantization/type-words.ts";
export { fileTypeWords, perplexityDelta, typeWords } from "./quantization/type-words.ts";
export type { AnalyseOptions, Examined, Report, ReportBucket, ReportError } from "./report.ts";
export { analyse, examine, reportError, SCHEMA_VERSION } from "./report.ts";
export { auditRepository } from "./repository/audit.ts";
export type { RepositoryRule } from "./repository/rule.ts";
export { REPOSITORY_RULES } from "./repository/rules.ts";
export type { LookedCheckpoint, RepositoryInfo, RepositorySubject } from "./repository/subject.ts";
export { bucketTag, bucketWords, partWords } from "./roles/bucket-words.ts";
export type { FusedFacts, FusedShare } from "./roles/fused.ts";
export { splitFused } from "./roles/fused.ts";
export { ggufClassifier } from "./roles/gguf-classifier.ts";
export { hfClassifier } from "./roles/hf-classifier.ts";
export type { Aside, Bucket, Classifier, Role, RoleFacts, RoleInput, Stack } from "./roles/role.ts";
export { BUCKETS } from "./roles/role.ts";
export type { OpinionRule } from "./rules/opinions.ts";
export { OPINION_RULES } from "./rules/opinions.ts";
export type { NamedRule } from "./rules/rules.ts";
export { RULES } from "./rules/rules.ts";
export { formatBytes, formatCount, formatExact, formatMemory, formatRanges, formatShare, plural } from "./units.ts";
export { valuesWanted } from "./values.ts";
export type { HashResult, ReadProblem, WeightsScan } from "./weights/findings.ts";
export { weightFindings } from "./weights/findings.ts";
export type { Scanner, Tally } from "./weights/scan.ts";
export { createScanner, mergeTallies, unitBytesOf } from "./weights/scan.ts";
export type { ValueCheck } from "./weights/value-checks.ts";
export { valueCheck } from "./weights/value-checks.ts";
