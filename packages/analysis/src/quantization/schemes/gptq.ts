/**
 * GPTQ (gptqmodel, auto-gptq; formats gptq, gptq_v2, gptq_p): words run down the input dimension.
 * `qweight` I32 [ceil(K*b/32), N], `scales` F16 [G, N], `qzeros` I32 [G, ceil(N*b/32)], `g_idx` I32 [K].
 * Widths that don't divide 32 run on into the next word (3 bits: 32 weights in 3 words), and the bit planes of gptq_p (5 to 7 bits)
 * fill as many words, so one formula holds for all. Words of 8, 16 or 64 bits occur (`pack_dtype`).
 * Source: gptqmodel 7.7, nn_modules/qlinear/__init__.py (`_register_gptq_buffers`), utils/planar_packing.py.
 */
import { asNumber } from "../../json.ts";
import {
  blockSize,
  containerBits,
  INTEGER_TYPES,
  type PackedModule,
  type Scheme,
  type Unpacked,
  wordWidth,
} from "../scheme.ts";
import { hiddenWidth } from "../widths.ts";

/** No release has smaller groups; what looks like them is AWQ's GEMV layout of a very narrow matrix. */
const SMALLEST_GROUP = 16;

export function unpackGptq(module: PackedModule): Unpacked | undefined {
  const { container, beside, config } = module;
  const [rows, out, ...more] = container.shape;
  if (!INTEGER_TYPES.has(container.type) || !rows || !out || more.length > 0) return undefined;
  const word = containerBits(container.type);
  const scales = beside(".scales");
  const groups = scales?.shape[0];
  if (!word || !groups || scales.shape.length !== 2 || scales.shape[1] !== out) return undefined;
  const zeros = beside(".qzeros");
  // GEMV-fast keeps its zeros as floats.
  if (zeros && zeros.type !== container.type) return undefined;
  const index = beside(".g_idx")?.shape[0];
  const zeroWords = zeros?.shape[1];
  const declared = asNumber(config.block.bits);
  const declaredGroup = asNumber(config.block.group_size);
  const bits = index ? wordWidth(rows, word, index) : bitsByZeros(zeroWords, word, out, declared);
  if (!bits) return undefined;
  const width = index ?? Math.floor((word * rows) / bits);
  if (groups > width || (!index && width / groups < SMALLEST_GROUP)) return undefined;
  // Bits that only config says must give the groups that it says too.
  if (!index && !zeroWords) {
    if (declaredGroup && groups !== (declaredGroup > 0 ? Math.ceil(width / declaredGroup) : 1)) return undefined;
    const hidden = hiddenWidth(module);
    if (hidden !== undefined && hidden !== width && wordWidth(rows, word, hidden)) return undefined;
  }
  const groupSize = groups > 1 ? blockSize(width, groups, declaredGroup) : undefined;
  return {
    parameters: width * out,
    bits,
    shape: [out, width],
    ...(groupSize && { groupSize }),
    // Writers that leave the index out take no input but multiples of 32, so anything else may be a row with a half-full last word.
    ...(!index && width % 32 !== 0 && { exact: false as const }),
  };
}

/**
 * Zeros are packed along the rows with the same bits. A short row of them fits several widths: then config decides, as it does
 * without zeros.
 */
function bitsByZeros(words: number | undefined, word: number, out: number, declared?: number): number | undefined {
  const fitting = WIDTHS.filter((bits) => words === undefined || Math.ceil((out * bits) / word) === words);
  return fitting.find((bits) => bits === declared) ?? (fitting.length === 1 ? fitting[0] : undefined);
}

const WIDTHS = [1, 2, 3, 4, 5, 6, 7, 8] as const;

export const GPTQ: Scheme = {
  id: "gptq",
  title: "GPTQ",
  containers: [".qweight"],
  sides: [".qzeros", ".scales", ".g_idx"],
  unpack: unpackGptq,
};

/**
 * Marlin tiles of 16 x 16 (auto-gptq's `is_marlin_format`, QQQ): `B` I32 [K/16, N*16*b/32], `s` F16 [G, N]; QQQ has
 * `s_channel` [1, N] and `s_group` [G, N].
 */
export const MARLIN: Scheme = {
  id: "marlin",
  title: "Marlin",
  containers: [".B"],
  sides: [".s", ".s_channel", ".s_group", ".workspace"],
  unpack({ container, beside }) {
    const [tiles, words, ...more] = container.shape;
    if (container.type !== "I32" || !tiles || !words || more.length > 0) return undefined;
    const scales = beside(".s") ?? beside(".s_channel");
    const out = scales?.shape[1];
    if (!out) return undefined;
    const bits = (2 * words) / out;
    if (bits !== 4 && bits !== 8) return undefined;
    const width = 16 * tiles;
    const groups = (beside(".s") ?? beside(".s_group"))?.shape[0] ?? 1;
    const groupSize = groups > 1 ? blockSize(width, groups) : undefined;
    return { parameters: width * out, bits, shape: [out, width], ...(groupSize && { groupSize }) };
  },
};
