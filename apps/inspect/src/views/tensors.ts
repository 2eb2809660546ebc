/** `inspect tensors <target>`: the tensor table, filtered and sorted. */
import { formatBytes, formatExact, type PlacedTensor, plural } from "@checkpoint-inspect/analysis";

import type { Style } from "../terminal.ts";
import { bucketColor } from "./palette.ts";
import { table } from "./table.ts";
import { cut, safe, wrap } from "./text.ts";

export function tensorsView(rows: readonly PlacedTensor[], all: number, style: Style): string {
  const lines = table<PlacedTensor>(
    rows,
    [
      { title: "tensor", cell: ({ tensor }) => safe(tensor.name), stretch: true, cutAt: "middle" },
      { title: "shape", cell: ({ tensor }) => formatShape(tensor.shape), align: "right" },
      { title: "type", cell: ({ tensor }) => cut(safe(tensor.type), 16) },
      { title: "elements", cell: ({ tensor }) => formatExact(tensor.elements), align: "right", optional: 2 },
      { title: "bytes", cell: ({ tensor }) => formatBytes(tensor.sizeBytes), align: "right" },
      {
        title: "role",
        cell: ({ role }) => safe(`${role.bucket} ${role.part}${role.bias ? " bias" : ""}`),
        optional: 1,
        paint: (text, { role }) => bucketColor(style, role.bucket)(text),
      },
    ],
    style,
    { indent: 0, stretchMin: 44 },
  );
  const sum = rows.reduce((total, { tensor }) => total + tensor.elements, 0);
  const counted = rows.reduce((total, { parameters }) => total + parameters, 0);
  const bytes = rows.reduce((total, { tensor }) => total + tensor.sizeBytes, 0);
  const which = rows.length === all ? plural(all, "tensor") : `${formatExact(rows.length)} of ${plural(all, "tensor")}`;
  const parameters = counted === sum ? "" : `, ${formatExact(counted)} parameters`;
  const footer = `${which}, ${formatExact(sum)} elements${parameters}, ${formatBytes(bytes)}`;
  return [...lines, ...wrap(footer, style.width).map((line) => style.color.dim(line))].join("\n");
}

/** No layer has more dimensions than this; a file may claim any number. */
const DIMENSIONS_SHOWN = 6;

function formatShape(shape: readonly number[]): string {
  if (shape.length <= DIMENSIONS_SHOWN) return shape.join(" x ") || "scalar";
  return `${shape.slice(0, 3).join(" x ")} x ... (${formatExact(shape.length)} dimensions)`;
}
