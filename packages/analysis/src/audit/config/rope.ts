/** Rotary positions and context: values that can't be meant. */
import type { Evidence, JsonObject, JsonValue } from "@checkpoint-inspect/parser";

import { asNumber, asObject } from "../../json.ts";
import type { AuditRule } from "../rule.ts";
import { isWholeModel } from "../stacks.ts";
import type { Subject } from "../subject.ts";
import { configNumber, configValue, textScopes } from "./read.ts";

/** The rotary settings of the config: one object, or one for each type of layer (transformers 5, `rope_parameters`). */
export function ropeSettings(subject: Subject): readonly { readonly key: string; readonly rope: JsonObject }[] {
  const found: { key: string; rope: JsonObject }[] = [];
  for (const scope of textScopes(subject)) {
    for (const key of ["rope_scaling", "rope_parameters"] as const) {
      const rope = asObject(scope[key]);
      if (!rope) continue;
      const inner = Object.entries<JsonValue>(rope).flatMap(([name, value]) => {
        const own = asObject(value);
        return own ? [{ key: `${key}.${name}`, rope: own }] : [];
      });
      found.push(
        ...(inner.length > 0 && rope.rope_type === undefined && rope.type === undefined ? inner : [{ key, rope }]),
      );
    }
    // What the text model says goes before what stands at the root.
    if (found.length > 0) break;
  }
  return found;
}

/** Types of scaling that stretch the positions by a factor. */
const STRETCHED: ReadonlySet<JsonValue | undefined> = new Set(["linear", "dynamic", "yarn", "llama3"]);

function* ropeScaling(subject: Subject): Iterable<Evidence> {
  if (subject.checkpoint.format !== "safetensors" || !isWholeModel(subject)) return;
  const file = subject.checkpoint.config?.file;
  const context = configNumber(subject, "max_position_embeddings");
  for (const { key, rope } of ropeSettings(subject)) {
    const type = rope.rope_type ?? rope.type;
    const factor = asNumber(rope.factor);
    if (STRETCHED.has(type) && factor !== undefined && factor < 1) {
      yield { message: `${file} ${key}.factor is ${factor}, below 1` };
    }
    const original = asNumber(rope.original_max_position_embeddings);
    if (STRETCHED.has(type) && original !== undefined && context !== undefined && original > context) {
      yield {
        message: `${file} ${key}.original_max_position_embeddings is ${original}, max_position_embeddings is ${context}`,
        // Small models made for tests keep their class's default.
        severity: "note",
        why: "positions are stretched from a longer context to a shorter one",
      };
    }
  }
}

function* emptyWindow(subject: Subject): Iterable<Evidence> {
  if (subject.checkpoint.format !== "safetensors" || !isWholeModel(subject)) return;
  const types = configValue(subject, "layer_types");
  if (configValue(subject, "sliding_window") !== 0 || !Array.isArray(types) || !types.includes("sliding_attention"))
    return;
  yield { message: `${subject.checkpoint.config?.file} sliding_window is 0, and layer_types has layers with a window` };
}

export const POSITION_RULES: readonly AuditRule[] = [
  {
    id: "config/rope-scaling",
    severity: "warning",
    severities: ["note"],
    means: "the scaling of rotary positions shortens the context instead of stretching it",
    why: "scaling makes the context longer, by a factor of 1 or more; loaders warn, and long texts come out wrong",
    fix: "take factor and context from the original model's config",
    check: ropeScaling,
  },
  {
    id: "config/empty-window",
    severity: "warning",
    means: "layers attend within a window of no tokens",
    why: "a window of 0 leaves a layer nothing to attend to, or is taken for none",
    fix: "take sliding_window from the original model's config",
    check: emptyWindow,
  },
];
