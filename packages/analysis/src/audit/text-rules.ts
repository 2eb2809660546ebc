/** Text out of the file that could mislead or attack who reads it. */
import { type Evidence, grouped, inShort, quoted } from "@checkpoint-inspect/parser";
import type { AuditRule } from "./rule.ts";
import type { Subject } from "./subject.ts";
import { isTemplateKey } from "./templates/keys.ts";
import { codeWords, hiddenText, ODD_WORDS, type Odd, oddCharacters } from "./text/characters.ts";
import { codeIn } from "./text/code.ts";
import { type TextValue, textValues } from "./text/values.ts";

/** Names and values of one rule that are listed; what follows says no more. */
const MAX_LISTED = 101;

const isEscape = ({ kind }: Odd): boolean => kind === "escape" || kind === "control";

/** What other tools keep in metadata, in their own formats: workflows, training logs, pictures. */
const OF_TOOLS = /^(?:ss_|sshs_|modelspec\.|prompt$|workflow$|extra_pnginfo$|sd_|ot_|onetrainer|training_)/;
/** Texts that a person writes for persons. */
const PROSE =
  /(?:^|[._])(?:description|readme|summary|usage|notes?|comments?|card|text|prompt|license|licence|terms|citation|abstract)(?:$|[._])/i;
/** Where an address belongs. */
const ADDRESS =
  /(?:^|[._-])(?:urls?|uri|link|links|href|repo|repository|homepage|website|web|source|sources|doi|paper|arxiv|citation|author|organization|dataset|datasets|hub|id|tags?|origin|base_model|schema)(?:$|[._-]|\d)|^general\.|url$|_?name_or_path$/i;

/** Values above this are looked at as a whole thing, not as text. */
const HUGE = 1024 * 1024;

interface Oddities {
  readonly control: Evidence[];
  readonly invisible: Evidence[];
}

const looked = new WeakMap<Subject, Oddities>();

/** What both rules on characters find, looked for once. */
function oddities(subject: Subject): Oddities {
  const seen = looked.get(subject);
  if (seen) return seen;
  const found: Oddities = { control: [], invisible: [] };
  const add = (odds: readonly Odd[], text: string, what: string, tensor?: string): void => {
    for (const [list, wanted] of [
      [found.control, odds.filter(isEscape)],
      [found.invisible, odds.filter((odd) => !isEscape(odd))],
    ] as const) {
      if (wanted.length === 0 || list.length >= MAX_LISTED) continue;
      list.push({
        message: `${what} ${holds(wanted, text)}`,
        ...gravest(wanted),
        ...(tensor !== undefined && { tensor }),
      });
    }
  };
  for (const { key } of subject.checkpoint.metadata) {
    if (UNUSUAL_NAME.test(key)) add(oddInName(key), key, `the metadata key ${quoted(key)}`);
  }
  for (const { name } of subject.checkpoint.tensors) {
    if (UNUSUAL_NAME.test(name)) add(oddInName(name), name, "a tensor's name", name);
  }
  for (const value of textValues(subject)) {
    const odds = oddCharacters(value.text).filter((odd) => odd.kind !== "zero-width" || isLine(value));
    if (odds.length > 0) add(odds, value.text, placeOf(value));
  }
  looked.set(subject, found);
  return found;
}

/** Most names are printable ASCII. */
const UNUSUAL_NAME = /[^ -~]/;

/** In a name tab and line ends are odd, too. */
function oddInName(name: string): Odd[] {
  const at = name.search(/[\t\n\r]/);
  const odds = oddCharacters(name);
  return at < 0 ? odds : [...odds, { kind: "control", count: 1, code: name.charCodeAt(at), at }];
}

/** A value that is one line of words: in longer texts and in the captions of training sets, a zero-width character is a slip. */
function isLine({ text, key }: TextValue): boolean {
  return text.length <= 500 && !/[\n{[]/.test(text) && !OF_TOOLS.test(key);
}

function holds(odds: readonly Odd[], text: string): string {
  const words = odds.map(({ kind, count, code }) => {
    const what = count === 1 ? `a ${ODD_WORDS[kind][0]}` : `${grouped(count)} ${ODD_WORDS[kind][1]}`;
    return `${what} (${codeWords(code)})`;
  });
  const hidden = hiddenText(text);
  return `holds ${words.join(", ")}${hidden === "" ? "" : `, which spell ${quoted(hidden)}`}`;
}

/** Hidden text and escapes are made to deceive; a stray control or zero-width character may be a slip. */
function gravest(odds: readonly Odd[]): { severity?: "note" } {
  return odds.every(({ kind }) => kind === "zero-width" || kind === "surrogate") ? { severity: "note" } : {};
}

function placeOf({ place, inMetadata }: TextValue): string {
  return inMetadata ? `the value of ${quoted(place)}` : quoted(place).slice(1, -1);
}

function* code(subject: Subject): Generator<Evidence> {
  for (const value of textValues(subject)) {
    const { key, text } = value;
    if (text.length < 8) continue;
    const found = codeIn(text, PROSE.test(key) || OF_TOOLS.test(key));
    if (found) yield { message: `${placeOf(value)} holds ${found.what}: ${quoted(found.excerpt)}` };
  }
}

function* addresses(subject: Subject): Generator<Evidence> {
  for (const value of textValues(subject)) {
    const { key, text, inMetadata } = value;
    if (!inMetadata || OF_TOOLS.test(key) || PROSE.test(key) || ADDRESS.test(key) || !text.includes("://")) continue;
    const hosts = new Set<string>();
    for (const [, host = ""] of text.matchAll(/\b(?:https?|wss?|ftp):\/\/([\w.:@[\]-]{1,253})/gi)) {
      if (hosts.size < 100) hosts.add(host);
    }
    if (hosts.size > 0) yield { message: `${placeOf(value)} names ${inShort([...hosts].map((host) => quoted(host)))}` };
  }
}

/** Keys that mean something else to a program that keeps them in an object of its own. */
const OBJECT_KEYS: ReadonlySet<string> = new Set([
  "__proto__",
  "constructor",
  "prototype",
  "__defineGetter__",
  "__class__",
]);

function* oddKeys({ checkpoint }: Subject): Generator<Evidence> {
  for (const { key } of checkpoint.metadata) {
    const path = /(?:^|[\\/])\.\.[\\/]/.test(key);
    if (path || OBJECT_KEYS.has(key)) {
      const what = path ? "is a path that leads out of a folder" : "is a name that programs have for themselves";
      yield { message: `the metadata key ${quoted(key)} ${what}` };
    }
  }
}

function* hugeValues({ checkpoint }: Subject): Generator<Evidence> {
  for (const { key, value } of checkpoint.metadata) {
    if (typeof value !== "string" || value.length <= HUGE || OF_TOOLS.test(key) || isTemplateKey(key)) continue;
    if (key.startsWith("tokenizer.")) continue;
    yield {
      message: `the value of ${quoted(key)} has ${grouped(value.length)} characters, more than ${grouped(HUGE)}`,
    };
  }
}

export const TEXT_RULES: readonly AuditRule[] = [
  {
    id: "text/control-characters",
    severity: "warning",
    means: "a name or a value holds control or terminal escape characters",
    why: "a program that prints it lets the file write to the terminal: colours, hidden lines, commands of the terminal",
    fix: "print it only escaped; write the file again without them",
    check: (subject) => oddities(subject).control,
  },
  {
    id: "text/invisible-characters",
    severity: "warning",
    severities: ["note"],
    means: "a name or a value holds characters that nobody sees, or that turn the direction of text",
    why: "two names that look the same differ, and what is shown isn't what is there",
    fix: "write the file again without them",
    check: (subject) => oddities(subject).invisible,
  },
  {
    id: "text/code",
    severity: "warning",
    means: "a value holds code",
    why: "metadata is data: code in it waits for a program that runs or shows it",
    fix: "find out who wrote it before the file is passed on; the weights can be written again without it",
    check: code,
  },
  {
    id: "text/web-address",
    severity: "note",
    means: "a value names a web address where none is usual",
    why: "a program that follows it tells the address who has the file",
    fix: "check that the address belongs to the model's maker",
    check: addresses,
  },
  {
    id: "text/odd-key",
    severity: "note",
    means: "a metadata key that trips programs up",
    why: "a program that keeps metadata in a plain object, or makes files of keys, changes something else with it",
    fix: "write the file again without the key",
    check: oddKeys,
  },
  {
    id: "text/huge-value",
    severity: "note",
    means: "a value of more than a million characters",
    why: "every program that opens the file reads it, and nothing is known to need it",
    fix: "look what it is; write the file again without it",
    check: hugeValues,
  },
];
