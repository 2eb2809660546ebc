/** The schemes, in the order in which they are asked: the first whose tensors fit takes the module. */
import type { Scheme } from "./scheme.ts";
import { AQLM } from "./schemes/aqlm.ts";
import { AUTO_ROUND } from "./schemes/auto-round.ts";
import { AWQ } from "./schemes/awq.ts";
import { BITNET } from "./schemes/bitnet.ts";
import { BITSANDBYTES_4BIT, BITSANDBYTES_8BIT } from "./schemes/bitsandbytes.ts";
import { COMFYUI } from "./schemes/comfyui.ts";
import { COMPRESSED_BYTES, COMPRESSED_TENSORS, INT8 } from "./schemes/compressed-tensors.ts";
import { EXL2, EXL3 } from "./schemes/exl.ts";
import { FBGEMM_FP8 } from "./schemes/fbgemm.ts";
import { FP4_EXPERTS } from "./schemes/fp4-experts.ts";
import { FP8, MXFP8 } from "./schemes/fp8.ts";
import { GPTQ, MARLIN } from "./schemes/gptq.ts";
import { HQQ } from "./schemes/hqq.ts";
import { MLX } from "./schemes/mlx.ts";
import { MODELOPT } from "./schemes/modelopt.ts";
import { MXFP4, MXFP4_ORIGINAL } from "./schemes/mxfp4.ts";
import { NVFP4 } from "./schemes/nvfp4.ts";
import { QUANTO } from "./schemes/quanto.ts";
import { QUARK } from "./schemes/quark.ts";
import { TORCHAO, TORCHAO_COLON } from "./schemes/torchao.ts";
import { FP_QUANT, HIGGS, QUIP, SPQR, VPTQ } from "./schemes/vector-codes.ts";

export const SCHEMES: readonly Scheme[] = [
  ...AUTO_ROUND,
  GPTQ,
  AWQ,
  MARLIN,
  // Named by the config, or by a blob of their own; plain scales beside a weight say less.
  COMFYUI,
  MODELOPT,
  QUARK,
  BITNET,
  ...COMPRESSED_TENSORS,
  BITSANDBYTES_4BIT,
  BITSANDBYTES_8BIT,
  EXL2,
  EXL3,
  AQLM,
  HQQ,
  QUANTO,
  TORCHAO,
  TORCHAO_COLON,
  FP_QUANT,
  QUIP,
  VPTQ,
  SPQR,
  MLX,
  HIGGS,
  NVFP4,
  MXFP4,
  MXFP4_ORIGINAL,
  COMPRESSED_BYTES,
  INT8,
  FP4_EXPERTS,
  // Plain FP8 fits what others have a name for, so it comes last.
  FBGEMM_FP8,
  MXFP8,
  FP8,
];
