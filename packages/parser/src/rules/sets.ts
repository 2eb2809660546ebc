/** Rules of what stands around the files: their names, the folder, diffusers pipelines. */
import type { RuleTable } from "./rule.ts";

const MISSING = "its tensors are missing from every count here";

export const SET_RULES = {
  "source/wrong-ending": {
    severity: "error",
    means: "a GGUF file is named .safetensors, or a safetensors file .gguf",
    why: "loaders go by the name, and refuse the file",
    fix: "give it the ending of what it is",
  },
  "source/other-checkpoints": {
    severity: "note",
    means: "the folder holds more checkpoints than the one shown",
    why: "a folder is opened as one model; the others are not looked at",
    fix: "name one of them to see it",
  },
  "diffusers/component-name": {
    severity: "error",
    means: "model_index.json names a component that is no direct sub-folder",
    why: "a name that leads out of the folder is an attack or a mistake; it is not opened",
    fix: "do not use this repository without a look at it",
  },
  "diffusers/too-many-components": {
    severity: "error",
    means: "model_index.json lists more than 64 components; the first 64 are opened",
    why: "no pipeline has nearly as many",
    fix: "do not use this repository without a look at it",
  },
  "diffusers/no-weights": {
    severity: "error",
    means: "a component has a config or pickled weights and no safetensors file",
    why: MISSING,
    fix: "fetch the safetensors version of the pipeline",
  },
  "diffusers/unreadable-component": {
    severity: "error",
    means: "a component is missing or can't be read (whole)",
    why: MISSING,
    fix: "fetch its folder again",
  },
  "diffusers/other-variants": {
    severity: "note",
    means: "a component is there in several variants (fp16, non_ema)",
    why: "one of them is shown and counted, the plain one where there is one",
    fix: "name a file of its folder to see it",
  },
  "diffusers/unreadable": {
    severity: "warning",
    means: "nothing of the pipeline can be read",
    why: "the file beside its index is shown in its place",
    fix: "fetch the sub-folders of the pipeline, or ignore this where only the file is meant",
  },
} as const satisfies RuleTable;
