/**
 * The shape of an entry of the plain-language guide. The texts are data; only `own` computes, from a Report alone.
 *
 * Texts are plain ASCII without markup, so that any view can wrap and paint them. Sources stand beside the texts that need one.
 */
import type { Report } from "../report.ts";

export interface Formula {
  /** One formula a line; 'about' marks an estimate. */
  readonly lines: readonly string[];
  /** What the letters and words in it stand for; whether it is exact or an estimate. */
  readonly note: string;
}

export interface Term {
  /** What to type: `inspect explain <term>`. */
  readonly term: string;
  readonly aliases: readonly string[];
  readonly title: string;
  /** One line for lists, at most 58 characters: beside the longest term it fits into 80 columns. No capital, no full stop. */
  readonly short: string;
  readonly paragraphs: readonly string[];
  /** A comparison with something that everyone has seen. */
  readonly picture?: string;
  readonly formula?: Formula;
  /** Terms to read next, by their `term`. */
  readonly seeAlso: readonly string[];
  /** What holds for one checkpoint: whole sentences, numbers exact or marked as estimates. */
  own?(report: Report): readonly string[];
}

export interface TermGroup {
  readonly title: string;
  readonly terms: readonly Term[];
}
