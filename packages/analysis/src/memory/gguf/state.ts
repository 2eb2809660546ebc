/** The states of recurrent layers: elements of each, kept in F32 whatever the type of the cache. */
import type { Sourced } from "../sourced.ts";
import type { MetadataReader } from "./metadata.ts";

export interface StateSize {
  /** What the layer keeps of the last few inputs (n_embd_r), and its memory of all before (n_embd_s). */
  readonly r: number;
  readonly s: number;
  readonly kind: string;
  readonly words: readonly [r: string, s: string];
  readonly inputs: readonly Sourced<number>[];
  readonly missing: readonly string[];
}

/** What the sizes of the states rest on beside the metadata. */
export interface StateShape {
  readonly embedding: number;
  readonly heads: number;
  readonly keyLength: number;
}

const NONE: StateSize = { r: 0, s: 0, kind: "", words: ["", ""], inputs: [], missing: [] };

type StateKind =
  | "Mamba"
  | "Mamba-2"
  | "gated delta net"
  | "Kimi delta attention"
  | "lightning attention"
  | "short convolution"
  | "RWKV";

/** What the recurrent layers of an architecture are: llama.cpp reads only the keys of that kind (src/models/*.cpp). */
const KINDS: Readonly<Record<StateKind, readonly string[]>> = {
  Mamba: ["mamba", "jamba"],
  "Mamba-2": ["mamba2", "falcon-h1", "plamo2", "granitehybrid", "nemotron_h", "nemotron_h_moe"],
  "gated delta net": ["qwen3next", "qwen35", "qwen35moe", "qwen4exp"],
  "Kimi delta attention": ["kimi-linear", "kimi-k3", "bailingmoe3"],
  "lightning attention": ["minimax-01"],
  "short convolution": ["lfm2", "lfm2moe"],
  RWKV: ["rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"],
};

const KIND_OF = new Map(
  Object.entries(KINDS).flatMap(([kind, names]) => names.map((name) => [name, kind as StateKind] as const)),
);

/** Source: llama.cpp src/llama-hparams.cpp (n_embd_r, n_embd_s). */
export function stateOf(read: MetadataReader, { embedding, heads, keyLength }: StateShape): StateSize {
  const kind = KIND_OF.get(read.architecture ?? "");
  if (kind === undefined) return NONE;
  const missing: string[] = [];
  const inputs: Sourced<number>[] = [];
  const need = (field: string, name: string, words: string): number => {
    const value = read.count(field, name);
    if (value === undefined) missing.push(`${words} (${read.key(name)})`);
    else inputs.push({ name: words.replace(/^the /, ""), value, from: read.key(name) });
    return value ?? 0;
  };
  const of = (r: number, s: number, ...words: [r: string, s: string]): StateSize =>
    missing.length > 0 ? { ...NONE, missing } : { r, s, kind, words, inputs, missing };
  if (kind === "RWKV") {
    const head = need("wkvHeadSize", "wkv.head_size", "the width of the state's heads");
    // llama.cpp's default is two: one shift before the time mix and one before the channel mix.
    const stated = read.count("tokenShiftCount", "token_shift_count");
    const shifts = stated ?? 2;
    const from = stated === undefined ? "llama.cpp's default" : read.key("token_shift_count");
    inputs.push({ name: "token shifts", value: shifts, from });
    return of(
      shifts * embedding,
      embedding * head,
      `${shifts} token shifts x ${embedding}`,
      `${embedding} x heads of ${head}`,
    );
  }
  if (kind === "short convolution") {
    const cached = need("shortconvCache", "shortconv.l_cache", "the convolution's length");
    return of(embedding * Math.max(0, cached - 1), 0, `${embedding} x (${cached} - 1) inputs`, "");
  }
  if (kind === "lightning attention") {
    return of(0, keyLength * keyLength * heads, "", `${heads} heads x ${keyLength} x ${keyLength}`);
  }
  const kernel = need("convKernel", "ssm.conv_kernel", "the convolution's length");
  if (kind === "Kimi delta attention") {
    const width = need("kdaHeadDim", "kda.head_dim", "the width of the state's heads");
    const before = kernel > 0 ? kernel - 1 : 3;
    return of(
      3 * before * heads * width,
      width * width * heads,
      `q, k, v x (${before + 1} - 1) inputs x ${heads} heads x ${width}`,
      `${heads} heads x ${width} x ${width}`,
    );
  }
  const inner = need("ssmInner", "ssm.inner_size", "the width of the state-space mixer");
  const state = need("ssmState", "ssm.state_size", "the size of its state");
  const groups = kind === "Mamba" ? 0 : need("ssmGroups", "ssm.group_count", "the number of its groups");
  const wide = groups > 0 ? `(${inner} + 2 x ${groups} groups x ${state})` : `${inner}`;
  return of(
    Math.max(0, kernel - 1) * (inner + 2 * groups * state),
    state * inner,
    `(${kernel} - 1) inputs x ${wide}`,
    `${inner} x ${state}`,
  );
}
