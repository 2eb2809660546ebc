/** Scales, zeros and the like of a quantization, of which the weight isn't there. */
import type { Evidence } from "@checkpoint-inspect/parser";

import type { AuditRule } from "../rule.ts";
import { namesOf } from "../stacks.ts";
import type { Subject } from "../subject.ts";

const MAX_EXAMPLES = 3;

/** Sides of weights; those of activations and caches stand alone. */
const OF_WEIGHTS =
  /\.(?:qzeros|g_idx|weight_scale|weight_scale_inv|weight_scale_2|weight_global_scale|weight_shape|weight_zero_point|SCB|(?:weight\.)?(?:absmax|quant_map|quant_state\.[^.]+))$|(?<=[a-z]_proj)_scales$/;

/** The last segment of a name is at most so long in what is looked at: the sides above are. */
const LONGEST_ENDING = 64;

function* orphanScales(subject: Subject): Iterable<Evidence> {
  const { packing, checkpoint, complete } = subject;
  if (!complete || checkpoint.format !== "safetensors") return;
  const suspects: { readonly name: string; readonly stem: string }[] = [];
  for (const { name } of checkpoint.tensors) {
    if (packing?.sideOf(name) !== undefined) continue;
    const match = OF_WEIGHTS.exec(name.slice(-LONGEST_ENDING));
    if (match) suspects.push({ name, stem: name.slice(0, name.length - match[0].length) });
  }
  if (suspects.length === 0) return;
  // A weight of the module by any name: the stem's own, or one behind it that is no side.
  const stems = new Set(suspects.map(({ stem }) => stem));
  const sides = new Set(suspects.map(({ name }) => name));
  const held = new Set<string>();
  for (const { name } of checkpoint.tensors) {
    if (stems.has(name)) held.add(name);
    if (sides.has(name) || packing?.sideOf(name) !== undefined || NO_WEIGHT.test(name.slice(-LONGEST_ENDING))) continue;
    for (const mark of [".", "_"]) {
      const at = name.lastIndexOf(mark);
      if (at > 0 && stems.has(name.slice(0, at))) held.add(name.slice(0, at));
    }
  }
  const orphans = suspects.filter(({ stem }) => !held.has(stem));
  if (orphans.length === 0) return;
  const examples = orphans.slice(0, MAX_EXAMPLES).map(({ name }) => name);
  const [only] = orphans.length === 1 ? examples : [];
  yield {
    message: `${orphans.length} ${orphans.length === 1 ? "tensor unpacks a weight that isn't" : "tensors unpack weights that aren't"} there: ${namesOf(examples, orphans.length)}`,
    ...(only !== undefined && { tensor: only }),
  };
}

/** What stands beside a weight and is none. */
const NO_WEIGHT =
  /\.(?:bias|scales|biases|input_\w+|output_scale|weight_format|pre_quant_scale|[kv]_scale|nested_\w+)$|\.weight\.nested_\w+$/;

export const ORPHAN_RULES: readonly AuditRule[] = [
  {
    id: "quantization/orphan-scales",
    severity: "error",
    means: "scales, zeros or other sides of a quantization stand without their weight",
    why: "the weight that they are for was lost, or replaced by one that they don't belong to",
    fix: "download or quantize the model again; after replacing weights, remove their old scales",
    check: orphanScales,
  },
];
