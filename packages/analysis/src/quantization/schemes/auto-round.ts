/**
 * AutoRound (Intel Neural Compressor's `inc`): the tensors of GPTQ or AWQ, as `packing_format` says and the shapes show.
 * Source: auto-round 0.16, export/export_to_autoround; 3-bit rows are `K // 32 * 3` words.
 */
import type { PackedModule, Scheme, Unpacked } from "../scheme.ts";
import { unpackAwq } from "./awq.ts";
import { unpackGptq } from "./gptq.ts";

const METHODS: ReadonlySet<string | undefined> = new Set(["auto-round", "auto_round", "intel/auto-round", "inc"]);

const row = (layout: string, unpack: (module: PackedModule) => Unpacked | undefined): Scheme => ({
  id: "auto-round",
  title: `AutoRound (${layout} layout)`,
  containers: [".qweight"],
  sides: [".qzeros", ".scales", ".g_idx"],
  unpack: (module) => (METHODS.has(module.config.method) ? unpack(module) : undefined),
});

export const AUTO_ROUND: readonly Scheme[] = [row("GPTQ", unpackGptq), row("AWQ", unpackAwq)];
