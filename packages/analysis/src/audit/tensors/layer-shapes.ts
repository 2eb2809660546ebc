/**
 * Weights whose shape is another one than in the other layers.
 *
 * Where a loader builds every layer alike, each odd shape is one that it refuses. Elsewhere layers may have widths of their own
 * (OpenELM, Gemma 3n, pruned models), in many shapes or with many elements more or fewer: there only a shape that stands alone and
 * has the elements of the usual one is doubted, which is a weight transposed or flattened.
 */
import type { Evidence } from "@checkpoint-inspect/parser";

import type { TensorKind } from "../../patterns/traits.ts";
import type { Stack } from "../../roles/role.ts";
import type { AuditRule } from "../rule.ts";
import { type HeldLayer, isWholeModel, layerWords, mainLayers, partOf, weightShape } from "../stacks.ts";
import type { Subject } from "../subject.ts";
import { isNeeded, nameIn } from "./layer-parts.ts";
import { isPlain, statesLayers } from "./plain-models.ts";

/** Layers of one make-up below which no shape is the odd one. */
const FEWEST_ALIKE = 4;

/** The layers that have a part in one shape. */
interface Shaped {
  readonly shape: readonly number[];
  readonly kind: TensorKind;
  readonly layers: number[];
}

/** Routers and stacks, in which one size is a number of experts: those have rules of their own. */
function countsExperts({ bucket, part, dimensions }: TensorKind): boolean {
  return bucket === "expert" && (part.startsWith("router") || dimensions > 2);
}

/** Layers of one stack with the same mixers and feed-forward part. */
function madeAlike(layers: readonly HeldLayer[]): readonly (readonly HeldLayer[])[] {
  const groups = new Map<string, HeldLayer[]>();
  for (const held of layers) {
    const { stack, mixers, feedForward } = held.layer;
    const key = `${stack} ${mixers.join("+")} ${feedForward}`;
    const group = groups.get(key);
    if (group) group.push(held);
    else groups.set(key, [held]);
  }
  return [...groups.values()].filter(({ length }) => length >= FEWEST_ALIKE);
}

/** Of every needed part its shapes, the most frequent one first; parts of which a shape isn't known are left out. */
function shapesOf(subject: Subject, group: readonly HeldLayer[]): readonly (readonly Shaped[])[] {
  const parts = new Map<string, Map<string, Shaped> | undefined>();
  for (const { layer, kinds } of group) {
    for (const kind of kinds.keys()) {
      if (kind.bias || !isNeeded(kind) || countsExperts(kind)) continue;
      const part = partOf(kind);
      const shape = weightShape(subject, kind);
      const known = parts.has(part) ? parts.get(part) : new Map<string, Shaped>();
      parts.set(part, shape && known);
      if (!shape || !known) continue;
      const same = known.get(shape.join()) ?? { shape, kind, layers: [] };
      known.set(shape.join(), same);
      if (same.layers.at(-1) !== layer.index) same.layers.push(layer.index);
    }
  }
  return [...parts.values()].flatMap((shapes) =>
    shapes ? [[...shapes.values()].sort((a, b) => b.layers.length - a.layers.length)] : [],
  );
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The odd shapes of a part. */
function oddOf([usual, ...others]: readonly Shaped[], layers: number, isAlike: boolean): readonly Shaped[] {
  if (!usual || usual.layers.length < FEWEST_ALIKE || others.length === 0) return [];
  if (isAlike) return usual.layers.length > layers / 2 ? others : [];
  const [odd, ...more] = others;
  const isAlone = odd?.layers.length === 1 && more.length === 0;
  return isAlone && elements(odd.shape) === elements(usual.shape) ? [odd] : [];
}

interface Oddness {
  readonly odd: Shaped;
  readonly usual: Shaped;
  parts: number;
}

function* oddShapes(subject: Subject): Iterable<Evidence> {
  const { checkpoint } = subject;
  // llama.cpp compares the shapes of GGUF with hyper-parameters; those rules stand with the others of its metadata.
  if (checkpoint.format !== "safetensors" || !isWholeModel(subject) || statesLayers(subject)) return;
  const isAlike = isPlain(subject);
  for (const group of madeAlike(mainLayers(subject))) {
    const found = new Map<string, Oddness>();
    for (const shapes of shapesOf(subject, group)) {
      const [usual] = shapes;
      for (const odd of usual ? oddOf(shapes, group.length, isAlike) : []) {
        const key = odd.layers.join();
        const known = found.get(key);
        if (known) known.parts++;
        else if (usual) found.set(key, { odd, usual, parts: 1 });
      }
    }
    const stack = group[0]?.layer.stack ?? "text";
    for (const oddness of found.values()) yield evidence(subject, stack, oddness, isAlike);
  }
}

function evidence(subject: Subject, stack: Stack, { odd, usual, parts }: Oddness, isAlike: boolean): Evidence {
  const [index = 0] = odd.layers;
  const name = nameIn(subject, odd.kind, stack, index) ?? partOf(odd.kind);
  const more = parts > 1 ? `, and ${parts - 1} more ${parts === 2 ? "tensor differs" : "tensors differ"}` : "";
  return {
    ...(isAlike && { severity: "error" as const }),
    message: `${layerWords(stack, odd.layers)}: ${name} is [${odd.shape.join(", ")}], in ${usual.layers.length} other layers [${usual.shape.join(", ")}]${more}`,
    ...(odd.layers.length === 1 && { tensor: odd.kind.first.name }),
  };
}

export const SHAPE_RULES: readonly AuditRule[] = [
  {
    id: "tensors/odd-shape",
    severity: "warning",
    severities: ["error"],
    means: "a weight has another shape than in the other layers, and nothing says that it should",
    why: "loaders build these layers alike: they refuse the shape, or read the numbers in the wrong order",
    fix: "take the layers from the same model; convert the weight again if it was transposed or flattened",
    check: oddShapes,
  },
];
