/**
 * AWQ: words run along the output dimension (GEMM) or, transposed, along the input dimension (GEMV).
 * - GEMM: `qweight` I32 [K, N*b/32], `qzeros` I32 [G, N*b/32], `scales` F16 [G, N]
 * - GEMV: `qweight` I32 [N, K*b/32], `qzeros` I32 [N, Z], `scales` F16 [N, Z*32/b], Z padded beyond the groups
 * - GEMV-fast: `qweight` I16 [N/4, K], four weights a word and four rows side by side; `scales` and `qzeros` F16 [Z*8, N]
 *
 * Source: autoawq 0.2.9, awq/modules/linear/{gemm,gemv,gemv_fast}.py. Rows always fill their words there.
 */
import { blockSize, containerBits, type PackedModule, type Scheme, type Unpacked } from "../scheme.ts";

export function unpackAwq({ container, beside, config }: PackedModule): Unpacked | undefined {
  const [rows, cols, ...more] = container.shape;
  const word = containerBits(container.type);
  if ((container.type !== "I32" && container.type !== "I16") || !word || !rows || !cols || more.length > 0)
    return undefined;
  const scales = beside(".scales")?.shape;
  const [scaleRows, scaleCols] = scales ?? [];
  if (!scaleRows || !scaleCols || scales?.length !== 2) return undefined;
  const zeros = beside(".qzeros");
  const declared = typeof config.block.group_size === "number" ? config.block.group_size : undefined;

  if (container.type === "I16" && zeros?.type !== "I16") {
    // The scales are padded, so only config knows the groups.
    if (rows * 4 !== scaleCols || zeros?.shape[1] !== scaleCols) return undefined;
    return matrix(scaleCols, cols, 4, declared);
  }
  const gemm = (word * cols) / scaleCols;
  if (isWidth(gemm) && scaleRows < rows && (!zeros || zeros.shape[1] === cols))
    return matrix(scaleCols, rows, gemm, scaleRows > 1 ? blockSize(rows, scaleRows, declared) : undefined);
  const gemv = (word * (zeros?.shape[1] ?? 0)) / scaleCols;
  if (isWidth(gemv) && scaleRows === rows && zeros?.shape[0] === rows)
    return matrix(rows, (word * cols) / gemv, gemv, declared);
  return undefined;
}

function isWidth(bits: number): boolean {
  return Number.isInteger(bits) && bits >= 1 && bits <= 8;
}

function matrix(out: number, width: number, bits: number, group: number | undefined): Unpacked | undefined {
  if (!Number.isInteger(width)) return undefined;
  const groupSize = group && group > 0 ? group : undefined;
  return { parameters: out * width, bits, shape: [out, width], ...(groupSize && { groupSize }) };
}

export const AWQ: Scheme = {
  id: "awq",
  title: "AWQ",
  containers: [".qweight"],
  sides: [".qzeros", ".scales"],
  unpack: unpackAwq,
};
