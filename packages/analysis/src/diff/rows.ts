/** What a match comes to: same, other type, other shape, other layout, tied, or only there; with words where a kind alone says too little. */
import type { PlacedTensor } from "../placed-tensor.ts";
import type { Role } from "../roles/role.ts";
import { formatBytes, formatExact, plural } from "../units.ts";
import type { Match } from "./match.ts";
import type { DiffHalf, DiffKind, DiffRow, DiffSide, DiffTensor } from "./types.ts";
import { typeOf, type Unit } from "./units.ts";

interface Verdict {
  readonly kind: DiffKind;
  readonly words?: string | undefined;
}

/** Makes rows of matches of these two sides. */
export function rowMaker(a: DiffSide, b: DiffSide): (match: Match) => DiffRow {
  return (match) => {
    const { kind, words } = match.a.length > 0 && match.b.length > 0 ? both(match, a, b) : alone(match, a, b);
    return { kind, role: rowRole(match), a: half(match.a), b: half(match.b), ...(words && { words }) };
  };
}

/** As the side has it that keeps it in fewer tensors: the whole has a name, not its pieces. Several experts are none of them. */
function rowRole({ a, b }: Match): Role {
  const [first] = a.length === 0 || (b.length > 0 && b.length < a.length) ? b : a;
  const { role } = (first as Unit).weight;
  if (role.expert === undefined || (a.length <= 1 && b.length <= 1)) return role;
  const { expert: _, ...rest } = role;
  return rest;
}

function half(units: readonly Unit[]): DiffHalf {
  const tensors = units.flatMap(({ weight, sides, type }) => [
    tensorOf(weight, type),
    ...sides.map((side): DiffTensor => ({ ...tensorOf(side, typeOf(side, 0)), side: true })),
  ]);
  return {
    tensors,
    type: typesOf(units),
    parameters: tensors.reduce((sum, { parameters }) => sum + parameters, 0),
    bytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function tensorOf({ tensor, shape, parameters }: PlacedTensor, type: string): DiffTensor {
  return { name: tensor.name, type, shape, parameters, bytes: tensor.sizeBytes };
}

/** Most bytes first, so that a stack in two types says what most of it is. */
function typesOf(units: readonly Unit[]): string {
  const [first] = units;
  if (first && units.length === 1) return first.type;
  const bytes = new Map<string, number>();
  for (const { type, weight } of units) bytes.set(type, (bytes.get(type) ?? 0) + weight.tensor.sizeBytes);
  return [...bytes]
    .sort((one, other) => other[1] - one[1] || (one[0] < other[0] ? -1 : 1))
    .map(([type]) => type)
    .join(" + ");
}

// --- on one side alone ----------------------------------------------------------------------------------------------------

const EXCLUDED_WORDS = {
  buffer: "derived, no parameters",
  duplicate: "a copy of another table",
  "quant-side": "unpacks weights that aren't there",
  statistics: "statistics, no parameters",
} as const;

function alone({ a: [inA], b: [inB] }: Match, a: DiffSide, b: DiffSide): Verdict {
  const [unit, name, otherName, other] = inA ? [inA, "A", "B", b] : [inB as Unit, "B", "A", a];
  const { role, excluded } = unit.weight;
  const isHead = role.bucket === "head" && role.part === "lm_head" && !role.bias;
  if (isHead && other.report.model.tiedEmbeddings === true) {
    const stores =
      excluded === "duplicate" ? `${name} stores a copy of its embedding table` : `${name} has a head of its own`;
    return { kind: "tied", words: `${otherName} uses its embedding table; ${stores}` };
  }
  if (excluded === "duplicate") return { kind: "tied", words: `${name} stores this table twice, ${otherName} once` };
  return { kind: inA ? "only-a" : "only-b", words: excluded && EXCLUDED_WORDS[excluded] };
}

// --- on both sides --------------------------------------------------------------------------------------------------------

function both({ a, b }: Match, sideA: DiffSide, sideB: DiffSide): Verdict {
  const typesDiffer = typesOf(a) !== typesOf(b);
  const kind = typesDiffer ? "type" : undefined;
  if (![...a, ...b].every(({ known }) => known)) {
    const differ = typesDiffer || sizeOf(a) !== sizeOf(b);
    return differ ? { kind: "type", words: "the packing isn't known, so shapes can't be compared" } : { kind: "same" };
  }
  if (sizeOf(a) !== sizeOf(b)) return { kind: "shape", words: shapeWords(a, b, sideA, sideB) };
  const layout = layoutWords(a, b);
  if (layout !== undefined) return { kind: kind ?? "layout", words: layout };
  if (kind) return { kind };
  const [bytesA, bytesB] = [bytesOf(a), bytesOf(b)];
  if (bytesA === bytesB) return { kind: "same" };
  return { kind: "type", words: `with its scales ${formatBytes(bytesA)} in A, ${formatBytes(bytesB)} in B` };
}

const sizeOf = (units: readonly Unit[]): number => units.reduce((sum, { size }) => sum + size, 0);

function bytesOf(units: readonly Unit[]): number {
  return units.reduce(
    (sum, { weight, sides }) =>
      sum + weight.tensor.sizeBytes + sides.reduce((all, { tensor }) => all + tensor.sizeBytes, 0),
    0,
  );
}

/** How the same number of parameters is arranged otherwise; undefined where it isn't. */
function layoutWords(a: readonly Unit[], b: readonly Unit[]): string | undefined {
  const [one, other] = [a[0] as Unit, b[0] as Unit];
  if (a.length > 1 || b.length > 1) {
    const [partsA, partsB] = [partsOf(a), partsOf(b)];
    const named = partsA !== partsB;
    const side = (units: readonly Unit[], parts: string) =>
      `${units.length === 1 ? "one tensor" : plural(units.length, "tensor")}${named ? ` (${parts})` : ""}`;
    return `${side(a, partsA)} in A, ${side(b, partsB)} in B`;
  }
  if (!one.hasShape || !other.hasShape) return undefined;
  const [shapeA, shapeB] = [one.weight.shape, other.weight.shape];
  if (sameShape(shapeA, shapeB)) return undefined;
  return `${arrangement(shapeA, shapeB)}: ${formatShape(shapeA)} in A, ${formatShape(shapeB)} in B`;
}

function arrangement(a: readonly number[], b: readonly number[]): string {
  const [bareA, bareB] = [a, b].map((shape) => shape.filter((n) => n !== 1)) as [number[], number[]];
  if (sameShape(bareA, bareB)) return "apart by dimensions of 1";
  if (bareA.length === 2 && sameShape(bareA, bareB.toReversed())) return "transposed";
  const ordered = (shape: readonly number[]) => shape.toSorted((x, y) => x - y);
  return sameShape(ordered(bareA), ordered(bareB)) ? "dimensions in another order" : "reshaped";
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

function partsOf(units: readonly Unit[]): string {
  return [...new Set(units.map(({ weight }) => weight.role.part))].sort().join(", ");
}

function shapeWords(a: readonly Unit[], b: readonly Unit[], sideA: DiffSide, sideB: DiffSide): string {
  const [one, other] = [a[0] as Unit, b[0] as Unit];
  if (a.length > 1 || b.length > 1) return `${pieces(a)} in A, ${pieces(b)} in B`;
  if (!one.hasShape || !other.hasShape) return `${plural(one.size, "weight")} in A, ${formatExact(other.size)} in B`;
  const [shapeA, shapeB] = [one.weight.shape, other.weight.shape];
  const { bucket, part, bias } = one.weight.role;
  const isTable = (bucket === "embedding" && part === "token") || (bucket === "head" && part === "lm_head" && !bias);
  if (isTable && shapeA.length === shapeB.length && sameShape(shapeA.slice(1), shapeB.slice(1)))
    return rowWords(shapeA[0] ?? 0, shapeB[0] ?? 0, sideA, sideB);
  return `${formatShape(shapeA)} in A, ${formatShape(shapeB)} in B`;
}

function pieces(units: readonly Unit[]): string {
  const [first] = units;
  return units.length === 1 && first?.hasShape ? formatShape(first.weight.shape) : plural(units.length, "tensor");
}

/** Tables of the vocabulary are filled up to a round number, and fine-tunes add a few tokens: no more than this share of the rows. */
const ADDED_SHARE = 0.02;

function rowWords(rowsA: number, rowsB: number, sideA: DiffSide, sideB: DiffSide): string {
  const [more, most] = [Math.abs(rowsA - rowsB), Math.max(rowsA, rowsB)];
  const [name, { report }] = rowsA > rowsB ? ["A", sideA] : ["B", sideB];
  const words = `${formatExact(rowsA)} rows in A, ${formatExact(rowsB)} in B`;
  if (more > ADDED_SHARE * most) return words;
  const { vocabularySize } = report.model;
  const isUnused = vocabularySize !== null && most > vocabularySize;
  const why = isUnused
    ? `unused: its vocabulary has ${plural(vocabularySize, "token")}`
    : "unused ones that fill the table up, or added tokens";
  return `${words}: ${formatExact(more)} more in ${name}, ${why}`;
}

/** No layer has more dimensions than this; a file may claim any number. */
const DIMENSIONS_SHOWN = 6;

function formatShape(shape: readonly number[]): string {
  if (shape.length === 0) return "a single number";
  const shown = shape.length <= DIMENSIONS_SHOWN ? shape : shape.slice(0, 3);
  const text = shown.map((n) => formatExact(n)).join(" x ");
  return shown === shape ? text : `${text} x ... (${formatExact(shape.length)} dimensions)`;
}
