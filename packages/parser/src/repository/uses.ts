/** What a checkpoint is there for, told from its name and from what lies beside it. */
import { labelFromFileName } from "../gguf/file-types.ts";
import type { CheckpointUse } from "./repository.ts";

/** A word that no letter or digit touches. */
const word = (words: string): RegExp => new RegExp(`(?<![a-z0-9])(?:${words})(?![a-z0-9])`, "i");

/** llama.cpp looks for `mmproj` anywhere in a name; LLaVA's own files are called `mm_projector`. */
const PROJECTOR = /mmproj|mm_projector/i;
/**
 * llama.cpp leaves out `mtp-`, `eagle3-`, `dflash-` and `dspark-` (common/download.cpp). In front of a name, MTP means a file of
 * draft heads alone; behind it, mostly a model that has them.
 */
const DRAFT = new RegExp(
  `${word("draft|drafter|eagle[23]?|speculator").source}|^(?:mtp|dflash|dspark)(?=[-_.]|$)`,
  "i",
);
const DRAFT_FOLDER = /(?:^|\/)(?:mtp|draft|eagle3)$/i;
const ADAPTER = word("q?lora|lycoris|locon|loha|lokr|dora|control[-_]?vector|adapters?|adapter[-_]model");
/** Adapters that were added to their base are models again. */
const MERGED = word("merged|fused");
/** What convert_lora_to_gguf.py writes (its `--outtype`); a name with another label is of a model made with an adapter. */
const ADAPTER_TYPES: ReadonlySet<string> = new Set(["F32", "F16", "BF16", "Q8_0"]);

/**
 * @param stem of the file: its name without part number and ending
 * @param folder that it lies in
 */
export function ggufUse(stem: string, folder: string): CheckpointUse {
  const quant = labelFromFileName(stem);
  if (PROJECTOR.test(stem)) return "projector";
  // Models say that they were made with an importance matrix: `model-imatrix-Q4_K_M`.
  if (/^imatrix/i.test(stem) || (quant === undefined && word("imatrix").test(stem))) return "imatrix";
  if (DRAFT.test(stem) || DRAFT_FOLDER.test(folder)) return "draft";
  const adapter = ADAPTER.test(stem) && !MERGED.test(stem);
  return adapter && (quant === undefined || ADAPTER_TYPES.has(quant)) ? "adapter" : "model";
}

/** Folders of weights in the form that their makers train in; the repo's root has them once more. */
const ORIGINAL_FOLDER = /(?:^|\/)(?:original|consolidated|mistral)$/i;
/** Modules of sentence-transformers behind the model: `2_Dense`. */
const MODULE_FOLDER = /(?:^|\/)\d+_[A-Z][A-Za-z]*$/;

export interface SafetensorsPlace {
  readonly stem: string;
  readonly variant: string;
  /** From the root, empty for it. */
  readonly folder: string;
  /** `adapter_config.json` lies beside it. */
  readonly adapterConfig: boolean;
  /** The folder opens as a pipeline. */
  readonly besidePipeline: boolean;
  /** Stems of the plain sets in its folder, those of Mistral's own form aside; of a set in parts with `true`. */
  readonly plain: ReadonlyMap<string, boolean>;
  /** In parts. */
  readonly sharded: boolean;
  /** The root, or the folder above, has a model of its own. */
  readonly modelAbove: boolean;
}

export function safetensorsUse(place: SafetensorsPlace): CheckpointUse {
  const { stem, variant, folder, adapterConfig, besidePipeline, plain, sharded, modelAbove } = place;
  if (PROJECTOR.test(stem)) return "projector";
  if (DRAFT.test(stem)) return "draft";
  if (adapterConfig && /^adapter/.test(stem)) return "adapter";
  if (ADAPTER.test(stem) && !MERGED.test(stem)) return "adapter";
  if (modelAbove && MODULE_FOLDER.test(folder)) return "projector";
  if (modelAbove && ORIGINAL_FOLDER.test(folder)) return "copy";
  if (besidePipeline) return "copy";
  if (stem.startsWith("consolidated")) return plain.size > 0 ? "copy" : "model";
  if (variant !== "" && plain.has(stem)) return "copy";
  return !sharded && variant === "" && plain.get(stem) === true ? "copy" : "model";
}
