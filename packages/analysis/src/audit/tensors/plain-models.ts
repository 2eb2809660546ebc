/**
 * Architectures of which every layer is built alike: what one layer has, and in which shape, all of its make-up have.
 *
 * From transformers' modeling files and llama.cpp's loaders, which take no size by the layer for them. Pruned models of other
 * layers come with code of their own (`auto_map`), or with lists in the place of numbers.
 */
import type { Subject } from "../subject.ts";

const PLAIN =
  /^(?:llama|mistral|mixtral|qwen2|qwen2_?moe|qwen3|qwen3_?moe|gemma[23]?(?:_text)?|phi3|deepseek_v[23]|deepseek2|gpt_oss|gpt-oss|gpt2|glm4|smollm3|granite|starcoder2|olmo2|cohere2?|command-r)$/;

/** Share of parameters without a place above which a part may be there under a name of its own. */
const UNPLACED = 0.001;

/** Whether the loaders of this architecture want the same tensors in the same shapes of every layer. */
export function isPlain(subject: Subject): boolean {
  const { facts, checkpoint, anatomy } = subject;
  const json = checkpoint.config?.json;
  return (
    PLAIN.test(facts.architecture ?? "") &&
    json?.auto_map === undefined &&
    json?.pruned_heads === undefined &&
    anatomy.unknown <= UNPLACED * anatomy.total &&
    anatomy.unknownPackingTensors === 0 &&
    !statesLayers(subject)
  );
}

/** Whether sizes or parts are stated layer by layer, so that one may be made differently on purpose. */
export function statesLayers({ facts, checkpoint }: Subject): boolean {
  const { attentionHeads, kvHeads, feedForwardSize } = facts;
  return (
    facts.hybridPattern !== undefined ||
    facts.recurrentLayers !== undefined ||
    [attentionHeads, kvHeads, feedForwardSize].some((fact) => typeof fact === "object") ||
    checkpoint.config?.json.block_configs !== undefined
  );
}
