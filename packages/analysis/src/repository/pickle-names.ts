/**
 * Files that load by unpickling, told by their names alone: remote files aren't sniffed. A name that other formats use, too, is a
 * pickle only with a reason.
 *
 * Sources: torch.save and what trainers name its files (transformers `WEIGHTS_NAME`, PEFT, diffusers, Accelerate, DeepSpeed, FSDP);
 * NumPy's .npy and .npz are left out: since 1.16.3 they are loaded without pickles unless one asks for them.
 */
import type { RepositoryFile } from "@checkpoint-inspect/parser";

import { nameOf } from "./paths.ts";

/**
 * `archive`: pickles, or archives around them, whatever they hold. `torch`: what torch.save writes. `training`: left behind by a
 * trainer; nothing loads it to run the model.
 */
export type PickleKind = "archive" | "torch" | "training";

const TRAINING =
  /^(?:training_args\.bin|(?:optimizer|scheduler|scaler|lr_scheduler)(?:_\d+)?\.(?:pt|pth|bin)|rng_state\w*\.pth|random_states_\d+\.pkl|(?:bf16_|fp16_)?zero_pp_rank_\w+\.pt|mp_rank_\d+_model_states\.pt|trainer_state\.pt|__\d+_\d+\.distcp)$/i;
const ARCHIVE = /\.(?:pkl|pickle|dill|joblib|nemo|mar)$/i;
const TORCH = /\.(?:pt|pth|ckpt)$/i;
/** `.bin` is also the ending of OpenVINO, CTranslate2, ggml, fastText, MLC and TensorFlow.js. */
const TORCH_BIN =
  /pytorch_(?:model|lora_weights)|^(?:adapter_model|learned_embeds|ip[-_]adapter|mm_projector|non_lora_trainables)/i;
/** Formats of others under the same endings. */
const NOT_TORCH = /mindspore|openvino/i;
/** A folder with one of these has its model.bin from CTranslate2. */
const CTRANSLATE2 = /^(?:shared_|source_|target_)?vocabulary\.(?:txt|json)$/;

/** Tells the kind of each file of one folder; undefined for what is no pickle, or can't be told. */
export function pickleKinds(folder: readonly RepositoryFile[]): (file: RepositoryFile) => PickleKind | undefined {
  const names = new Set(folder.map(({ path }) => nameOf(path).toLowerCase()));
  let ctranslate: boolean | undefined;
  return ({ path, sizeBytes }) => {
    if (sizeBytes === 0) return undefined;
    const name = nameOf(path).toLowerCase();
    if (TRAINING.test(name)) return "training";
    if (ARCHIVE.test(name)) return "archive";
    if (TORCH.test(name)) return NOT_TORCH.test(name) ? undefined : "torch";
    if (!name.endsWith(".bin")) return undefined;
    const stem = name.slice(0, -".bin".length);
    // An .xml of the same name is the graph of OpenVINO, whose weights are plain bytes.
    if (NOT_TORCH.test(name) || names.has(`${stem}.xml`)) return undefined;
    if (TORCH_BIN.test(name)) return "torch";
    if (!names.has(`${stem}.safetensors`)) return undefined;
    ctranslate ??= [...names].some((other) => CTRANSLATE2.test(other));
    return ctranslate ? undefined : "torch";
  };
}
