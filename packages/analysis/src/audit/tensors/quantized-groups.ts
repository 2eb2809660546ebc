/**
 * Packed weights without what unpacks them.
 *
 * What a module needs is told by the other modules of the checkpoint that are stored in the same way: a side (scales, zeros, code
 * book) that nearly all of them have, and one has not, was lost. Where no module has it, the few endings say so that only packed
 * weights have.
 */
import { type Evidence, quoted, type Tensor } from "@checkpoint-inspect/parser";

import type { Packed } from "../../quantization/packing.ts";
import { quantConfig } from "../../quantization/quant-config.ts";
import type { AuditRule } from "../rule.ts";
import { namesOf } from "../stacks.ts";
import type { Subject } from "../subject.ts";

/** Sides by which a packed weight is read at all. */
const SCALES = [
  ".scales",
  ".scale",
  ".weight_scale",
  ".weight_scale_inv",
  "_scales",
  "_scale",
  "_scale_inv",
  "_weight_scale",
  ".weight._scale",
  ".weight.absmax",
  ".absmax",
  ".SCB",
  ".qscale_weight",
  ".weights_scaling_factor",
  ".scale_weight",
  ".weight_scales",
  ".weight_scale_1",
  ".per_channel_scale",
  ".lookup_table",
  ".wscales",
  ".s1_scales",
  ".s",
] as const;

/** Further sides that a module can't be unpacked without where its like have them; zero points and orders may be of some modules only. */
const SECOND =
  /^(?:\.qzeros|\.g_idx|\.biases|\.zero|\.weight_scale_2|_weight_scale_2|\.weight_global_scale|\.weight_shape|\.(?:weight\.)?(?:nested_)?(?:quant_map|absmax)|\.(?:weight\.)?quant_state\..+|\.q_(?:groups|scale_max|invperm)|\.svh|\.weight\._(?:shift|scale)|_scale|_zero_point|\.weight:(?:scale|zero_point))$/;

/** Modules stored alike below which none is the odd one out; and of how many one may lack a side by mistake. */
const [FEWEST_ALIKE, ALIKE_PER_LOSS] = [4, 10] as const;

/** Types of packed weights: whole numbers, and floats of eight bits or fewer. */
const NARROW = /^(?:[IU](?:8|16|32)|F8_|F6_|F4)/;

/** Weights that a method never stores without scales: how their names end, and of which type they are. */
const SURELY_PACKED: readonly { ending: string; type: RegExp; method: RegExp; column?: true }[] = [
  { ending: ".qweight", type: /^I/, method: /^(?:|gptq|awq|auto-round|intel\/auto-round)$/ },
  { ending: ".weight_packed", type: /^(?:I32|U8)$/, method: /^(?:|compressed-tensors)$/ },
  { ending: "_blocks", type: /^U8$/, method: /^(?:|mxfp4)$/ },
  { ending: ".weight", type: /^F8_E[45]/, method: /^(?:fp8|fbgemm_fp8|compressed-tensors|modelopt\w*)$/ },
  { ending: ".weight", type: /^I8$/, method: /^(?:bitsandbytes|compressed-tensors)$/ },
  { ending: ".weight", type: /^U32$/, method: /^mlx$/ },
  // Words of four bits may be stored as floats; their scheme knows them.
  { ending: ".weight", type: /^(?:U8|I8|B?F16|F32)$/, method: /^bitsandbytes$/, column: true },
];

/** Modules that are stored alike. */
interface Group {
  readonly words: string;
  readonly sides: readonly string[];
  modules: number;
  readonly having: Map<string, number>;
}

/** A container's name cut in two; in a pipeline the stem has the component in front. */
function cut({ name }: Tensor, { stem }: Packed, isPipeline: boolean): readonly [base: string, ending: string] {
  const inner = isPipeline ? name.length - name.indexOf("/") - 1 : name.length;
  const at = name.length - (inner - stem.length);
  return [name.slice(0, at), name.slice(at)];
}

function groupKey({ scheme, unpacked }: Packed, ending: string, type: string): string {
  // Formats of FP8 tell the blocks, of which there may be several; those of other schemes differ in their sides.
  return `${scheme.id} ${ending} ${type} ${type.startsWith("F8") ? "" : (unpacked.format ?? "")}`;
}

/** Whether anything is stored as packed weights are: elsewhere no tensor is looked at. */
function isPossible({ checkpoint, complete, mix }: Subject): boolean {
  return checkpoint.format === "safetensors" && complete && mix.types.some(({ type }) => NARROW.test(type));
}

function* incompleteGroups(subject: Subject): Iterable<Evidence> {
  if (!isPossible(subject)) return;
  yield* withoutSecond(subject);
  yield* withoutScales(subject);
}

interface Module {
  readonly name: string;
  readonly base: string;
  readonly group: Group;
}

/** Every module that a scheme took, with the others that are stored alike. */
function groupedModules({ packing, checkpoint }: Subject, names: ReadonlySet<string>): readonly Module[] {
  const isPipeline = checkpoint.components !== undefined;
  const groups = new Map<string, Group>();
  const modules: Module[] = [];
  for (const tensor of packing ? checkpoint.tensors : []) {
    const packed = packing?.container(tensor.name);
    if (!packed || packed.unpacked.unknown) continue;
    const [base, ending] = cut(tensor, packed, isPipeline);
    const key = groupKey(packed, ending, tensor.type);
    let group = groups.get(key);
    if (!group) {
      const sides = packed.scheme.sides.filter((side) => SECOND.test(side));
      group = { words: packed.scheme.title, sides, modules: 0, having: new Map() };
      groups.set(key, group);
    }
    group.modules++;
    modules.push({ name: tensor.name, base, group });
    for (const side of group.sides)
      if (names.has(base + side)) group.having.set(side, (group.having.get(side) ?? 0) + 1);
  }
  return modules;
}

function* withoutSecond(subject: Subject): Iterable<Evidence> {
  const names = new Set(subject.packing ? subject.checkpoint.tensors.map(({ name }) => name) : []);
  const lacking = new Map<string, { group: Group; side: string; faults: Map<string, Faults> }>();
  for (const { name, base, group } of groupedModules(subject, names)) {
    for (const [side, having] of group.having) {
      const lost = group.modules - having;
      if (lost === 0 || group.modules < FEWEST_ALIKE) continue;
      if (lost > Math.max(1, group.modules / ALIKE_PER_LOSS) || names.has(base + side)) continue;
      const key = `${group.words} ${side}`;
      const known = lacking.get(key) ?? { group, side, faults: new Map<string, Faults>() };
      lacking.set(key, known);
      addFault(known.faults, side, name);
    }
  }
  for (const { group, side, faults } of lacking.values()) {
    for (const fault of faults.values()) {
      const lack = fault.count === 1 ? "lacks" : "lack";
      const message = `${group.words}: ${fault.count} of ${group.modules} modules ${lack} ${quoted(side)} (${namesOf(fault.names, fault.count)})`;
      yield { message, ...lone(fault) };
    }
  }
}

const MAX_EXAMPLES = 3;

/** Some names of those that share a fault, and how many there are. */
interface Faults {
  readonly names: string[];
  count: number;
}

function addFault(faults: Map<string, Faults>, key: string, name: string): void {
  const known = faults.get(key);
  if (!known) faults.set(key, { names: [name], count: 1 });
  else {
    known.count++;
    if (known.names.length < MAX_EXAMPLES) known.names.push(name);
  }
}

/** The name, where there is but one. */
function lone({ names: [only], count }: Faults): Pick<Evidence, "tensor"> {
  return count === 1 && only !== undefined ? { tensor: only } : {};
}

/** Packed weights that can't be unpacked, by type; and the names of all. */
interface Untaken {
  readonly bare: Map<string, Faults>;
  readonly misfit: Map<string, Faults>;
  readonly names: Set<string>;
}

/** Two rules and the report ask, and it takes two walks over all names. */
const remembered = new WeakMap<Subject, Untaken>();

/** Weights that a rule here says to lack their scales or to have others: it isn't that their packing is unknown. */
export function damagedWeights(subject: Subject): ReadonlySet<string> {
  return isPossible(subject) ? untaken(subject).names : new Set();
}

/** Words that no scheme took, though their like were taken or their names say what they are: by type, with and without scales. */
function untaken(subject: Subject): Untaken {
  const known = remembered.get(subject);
  if (known) return known;
  const { checkpoint, packing } = subject;
  const [bare, misfit] = [new Map<string, Faults>(), new Map<string, Faults>()];
  const damaged = new Set<string>();
  remembered.set(subject, { bare, misfit, names: damaged });
  const names = new Set(checkpoint.tensors.map(({ name }) => name));
  // Most of them stand nowhere in the checkpoint: no name is joined for those.
  const scales = SCALES.filter((side) => checkpoint.tensors.some(({ name }) => name.endsWith(side)));
  const alike = new Set<string>();
  const scaledStacks = new Set<string>();
  for (const { name, type } of checkpoint.tensors) {
    const packed = packing?.container(name);
    if (packed && !packed.unpacked.unknown) alike.add(`${endingOf(name)} ${type}`);
    if (STACK_SCALE.test(name.slice(-LONGEST_ENDING))) scaledStacks.add(stackOf(name));
  }
  const { method } = quantConfig(checkpoint);
  const sure = SURELY_PACKED.filter((row) => row.method.test(method ?? ""));
  for (const { name, type, shape } of checkpoint.tensors) {
    const packed = packing?.container(name);
    if (shape.length < 2 || (!packed && !NARROW.test(type))) continue;
    if ((packed && !packed.unpacked.unknown) || packing?.sideOf(name) !== undefined) continue;
    const ending = endingOf(name);
    const isLike = ending !== "" && alike.has(`${ending} ${type}`);
    const isSure = sure.some((row) => row.ending === ending && row.type.test(type) && (!row.column || shape[1] === 1));
    if (!isLike && !isSure) continue;
    const base = name.slice(0, name.length - ending.length);
    const hasScales = scales.some((side) => names.has(base + side));
    const into = !hasScales && !scaledStacks.has(stackOf(name)) ? bare : hasScales && isLike ? misfit : undefined;
    if (!into) continue;
    addFault(into, type, name);
    damaged.add(name);
  }
  return { bare, misfit, names: damaged };
}

function* withoutScales(subject: Subject): Iterable<Evidence> {
  for (const [type, faults] of untaken(subject).bare) {
    const have = faults.count === 1 ? "packed weight has" : "packed weights have";
    const message = `${faults.count} ${have} no scales: ${namesOf(faults.names, faults.count)} (${type})`;
    yield { message, ...lone(faults) };
  }
}

function* oddScales(subject: Subject): Iterable<Evidence> {
  if (!isPossible(subject)) return;
  for (const [type, faults] of untaken(subject).misfit) {
    const have = faults.count === 1 ? "packed weight has" : "packed weights have";
    const message = `${faults.count} ${have} scales of a shape that doesn't fit: ${namesOf(faults.names, faults.count)} (${type})`;
    yield { message, ...lone(faults) };
  }
}

/** The last segment of a name is at most so long in what is looked at: the endings here are. */
const LONGEST_ENDING = 64;

/** Scales of a whole set of experts, also where transformers 5 writes the experts themselves one by one. */
const STACK_SCALE = /\.experts\.[a-z_]+_scale(?:_inv)?$/;

/** The name up to the experts; the whole name where there are none. */
function stackOf(name: string): string {
  const at = name.lastIndexOf(".experts.");
  return at < 0 ? name : name.slice(0, at);
}

const ENDINGS = [".qweight", ".weight_packed", ".weight", ".q_weight", ".trellis", ".W_q", ".codes"] as const;

/** How the name of a container ends, of the endings that are one's own. */
function endingOf(name: string): string {
  const dot = name.lastIndexOf(".");
  const last = dot < 0 ? "" : name.slice(dot);
  if ((ENDINGS as readonly string[]).includes(last)) return last;
  if (last === "._data") return name.endsWith("._data._data") ? ".weight._data._data" : ".weight._data";
  return name.endsWith("_blocks") ? "_blocks" : "";
}

export const GROUP_RULES: readonly AuditRule[] = [
  {
    id: "quantization/incomplete-group",
    severity: "error",
    means: "a packed weight lacks its scales, zeros or another tensor that unpacks it",
    why: "the packed numbers mean nothing without it: a loader fails, or the layer puts out noise",
    fix: "download or quantize the model again; the tensor was lost on the way",
    check: incompleteGroups,
  },
  {
    id: "quantization/scale-shape",
    severity: "warning",
    means: "scales of a packed weight have a shape that fits neither its size nor any known block",
    why: "a loader refuses them, or scales the wrong weights",
    fix: "quantize the model again, or take weight and scales from the same file",
    check: oddScales,
  },
];
