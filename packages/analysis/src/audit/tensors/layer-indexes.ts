/** Layers that are missing between others, and those that a missing file takes with it. */
import type { Evidence } from "@checkpoint-inspect/parser";
import { rangesOf } from "../../patterns/words.ts";
import type { Stack } from "../../roles/role.ts";
import type { AuditRule } from "../rule.ts";
import { type HeldLayer, isWholeModel, layersByStack, partOf, shortRanges } from "../stacks.ts";
import type { Subject } from "../subject.ts";
import { isPlain } from "./plain-models.ts";

// --- gaps ---------------------------------------------------------------------------------------------------------------

/** Layers that are transformer layers or their like; lists of convolutions and activations have gaps by nature. */
function areBlocks(layers: readonly HeldLayer[]): boolean {
  const blocks = layers.filter(({ layer }) => layer.mixers.length > 0 || layer.feedForward !== "none");
  return blocks.length >= 0.8 * layers.length;
}

function* layerGaps(subject: Subject): Iterable<Evidence> {
  if (!subject.complete || !isWholeModel(subject)) return;
  const hasTable = subject.restKinds.some(({ stack, kind }) => stack === "text" && kind.bucket === "embedding");
  for (const [stack, layers] of layersByStack(subject)) {
    if (stack === "mtp" || layers.length < 2 || !areBlocks(layers)) continue;
    // Without the table of the text it may be the back of a model that was cut in two.
    const missing = gapsBetween(layers, hasTable && stack === "text" ? -1 : undefined);
    const count = missing.reduce((sum, [first, last]) => sum + last - first + 1, 0);
    if (count === 0 || count > layers.length) continue;
    const held = rangesOf(layers.map(({ layer }) => layer.index));
    const name = stack === "text" ? "" : `${stack} `;
    yield {
      message: `${name}layers ${shortRanges(held)} are there, ${shortRanges(missing)} ${count === 1 ? "is" : "are"} not`,
    };
  }
}

/** Ranges of indexes between those of the layers; from `before` on, where the stack has to begin there. */
function gapsBetween(layers: readonly HeldLayer[], before: number | undefined): readonly (readonly [number, number])[] {
  const gaps: [number, number][] = [];
  let last = before;
  for (const { layer } of layers) {
    if (last !== undefined && layer.index > last + 1) gaps.push([last + 1, layer.index - 1]);
    last = layer.index;
  }
  return gaps;
}

// --- what a missing file takes with it ------------------------------------------------------------------------------------

/** Signatures that a layer is compared with: models have a handful. */
const MAX_SIGNATURES = 16;

interface Signature {
  readonly counts: ReadonlyMap<string, number>;
  layers: number;
}

function* lostLayers(subject: Subject): Iterable<Evidence> {
  const { checkpoint, complete } = subject;
  if (complete || checkpoint.components || subject.layers.length === 0) return;
  const missing = checkpoint.shards?.missing.length ?? 0;
  const unread = checkpoint.error ? "not read, as the header breaks off" : "lost with the files that can't be read";
  const cause = missing > 0 ? "lost with the missing files" : unread;
  // An index says which tensors its missing files hold, and the reader names them.
  const isKnown = checkpoint.format === "safetensors" && checkpoint.shards?.declaredTensors !== undefined;
  const severity = isKnown ? { severity: "note" as const } : {};
  const stacks = layersByStack(subject);
  for (const [stack, layers] of stacks) {
    const whole = lostWhole(subject, stack, layers);
    const part = stack === "text" && isPlain(subject) ? belowUnion(layers) : partlyLost(layers);
    if (whole.length === 0 && part.length === 0) continue;
    const words = [
      ...(whole.length > 0 ? [`${layerRanges(whole)} whole`] : []),
      ...(part.length > 0 ? [`${layerRanges(rangesOf(part))} in part`] : []),
    ];
    const name = stack === "text" ? "" : `${stack} `;
    yield { message: `${cause}: ${name}${words.join(", ")}`, ...severity };
  }
  const table = subject.restKinds.some(({ kind }) => kind.bucket === "embedding" && kind.part === "token");
  if (!table && stacks.has("text")) yield { message: `${cause}: the token table`, ...severity };
}

/** Indexes that no tensor has, up to the number of layers that is stated. */
function lostWhole(
  { facts }: Subject,
  stack: Stack,
  layers: readonly HeldLayer[],
): readonly (readonly [number, number])[] {
  if (stack === "mtp") return [];
  const gaps = [...gapsBetween(layers, -1)];
  const last = layers.at(-1)?.layer.index ?? 0;
  const count = stack === "text" ? facts.layers : undefined;
  if (count !== undefined && count > last + 1) gaps.push([last + 1, count - 1]);
  return gaps;
}

function layerRanges(ranges: readonly (readonly [number, number])[]): string {
  const [only] = ranges;
  return `${ranges.length === 1 && only?.[0] === only?.[1] ? "layer" : "layers"} ${shortRanges(ranges)}`;
}

/** What a layer of a plain architecture has at least, under one name of each row; a fused matrix stands for its parts. */
const LEAST: readonly RegExp[] = [
  /^attention (?:q|qkv|mla\.q\w*)$/,
  /^attention o$/,
  /^(?:ffn|expert routed\.)\s?(?:up|gate_up)$/,
  /^(?:ffn|expert routed\.)\s?down$/,
];

/**
 * Of layers that are built alike, those that lack what any other one has, or what none of them can do without: where every layer
 * lost something, none is whole to be compared with. The first layers of a mixture of experts are dense, and are told by the latter.
 */
function belowUnion(layers: readonly HeldLayer[]): readonly number[] {
  const held = layers.map(({ kinds }) => new Set([...kinds.keys()].map((kind) => partOf(kind))));
  const all = new Set(held.flatMap((parts) => [...parts]));
  const isMixed = [...all].some((part) => part.startsWith("expert "));
  const compared = new Set(isMixed ? partlyLost(layers) : []);
  return layers.flatMap(({ layer }, i) => {
    const parts = [...(held[i] ?? [])];
    const lacks = LEAST.some((row) => !parts.some((part) => row.test(part)));
    return lacks || (isMixed ? compared.has(layer.index) : parts.length < all.size) ? [layer.index] : [];
  });
}

/** Layers that hold less than others do, and nothing that those don't. */
function partlyLost(layers: readonly HeldLayer[]): readonly number[] {
  const signatures = new Map<string, Signature>();
  const keys: string[] = [];
  for (const { kinds } of layers) {
    const counts = new Map<string, number>();
    for (const [kind, count] of kinds) {
      const part = `${kind.excluded ? "- " : ""}${partOf(kind)}`;
      counts.set(part, (counts.get(part) ?? 0) + count);
    }
    const key = [...counts]
      .map(([part, count]) => `${part}:${count}`)
      .sort()
      .join("|");
    keys.push(key);
    const known = signatures.get(key);
    if (known) known.layers++;
    else signatures.set(key, { counts, layers: 1 });
  }
  const usual = [...signatures.values()].sort((a, b) => b.layers - a.layers).slice(0, MAX_SIGNATURES);
  const less = new Map(
    [...signatures].map(([key, own]) => [key, usual.some((other) => other !== own && isLess(own, other))] as const),
  );
  return layers.flatMap(({ layer }, i) => (less.get(keys[i] ?? "") ? [layer.index] : []));
}

function isLess(own: Signature, other: Signature): boolean {
  if (other.layers < own.layers || own.counts.size > other.counts.size) return false;
  for (const [part, count] of own.counts) if (count > (other.counts.get(part) ?? 0)) return false;
  return true;
}

export const INDEX_RULES: readonly AuditRule[] = [
  {
    id: "tensors/lost-layers",
    severity: "error",
    severities: ["note"],
    means: "layers, or tensors of layers, are in a file or a part of the header that is missing",
    why: "no loader runs the model without them, and every count here lacks them",
    fix: "get the missing files, or the whole file",
    check: lostLayers,
  },
  {
    id: "tensors/layer-gap",
    severity: "error",
    means: "layers are missing between others",
    why: "a loader fails, or fills the missing layers with random numbers",
    fix: "download or convert the model again; look for a shard that was left out",
    check: layerGaps,
  },
];
