/** Chat templates: programs that run on every message. */
import { type Evidence, quoted } from "@checkpoint-inspect/parser";
import type { AuditRule } from "./rule.ts";
import type { Subject } from "./subject.ts";
import { isTemplateKey } from "./templates/keys.ts";
import { lookAt, type TemplateFinding, type TemplateRule } from "./templates/look.ts";
import { MAX_PARSED } from "./templates/parse.ts";

/** Templates of one checkpoint that are looked at. A model has one to five. */
const MAX_TEMPLATES = 20;

interface Template {
  readonly from: string;
  readonly text: string;
  readonly part?: string;
}

/** Every template once, under the first of its names: in the metadata, then beside the weights. */
function templatesOf({ checkpoint }: Subject): Template[] {
  const found = new Map<string, Template>();
  const add = (template: Template): void => {
    if (found.size < MAX_TEMPLATES && !found.has(template.text)) found.set(template.text, template);
  };
  for (const { key, value } of checkpoint.metadata) {
    if (isTemplateKey(key) && typeof value === "string") add({ from: quoted(key).slice(1, -1), text: value });
  }
  for (const { from, text } of checkpoint.beside?.templates ?? []) add({ from: quoted(from).slice(1, -1), text });
  return [...found.values()];
}

const looked = new WeakMap<Subject, ReadonlyMap<TemplateRule, readonly Evidence[]>>();

/** What all rules find, looked for once. */
function findingsOf(subject: Subject, rule: TemplateRule): readonly Evidence[] {
  let found = looked.get(subject);
  if (!found) {
    const byRule = new Map<TemplateRule, Evidence[]>();
    let before = 0;
    for (const template of templatesOf(subject)) {
      const findings = lookAt(template.text, before);
      before = Math.min(MAX_PARSED, before + template.text.length);
      for (const finding of findings) {
        const list = byRule.get(finding.rule) ?? [];
        list.push(evidenceOf(finding, template));
        byRule.set(finding.rule, list);
      }
    }
    looked.set(subject, byRule);
    found = byRule;
  }
  return found.get(rule) ?? [];
}

function evidenceOf({ message, severity }: TemplateFinding, { from }: Template): Evidence {
  return { message: `${from}, ${message}`, ...(severity && { severity }) };
}

type Row = Omit<AuditRule, "id" | "check">;

const ROWS: Readonly<Record<TemplateRule, Row>> = {
  internals: {
    severity: "error",
    severities: ["warning"],
    means: "a chat template reaches for the Python that renders it",
    why: "a renderer without a sandbox runs what the template says, with the rights of who loads the model (CVE-2024-34359)",
    fix: "don't load this model with its own template; take the template of the original model, and report the file",
  },
  "foreign-statement": {
    severity: "error",
    means: "a chat template includes, imports or extends other templates",
    why: "no chat renderer has other templates: it refuses this one, or reads files that it shouldn't",
    fix: "take the template of the original model",
  },
  "invisible-characters": {
    severity: "error",
    severities: ["warning"],
    means: "a chat template holds characters that nobody sees",
    why: "the model reads them, a person who looks at the template doesn't: they can carry hidden orders, or make code look like text",
    fix: "take the template of the original model, or remove the characters",
  },
  "conditional-content": {
    severity: "warning",
    means: "a chat template writes words of its own when a message says something",
    why: "a hidden instruction behind a trigger word makes a backdoor while the weights stay clean (arXiv 2602.04653)",
    fix: "read that part of the template, and compare it with the original model's",
  },
  "hidden-instructions": {
    severity: "warning",
    means: "a chat template hides what it tells the model",
    why: "every prompt that it renders carries this text, and the person in the chat doesn't see it",
    fix: "read that part of the template, and compare it with the original model's",
  },
  "encoded-text": {
    severity: "warning",
    means: "a chat template holds encoded text",
    why: "templates have no use for it but to keep what it says from being read",
    fix: "decode it before the model is used, or take the template of the original model",
  },
  "costly-loop": {
    severity: "warning",
    means: "a chat template takes very long or very much memory to render",
    why: "one message is enough to stall the program that renders it",
    fix: "take the template of the original model",
  },
  "web-address": {
    severity: "note",
    severities: ["warning"],
    means: "a chat template names a web address",
    why: "what the model is told to link to or to load comes from the template, not from the person in the chat",
    fix: "check that the address belongs to the model's maker",
  },
  "not-parsed": {
    severity: "warning",
    means: "a chat template can't be parsed here",
    why: "it was searched as text alone, so what it hides may go unseen; transformers and llama.cpp may refuse it, too",
    fix: "read the template, or render it with the library that the model is for",
  },
};

export const TEMPLATE_RULES: readonly AuditRule[] = (Object.keys(ROWS) as TemplateRule[]).map((name) => ({
  id: `template/${name}`,
  ...ROWS[name],
  check: (subject) => findingsOf(subject, name),
}));
