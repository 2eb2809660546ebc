/**
 * Roles from Hugging Face tensor names (safetensors, PyTorch). The knowledge is in the tables of `hf-rules*.ts`; a new
 * architecture is a row there. `hf-name.ts` takes a name apart, `hf-place.ts` finds its stack, `hf-verdict.ts` asks the
 * tables, and here the answers are kept.
 *
 * A checkpoint of 75,000 tensors has a few dozen kinds of names. Names are therefore reduced to a pattern in one pass
 * (whole-number segments become a mark), and the rules are asked once a pattern; a name costs little more than a lookup.
 * Indices come from the numbers, so they never enter the rules.
 */
import { isNumber, MAX_INDEX_DIGITS, MAX_SEGMENTS, type NameParts, takeApart } from "./hf-name.ts";
import { locate } from "./hf-place.ts";
import { PAYLOADS, QUANT_SIDE, TEXT_PREFIXES } from "./hf-rules-names.ts";
import { mtpVerdict, type Verdict, verdictAt } from "./hf-verdict.ts";
import { type Classifier, MAX_REMEMBERED, type RoleFacts, type Stack, UNKNOWN_ROLE } from "./role.ts";

export { isLoraName } from "./hf-verdict.ts";

/** Stands for a whole-number segment in a pattern. A name that holds this character itself is never cached. */
const MARK = "\0";
const DOT = 46;
const DIGIT_0 = 48;
const DIGIT_9 = 57;

/** What is known of all names of one pattern. */
interface Plan {
  readonly verdict: Verdict;
  readonly stack: Stack;
  /** A block of the text stack's list: at or above the text layers it is an MTP block, with this verdict. */
  readonly aboveText: (() => Verdict) | undefined;
  /** False where a neighbour decided, so the plan holds for one name only. */
  readonly isShared: boolean;
}

function planOf(parts: NameParts): Plan {
  const place = locate(parts);
  const verdict = verdictAt(parts, place);
  const isTextBlock =
    place.kind === "text" &&
    place.stack === "text" &&
    parts.layerAt > 0 &&
    parts.segments.length <= MAX_SEGMENTS &&
    parts.segments.slice(0, parts.layerAt - 1).every((segment) => TEXT_PREFIXES.has(segment));
  const isAside = verdict.bucket === "quant-side" || verdict.part.startsWith("lora.");
  let aboveText: (() => Verdict) | undefined;
  if (isTextBlock) {
    let asMtp: Verdict | undefined = isAside || verdict.buffer ? verdict : undefined;
    aboveText = () => {
      asMtp ??= mtpVerdict(parts, parts.innerAt, "block.");
      return asMtp;
    };
  }
  // An MTP block known by its leaves stands in the text stack's list too, and is numbered like its neighbours.
  else if (place.kind === "mtp" && place.pathAt === parts.innerAt && parts.layerAt >= 0) aboveText = () => verdict;
  return { verdict, stack: place.stack, aboveText, isShared: !parts.asked };
}

/** The numbers of a pattern: which is the layer, which the expert, and which belong to the role (`in_layers.2`). */
interface Shape {
  readonly layerSlot: number;
  readonly expertSlot: number;
  /** Expert index written inside a word (`expert_7`). */
  readonly expert: number | undefined;
  readonly roleSlots: readonly number[];
  readonly plans: Map<string, Plan>;
  /** The one plan of a pattern whose role hangs on no number. */
  plan: Plan | undefined;
}

function shapeOf({ raw, segments, rawAt, layerAt, expertAt }: NameParts): Shape {
  const all = raw.split(".");
  const slots = [...all.keys()].filter((i) => isNumber(all[i]));
  const word = segments[expertAt];
  const layerSlot = layerAt < 0 ? -1 : slots.indexOf(rawAt[layerAt] ?? -1);
  const expertSlot = expertAt < 0 ? -1 : slots.indexOf(rawAt[expertAt] ?? -1);
  return {
    layerSlot,
    expertSlot,
    expert: word !== undefined && expertSlot < 0 ? Number(word.slice(word.lastIndexOf("_") + 1)) : undefined,
    roleSlots: [...slots.keys()].filter((slot) => slot !== layerSlot && slot !== expertSlot),
    plans: new Map(),
    plan: undefined,
  };
}

/** For last segments whose role hangs on a neighbour: whether it is there, as a part of the pattern's key. */
function neighbourKey(name: string, facts: RoleFacts): string {
  const dot = name.lastIndexOf(".");
  const last = name.slice(dot + 1);
  const siblings = last.endsWith("_scales") ? [last.replace(/_scales$/, "_blocks")] : QUANT_SIDE.get(last)?.siblings;
  if (!siblings) return "";
  return siblings.some((sibling) => facts.has(name.slice(0, dot + 1) + sibling)) ? `${MARK}with` : `${MARK}without`;
}

/** QuIP# packs its weights into I64. */
const isPayload = (name: string): boolean => PAYLOADS.has(name.slice(name.lastIndexOf(".") + 1));

/** Types that otherwise never hold parameters in these checkpoints: counters, ids, masks. */
const COUNTING_TYPES: ReadonlySet<string> = new Set(["I64", "U64", "BOOL"]);

/**
 * A classifier for Hugging Face tensor names.
 * Unknown names get bucket `other` and part `unknown`; inside a tower, its bucket and part `other.unknown`.
 * @param facts what is known of the model: `architecture` is `model_type` of config.json
 */
export function hfClassifier(facts: RoleFacts): Classifier {
  const shapes = new Map<string, Shape>();
  const numbers: number[] = [];
  let holdsMark = false;
  const textLayers = facts.textLayers ?? Number.POSITIVE_INFINITY;

  /** Replaces whole-number segments by a mark and collects them in `numbers`. */
  function patternOf(name: string): string {
    numbers.length = 0;
    holdsMark = false;
    let pattern = "";
    let copied = 0;
    let start = 0;
    let value = 0;
    let isDigits = true;
    for (let i = 0; i <= name.length; i++) {
      const code = i < name.length ? name.charCodeAt(i) : DOT;
      if (code === DOT) {
        const length = i - start;
        if (isDigits && length > 0 && length <= MAX_INDEX_DIGITS) {
          pattern += name.slice(copied, start) + MARK;
          copied = i;
          numbers.push(value);
        }
        start = i + 1;
        value = 0;
        isDigits = true;
      } else if (code >= DIGIT_0 && code <= DIGIT_9) value = value * 10 + code - DIGIT_0;
      else {
        isDigits = false;
        if (code === 0) holdsMark = true;
      }
    }
    return copied === 0 && numbers.length === 0 ? name : pattern + name.slice(copied);
  }

  function planIn(shape: Shape, name: string, fresh: NameParts | undefined): Plan {
    if (shape.plan) return shape.plan;
    const role = shape.roleSlots.map((slot) => numbers[slot]).join(".");
    const known = shape.plans.get(role) ?? shape.plans.get(name);
    if (known) return known;
    const plan = planOf(fresh ?? takeApart(name, facts));
    if (shape.plans.size >= MAX_REMEMBERED) return plan;
    if (!plan.isShared) shape.plans.set(name, plan);
    else if (shape.roleSlots.length > 0) shape.plans.set(role, plan);
    else if (shape.plans.size === 0) shape.plan = plan;
    return plan;
  }

  return ({ name, type }) => {
    const pattern = patternOf(name);
    const key = name.endsWith(".weight") ? pattern : pattern + neighbourKey(name, facts);
    // A name that holds the mark itself could pass for another pattern, so it's never looked up.
    let shape = holdsMark ? undefined : shapes.get(key);
    let fresh: NameParts | undefined;
    if (!shape) {
      if (shapes.size >= MAX_REMEMBERED) return UNKNOWN_ROLE;
      fresh = takeApart(name, facts);
      shape = shapeOf(fresh);
      if (!holdsMark) shapes.set(key, shape);
    }
    const plan = planIn(shape, name, fresh);
    const layer = numbers[shape.layerSlot];
    const above = layer !== undefined && layer >= textLayers ? plan.aboveText?.() : undefined;
    const { bucket, part, bias, buffer } = above ?? plan.verdict;
    const expert = numbers[shape.expertSlot] ?? shape.expert;
    const isBuffer = buffer || (COUNTING_TYPES.has(type) && bucket !== "quant-side" && !isPayload(name));
    return {
      bucket,
      part: isBuffer && part === "unknown" ? "buffer" : part,
      stack: above ? "mtp" : plan.stack,
      ...(layer !== undefined && { layer: above ? layer - textLayers : layer }),
      ...(expert !== undefined && { expert }),
      ...(isBuffer && { buffer: true }),
      bias: bias && !isBuffer,
    };
  };
}
