/** What the weights take, by where a runtime may put them: bytes as they lie in the file, each tensor in one place. */
import type { PlacedTensor } from "../../placed-tensor.ts";
import { asideStack, type Stack } from "../../roles/role.ts";

/** Bytes of one block. */
interface BlockBytes {
  /** In the order in which a token passes them, from 0. */
  readonly index: number;
  readonly bytes: number;
  /** Of them, routed experts: what `--n-cpu-moe` of llama.cpp leaves on the host. */
  readonly routedBytes: number;
}

export interface WeightInventory {
  /** Bytes of all tensors that are loaded. */
  readonly bytes: number;
  /** Blocks of the main stack, then MTP blocks. */
  readonly blocks: readonly BlockBytes[];
  /** Tables that only rows are looked up in: tokens, positions, types (llama.cpp's input layer, which it keeps in host memory). */
  readonly inputBytes: number;
  /** The head with the norm before it (llama.cpp's output layer). */
  readonly headBytes: number;
  /** Of the input tables, the one that works as the head too; 0 where the head is a matrix of its own. */
  readonly tiedBytes: number;
  /** Towers, projectors and MTP blocks: what a text token doesn't pass. */
  readonly asideBytes: number;
  /** Routed experts of all blocks. */
  readonly routedBytes: number;
  /** The encoder beside a decoder, and what else stands in no block of the main stack. */
  readonly otherBytes: number;
  /** A second copy of a table that a config calls tied: stored, but not loaded. Not in `bytes`. */
  readonly duplicateBytes: number;
  /**
   * Bytes read for one token: all but the input tables, towers and MTP blocks, and of routed experts the share that is used. A tied table
   * counts as the head. null where that share isn't known.
   */
  readonly activeBytes: number | null;
  /** Routed experts that a token uses, and how many there are; absent without any. */
  readonly experts?: { readonly used: number; readonly count: number };
}

export interface AboutWeights {
  /** The input table is the head too. */
  readonly tied: boolean;
  readonly expertsPerLayer: number | null;
  readonly expertsUsed: number | null;
}

interface OpenBlock {
  bytes: number;
  routedBytes: number;
}

/** The stack that a token passes: the first of these that there is. */
const MAIN: readonly Stack[] = ["text", "decoder", "encoder"];

/** Models have below 200 layers; what is left of a hostile file's counts as lying elsewhere. */
const MAX_BLOCKS = 20_000;

/** Tables whose rows are looked up; a projection of the embeddings (Gemma 3n) is multiplied with, as any matrix is. */
function isLookedUp({ bucket, part }: PlacedTensor["role"]): boolean {
  return bucket === "embedding" && !/proj/.test(part);
}

/** Collects tensors one by one; `inventory` closes the account. */
export function weightCollector(): {
  visit(placed: PlacedTensor): void;
  inventory(about: AboutWeights): WeightInventory;
} {
  const stacks = new Map<Stack, Map<number, OpenBlock>>();
  let blockCount = 0;
  let [bytes, input, tokens, head, aside, routed, other, duplicates] = [0, 0, 0, 0, 0, 0, 0, 0];

  function visit({ tensor, role, excluded }: PlacedTensor): void {
    const { sizeBytes } = tensor;
    if (excluded === "duplicate") {
      duplicates += sizeBytes;
      return;
    }
    bytes += sizeBytes;
    const isRouted = role.bucket === "expert" && role.part.startsWith("routed");
    const isAside = asideStack(role.stack) ?? asideStack(role.bucket);
    if (isAside) aside += sizeBytes;
    else if (isRouted) routed += sizeBytes;
    // Vision and audio towers are blocks of their own runtime; MTP blocks stand behind the others.
    if (isAside && isAside !== "mtp") return;
    const stack = isAside ?? role.stack;
    if (role.layer !== undefined && addToBlock(stack, role.layer, sizeBytes, isRouted)) return;
    if (isAside) return;
    if (isLookedUp(role) || (role.bucket === "position" && tensor.shape.length > 1)) {
      input += sizeBytes;
      if (role.part === "token") tokens += sizeBytes;
    } else if (role.bucket === "head" || role.bucket === "norm") head += sizeBytes;
    else other += sizeBytes;
  }

  function addToBlock(stack: Stack, layer: number, size: number, isRouted: boolean): boolean {
    let blocks = stacks.get(stack);
    if (!blocks) {
      blocks = new Map();
      stacks.set(stack, blocks);
    }
    let block = blocks.get(layer);
    if (!block) {
      if (blockCount >= MAX_BLOCKS) return false;
      blockCount++;
      block = { bytes: 0, routedBytes: 0 };
      blocks.set(layer, block);
    }
    block.bytes += size;
    if (isRouted) block.routedBytes += size;
    return true;
  }

  function inventory({ tied, expertsPerLayer, expertsUsed }: AboutWeights): WeightInventory {
    const main = MAIN.find((stack) => stacks.has(stack));
    const inOrder = (stack: Stack | undefined): OpenBlock[] =>
      [...(stacks.get(stack ?? "") ?? [])].sort((a, b) => a[0] - b[0]).map(([, block]) => block);
    const rest = [...stacks].filter(([stack]) => stack !== main && stack !== "mtp");
    const inRest = rest.reduce((sum, [stack]) => sum + inOrder(stack).reduce((all, block) => all + block.bytes, 0), 0);
    const tiedBytes = tied ? tokens : 0;
    const share = routed === 0 ? 0 : expertsPerLayer && expertsUsed ? Math.min(1, expertsUsed / expertsPerLayer) : null;
    return {
      bytes,
      blocks: [...inOrder(main), ...inOrder("mtp")].map((block, index) => ({ index, ...block })),
      inputBytes: input,
      headBytes: head,
      tiedBytes,
      asideBytes: aside,
      routedBytes: routed,
      otherBytes: other + inRest,
      duplicateBytes: duplicates,
      activeBytes: share === null ? null : Math.round(bytes - input + tiedBytes - aside - routed * (1 - share)),
      ...(routed > 0 && expertsPerLayer && expertsUsed && { experts: { used: expertsUsed, count: expertsPerLayer } }),
    };
  }

  return { visit, inventory };
}
