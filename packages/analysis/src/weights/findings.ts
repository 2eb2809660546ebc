/** What was found in the data of a checkpoint's tensors, in findings. */
import {
  addFinding,
  type Checkpoint,
  type Evidence,
  type Finding,
  findingList,
  findingOf,
  grouped,
  listedFindings,
  quoted,
  type Rule,
  type Tensor,
} from "@checkpoint-inspect/parser";

import { modelFacts } from "../facts.ts";
import { placer } from "../place.ts";
import type { PlacedTensor } from "../placed-tensor.ts";
import { formatBytes, plural } from "../units.ts";
import { FLOAT_FORMATS } from "./float-formats.ts";
import { WEIGHT_RULES, type WeightRule } from "./rules.ts";
import type { Irregular, Tally } from "./scan.ts";
import { type ValueCheck, valueCheck } from "./value-checks.ts";

/** Why the reading of a part stopped. */
export interface ReadProblem {
  /** Absolute byte in the part. */
  readonly offset: number;
  /** `input/output error (EIO)`; absent where the file simply ended. */
  readonly error?: string;
}

export interface HashResult {
  readonly expected: string;
  readonly actual: string;
  /** Where the expected one stands: `SHA256SUMS`. */
  readonly from: string;
}

/** What reading the data came to. Tensors and parts by their index in the checkpoint. */
export interface WeightsScan {
  /** Tensors with values that aren't finite. */
  readonly irregular: ReadonlyMap<number, Tally>;
  /** Tensors that were read whole and hold nothing but zeros. */
  readonly zero: readonly number[];
  readonly notLookedAt: readonly number[];
  readonly problems: ReadonlyMap<number, ReadProblem>;
  readonly hashes: ReadonlyMap<number, HashResult>;
}

/** Findings in the order of parts and tensors, per rule at most a hundred. */
export function weightFindings(checkpoint: Checkpoint, scan: WeightsScan): Finding[] {
  const list = findingList();
  const add = (id: WeightRule, evidence: Evidence): void =>
    addFinding(list, findingOf(id, WEIGHT_RULES[id] satisfies Rule, evidence));
  const place = lazyPlacer(checkpoint);
  for (const [part, problem] of byIndex(scan.problems)) add(...problemEvidence(checkpoint, part, problem));
  for (const [part, hash] of byIndex(scan.hashes)) {
    if (hash.actual === hash.expected) continue;
    add("weights/hash-mismatch", {
      message: `the sha256 of ${nameOf(checkpoint, part)} is ${hash.actual}, ${hash.from} says ${hash.expected}`,
      part: nameOf(checkpoint, part),
    });
  }
  for (const [i, [index, tally]] of byIndex(scan.irregular).entries()) {
    const tensor = checkpoint.tensors[index];
    const check = tensor && valueCheck(tensor);
    if (!tensor || !check) continue;
    for (const kind of ["nan", "infinite"] as const) {
      const irregular = tally[kind];
      if (!irregular) continue;
      if (i < MOST_PLACED) add(...irregularEvidence(checkpoint, place(tensor), check, kind, irregular));
      else add(irregularRule(check, kind), { message: "" });
    }
  }
  for (const evidence of zeroEvidence(checkpoint, scan.zero, place)) add("weights/all-zero", evidence);
  for (const evidence of unseenEvidence(checkpoint, scan.notLookedAt)) add("weights/not-looked-at", evidence);
  return listedFindings(list);
}

/** Tensors that are described. A list keeps a hundred of a rule; of the others only their number matters. */
const MOST_PLACED = 200;

const irregularRule = (check: ValueCheck, kind: "nan" | "infinite"): WeightRule =>
  check.kind === "scales" ? `weights/${kind}-scale` : `weights/${kind}`;

const byIndex = <T>(entries: ReadonlyMap<number, T>): (readonly [number, T])[] =>
  [...entries].sort(([a], [b]) => a - b);

const nameOf = (checkpoint: Checkpoint, part: number): string => checkpoint.parts[part]?.name ?? `part ${part + 1}`;

/** Where nothing was found, which is the rule, no tensor is placed. */
function lazyPlacer(checkpoint: Checkpoint): (tensor: Tensor) => PlacedTensor {
  let place: ((tensor: Tensor) => PlacedTensor) | undefined;
  return (tensor) => {
    place ??= placer(checkpoint, modelFacts(checkpoint));
    return place(tensor);
  };
}

function problemEvidence(
  checkpoint: Checkpoint,
  part: number,
  { offset, error }: ReadProblem,
): [id: WeightRule, evidence: Evidence] {
  const name = nameOf(checkpoint, part);
  if (error !== undefined) {
    const message = `${name} can't be read from byte ${grouped(offset)} on: ${error}`;
    return ["weights/unreadable", { message, part: name, offset }];
  }
  const size = grouped(checkpoint.parts[part]?.sizeBytes ?? 0);
  const message = `${name} ended at byte ${grouped(offset)} while it was read; it had ${size} when it was opened`;
  return ["weights/file-shrank", { message, part: name, offset }];
}

const WORDS = { nan: "NaN", infinite: "infinite" } as const;

function irregularEvidence(
  checkpoint: Checkpoint,
  { tensor, excluded }: PlacedTensor,
  check: ValueCheck,
  kind: "nan" | "infinite",
  irregular: Irregular,
): [id: WeightRule, evidence: Evidence] {
  const { count, at, bits, negative } = irregular;
  const place = {
    part: nameOf(checkpoint, tensor.part),
    tensor: tensor.name,
    offset: tensor.offset + at,
  };
  const name = quoted(tensor.name, MAX_NAME);
  if (check.kind === "scales") {
    const id = irregularRule(check, kind);
    const units = tensor.sizeBytes / check.unitBytes;
    const unit = Math.floor(at / check.unitBytes);
    const first = unit * check.unitElements;
    const elements = `elements ${grouped(first)} to ${grouped(first + check.unitElements - 1)}`;
    const which = `${irregular.field ?? "the scale"} (${bits}) of ${check.unit} ${grouped(unit)}, ${elements}`;
    const counted = `${plural(count, "scale")} of ${plural(units, check.unit)}`;
    const message = `${name} (${tensor.type}): ${counted} ${count === 1 ? "is" : "are"} ${WORDS[kind]}; the first is ${which}`;
    // llama.cpp lets every value of these pass, and reads NaN as 0 on the CPU.
    const lenient = tensor.type === "NVFP4" && {
      severity: "warning" as const,
      why: "llama.cpp reads such a scale as 0, and the weights below it are lost; other software reads NaN",
    };
    return [id, { message, ...place, ...lenient }];
  }
  const elementBytes = check.kind === "elements" ? FLOAT_FORMATS[check.format].bytes * check.parts : 1;
  const element = Math.floor(at / elementBytes);
  const value = kind === "nan" ? bits : negative ? "-inf" : "+inf";
  const counted = `${grouped(count)} of ${plural(tensor.elements, "value")} ${count === 1 ? "is" : "are"} ${WORDS[kind]}`;
  const which = `element ${grouped(element)}${coordinates(element, tensor.shape)}, ${value}`;
  const derived = (excluded === "buffer" || excluded === "statistics") && {
    severity: "note" as const,
    why: "it is no weight but derived or recorded values, and a mask may hold such on purpose",
    fix: "nothing, if this tensor is meant to",
  };
  return [
    irregularRule(check, kind),
    { message: `${name} (${tensor.type}): ${counted}; the first is ${which}`, ...place, ...derived },
  ];
}

/** ` at [3, 210]`: the indices of an element, row-major. */
function coordinates(element: number, shape: readonly number[]): string {
  if (shape.length < 2) return "";
  const indices: number[] = [];
  let rest = element;
  for (const dim of [...shape].reverse()) {
    indices.unshift(rest % dim);
    rest = Math.floor(rest / dim);
  }
  return ` at [${indices.map(grouped).join(", ")}]`;
}

/** Names come out of files. */
const MAX_NAME = 120;
/** As many are reported one by one; more of them have one cause, and are one finding a part. */
const MOST_ALONE = 4;
const NAMED = 3;

function zeroEvidence(
  checkpoint: Checkpoint,
  zero: readonly number[],
  place: (tensor: Tensor) => PlacedTensor,
): Evidence[] {
  const odd = zero
    .flatMap((index) => checkpoint.tensors[index] ?? [])
    .filter((tensor) => isMatrix(tensor) && isOddAsZero(place(tensor)));
  if (odd.length <= MOST_ALONE) {
    return odd.map((tensor) => ({
      message: `${quoted(tensor.name, MAX_NAME)} (${tensor.type}): all ${plural(tensor.elements, "value")} are zero`,
      part: nameOf(checkpoint, tensor.part),
      tensor: tensor.name,
      offset: tensor.offset,
    }));
  }
  return byIndex(groupBy(odd, ({ part }) => part)).map(([part, tensors]) => {
    const bytes = tensors.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const all = checkpoint.parts[part]?.tensorCount ?? tensors.length;
    const named = tensors.slice(0, NAMED).map(({ name }) => quoted(name, MAX_NAME));
    const more = tensors.length - named.length;
    const names = more > 0 ? `${named.join(", ")} and ${grouped(more)} more` : named.join(", ");
    return {
      message: `${grouped(tensors.length)} of ${plural(all, "tensor")} (${formatBytes(bytes)}) hold nothing but zeros: ${names}`,
      part: nameOf(checkpoint, part),
      offset: Math.min(...tensors.slice(0, 1).map(({ offset }) => offset)),
    };
  });
}

/** Vectors may well be zero: biases are before training, and so are the norms that add one to their weight. */
const isMatrix = ({ shape }: Tensor): boolean => shape.filter((dim) => dim > 1).length > 1;

/** What isn't learned (masks, zero points, counts) may be zero throughout. */
const isOddAsZero = ({ role, excluded }: PlacedTensor): boolean =>
  !role.bias && (excluded === undefined || excluded === "duplicate");

function unseenEvidence(checkpoint: Checkpoint, notLookedAt: readonly number[]): Evidence[] {
  const tensors = notLookedAt.flatMap((index) => checkpoint.tensors[index] ?? []);
  return [...groupBy(tensors, ({ type }) => type)].map(([type, own]) => {
    const bytes = own.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return {
      message: `${plural(own.length, "tensor")} of type ${type} (${formatBytes(bytes)}): where its scales stand isn't known here`,
    };
  });
}

function groupBy<K, T>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const own = groups.get(keyOf(item));
    if (own) own.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
