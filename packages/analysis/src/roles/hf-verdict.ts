/**
 * What a Hugging Face tensor is, from its name taken apart: the order in which the rule tables of `hf-rules*.ts` are asked.
 */
import { type CompiledRule, candidates, compileTables, matches, type RuleSet, ruleSet } from "./hf-match.ts";
import { askSibling, cutEnding, hasSibling, isNumber, layerList, MAX_SEGMENTS, type NameParts } from "./hf-name.ts";
import type { Place } from "./hf-place.ts";
import { FAMILY_BIAS_TABLES, FAMILY_LAYER_TABLES, FAMILY_TOWER_TABLES } from "./hf-rules-families.ts";
import { BIAS_TABLES, LAYER_TABLES } from "./hf-rules-layer.ts";
import { MODEL_TABLES, PROJECTOR_TABLES, TOWER_TABLES } from "./hf-rules-model.ts";
import {
  CERTAIN_SIDES,
  LORA_ALPHA_SIBLINGS,
  LORA_PREFIXES,
  LORA_WORDS,
  MTP_LEAVES,
  QUANT_SIDE,
  STACK_SIDES,
  TOWERS,
} from "./hf-rules-names.ts";
import type { Bucket } from "./role.ts";

interface Rules {
  readonly bias: RuleSet;
  readonly layer: RuleSet;
  readonly model: RuleSet;
  readonly tower: RuleSet;
  readonly projector: RuleSet;
  /** The layer rules that name buffers, for those may stand anywhere. */
  readonly buffers: RuleSet;
}

let compiled: Rules | undefined;

function rules(): Rules {
  if (compiled) return compiled;
  const layer = compileTables([...FAMILY_LAYER_TABLES, ...LAYER_TABLES]);
  compiled = {
    bias: compileTables([...FAMILY_BIAS_TABLES, ...BIAS_TABLES]),
    layer,
    model: compileTables(MODEL_TABLES),
    tower: compileTables([...FAMILY_TOWER_TABLES, ...TOWER_TABLES]),
    projector: compileTables(PROJECTOR_TABLES),
    buffers: ruleSet(layer.all.filter((rule) => rule.options.buffer)),
  };
  return compiled;
}

/** What the rules say of one path. */
export interface Verdict {
  readonly bucket: Bucket;
  readonly part: string;
  readonly bias: boolean;
  readonly buffer: boolean;
}

interface Answer {
  readonly rule: CompiledRule;
  readonly path: readonly string[];
}

/** The first rule that matches one of the paths, of which the later ones are shorter readings of the same name. */
function ask(set: RuleSet, paths: readonly (readonly string[])[], parts: NameParts, cut: number): Answer | undefined {
  for (const rule of candidates(
    set,
    paths.map((path) => path.at(-1) ?? ""),
  )) {
    const { architectures, having, lists, sibling } = rule.options;
    if (architectures && !architectures.includes(parts.facts.architecture ?? "")) continue;
    if (lists && !lists.includes(layerList(parts))) continue;
    if (having && !parts.facts.has(having)) continue;
    const path = paths.findLast((candidate) => matches(rule.selector, candidate));
    if (path && (!sibling || askSibling(parts, cut + 1, sibling))) return { rule, path };
  }
  return undefined;
}

function verdict({ rule, path }: Answer, bias: boolean): Verdict {
  const buffer = rule.options.buffer === true;
  return {
    bucket: rule.bucket,
    part: rule.part.replace("{leaf}", () => path.findLast((segment) => !isNumber(segment)) ?? ""),
    bias: bias && !buffer && rule.options.bias !== false,
    buffer,
  };
}

/** Asks the sets of rules in turn, reading `gate_up_proj_bias` both as it stands and as the bias of `gate_up_proj`. */
function judge(path: readonly string[], sets: readonly RuleSet[], parts: NameParts): Verdict | undefined {
  const whole = ask(rules().bias, [path], parts, 0);
  if (whole) return verdict(whole, false);
  const end = cutEnding(path);
  const leaf = end.path.at(-1) ?? "";
  const short = leaf.replace(/_(?:weight|bias|blocks)$/, "");
  const paths = short === leaf || short === "" ? [end.path] : [end.path, [...end.path.slice(0, -1), short]];
  for (const set of sets) {
    const answer = ask(set, paths, parts, end.cut);
    if (answer) return verdict(answer, end.bias || leaf.endsWith("_bias"));
  }
  return undefined;
}

// --- adapters ---------------------------------------------------------------------------------------------------------

function loraPart(segments: readonly string[]): string | undefined {
  for (let i = segments.length - 1; i >= 0 && i >= segments.length - 3; i--) {
    const segment = segments[i] ?? "";
    const part = LORA_WORDS.get(segment) ?? LORA_PREFIXES.find(([prefix]) => segment.startsWith(prefix))?.[1];
    if (part) return part;
    // Older diffusers adapters: `to_q_lora.down`, `to_q.lora.down`. RWKV-7's `w_lora.lora.0` is followed by a number.
    const next = segments[i + 1];
    if (/(^|_)lora(_linear_layer)?$/.test(segment) && (next === "up" || next === "down")) return `lora.lora_${next}`;
  }
  return undefined;
}

/**
 * Whether a name is that of an adapter's factor (LoRA, LoHa, LoKr, IA3, DoRA, prompt tuning) rather than a model's weight.
 * RWKV-7's `w_lora.lora.0.weight` is a model's weight. `.alpha` is decided by the classifier, which sees its neighbours.
 */
export function isLoraName(name: string): boolean {
  return loraPart(name.split(".")) !== undefined;
}

function adapterPart(parts: NameParts): string | undefined {
  const last = parts.segments.at(-1);
  if (last === "alpha") {
    const isScale =
      parts.segments[0]?.startsWith("lora_") || LORA_ALPHA_SIBLINGS.some((sibling) => askSibling(parts, 1, sibling));
    return isScale ? "lora.alpha" : undefined;
  }
  return loraPart(parts.segments);
}

// --- quantisation -----------------------------------------------------------------------------------------------------

function sidePart(parts: NameParts): string | undefined {
  const last = parts.segments.at(-1) ?? "";
  const owner = parts.segments.at(-2) ?? "";
  // ModelOpt's recorded ranges stand in checkpoints too that aren't quantized yet.
  if (owner.endsWith("_quantizer") && (last === "_amax" || last === "_pre_quant_scale")) return "input_scale";
  const isCertain = CERTAIN_SIDES.has(last) || last.startsWith("bitsandbytes__");
  if (!parts.facts.quantized && !isCertain) return undefined;
  if (owner === "weight" && last === "scale" && askSibling(parts, 2, "weight")) return "scale";
  const side = QUANT_SIDE.get(last);
  if (side && (!side.siblings || side.siblings.some((s) => hasSibling(parts, 1, s)))) return side.part;
  if (last.startsWith("bitsandbytes__") || owner === "quant_state") return "bnb";
  if (owner.endsWith("_quantizer") && last === "_scale") return "scale";
  // ModelSlim's ranges of the attention's inputs: `fa_q.scale`.
  if (/^fa_[qkv]$/.test(owner) && (last === "scale" || last === "offset")) return "kv_scale";
  // MXFP4 of gpt-oss: `down_proj_blocks` holds the weight, `down_proj_scales` its exponents.
  if (last.endsWith("_scales")) return hasSibling(parts, 1, last.replace(/_scales$/, "_blocks")) ? "scale" : undefined;
  return stackSide(parts, last);
}

/** Whether the stack is there that the name is a scale of. vLLM writes `w13_input_scale` beside `w13_weight`. */
function stackSide(parts: NameParts, last: string): string | undefined {
  const row = STACK_SIDES.find(([ending]) => last.endsWith(ending) && last.length > ending.length);
  if (!row) return undefined;
  const [ending, part] = row;
  // transformers saves FP8 experts one by one, and their scales as a stack: there is no tensor to stand beside.
  if (ending.endsWith("_scale_inv") && parts.facts.quantized) return part;
  const stack = last.slice(0, -ending.length);
  return askSibling(parts, 1, stack) || askSibling(parts, 1, `${stack}_weight`) ? part : undefined;
}

// --- places ----------------------------------------------------------------------------------------------------

/**
 * A projector keeps the name of its module. The layers of a Q-Former are a small BERT, with the buckets and parts of one;
 * their stack keeps them apart from the text's. Layers of other projectors keep their roles inside the projector.
 */
function projectorVerdict(parts: NameParts, place: Place): Verdict {
  const { segments, innerAt } = parts;
  if (innerAt > 0) {
    const found = judge(segments.slice(innerAt), [rules().layer], parts);
    if (found && segments.slice(0, innerAt).includes("qformer")) return found;
    if (found) return { ...found, bucket: "projector", part: innerPart(found) };
  }
  const named = judge(segments, [rules().projector], parts);
  if (named) return named;
  const buffer = judge(segments.slice(place.pathAt), [rules().buffers], parts);
  if (buffer) return { ...buffer, bucket: "projector", part: innerPart(buffer) };
  const end = cutEnding(segments.slice(place.pathAt));
  const own = end.path.filter((segment, i) => !(i > 0 && segment === "layers"));
  // `mm_projector.0`: the number says nothing, the module's name does.
  const leaf = (own.length === 2 && isNumber(own[1]) ? own[0] : own.at(-1)) ?? "";
  const kind = segments
    .slice(0, place.pathAt)
    .map((segment) => TOWERS.get(segment))
    .find((tower) => tower !== undefined);
  const bias = end.bias || leaf.endsWith("_bias");
  return { bucket: "projector", part: kind ? `${kind}.${leaf}` : leaf, bias, buffer: false };
}

function innerPart(found: Verdict): string {
  return found.buffer && found.bucket === "other" ? "other.buffer" : `${found.bucket}.${found.part}`;
}

function towerVerdict(parts: NameParts, place: Place, bucket: "vision" | "audio"): Verdict {
  const { layer, model, tower } = rules();
  const found =
    parts.innerAt > 0
      ? judge(parts.segments.slice(parts.innerAt), [layer], parts)
      : judge(parts.segments.slice(place.pathAt), [tower, model, layer], parts);
  if (found) return { ...found, bucket, part: innerPart(found) };
  const end = cutEnding(parts.segments);
  return { bucket, part: "other.unknown", bias: end.bias, buffer: false };
}

/**
 * Inside an MTP block: its own tensors by name, the rest by the role that they'd have in a layer. A block in the text's
 * own list says so (`block.attention.q`); one under a prefix of its own doesn't need to.
 */
export function mtpVerdict(parts: NameParts, pathAt: number, prefix: "" | "block." = ""): Verdict {
  const isLayered = parts.innerAt > 0;
  const path = parts.segments.slice(Math.max(parts.innerAt, pathAt));
  const end = cutEnding(path);
  const own = end.path.filter((segment) => !isNumber(segment));
  const leaf = own[0] ?? "";
  const isOwn = MTP_LEAVES.has(leaf) || (!isLayered && own.length === 1);
  const found = isOwn ? undefined : judge(path, [rules().layer], parts);
  if (found) return { ...found, bucket: "mtp", part: prefix + innerPart(found) };
  const part = !isLayered && leaf.includes("norm") ? "norm" : own.join(".");
  return { bucket: "mtp", part: part || "block", bias: end.bias, buffer: false };
}

function textVerdict(parts: NameParts): Verdict {
  const { layer, model } = rules();
  const inner = parts.segments.slice(parts.innerAt);
  // A list of single layers (`controlnet_cond_embedding.blocks.0.weight`) leaves the layer rules nothing to look at.
  const isWhole = parts.innerAt === 0 || cutEnding(inner).path.length === 0;
  const found = isWhole ? judge(parts.segments, [model], parts) : judge(inner, [layer], parts);
  if (found) return found;
  const buffer = judge(parts.segments, [rules().buffers], parts);
  return buffer ?? { bucket: "other", part: "unknown", bias: cutEnding(parts.segments).bias, buffer: false };
}

export function verdictAt(parts: NameParts, place: Place): Verdict {
  if (parts.segments.length > MAX_SEGMENTS) return { bucket: "other", part: "unknown", bias: false, buffer: false };
  const lora = adapterPart(parts);
  if (lora) return { bucket: "other", part: lora, bias: false, buffer: false };
  const side = sidePart(parts);
  if (side) return { bucket: "quant-side", part: side, bias: false, buffer: false };
  if (place.kind === "projector") return projectorVerdict(parts, place);
  if (place.kind === "mtp") return mtpVerdict(parts, place.pathAt);
  if (place.kind === "text") return textVerdict(parts);
  return towerVerdict(parts, place, place.kind);
}
