/** The size that a model's name claims against the parameters that are there. */
import { type Evidence, quoted } from "@checkpoint-inspect/parser";

import type { ModelKind } from "../../kind.ts";
import { activeParameters, bucketParameters } from "../../moe.ts";
import { formatCount } from "../../units.ts";
import type { AuditRule } from "../rule.ts";
import type { Subject } from "../subject.ts";
import { falseClaims } from "./size-claims.ts";

/** Kinds that hold a whole model, named by its own size. */
const NAMED_BY_SIZE: ReadonlySet<ModelKind> = new Set<ModelKind>([
  "llm",
  "encoder",
  "embedding",
  "reranker",
  "encoder-decoder",
]);

/** Files that are named after a model which they only help or imitate. */
const NAMED_AFTER = /draft|eagle|medusa|speculat|dflash|mtp|lora|adapter|mmproj|assistant|random|dummy/i;

export const SIZE_LABEL_RULES: readonly AuditRule[] = [
  {
    id: "label/size",
    severity: "warning",
    means: "the name claims a size that the tensors don't have",
    why: "the file is another model than its name says, or only a part of it",
    fix: "go by the count of parameters, and check where the file is from",
    check: sizeLabels,
  },
];

/** Every count that a maker may name a model by: with and without tables, towers and experts that a token doesn't use. */
function nameableSizes({ anatomy, experts, model }: Pick<Subject, "anatomy" | "experts" | "model">): readonly number[] {
  const { total, aside } = anatomy;
  const [input, head] = [bucketParameters(anatomy, "embedding"), bucketParameters(anatomy, "head")];
  const text = total - aside.reduce((sum, { parameters }) => sum + parameters, 0);
  const tied = model.tiedEmbeddings ?? false;
  const { active, withoutInputEmbedding, nonEmbedding } = activeParameters(anatomy, experts, tied);
  const whole = [total, text].flatMap((count) => [count, count - input, count - input - head]);
  return [...whole, active, withoutInputEmbedding, nonEmbedding].filter(
    (count) => count !== null && count > 0,
  ) as number[];
}

function* sizeLabels(subject: Subject): Iterable<Evidence> {
  const { model, mix, anatomy, complete } = subject;
  // Without bits per weight the packing isn't known, and so isn't the count.
  if (!complete || !NAMED_BY_SIZE.has(model.kind) || mix.bitsPerWeight === null) return;
  const figures = nameableSizes(subject);
  for (const [where, name] of names(subject)) {
    if (NAMED_AFTER.test(name.slice(0, 1000))) continue;
    const [claim] = falseClaims(name, figures);
    if (!claim) continue;
    const says = `${where} says ${claim.text}${claim.text === name ? "" : ` (${quoted(name)})`}`;
    yield { message: `${says}, the tensors hold ${formatCount(anatomy.total)} parameters` };
  }
}

/** What the checkpoint goes by, and where it says so. A config's _name_or_path is where its author loaded the base from. */
function names({ checkpoint, metadata }: Subject): readonly (readonly [where: string, name: string])[] {
  const { format, label, parts } = checkpoint;
  const own = ["general.name", "general.size_label"].map((key): readonly [string, unknown] => [key, metadata.get(key)]);
  const stated: readonly (readonly [string, unknown])[] =
    format === "gguf"
      ? [...own, ["the file name", parts[0]?.name]]
      : [[label.endsWith(".safetensors") ? "the file name" : "the folder's name", label]];
  return stated.filter((entry): entry is readonly [string, string] => typeof entry[1] === "string");
}
