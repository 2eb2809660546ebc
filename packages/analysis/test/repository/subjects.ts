/** Repositories to audit: what is listed of them, and reports of checkpoints of any size, made from shapes alone. */
import type { Checkpoint, Finding, LazyArray, ListedCheckpoint, RepositoryFile } from "@checkpoint-inspect/parser";

import {
  analyse,
  auditRepository,
  type LookedCheckpoint,
  type Report,
  type RepositoryInfo,
  type RepositorySubject,
} from "../../src/index.ts";

type Sizes = Readonly<Record<string, number>>;

export interface Made extends Partial<Omit<RepositorySubject, "files" | "json">> {
  /** Bytes by path. */
  readonly files?: Sizes | readonly RepositoryFile[];
  readonly json?: Readonly<Record<string, unknown>>;
}

/** What the Hub says of a repo that is as it should be. */
export const GOOD_INFO = {
  gated: false,
  private: false,
  disabled: false,
  tags: ["transformers", "safetensors", "license:apache-2.0"],
  license: "apache-2.0",
  libraryName: "transformers",
  pipelineTag: "text-generation",
  scans: { done: true, files: [] },
} as const satisfies RepositoryInfo;

export function subject({ files = {}, json = {}, ...rest }: Made = {}): RepositorySubject {
  return {
    id: "org/model",
    revision: "main",
    files: Array.isArray(files)
      ? files
      : Object.entries(files as Sizes).map(([path, sizeBytes]) => ({ path, sizeBytes })),
    checkpoints: [],
    looked: [],
    ...rest,
    json: new Map(Object.entries(json)),
  };
}

/** What the audit says, one line each: `error repo/scan: ... [part]`. */
export function said(made: Made, some = /./): string[] {
  return auditRepository(subject(made))
    .filter(({ rule }) => some.test(rule))
    .map(
      ({ severity, rule, message, part }) => `${severity} ${rule}: ${message}${part === undefined ? "" : ` [${part}]`}`,
    );
}

export function listed(entry: string, more: Partial<ListedCheckpoint> = {}): ListedCheckpoint {
  const name = entry.slice(entry.lastIndexOf("/") + 1);
  return {
    entry,
    kind: entry.endsWith(".gguf") ? "gguf" : "safetensors",
    use: "model",
    label: name.replace(/\.(?:gguf|safetensors|safetensors\.index\.json)$/, ""),
    files: [{ path: entry, sizeBytes: more.sizeBytes ?? 1000 }],
    sizeBytes: 1000,
    declaredParts: 1,
    missing: [],
    ...more,
  };
}

export function looked(of: ListedCheckpoint, report?: Report, findings: readonly Finding[] = []): LookedCheckpoint {
  return { listed: of, findings, ...(report && { report }) };
}

export function finding(rule: string, message = "something", part?: string): Finding {
  return { rule, severity: "warning", message, ...(part !== undefined && { part }) };
}

export interface MadeModel {
  readonly format?: "gguf" | "safetensors";
  readonly layers?: number;
  readonly width?: number;
  readonly tableRows?: number;
  readonly feedForward?: number;
  /** Routed experts of each layer, of which a token uses 2. */
  readonly experts?: number;
  readonly head?: boolean;
  /** Of all tensors. */
  readonly type?: "F16" | "MXFP4";
}

/** The report of a model in the manner of Llama. With no changes: 193 M parameters in layers, 8.2 M in its table. */
export function modelReport(model: MadeModel = {}): Report {
  return analyse(modelCheckpoint(model));
}

function modelCheckpoint(model: MadeModel): Checkpoint {
  const { format = "gguf", experts = 0, tableRows = 8000, width = 1024, feedForward = 2560, type = "F16" } = model;
  const shapes = format === "gguf" ? ggufShapes(model) : hfShapes(model);
  const tokens: LazyArray = {
    elementType: "string",
    length: tableRows,
    byteRange: { offset: 0, length: 0 },
    at: async () => undefined,
    slice: async () => [],
  };
  const tensors = Object.entries(shapes).map(([name, shape]) => {
    const elements = shape.reduce((product, n) => product * n, 1);
    return { name, shape, type, elements, sizeBytes: 2 * elements, part: 0, offset: 0 };
  });
  const sizeBytes = tensors.reduce((sum, tensor) => sum + tensor.sizeBytes, 0);
  const file = format === "gguf" ? "made.gguf" : "model.safetensors";
  return {
    format,
    label: file,
    container: format,
    parts: [{ name: file, sizeBytes, headerBytes: 0, tensorCount: tensors.length }],
    tensors,
    metadata:
      format === "gguf"
        ? [
            { key: "general.architecture", type: "string", value: "llama", part: 0 },
            { key: "tokenizer.ggml.tokens", type: "array", value: tokens, part: 0 },
            number("embedding_length", width),
            number("feed_forward_length", feedForward),
            ...(experts > 0 ? [number("expert_count", experts), number("expert_used_count", 2)] : []),
          ]
        : [],
    ...(format === "safetensors" && {
      config: { file: "config.json", json: { model_type: "llama", architectures: ["LlamaForCausalLM"] } },
    }),
    findings: [],
    readData: async () => [],
    close: async () => {},
  } as Checkpoint;
}

function number(key: string, value: number) {
  return { key: `llama.${key}`, type: "u32", value, part: 0 };
}

type Shapes = Record<string, readonly number[]>;

function ggufShapes(model: MadeModel): Shapes {
  const { layers = 16, width = 1024, tableRows = 8000, feedForward = 2560, experts = 0, head = false } = model;
  const shapes: Shapes = { "token_embd.weight": [tableRows, width] };
  if (head) shapes["output.weight"] = [tableRows, width];
  for (let i = 0; i < layers; i++) {
    for (const name of ["attn_q", "attn_k", "attn_v", "attn_output"])
      shapes[`blk.${i}.${name}.weight`] = [width, width];
    const suffix = experts > 0 ? "_exps" : "";
    const outer = experts > 0 ? [experts] : [];
    shapes[`blk.${i}.ffn_gate${suffix}.weight`] = [...outer, feedForward, width];
    shapes[`blk.${i}.ffn_up${suffix}.weight`] = [...outer, feedForward, width];
    shapes[`blk.${i}.ffn_down${suffix}.weight`] = [...outer, width, feedForward];
    if (experts > 0) shapes[`blk.${i}.ffn_gate_inp.weight`] = [experts, width];
  }
  return shapes;
}

function hfShapes({ layers = 16, width = 1024, tableRows = 8000, feedForward = 2560 }: MadeModel): Shapes {
  const shapes: Shapes = { "model.embed_tokens.weight": [tableRows, width] };
  for (let i = 0; i < layers; i++) {
    for (const name of ["q_proj", "k_proj", "v_proj", "o_proj"])
      shapes[`model.layers.${i}.self_attn.${name}.weight`] = [width, width];
    shapes[`model.layers.${i}.mlp.gate_proj.weight`] = [feedForward, width];
    shapes[`model.layers.${i}.mlp.up_proj.weight`] = [feedForward, width];
    shapes[`model.layers.${i}.mlp.down_proj.weight`] = [width, feedForward];
  }
  return shapes;
}
