/** The tokenizer beside safetensors weights, and what config.json and generation_config.json say of its tokens. */
import { type Beside, type Evidence, grouped, type JsonObject, type JsonValue } from "@checkpoint-inspect/parser";

import { isObject } from "../../json.ts";
import type { ModelKind } from "../../kind.ts";
import { plural } from "../../units.ts";
import type { AuditRule } from "../rule.ts";
import type { Subject } from "../subject.ts";
import { tokenRows } from "./vocabulary.ts";

const GENERATION = "generation_config.json";

/** Ids that they state; each a number, or a list of them. */
const ID_KEYS = ["bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"] as const;

const TEXT_KINDS: ReadonlySet<ModelKind> = new Set<ModelKind>([
  "llm",
  "encoder",
  "embedding",
  "reranker",
  "encoder-decoder",
]);

/** So many names above the last row are special tokens of a larger sibling; more are another tokenizer. */
const FEW_NAMES = 8;

/** Any of these is a tokenizer, or makes one. */
const TOKENIZER_FILE =
  /^(?:tokenizer.*|spiece\.model|sentencepiece.*|.*\.(?:spm|tiktoken|bpe)|tekken\.json|vocab\.(?:json|txt)|merges\.txt|tokenization_\w+\.py)$/;

/** What lies only in folders that were published as a model. */
const PUBLISHED: readonly string[] = ["README.md", ".gitattributes", "LICENSE", GENERATION, "special_tokens_map.json"];

export const REPOSITORY_TOKENIZER_RULES: readonly AuditRule[] = [
  {
    id: "tokenizer/config-token-id",
    severity: "warning",
    severities: ["note"],
    means: "config.json or generation_config.json names a token that the model has no row for",
    why: "generation never meets it, so answers don't stop; as a begin or pad token it is an index out of range",
    fix: "take the id from tokenizer_config.json",
    check: configIds,
  },
  {
    id: "tokenizer/more-names-than-rows",
    severity: "warning",
    severities: ["note"],
    means: "tokenizer.json gives ids that the input table has no row for",
    why: "a text that holds such a token fails with an index out of range",
    fix: "take the tokenizer that belongs to these weights, or resize the embeddings",
    check: namesAndRows,
  },
  {
    id: "tokenizer/none-beside",
    severity: "note",
    means: "no tokenizer lies beside the weights of a language model",
    why: "transformers can't load it by this folder alone",
    fix: "put the tokenizer of the model, or of its base, beside the weights",
    check: noneBeside,
  },
  {
    id: "tokenizer/end-disagrees",
    severity: "note",
    means: "config.json and generation_config.json name different end tokens",
    why: "transformers stops at the one of generation_config.json; programs that read config.json alone go on",
    fix: "make both name the token that the chat template ends an answer with",
    check: endDisagrees,
  },
];

/** The objects of config.json that may state token ids, nearest to the text model first. */
function statements({ config }: Subject["checkpoint"]): readonly JsonObject[] {
  if (!config) return [];
  const text = config.json.text_config;
  return isObject(text) ? [text, config.json] : [config.json];
}

function idsOf(value: JsonValue | undefined): readonly number[] {
  const list = Array.isArray(value) ? value.slice(0, 1000) : [value];
  return list.filter((id): id is number => Number.isSafeInteger(id) && (id as number) >= 0);
}

function stated(objects: readonly JsonObject[], key: string): readonly number[] {
  for (const object of objects) {
    const ids = idsOf(object[key]);
    if (ids.length > 0) return ids;
  }
  return [];
}

function* configIds(subject: Subject): Iterable<Evidence> {
  const { checkpoint, model, facts } = subject;
  if (checkpoint.format !== "safetensors" || !checkpoint.config || !TEXT_KINDS.has(model.kind)) return;
  const rows = Math.max(tokenRows(subject) ?? 0, facts.vocabularySize ?? 0);
  if (rows === 0) return;
  const generation = checkpoint.beside?.json.get(GENERATION);
  for (const key of ID_KEYS) {
    const used = generation ? stated([generation], key) : [];
    // Where generation_config.json names the token, nobody asks config.json.
    const [ids, file] =
      used.length > 0 ? [used, GENERATION] : [stated(statements(checkpoint), key), checkpoint.config.file];
    const above = ids.find((id) => id >= rows);
    if (above === undefined) continue;
    // Configs are often saved with the defaults of their class, which may be another model's tokens.
    const severity = file === GENERATION ? "warning" : "note";
    yield { message: `${file} ${key} is ${grouped(above)}, of ${grouped(rows)} tokens`, severity };
  }
}

function* namesAndRows(subject: Subject): Iterable<Evidence> {
  const names = subject.checkpoint.beside?.tokenizerVocabulary;
  const rows = subject.checkpoint.format === "safetensors" ? tokenRows(subject) : undefined;
  if (names === undefined || rows === undefined || names <= rows || !TEXT_KINDS.has(subject.model.kind)) return;
  const message = `tokenizer.json has ids up to ${grouped(names - 1)}, and the token table ${grouped(rows)} rows`;
  yield { message, severity: names - rows <= FEW_NAMES ? "note" : "warning" };
}

function* noneBeside({ checkpoint, model }: Subject): Iterable<Evidence> {
  const { beside, config, format } = checkpoint;
  if (format !== "safetensors" || !beside || !config || model.kind !== "llm") return;
  if (!isPublished(beside) || beside.files.some(({ name }) => TOKENIZER_FILE.test(name))) return;
  yield { message: `none of the ${plural(beside.files.length, "file")} in the folder is a tokenizer` };
}

/** Weights and a config alone are often somebody's scratch folder, or a part of a larger model. Of a list that is cut nothing is known. */
function isPublished({ files, fileCount }: Beside): boolean {
  return fileCount === undefined && files.filter(({ name }) => PUBLISHED.includes(name)).length >= 2;
}

function* endDisagrees({ checkpoint }: Subject): Iterable<Evidence> {
  const generation = checkpoint.beside?.json.get(GENERATION);
  if (!generation || !checkpoint.config) return;
  const [ours, theirs] = [stated(statements(checkpoint), "eos_token_id"), stated([generation], "eos_token_id")];
  if (ours.length === 0 || theirs.length === 0 || ours.some((id) => theirs.includes(id))) return;
  const words = (ids: readonly number[]) => ids.slice(0, 4).join(", ");
  yield { message: `eos_token_id is ${words(ours)} in ${checkpoint.config.file}, ${words(theirs)} in ${GENERATION}` };
}
