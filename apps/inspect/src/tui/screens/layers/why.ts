/** What `i` shows on the layers screen: what the part under the cursor does, and how its size comes about. */
import { bucketWords, formatBytes, formatExact, type Layer, partWords, plural } from "@checkpoint-inspect/analysis";

import { safe, wrap } from "../../../views/text.ts";
import type { LayerPart } from "../../layer-parts.ts";
import { bold, type Line, line } from "../../line.ts";
import type { Context, Page } from "../../screen.ts";

export function layersWhy({ subject }: Context, layer: Layer | undefined, part: LayerPart | undefined): Page {
  const title = layer ? `Layer ${layer.index}` : "Layers";
  return {
    title,
    lines: ({ columns }) => {
      const text = (words: string): Line[] => wrap(words, Math.min(80, columns - 2)).map((row) => line(row));
      const lines = [
        ...text(
          "A model is a stack of layers (blocks). Each takes the vectors of all tokens, lets them read from each other (attention), works on each alone (FFN or experts), and hands them on. More layers are more steps of thought; most of a model's parameters are in them.",
        ),
        [],
      ];
      if (!layer) return lines;
      const bits = layer.parameters > 0 ? (8 * layer.bytes) / layer.parameters : 0;
      lines.push(
        line(bold(`Layer ${layer.index} in numbers`)),
        ...text(
          `${formatExact(layer.parameters)} parameters in ${plural(layer.tensors, "tensor")}, ${formatExact(layer.bytes)} bytes (${formatBytes(layer.bytes)}): 8 x bytes / parameters = ${bits.toFixed(2)} bits per weight.`,
        ),
      );
      if (!part) return lines;
      const own = part.parameters > 0 ? (8 * part.bytes) / part.parameters : 0;
      const words = subject.report.buckets.find(({ bucket }) => bucket === part.bucket);
      lines.push(
        [],
        line(bold(`${safe(part.part)} (${part.bucket})`)),
        ...(words ? text(`${part.bucket}: ${bucketWords(part.bucket, subject.report.model.kind, words.parts)}.`) : []),
        ...text(`${safe(part.part)}: ${partWords(part.part) ?? "no words on this part"}.`),
        ...text(
          `${formatExact(part.parameters)} parameters in ${plural(part.tensors, "tensor")} stored as ${part.types.map(safe).join(", ")}, ${formatExact(part.bytes)} bytes: ${own.toFixed(2)} bits per weight. ${share(part, layer)}`,
        ),
        ...text(`Its first tensor is ${safe(part.name)}; Enter shows them all.`),
      );
      return lines;
    },
  };
}

function share(part: LayerPart, layer: Layer): string {
  return `That is ${((100 * part.bytes) / (layer.bytes || 1)).toFixed(1)}% of the layer's bytes.`;
}
