/** `inspect tensors <target>`: the tensor table, filtered and sorted. */
import { formatBytes, formatExact, type PlacedTensor } from "@checkpoint-inspect/analysis";

import type { Style } from "../terminal.ts";
import { bucketColor } from "./palette.ts";
import { plural } from "./parts.ts";
import { table } from "./table.ts";
import { safe } from "./text.ts";

export function tensorsView(rows: readonly PlacedTensor[], all: number, style: Style): string {
  const lines = table<PlacedTensor>(
    rows,
    [
      { title: "tensor", cell: ({ tensor }) => safe(tensor.name), stretch: true, cutAt: "middle" },
      { title: "shape", cell: ({ tensor }) => tensor.shape.join(" x ") || "scalar", align: "right" },
      { title: "type", cell: ({ tensor }) => safe(tensor.type) },
      { title: "elements", cell: ({ tensor }) => formatExact(tensor.elements), align: "right", optional: 1 },
      { title: "bytes", cell: ({ tensor }) => formatBytes(tensor.sizeBytes), align: "right" },
      {
        title: "role",
        cell: ({ role }) => safe(`${role.bucket} ${role.part}${role.bias ? " bias" : ""}`),
        optional: 2,
        paint: (text, { role }) => bucketColor(style, role.bucket)(text),
      },
    ],
    style,
    { indent: 0, stretchMin: 24 },
  );
  const sum = rows.reduce((total, { tensor }) => total + tensor.elements, 0);
  const bytes = rows.reduce((total, { tensor }) => total + tensor.sizeBytes, 0);
  const which = rows.length === all ? plural(all, "tensor") : `${formatExact(rows.length)} of ${plural(all, "tensor")}`;
  return [...lines, style.color.dim(`${which}, ${formatExact(sum)} elements, ${formatBytes(bytes)}`)].join("\n");
}
