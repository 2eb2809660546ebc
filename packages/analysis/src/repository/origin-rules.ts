/** Where it is from and on which terms: licence, access, base model. */
import { type Evidence, inShort, quoted } from "@checkpoint-inspect/parser";

import { isObject } from "../json.ts";
import { nameOf } from "./paths.ts";
import type { RepositoryRule } from "./rule.ts";
import type { RepositoryInfo, RepositorySubject } from "./subject.ts";

export const ORIGIN_RULES: readonly RepositoryRule[] = [
  {
    id: "repo/disabled",
    severity: "error",
    means: "the Hub has disabled the repo",
    why: "nothing of it can be downloaded, and the Hub does this for a reason: a breach of its terms, or an attack",
    fix: "don't use copies of it before you know why it was disabled",
    check: disabled,
  },
  {
    id: "repo/access",
    severity: "note",
    means: "the repo is gated or private: a download needs a token with access",
    why: "scripts and servers without the token fail",
    fix: "give them a token that has access (HF_TOKEN)",
    check: access,
  },
  {
    id: "repo/no-license",
    severity: "note",
    means: "no licence is stated, and there is no licence file",
    why: "without one nobody has the right to use, change or pass on the weights",
    fix: "ask the owner, or go by the base model's licence only if it binds this one too",
    check: noLicense,
  },
  {
    id: "repo/license-terms",
    severity: "note",
    means: "the licence is one of the owner's own, or forbids commercial use",
    why: "what may be done with the weights differs from what open licences allow",
    fix: "read the licence before you use the weights or pass them on",
    check: licenseTerms,
  },
  {
    id: "repo/no-base-model",
    severity: "note",
    means: "a quantized model or an adapter doesn't say what it was made from",
    why: "where the weights are from, and on which terms, can't be traced; an adapter works on its own base alone",
    fix: "ask the owner to name base_model in the model card",
    check: noBaseModel,
  },
];

function* disabled({ info }: RepositorySubject): Generator<Evidence> {
  if (info?.disabled) yield { message: "the Hub has disabled access to this repo" };
}

const GATES = {
  auto: "the repo is gated: who accepts its terms gets access at once",
  manual: "the repo is gated: its owner decides on each request",
} as const;

function* access({ info, closed }: RepositorySubject): Generator<Evidence> {
  // That a repo is closed to this token is said where it is said that the answer is partial.
  if (info?.gated && !closed)
    yield {
      message: GATES[info.gated],
      fix: "accept the terms on the model's page, and give a token of that account (HF_TOKEN)",
    };
  if (info?.private)
    yield { message: "the repo is private: its owner and members of the organization alone have access" };
}

/** That a field is absent means something only where the Hub has answered at all; then it has tags. */
function hasTag({ tags }: RepositoryInfo, prefix: string): boolean | undefined {
  return tags?.some((tag) => tag.startsWith(prefix));
}

const LICENSE_FILE = /^(?:licen[cs]e|copying|unlicense|notice|terms|use[-_]policy)/i;

function* noLicense({ info, files, filesCut }: RepositorySubject): Generator<Evidence> {
  if (!info || info.license !== undefined || hasTag(info, "license:") !== false || filesCut) return;
  if (files.some(({ path }) => LICENSE_FILE.test(nameOf(path)))) return;
  yield { message: "the model card states no licence, and none of the files is one" };
}

/** Identifiers of the Hub: cc-by-nc-4.0, fair-noncommercial-research-license, apple-amlr, intel-research ... */
const NON_COMMERCIAL = /(?:^|-)nc(?:-|$)|non-?commercial|research|amlr/i;

function* licenseTerms({ info }: RepositorySubject): Generator<Evidence> {
  const license = info?.license;
  if (license === undefined) return;
  if (/^(?:other|unknown)$/i.test(license))
    yield { message: `the licence is stated as ${quoted(license)}: terms that the Hub has no name for` };
  else if (NON_COMMERCIAL.test(license.slice(0, 200)))
    yield { message: `the licence is ${quoted(license)}: not for commercial use, or for research alone` };
}

const FULL_WIDTH = /^(?:B?F16|F32|F64)/;
/** How quantizers name the repos that they make of others' models. */
const QUANTIZED_NAME =
  /(?<![a-z0-9])(?:gguf|gptq|awq|exl[23]|bnb|hqq|aqlm|mlx|nf4|int[48]|w4a16|w8a8|w8a16|[2-8][-_]?bits?|quantized)(?![a-z0-9])/i;

function* noBaseModel({ id, info, checkpoints, json }: RepositorySubject): Generator<Evidence> {
  if (!info || (info.baseModels?.length ?? 0) > 0 || hasTag(info, "base_model:") !== false) return;
  const adapters = checkpoints.filter(({ use }) => use === "adapter");
  const models = checkpoints.filter(({ use }) => use === "model");
  if (adapters.length > 0 && models.length === 0) {
    const config = json.get("adapter_config.json") as Parameters<typeof isObject>[0];
    const base = isObject(config) ? config.base_model_name_or_path : undefined;
    if (typeof base === "string" && base !== "") return;
    yield { message: `the adapter names no base model: ${inShort(adapters.map(({ label }) => quoted(label)))}` };
    return;
  }
  const quants = models.flatMap(({ quant }) => (quant !== undefined && !FULL_WIDTH.test(quant) ? [quant] : []));
  if (quants.length > 0)
    yield { message: `the model card names no base_model for the quantized model (${inShort([...new Set(quants)])})` };
  else if (models.length > 0 && QUANTIZED_NAME.test(nameOf(id)))
    yield { message: `the model card names no base_model, and the repo's name says that it is quantized` };
}
