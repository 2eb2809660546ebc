/**
 * Sizes that tensors show and nobody needs to state: rows of the token table, widths of feed-forward networks and experts.
 *
 * A size is given only where all tensors of its kind agree on it.
 */
import type { LayerTraits } from "./patterns/traits.ts";
import type { PlacedTensor } from "./placed-tensor.ts";

export interface MeasuredSizes {
  /** Rows of the token table. */
  readonly vocabularySize?: number;
  /** Inner width of one routed expert. */
  readonly expertFeedForwardSize?: number;
}

/** Stacks that a token table or an expert may stand in; those of towers and of pipelines say nothing of the model as a whole. */
const MAIN_STACKS: ReadonlySet<string> = new Set(["text", "encoder", "decoder"]);

/** Sees each placed tensor once. @param hiddenSize width that the experts read; without it their width isn't told. */
export function sizeCollector(hiddenSize: number | undefined): {
  visit(placed: PlacedTensor): void;
  sizes(): MeasuredSizes;
} {
  const rows = new Set<number>();
  const widths = new Set<number>();

  function visit({ role, shape, parameters, excluded }: PlacedTensor): void {
    const { bucket, part, bias, stack } = role;
    if (bias || excluded || !MAIN_STACKS.has(stack)) return;
    if (bucket === "embedding" && part === "token" && shape.length === 2) rows.add(shape[0] as number);
    if (bucket !== "expert" || !hiddenSize) return;
    const matrices = part === "routed.up" || part === "routed.gate" ? 1 : part === "routed.gate_up" ? 2 : 0;
    // A matrix for each expert, or a stack of them with the expert in front.
    const experts = shape.length === 2 ? (role.expert === undefined ? 0 : 1) : shape.length > 2 ? (shape[0] ?? 0) : 0;
    if (matrices > 0 && experts > 0) widths.add(parameters / (hiddenSize * matrices * experts));
  }

  return {
    visit,
    sizes: () => ({
      ...only("vocabularySize", rows),
      ...only("expertFeedForwardSize", widths),
    }),
  };
}

function only<K extends keyof MeasuredSizes>(key: K, values: ReadonlySet<number>): MeasuredSizes {
  const [value] = values;
  return values.size === 1 && value && Number.isInteger(value) ? { [key]: value } : {};
}

/**
 * Inner width of the dense feed-forward networks: parameters of the matrix up / model width, where all layers agree.
 * @param traits of the layers of the main stack
 */
export function denseWidth(traits: readonly LayerTraits[], hiddenSize: number | undefined): number | undefined {
  if (!hiddenSize) return undefined;
  const widths = new Set(traits.flatMap(({ ffnUp }) => (ffnUp === undefined ? [] : [ffnUp / hiddenSize])));
  const [width] = widths;
  return widths.size === 1 && width && Number.isInteger(width) ? width : undefined;
}
