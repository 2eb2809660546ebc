/** What a user of the repository needs beside the weights. */
import type { Evidence, JsonValue } from "@checkpoint-inspect/parser";

import { isObject } from "../json.ts";
import type { ModelKind } from "../kind.ts";
import { plural } from "../units.ts";
import { folderOf, isSaid, nameOf, plainly } from "./paths.ts";
import type { RepositoryRule } from "./rule.ts";
import type { RepositorySubject } from "./subject.ts";

export const USAGE_RULES: readonly RepositoryRule[] = [
  {
    id: "repo/no-tokenizer",
    severity: "note",
    means: "a model of text has no tokenizer in its repo",
    why: "transformers can't load it by this repo alone",
    fix: "take the tokenizer of its base model",
    check: noTokenizer,
  },
  {
    id: "repo/no-config",
    severity: "note",
    severities: ["warning"],
    means:
      "safetensors weights have no config.json beside them; a warning where the card says that transformers loads them",
    why: "transformers doesn't know what model to build, and figures that need its settings are missing here",
    fix: "take config.json from the model that the weights are of",
    check: noConfig,
  },
  {
    id: "repo/no-library",
    severity: "note",
    means: "neither the card nor the files tell the library or the task of the model",
    why: "the Hub's search doesn't find it by them, and its page shows no way to load it",
    fix: "state library_name and pipeline_tag in the model card, if the repo is yours",
    check: noLibrary,
  },
];

const TEXT_KINDS: ReadonlySet<ModelKind> = new Set<ModelKind>([
  "llm",
  "encoder",
  "embedding",
  "reranker",
  "encoder-decoder",
]);

/** Classes of transformers that read text; asked where the weights weren't looked into. */
const TEXT_CLASS = /For(?:CausalLM|MaskedLM|SequenceClassification|ConditionalGeneration)$|LMHeadModel$/;
/** Of those, the ones that hear or see, and may have processors alone. */
const OTHER_CLASS = /Whisper|Speech|Audio|Vision|Image|Musicgen|Bark|Moonshine|Voxtral/;

/** Any of these is a tokenizer, or makes one. */
const TOKENIZER_FILE =
  /^(?:tokenizer.*|spiece\.model|sentencepiece.*|.*\.(?:spm|tiktoken|bpe)|tekken\.json|.*vocab.*|merges\.txt|tokenization_\w+\.py)$/i;

/** Libraries that load a repo in the way of transformers. */
const TRANSFORMERS_LIKE: ReadonlySet<string> = new Set(["transformers", "mlx", "sentence-transformers", "vllm"]);

function* noTokenizer(subject: RepositorySubject): Generator<Evidence> {
  const { files, filesCut, info, checkpoints } = subject;
  if (filesCut || isSaid(subject, "tokenizer/none-beside")) return;
  if (info?.libraryName !== undefined && !TRANSFORMERS_LIKE.has(info.libraryName)) return;
  const models = checkpoints.filter(({ use }) => use === "model");
  const root = models.find(({ kind, entry }) => kind === "safetensors" && folderOf(entry) === "");
  if (!root || models.some(({ kind }) => kind !== "safetensors") || !readsText(subject, root.entry)) return;
  if (!files.some(({ path }) => path === "config.json")) return;
  if (files.some(({ path }) => TOKENIZER_FILE.test(nameOf(path)))) return;
  yield { message: `none of the ${plural(files.length, "file")} is a tokenizer` };
}

function readsText({ looked, json }: RepositorySubject, entry: string): boolean {
  const kind = looked.find(({ listed }) => listed.entry === entry)?.report?.model.kind;
  if (kind !== undefined) return TEXT_KINDS.has(kind);
  const config = json.get("config.json") as JsonValue | undefined;
  const classes = isObject(config) && Array.isArray(config.architectures) ? config.architectures : [];
  const [name] = classes;
  return typeof name === "string" && TEXT_CLASS.test(name) && !OTHER_CLASS.test(name);
}

/** Names that transformers gives to weights; others belong to programs that know the model by themselves. */
const TRANSFORMERS_ENTRY = /^model(?:\.safetensors(?:\.index\.json)?|-\d{5}-of-\d{5}\.safetensors)$/;
/** Settings of other libraries, and what else describes a folder of weights. */
const OTHER_CONFIG = /^(?:params\.json|model_index\.json|hparams\.\w+|modules\.json|args\.json)$|\.(?:ya?ml|toml)$/i;

function isConfig(name: string): boolean {
  return OTHER_CONFIG.test(name) || (/\.json$/i.test(name) && /config/i.test(name));
}

function* noConfig({ checkpoints, files, filesCut, info }: RepositorySubject): Generator<Evidence> {
  const library = info?.libraryName;
  if (filesCut || (library !== undefined && library !== "transformers")) return;
  const described = new Set<string>();
  for (const { path } of files) if (isConfig(nameOf(path))) described.add(folderOf(path));
  for (const { entry, kind, use } of checkpoints) {
    if (kind !== "safetensors" || use !== "model" || !TRANSFORMERS_ENTRY.test(nameOf(entry))) continue;
    const folder = folderOf(entry);
    if (described.has(folder) || described.has("")) continue;
    yield {
      ...(library === "transformers" && { severity: "warning" as const }),
      message: `there is no config.json beside ${plainly(entry)}`,
      part: entry,
    };
  }
}

function* noLibrary({ info, checkpoints }: RepositorySubject): Generator<Evidence> {
  // Without tags the Hub hasn't told what the card says.
  if (info?.tags === undefined || checkpoints.length === 0) return;
  const missing = [
    ...(info.libraryName === undefined ? ["library_name"] : []),
    ...(info.pipelineTag === undefined ? ["pipeline_tag"] : []),
  ];
  if (missing.length > 0) yield { message: `the Hub knows no ${missing.join(" and no ")} for this repo` };
}
