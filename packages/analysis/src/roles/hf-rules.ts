/**
 * The language in which the knowledge of Hugging Face tensor names is written down, and the order of its tables.
 *
 * A rule looks at the *path* of a tensor: the segments of its name after wrappers, the stack's prefix, the layer
 * number and `.weight` / `.bias` are cut. `model.layers.3.mlp.experts.7.down_proj.weight` has the path
 * `mlp.experts.7.down_proj`; a tensor outside the layers keeps its whole name.
 *
 * `match` reads like a CSS selector:
 * - `self_attn.q_proj`   these segments in a row, at the end of the path;
 * - `a|b`                either segment; `*` stands for any run of characters inside one segment;
 * - `experts w1`         a space means "somewhere below";
 * - `^encoder.conv1`     `^` ties it to the start of the path.
 * Numbers in a path are stepped over unless the rule names them, so `to_out` matches `to_out.0`.
 *
 * The first rule that matches wins, so the order of tables and rows is part of the knowledge.
 */
import type { Bucket } from "./role.ts";

export interface HfRuleOptions {
  /** False where the name ends in `bias` but no projection or norm adds it. */
  readonly bias?: false;
  /** Derived or fixed, not learned. */
  readonly buffer?: true;
  /** A tensor that must stand beside this one, named from the parent of the path's last segment. */
  readonly sibling?: string;
  /** A tensor that the checkpoint must hold, by its whole name: it tells apart two files of one model. */
  readonly having?: string;
  /** `model_type`s to which the rule is confined, where one name means two things. */
  readonly architectures?: readonly string[];
  /** Lists of layers to which the rule is confined: the word before the layer's number. */
  readonly lists?: readonly string[];
}

/** `[match, part, options]`; `{leaf}` in `part` stands for the last segment of the path. */
export type HfRuleRow = readonly [match: string, part: string, options?: HfRuleOptions];

export interface HfRuleTable {
  readonly bucket: Bucket;
  readonly rows: readonly HfRuleRow[];
}

export function table(bucket: Bucket, rows: readonly HfRuleRow[]): HfRuleTable {
  return { bucket, rows };
}
