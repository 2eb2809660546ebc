/**
 * Which tensors of a checkpoint are containers of packed weights, which belong to them, and how many weights they hold.
 *
 * One pass: every container's name ends in one of a few ways, so that an unquantized checkpoint costs a lookup a tensor, and
 * each scheme looks at types and shapes of the tensors that share a stem. What a scheme takes is settled; an integer
 * tensor that none takes stays a container of unknown packing (anatomy.ts), and is never counted silently.
 */
import type { Checkpoint, Tensor } from "@checkpoint-inspect/parser";

import { componentView, innerName } from "../components.ts";
import { quantConfig } from "./quant-config.ts";
import { containerBits, INTEGER_TYPES, type PackedModule, type Scheme, type Unpacked } from "./scheme.ts";
import { SCHEMES } from "./schemes.ts";

/** Small tensors by name, decoded: what a header can't say (`weight_shape`). */
export type TensorValues = ReadonlyMap<string, readonly number[]>;

/** A container that a scheme took. */
export interface Packed {
  readonly scheme: Scheme;
  readonly unpacked: Unpacked;
  /** Name of the weight as if it weren't packed. */
  readonly owner: string;
  /** What the names of the module's tensors have in common. */
  readonly stem: string;
}

/** Modules that are packed in one way. */
export interface SchemeUse {
  readonly scheme: string;
  /** `GPTQ 4-bit, groups of 128`. */
  readonly words: string;
  modules: number;
  /** Logical weights; none for modules of which only words are known. */
  parameters: number;
  /** Containers with all that unpacks them. */
  bytes: number;
}

export interface Packing {
  /** The container's true size, or undefined for a tensor that is none. */
  container(name: string): Packed | undefined;
  /** The weight that a side tensor (scales, zeros, maps) belongs to. */
  sideOf(name: string): string | undefined;
  /** Whether a name begins as a packed module's do: `model.layers.0.self_attn.q_proj` of its `.bias`. */
  isModule(stem: string): boolean;
  readonly uses: readonly SchemeUse[];
  /** Containers of which only an upper bound is known. */
  readonly inexact: readonly string[];
  /** Containers of weights that stand in the checkpoint a second time, dense or packed in another way. */
  readonly copies: readonly string[];
  /** Small tensors whose values would settle those. */
  readonly wanted: readonly Tensor[];
  /** Of a pipeline: what is known of each of its models, under the model's own names. */
  readonly components?: ReadonlyMap<string, Packing>;
}

/** What `Checkpoint.readData` refuses to read. Shapes and scalars are far smaller, so a larger tensor is none of them. */
const MAX_VALUE_BYTES = 4096;

/**
 * Small tensors that are asked for. Each is a read, and a request where the file is remote; what isn't read stays an upper bound,
 * and is reported as one. Published checkpoints need a few hundred.
 */
const MAX_VALUES = 10_000;

interface Ending {
  readonly scheme: Scheme;
  readonly ending: string;
}

/** What is left of an ending when a name is cut at its last dot, or at the last underscore of its last word. */
function keyOf(ending: string): string {
  const dot = ending.lastIndexOf(".");
  return ending.slice(Math.max(dot < 0 ? ending.lastIndexOf("_") : dot, 0));
}

interface Tables {
  readonly containers: ReadonlyMap<string, readonly Ending[]>;
  /** Endings that only quantized checkpoints have. */
  readonly signs: ReadonlySet<string>;
}

let tables: Tables | undefined;

function schemeTables(): Tables {
  if (tables) return tables;
  const containers = new Map<string, Ending[]>();
  const signs = new Set<string>();
  for (const scheme of SCHEMES) {
    for (const ending of scheme.containers) {
      const key = keyOf(ending);
      containers.set(key, [...(containers.get(key) ?? []), { scheme, ending }]);
      if (key !== "" && key !== ".weight") signs.add(key);
    }
    // A container of one's own is sign enough; its sides may be called like a norm's `.scale`.
    const hasOwn = scheme.containers.every((ending) => ending !== "" && ending !== ".weight");
    if (!hasOwn) for (const side of scheme.sides) signs.add(keyOf(side));
  }
  tables = { containers, signs };
  return tables;
}

/** `.qweight` and, for a last word of several, `_blocks`. */
function endingKeys(name: string): readonly [dotted: string, underscored: string] {
  const dot = name.lastIndexOf(".");
  const underscore = name.lastIndexOf("_");
  return [dot < 0 ? name : name.slice(dot), underscore > dot ? name.slice(underscore) : ""];
}

/** What was worked out from a header alone: asked for by the shell (what is wanted), by the placer and by the report. */
const remembered = new WeakMap<object, { readonly packing: Packing | undefined }>();

/**
 * Packed formats as the header alone tells them, or with the values of the small tensors that it asks for. undefined where
 * nothing is quantized.
 */
export function packingOf(checkpoint: Checkpoint, values?: TensorValues): Packing | undefined {
  if (values && values.size > 0) return workOut(checkpoint, values);
  let known = remembered.get(checkpoint);
  if (!known) {
    known = { packing: workOut(checkpoint, new Map()) };
    remembered.set(checkpoint, known);
  }
  return known.packing;
}

function workOut(checkpoint: Checkpoint, values: TensorValues): Packing | undefined {
  return checkpoint.components ? workOutComponents(checkpoint, values) : workOutOne(checkpoint, values);
}

/** Each model of a pipeline by its own config; names, values and findings under the pipeline's names. */
function workOutComponents(checkpoint: Checkpoint, values: TensorValues): Packing | undefined {
  const packings = new Map<string, Packing>();
  const uses = new Map<string, SchemeUse>();
  for (const component of checkpoint.components ?? []) {
    const inner = [...values].flatMap(([name, numbers]) =>
      name.startsWith(`${component.name}/`) ? [[innerName(component, name), numbers] as const] : [],
    );
    const packing = workOutOne(componentView(checkpoint, component), new Map(inner));
    if (!packing) continue;
    packings.set(component.name, packing);
    for (const use of packing.uses) {
      const sum = uses.get(use.words);
      if (!sum) uses.set(use.words, { ...use });
      else {
        sum.modules += use.modules;
        sum.parameters += use.parameters;
        sum.bytes += use.bytes;
      }
    }
  }
  if (packings.size === 0) return undefined;
  const of = (name: string) => packings.get(name.slice(0, name.indexOf("/")));
  const inner = (name: string) => name.slice(name.indexOf("/") + 1);
  const all = [...packings];
  return {
    container: (name) => of(name)?.container(inner(name)),
    sideOf: (name) => of(name)?.sideOf(inner(name)),
    isModule: (stem) => of(stem)?.isModule(inner(stem)) ?? false,
    components: packings,
    uses: [...uses.values()].sort((a, b) => b.bytes - a.bytes),
    inexact: all.flatMap(([name, packing]) => packing.inexact.map((tensor) => `${name}/${tensor}`)),
    copies: all.flatMap(([name, packing]) => packing.copies.map((tensor) => `${name}/${tensor}`)),
    wanted: all.flatMap(([component, packing]) =>
      packing.wanted.map((tensor) => ({ ...tensor, name: `${component}/${tensor.name}` })),
    ),
  };
}

function workOutOne(checkpoint: Checkpoint, values: TensorValues): Packing | undefined {
  if (checkpoint.format !== "safetensors") return undefined;
  const config = quantConfig(checkpoint);
  const { containers: endings, signs } = schemeTables();
  const isQuantized =
    config.method !== undefined ||
    checkpoint.tensors.some(({ name }) => {
      const [dotted, underscored] = endingKeys(name);
      return signs.has(dotted) || (underscored !== "" && signs.has(underscored));
    });
  if (!isQuantized) return undefined;

  const byName = new Map(checkpoint.tensors.map((tensor) => [tensor.name, tensor]));
  const find = finder(byName);
  const containers = new Map<string, Packed>();
  const sides = new Map<string, string>();
  let stems: Set<string> | undefined;
  const owners = new Set<string>();
  const uses = schemeUses();
  const inexact: string[] = [];
  const copies: string[] = [];
  const wanted: Tensor[] = [];

  let metadata: ReadonlyMap<string, string> | undefined;
  const metadataOf = (key: string): string | undefined => {
    metadata ??= new Map(
      checkpoint.metadata.flatMap(({ key, value }) => (typeof value === "string" ? [[key, value] as const] : [])),
    );
    return metadata.get(key);
  };

  for (const container of checkpoint.tensors) {
    const { name } = container;
    const [dotted, underscored] = endingKeys(name);
    const bare = mayBeBare(container) ? endings.get("") : undefined;
    for (const candidates of [endings.get(dotted), underscored ? endings.get(underscored) : undefined, bare]) {
      const found = candidates && recognise(container, candidates);
      if (!found) continue;
      containers.set(name, found);
      break;
    }
  }
  // Endings such as `.scale` are names of norms too: without a container they say nothing.
  if (containers.size === 0 && config.method === undefined) return undefined;
  // Only now, for a side tensor of one scheme may end as another's container.
  for (const [name, { scheme, unpacked, owner, stem }] of containers) {
    let bytes = byName.get(name)?.sizeBytes ?? 0;
    if (owner !== name) {
      if (byName.has(owner) || owners.has(owner)) copies.push(name);
      owners.add(owner);
    }
    for (const side of scheme.sides) {
      const tensor = find(stem, side);
      if (!tensor || containers.has(tensor.name) || unpacked.notSides?.includes(side)) continue;
      sides.set(tensor.name, owner);
      bytes += tensor.sizeBytes;
    }
    if (unpacked.exact === false) inexact.push(name);
    uses.add(scheme, unpacked, bytes);
  }

  function recognise(container: Tensor, candidates: readonly Ending[]): Packed | undefined {
    const asked: Tensor[] = [];
    let module: PackedModule | undefined;
    let cut: string | undefined;
    for (const { scheme, ending } of candidates) {
      if (!container.name.endsWith(ending)) continue;
      // Most candidates share an ending, and few of them look further than at the type.
      if (!module || ending !== cut) {
        cut = ending;
        const stem = ending === "" ? container.name : container.name.slice(0, -ending.length);
        module = {
          container,
          stem,
          config,
          beside: (other) => find(stem, other),
          named: (name) => byName.get(name),
          metadata: metadataOf,
          values: (tensor) => {
            if (!tensor) return undefined;
            const known = values.get(tensor.name);
            if (!known && tensor.sizeBytes <= MAX_VALUE_BYTES) asked.push(tensor);
            return known;
          },
        };
      }
      asked.length = 0;
      const unpacked = plausible(container, scheme.unpack(module));
      if (!unpacked) continue;
      if (wanted.length < MAX_VALUES) wanted.push(...asked);
      const { stem } = module;
      return { scheme, unpacked, owner: ownerOf(container.name, stem, scheme, ending), stem };
    }
    return undefined;
  }

  return {
    container: (name) => containers.get(name),
    sideOf: (name) => sides.get(name),
    isModule(stem) {
      stems ??= new Set([...containers.values()].map((packed) => packed.stem));
      return stems.has(stem);
    },
    uses: uses.list(),
    inexact,
    copies,
    wanted,
  };
}

/** Tensors that may be containers without an ending: by their type, or flat columns as bitsandbytes stores stacks in floats. */
function mayBeBare({ type, shape }: Tensor): boolean {
  if (INTEGER_TYPES.has(type) || type.startsWith("F8_") || type.startsWith("F4")) return true;
  return shape.length === 2 && shape[1] === 1 && containerBits(type) !== undefined;
}

/** Bits that a weight can take in a container: from a little under half a bit (VPTQ, AQLM) to a float of 32. */
const [FEWEST_BITS, MOST_BITS] = [0.4, 34] as const;

/** What a scheme says, where the container has room for it; else words of unknown packing. */
function plausible({ elements, sizeBytes, type }: Tensor, unpacked: Unpacked | undefined): Unpacked | undefined {
  if (!unpacked || unpacked.unknown) return unpacked;
  const { parameters, loose } = unpacked;
  if (!Number.isSafeInteger(parameters) || parameters < 0) return undefined;
  const bits = (8 * sizeBytes) / parameters;
  if (loose || parameters === elements || (bits >= FEWEST_BITS && bits <= MOST_BITS)) return unpacked;
  return { parameters: elements, bits: containerBits(type) ?? 8, unknown: true, format: "of impossible size" };
}

/**
 * Looks tensors up by stem and ending. Schemes ask for dozens of endings a module, and nearly all of them stand nowhere in the
 * checkpoint: those are answered without joining a name.
 */
function finder(byName: ReadonlyMap<string, Tensor>): (stem: string, ending: string) => Tensor | undefined {
  const keys = new Set<string>();
  for (const name of byName.keys()) {
    const [dotted, underscored] = endingKeys(name);
    keys.add(dotted);
    if (underscored) keys.add(underscored);
  }
  const known = new Map<string, boolean>();
  return (stem, ending) => {
    let stands = known.get(ending);
    if (stands === undefined) {
      stands = keys.has(keyOf(ending));
      known.set(ending, stands);
    }
    return stands ? byName.get(stem + ending) : undefined;
  };
}

/** `_blocks` and bare stacks have no ending of their own once they are unpacked. */
function ownerOf(name: string, stem: string, { owner }: Scheme, ending: string): string {
  if (owner) return owner(stem);
  if (ending === ".weight") return name;
  return ending.includes(".") ? `${stem}.weight` : stem;
}

/** Different kinds of modules that are listed: releases have a handful, and shapes of a hostile file could make any number. */
const MAX_USES = 64;

/** Adds modules up by what they have in common. */
function schemeUses() {
  const uses = new Map<
    string,
    SchemeUse & { title: string; bits: [least: number, most: number] | undefined; tail: string }
  >();
  return {
    add(scheme: Scheme, unpacked: Unpacked, bytes: number): void {
      const { bits, mean, format, groupSize } = unpacked;
      const tail = groupSize ? `, groups of ${groupSize}` : "";
      // Means differ from module to module: one row for all of them.
      const kind = `${scheme.title} ${mean ? "mixed" : (format ?? `${Number(bits.toFixed(2))}-bit`)}${tail}`;
      const isFull = uses.size >= MAX_USES && !uses.has(kind);
      const key = isFull ? `${scheme.title} in further forms` : kind;
      let use = uses.get(key);
      if (!use) {
        const range: [number, number] | undefined = mean && !isFull ? [bits, bits] : undefined;
        use = {
          scheme: scheme.id,
          words: key,
          modules: 0,
          parameters: 0,
          bytes: 0,
          title: scheme.title,
          bits: range,
          tail,
        };
        uses.set(key, use);
      }
      if (use.bits) use.bits = [Math.min(use.bits[0], bits), Math.max(use.bits[1], bits)];
      use.modules++;
      if (!unpacked.unknown) use.parameters += unpacked.parameters;
      use.bytes += bytes;
    },
    list(): readonly SchemeUse[] {
      return [...uses.values()]
        .map(({ title, bits, tail, ...use }) => ({
          ...use,
          ...(bits && { words: `${title} ${rangeOf(bits)}${tail}` }),
        }))
        .sort((a, b) => b.bytes - a.bytes);
    },
  };
}

/** `2.5 to 5-bit`. */
function rangeOf([least, most]: readonly [number, number]): string {
  const [from, to] = [Number(least.toFixed(2)), Number(most.toFixed(2))];
  return from === to ? `${from}-bit` : `${from} to ${to}-bit`;
}
