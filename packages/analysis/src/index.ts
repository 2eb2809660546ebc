/** Checkpoint -> facts: pure and synchronous. */

export type { Anatomy, BucketCount, ExcludedCount, Exclusion, PartCount, PlacedTensor } from "./anatomy.ts";
export { countAnatomy, placer } from "./anatomy.ts";
export { architectureFacts } from "./architectures.ts";
export type { ModelFacts } from "./facts.ts";
export { metadataValue, modelFacts } from "./facts.ts";
export type { ModelKind } from "./kind.ts";
export { KIND_WORDS } from "./kind.ts";
export type { Layer, LayerBucket, LayerGroup, LayerProfile } from "./layers.ts";
export type { ActiveParameters, Experts } from "./moe.ts";
export type { QuantMix, TypeCount } from "./quantization/mix.ts";
export type { PerplexityDelta } from "./quantization/type-words.ts";
export { fileTypeWords, perplexityDelta, typeWords } from "./quantization/type-words.ts";
export type { Report, ReportBucket, ReportError } from "./report.ts";
export { analyse, reportError, SCHEMA_VERSION } from "./report.ts";
export { bucketTag, bucketWords, partWords } from "./roles/bucket-words.ts";
export { ggufClassifier } from "./roles/gguf-classifier.ts";
export { hfClassifier } from "./roles/hf-classifier.ts";
export type { Bucket, Classifier, Role, RoleFacts, RoleInput, Stack } from "./roles/role.ts";
export { BUCKETS } from "./roles/role.ts";
export { formatBytes, formatCount, formatExact, formatShare } from "./units.ts";
