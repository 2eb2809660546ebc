/**
 * What a tensor is. The 13 buckets are the coarse answer that everyone asks for; `part` is the finer one, so that views
 * can split attention from recurrent mixers, routed from shared experts and router, and each of Q, K, V, O.
 */

export const BUCKETS = [
  "embedding",
  "position",
  "attention",
  "ffn",
  "expert",
  "norm",
  "head",
  "vision",
  "audio",
  "projector",
  "mtp",
  "quant-side",
  "other",
] as const;

export type Bucket = (typeof BUCKETS)[number];

/**
 * Which stack of layers a tensor belongs to. Layers are keyed by (stack, index): layer 0 of the encoder and layer 0 of
 * the decoder are different rows.
 */
export type Stack = "text" | "encoder" | "decoder" | "vision" | "audio" | "projector" | "mtp" | (string & {});

/** Towers, what joins them to the text, and blocks that draft further tokens: buckets and stacks of these names. */
export const ASIDE = ["vision", "audio", "projector", "mtp"] as const;

export type Aside = (typeof ASIDE)[number];

/** What a stack stands aside as, inner stacks of it too (`vision.global`); undefined for a stack of the text's. */
export function asideStack(stack: Stack): Aside | undefined {
  const [outer] = stack.split(".", 1);
  return ASIDE.find((what) => what === outer);
}

export interface Role {
  readonly bucket: Bucket;
  /** `q`, `k`, `v`, `o`, `qkv`, `gate`, `up`, `down`, `routed.up`, `shared.down`, `router`, `ssm.in`, `mla.kv_b` … */
  readonly part: string;
  readonly stack: Stack;
  /** Index in the stack, from 0. Absent for tensors outside the layers. */
  readonly layer?: number;
  /** Index of the expert, where each expert has its own tensor. */
  readonly expert?: number;
  /** Derived, not learned (masks, inverse frequencies, position ids): listed apart, never counted as a parameter. */
  readonly buffer?: boolean;
  /** A vector added to a projection or norm; false for everything else. */
  readonly bias: boolean;
}

/** What the classifiers know of the model besides a tensor's name. */
export interface RoleFacts {
  /** GGUF `general.architecture`, or `model_type` of config.json. */
  readonly architecture?: string | undefined;
  /** Blocks of the text stack without MTP blocks; a block at or above it is MTP. */
  readonly textLayers?: number | undefined;
  /** Whether anything in the checkpoint is quantized: only then may a name such as `k_scale` be that of a side tensor. */
  readonly quantized?: boolean | undefined;
  /** Whether the checkpoint holds a tensor of this name. */
  has(name: string): boolean;
}

/**
 * Forms of names that a classifier works out and remembers. Models have a few hundred. A hostile file has as many as tensors, and each
 * takes a kilobyte and 20 microseconds: those beyond are names that no rule knows.
 */
export const MAX_REMEMBERED = 20_000;

export const UNKNOWN_ROLE: Role = { bucket: "other", part: "unknown", stack: "text", bias: false };

/** The tensor facts that a classifier may look at. Shape is a tie-breaker, never the reason. */
export interface RoleInput {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: string;
}

export type Classifier = (tensor: RoleInput) => Role;
