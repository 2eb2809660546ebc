/**
 * A name that says one family, and hyper-parameters that are another's.
 *
 * A row holds only what is certain of two generations: the name that the newer one goes by, and values that the older one alone has
 * (Meta's, Qwen's and Google's config.json of the released models). A name that says several families says none.
 */
import { type Evidence, quoted } from "@checkpoint-inspect/parser";

import { formatBytes, formatShare } from "../../units.ts";
import type { AuditRule } from "../rule.ts";
import { isWholeModel, mainRest } from "../stacks.ts";
import type { Subject } from "../subject.ts";
import { configNumber, configValue, stated } from "./read.ts";
import { ropeSettings } from "./rope.ts";

/** What the rows look at. */
interface Traits {
  readonly architecture: string;
  readonly context: number | undefined;
  readonly vocabulary: number | undefined;
  readonly theta: number | undefined;
  /** Positions are scaled, by the config or by a table of factors. */
  readonly scaled: boolean;
}

interface Family {
  /** As its makers write it. */
  readonly title: string;
  readonly name: RegExp;
  /** What the checkpoint is instead, with what shows it; undefined where it may be of the family. */
  readonly instead: (traits: Traits, subject: Subject) => readonly [title: string, evidence: string] | undefined;
}

/** Rows of the table of Llama 3 and 3.x: 128,000 tokens, 256 special ones, and what fine-tunes add. */
function hasLlama3Tokens({ vocabulary }: Traits): boolean {
  return vocabulary !== undefined && vocabulary >= 128_000 && vocabulary < 129_024;
}

const FAMILIES: readonly Family[] = [
  {
    // Llama 3.1, 3.2, 3.3: context 131072, rope_scaling of type llama3; Llama 3: context 8192, none.
    title: "Llama 3.1 or later",
    name: /llama[-_ ]?3[._][123](?!\d)/i,
    instead: (traits, subject) =>
      traits.architecture === "llama" &&
      hasLlama3Tokens(traits) &&
      traits.context === 8192 &&
      traits.theta === 500_000 &&
      !traits.scaled
        ? [
            "Llama 3",
            `${stated(subject, "contextLength")} 8192 (Llama 3.1: 131072) and no scaling of positions (Llama 3.1: llama3)`,
          ]
        : undefined,
  },
  {
    title: "Llama 3",
    name: /llama[-_ ]?3(?![._]?\d)/i,
    instead: ({ architecture, vocabulary, theta }, subject) =>
      architecture === "llama" && vocabulary === 32_000 && theta === 10_000
        ? [
            "Llama 2",
            `${stated(subject, "vocabularySize")} 32000 (Llama 3: 128256) and rope_theta 10000 (Llama 3: 500000)`,
          ]
        : undefined,
  },
  {
    title: "Llama 2",
    name: /llama[-_ ]?2(?![._]?\d)/i,
    instead: (traits, subject) =>
      traits.architecture === "llama" && hasLlama3Tokens(traits) && traits.theta === 500_000
        ? [
            "Llama 3",
            `${stated(subject, "vocabularySize")} ${traits.vocabulary} (Llama 2: 32000) and rope_theta 500000 (Llama 2: 10000)`,
          ]
        : undefined,
  },
  // Qwen3 norms queries and keys of each head, and Qwen2 and 2.5 don't: one class can't load the other.
  generation("Qwen3", /qwen[-_ ]?3(?![._]?\d)/i, "Qwen2 or 2.5", /^qwen2(?:moe|_moe)?$/),
  generation("Qwen2.5", /qwen[-_ ]?2[._]5(?!\d)/i, "Qwen3", /^qwen3(?:moe|_moe)?$/),
  generation("Gemma 3", /gemma[-_ ]?3(?![._]?\d)(?!n)/i, "Gemma 2", /^gemma2$/),
  generation("Gemma 2", /gemma[-_ ]?2(?![._]?\d)(?!b)/i, "Gemma 3", /^gemma3(?:_text)?$/),
];

/** Two generations with a class each. */
function generation(title: string, name: RegExp, other: string, architecture: RegExp): Family {
  return {
    title,
    name,
    instead: (traits, subject) =>
      architecture.test(traits.architecture)
        ? [
            other,
            `${subject.checkpoint.format === "gguf" ? "general.architecture" : "model_type"} ${quoted(traits.architecture)}`,
          ]
        : undefined,
  };
}

/** Names that are looked at: longer ones are none. */
const LONGEST_NAME = 256;

/** What the checkpoint is called: by its folder or file, and by its own metadata. */
function namesOfModel({ checkpoint, facts }: Subject): readonly string[] {
  return [checkpoint.label, facts.name].flatMap((name) => (name && name.length <= LONGEST_NAME ? [name] : []));
}

/** The one family that a name says. */
function familyOf(name: string): Family | undefined {
  const said = FAMILIES.filter((family) => family.name.test(name));
  return said.length === 1 ? said[0] : undefined;
}

function traitsOf(subject: Subject): Traits {
  const { facts, checkpoint, metadata } = subject;
  const { architecture = "", contextLength: context, vocabularySize: vocabulary } = facts;
  if (checkpoint.format === "gguf") {
    const base = metadata.get(`${architecture}.rope.freq_base`);
    return {
      architecture,
      context,
      vocabulary,
      theta: typeof base === "number" ? base : undefined,
      scaled:
        metadata.has(`${architecture}.rope.scaling.type`) ||
        mainRest(subject).some(({ kind }) => kind.part === "rope_freq_factors"),
    };
  }
  const settings = ropeSettings(subject);
  const theta =
    configNumber(subject, "rope_theta") ??
    settings.map(({ rope }) => rope.rope_theta).find((value) => typeof value === "number");
  return {
    architecture,
    context,
    vocabulary,
    theta: typeof theta === "number" ? theta : undefined,
    scaled: settings.some(
      ({ rope }) => !["default", undefined].includes(rope.rope_type?.toString() ?? rope.type?.toString()),
    ),
  };
}

function* otherFamily(subject: Subject): Iterable<Evidence> {
  if (!isWholeModel(subject)) return;
  for (const name of namesOfModel(subject)) {
    const family = familyOf(name);
    const found = family?.instead(traitsOf(subject), subject);
    if (!family || !found) continue;
    const [instead, evidence] = found;
    const base = configValue(subject, "_name_or_path");
    const from = typeof base === "string" && base.length <= LONGEST_NAME && base !== name ? base : undefined;
    const path = from && familyOf(from) && familyOf(from) !== family ? `, made from ${quoted(from)}` : "";
    yield {
      message: `the name ${quoted(name)} says ${family.title}, the settings are those of ${instead}: ${evidence}${path}`,
    };
    return;
  }
}

/** Families of which every release is stored in 16 bits (Meta's Llama 3, 3.1, 3.2 and 3.3: BF16). */
const RELEASED_IN_BF16 = /llama[-_ ]?3(?:[._][123])?(?![._]?\d)/i;

/** Share of the bytes from which the weights are said to be of a type. */
const MOSTLY = 0.9;

function* wider(subject: Subject): Iterable<Evidence> {
  const { mix } = subject;
  const [most] = mix.types;
  if (!isWholeModel(subject) || most?.type !== "F32" || !hasLlama3Tokens(traitsOf(subject))) return;
  const name = namesOfModel(subject).find((one) => RELEASED_IN_BF16.test(one));
  const total = mix.types.reduce((sum, { bytes }) => sum + bytes, 0);
  if (name === undefined || most.bytes < MOSTLY * total) return;
  yield {
    message: `${formatShare(most.bytes / total)} of the bytes are F32, ${formatBytes(total)}; Llama 3 was released in BF16, which takes ${formatBytes(total / 2)}`,
  };
}

export const FAMILY_RULES: readonly AuditRule[] = [
  {
    id: "config/family-mismatch",
    severity: "warning",
    means: "the name says one family of models, and the settings are another's",
    why: "the model isn't what its name says, or its config is the wrong one: then it fails beyond the shorter context",
    fix: "compare with the config of the model that it claims to be, and ask where it is from",
    check: otherFamily,
  },
  {
    id: "config/wider-than-released",
    severity: "note",
    means: "the weights take twice the bytes of the model that they are made from",
    why: "twice the download, disk and, unless the loader converts them, memory",
    fix: "save them in BF16 if nothing needs the further digits",
    check: wider,
  },
];
