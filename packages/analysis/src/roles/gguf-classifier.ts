/**
 * Says what a tensor of a GGUF file is, from its name. The name tables decide; regular expressions only see names that
 * the tables don't hold, and what these don't know is read as a Hugging Face name: GGUF files of diffusion models keep
 * the names of the files that they were made from. Shape never decides.
 *
 * Each kind of name is worked out once and kept by its pattern (the first two numbers replaced), so that the blocks of
 * a model after the first cost one lookup a tensor.
 */
import {
  BUFFER_NAMES,
  FALLBACK_RULES,
  NAME_GROUPS,
  NAME_OVERRIDES,
  type NameOverride,
  SCALE_WEIGHTS,
} from "./gguf-names.ts";
import { hfClassifier } from "./hf-classifier.ts";
import {
  type Bucket,
  type Classifier,
  MAX_REMEMBERED,
  type Role,
  type RoleFacts,
  type Stack,
  UNKNOWN_ROLE,
} from "./role.ts";

/** What the tables say of a base name. */
interface Meaning {
  readonly bucket: Bucket;
  readonly part: string;
  readonly stack: Stack;
}

/** Which number of the name: the first, the second, or none. */
type NumberAt = 0 | 1 | undefined;

/** A name worked out but for its first two numbers. */
interface Entry extends Meaning {
  readonly bias: boolean;
  readonly buffer: boolean;
  /** In `blk.N.`, whose last blocks may be MTP; false for what isn't a model's (LoRA, importance matrix). */
  readonly inBlock: boolean;
  readonly layerAt: NumberAt;
  /** The first number is a stage and names the stack: MobileNet's `v.blk.<stage>.<block>`. */
  readonly staged: boolean;
  readonly expertAt: NumberAt;
  /** For `.scale` and `.input_scale`: the part that it has when the tensor it scales is there. */
  readonly sidePart: string | undefined;
  readonly variants: readonly { readonly when: NameOverride; readonly entry: Entry }[];
}

// More digits than this can't be an index; the limit keeps every number exact.
const MAX_INDEX_DIGITS = 9;
const NUMBER_SEGMENT = /(^|\.)(\d{1,9})(?=\.|$)/g;
const SUFFIX = /\.(weight|bias|scale|input_scale|alpha|beta)$/;
const SIDE_PARTS: Readonly<Record<string, string>> = { scale: "tensor_scale", input_scale: "input_scale" };
/** Suffixes of files that aren't models: LoRA adapters and importance matrices. */
const FOREIGN_SUFFIX = /\.(lora_a|lora_b|in_sum2|counts)$/;
const FOREIGN_PARTS: Readonly<Record<string, string>> = { in_sum2: "imatrix", counts: "imatrix" };
/** `.bias` tensors that aren't vectors added to a projection or a norm. */
const NOT_A_BIAS: ReadonlyMap<string, string> = new Map([
  ["router_correction", "router_correction"],
  ["expert.router_correction", "expert.router_correction"],
  ["ssm.dt", "ssm.dt_bias"],
  ["linattn.dt", "linattn.dt_bias"],
]);

let meanings: ReadonlyMap<string, Meaning> | undefined;

/** Writes the part of a name whose part isn't given: without block and with N for numbers. */
function partOfName(name: string): string {
  return name.replace(/(^|\.)blk\.\{\}\./g, "$1").replaceAll("{}", "N");
}

function table(): ReadonlyMap<string, Meaning> {
  if (meanings) return meanings;
  const map = new Map<string, Meaning>();
  for (const { bucket, stack, at, parts = {}, part: prefix = "", names = "" } of NAME_GROUPS) {
    for (const [part, list] of Object.entries(parts)) {
      for (const name of list.split(" ")) map.set(at + name, { bucket, stack, part });
    }
    for (const name of names.split(" ")) {
      if (name) map.set(at + name, { bucket, stack, part: prefix + partOfName(name) });
    }
  }
  meanings = map;
  return map;
}

/** The first two segments that are numbers: start and end of each; 0, 0 for those that there aren't. */
interface Numbers {
  count: number;
  start0: number;
  end0: number;
  start1: number;
  end1: number;
}

/** By character codes, because this runs for every tensor. */
function findNumbers(name: string, found: Numbers): void {
  found.count = 0;
  let start = 0;
  let digits = true;
  for (let i = 0; i <= name.length; i++) {
    const code = i === name.length ? 46 : name.charCodeAt(i);
    if (code === 46) {
      if (digits && i > start && i - start <= MAX_INDEX_DIGITS) {
        if (found.count === 1) {
          found.count = 2;
          found.start1 = start;
          found.end1 = i;
          return;
        }
        found.count = 1;
        found.start0 = start;
        found.end0 = i;
      }
      start = i + 1;
      digits = true;
    } else if (code < 48 || code > 57) {
      digits = false;
    }
  }
}

function patternOf(name: string, { count, start0, end0, start1, end1 }: Numbers): string {
  if (count === 0) return name;
  if (count === 1) return `${name.slice(0, start0)}{}${name.slice(end0)}`;
  return `${name.slice(0, start0)}{}${name.slice(end0, start1)}{}${name.slice(end1)}`;
}

function fallback(base: string): Meaning {
  for (const { name, bucket, stack = "text", part = "" } of FALLBACK_RULES) {
    const match = name.exec(base);
    if (match) return { bucket, stack, part: part + partOfName(match[1] ?? "") };
  }
  return { bucket: "other", part: "unknown", stack: "text" };
}

const STACK_OF_PREFIX: Readonly<Record<string, Stack>> = { v: "vision", a: "audio", mm: "audio" };

/** Layer number and stack of a base name; blocks inside a tower that aren't the tower's own are a stack apart. */
function place(base: string, { bucket, stack }: Meaning): Pick<Entry, "layerAt" | "stack" | "staged"> {
  if (/^v\.(?:blk\.\{\}\.\{\}|stage\.\{\}\.blk\.\{\})\./.test(base)) {
    return { layerAt: 1, stack, staged: true };
  }
  const head = /^(.*?)\.\{\}(?:\.|$)/.exec(base)?.[1] ?? "";
  if (head === "posnet" || head === "convnext") return { layerAt: 0, stack: `${stack}.${head}`, staged: false };
  if (head === "direction" || head === "v.deepstack") return { layerAt: 0, stack, staged: false };
  const inner = /^(?:mm\.)?([va])\.(?:(.+)[._])?blk$/.exec(head);
  if (inner && bucket !== "projector") {
    const tower = STACK_OF_PREFIX[inner[1] ?? ""] ?? stack;
    return { layerAt: 0, stack: inner[2] ? `${tower}.${inner[2]}` : tower, staged: false };
  }
  const isBlock = /(?:^|[._])blk$/.test(head);
  return { layerAt: isBlock ? 0 : undefined, stack, staged: false };
}

/** What an override says of a base name in this architecture, if it says anything. */
function overridden(
  { architectures, names }: Pick<NameOverride, "architectures" | "names">,
  base: string,
  architecture: string | undefined,
): { readonly bucket: Bucket; readonly part: string } | undefined {
  if (architecture === undefined || !architectures.includes(architecture)) return undefined;
  return Object.hasOwn(names, base) ? names[base] : undefined;
}

/** Works out a name whose first two numbers are already replaced by `{}`. */
function entryOf(key: string, architecture: string | undefined): Entry {
  let pattern = key.replace(NUMBER_SEGMENT, "$1{}");

  const foreign = FOREIGN_SUFFIX.exec(pattern)?.[1];
  if (foreign) pattern = pattern.replace(FOREIGN_SUFFIX, "");
  const known = table();
  const suffix = known.has(pattern) ? undefined : SUFFIX.exec(pattern)?.[1];
  const base = suffix === undefined ? pattern : pattern.slice(0, -suffix.length - 1);
  const meaning = known.get(base) ?? fallback(base);

  const build = (from: Meaning, when?: NameOverride): Entry => {
    const notABias = suffix === "bias" ? NOT_A_BIAS.get(from.part) : undefined;
    const bucket = foreign ? "other" : from.bucket;
    const scaleWeight =
      suffix === "scale"
        ? SCALE_WEIGHTS.map((row) => overridden(row, base, architecture)).find((found) => found)
        : undefined;
    return {
      ...from,
      ...scaleWeight,
      ...place(base, from),
      ...(foreign && { bucket, part: FOREIGN_PARTS[foreign] ?? foreign }),
      ...(notABias !== undefined && { part: notABias }),
      bias: suffix === "bias" && notABias === undefined && !foreign,
      inBlock: !foreign && base.startsWith("blk.{}"),
      buffer: BUFFER_NAMES.includes(base),
      expertAt: /^blk\.\{\}\.ffn_\w+\.\{\}$/.test(base) ? 1 : undefined,
      sidePart: foreign || scaleWeight || suffix === undefined ? undefined : SIDE_PARTS[suffix],
      variants: when ? [] : variants,
    };
  };
  const variants: { when: NameOverride; entry: Entry }[] = [];
  for (const when of NAME_OVERRIDES) {
    const other = overridden(when, base, architecture);
    if (other)
      variants.push({ when, entry: build({ ...meaning, ...other, stack: when.stack ?? meaning.stack }, when) });
  }
  return build(meaning);
}

/**
 * A classifier for the tensors of one GGUF checkpoint.
 *
 * Every name has a role; one that neither tables nor rules know, be it as a Hugging Face name, is `other` with part
 * `unknown`. It never throws. Blocks at or above `facts.textLayers` are MTP: their part keeps bucket and part of the inner
 * tensor (`block.attention.q`, `block.expert.routed.up`), their layers count from 0.
 */
export function ggufClassifier(facts: RoleFacts): Classifier {
  const entries = new Map<string, Entry>();
  const textLayers = facts.textLayers ?? Number.POSITIVE_INFINITY;
  const found: Numbers = { count: 0, start0: 0, end0: 0, start1: 0, end1: 0 };
  let foreign: Classifier | undefined;

  return (tensor) => {
    const { name } = tensor;
    findNumbers(name, found);
    const key = patternOf(name, found);
    let entry = entries.get(key);
    if (!entry) {
      if (entries.size >= MAX_REMEMBERED) return UNKNOWN_ROLE;
      entry = entryOf(key, facts.architecture);
      entries.set(key, entry);
    }
    if (entry.part === "unknown") {
      foreign ??= hfClassifier(facts);
      return foreign(tensor);
    }
    if (entry.variants.length > 0) entry = variantOf(entry, name.slice(0, found.end0));
    return roleOf(entry, name);
  };

  function variantOf(entry: Entry, block: string): Entry {
    for (const { when, entry: other } of entry.variants) {
      if (when.layerHas && !facts.has(`${block}.${when.layerHas}`)) continue;
      if (when.layerLacks && facts.has(`${block}.${when.layerLacks}`)) continue;
      return other;
    }
    return entry;
  }

  function numberAt(at: NumberAt, name: string): number | undefined {
    if (at === undefined || at >= found.count) return undefined;
    return Number(at === 0 ? name.slice(found.start0, found.end0) : name.slice(found.start1, found.end1));
  }

  function isSide(name: string): boolean {
    const owner = name.slice(0, name.lastIndexOf("."));
    return facts.has(`${owner}.weight`) || facts.has(owner);
  }

  function roleOf(entry: Entry, name: string): Role {
    let { bucket, part, stack } = entry;
    let layer = numberAt(entry.layerAt, name);
    if (entry.staged) stack = `${stack}.stage.${numberAt(0, name)}`;
    if (entry.inBlock && layer !== undefined && layer >= textLayers) {
      layer -= textLayers;
      stack = "mtp";
      if (bucket !== "mtp") part = `block.${bucket}.${part}`;
      bucket = "mtp";
    }
    if (entry.sidePart !== undefined && isSide(name)) {
      bucket = "quant-side";
      part = entry.sidePart;
    }
    const expert = numberAt(entry.expertAt, name);
    const { bias } = entry;
    if (expert === undefined && !entry.buffer) {
      return layer === undefined ? { bucket, part, stack, bias } : { bucket, part, stack, layer, bias };
    }
    return {
      bucket,
      part,
      stack,
      ...(layer !== undefined && { layer }),
      ...(expert !== undefined && { expert }),
      ...(entry.buffer && { buffer: true }),
      bias,
    };
  }
}
