/**
 * Looks at one chat template: parses it once, walks it once for what it reaches for and once for what it says when. What doesn't
 * parse is looked at as text.
 */
import { inShort, oneLine, quoted } from "@checkpoint-inspect/parser";
import { codeWords, hiddenText, ODD_WORDS, oddCharacters } from "../text/characters.ts";
import { conditionals } from "./conditions.ts";
import { assignSet, folder } from "./fold.ts";
import { addressesIn, encodedIn, hiddenIn } from "./hidden.ts";
import {
  boundNames,
  foreignStatements,
  literals,
  type Reach,
  reachInText,
  reachOf,
  spelledName,
  spelledPiece,
} from "./internals.ts";
import { costOf, MANY_TURNS, turnsOf } from "./loops.ts";
import { children, type Node, type Program } from "./nodes.ts";
import { MAX_PARSED, parseTemplate } from "./parse.ts";
import { codeOf, lineAt, lineOf, regionsOf, withoutComments } from "./regions.ts";

export type TemplateRule =
  | "internals"
  | "foreign-statement"
  | "invisible-characters"
  | "conditional-content"
  | "hidden-instructions"
  | "encoded-text"
  | "costly-loop"
  | "web-address"
  | "not-parsed";

/** What was found in a template; the message goes on from the template's name. */
export interface TemplateFinding {
  readonly rule: TemplateRule;
  readonly severity?: "error" | "warning" | "note";
  readonly message: string;
}

/** UTF-16 units that are looked at at all; what follows them isn't. */
const MAX_LOOKED = 1024 * 1024;

/** Characters of a parser's message, which may quote the template. */
const MAX_PROBLEM = 160;

/** @param parsedBefore UTF-16 units of other templates that were parsed before: together they have the limit of one */
export function lookAt(whole: string, parsedBefore = 0): TemplateFinding[] {
  const text = whole.slice(0, MAX_LOOKED);
  const regions = regionsOf(text);
  const code = codeOf(text, regions);
  const said = withoutComments(text, regions);
  const parsed = parseTemplate(whole, MAX_PARSED - parsedBefore);
  const statements = foreignStatements(code);
  const found: TemplateFinding[] = [...invisible(text)];
  if ("program" in parsed) found.push(...inTree(parsed.program, text));
  else found.push(...reached(reachInText(code), text));
  if (statements.length > 0) {
    const names = [...new Set(statements.map(({ name }) => `{% ${name} %}`))];
    const near = statements.map((statement) => statement.near);
    found.push({ rule: "foreign-statement", message: `${lineOf(text, near)}it has ${inShort(names)}` });
  }
  for (const { what, at } of hiddenIn(said)) {
    found.push({ rule: "hidden-instructions", message: `line ${lineAt(text, at)}: it holds ${what}` });
  }
  for (const { what, at } of encodedIn(said)) {
    found.push({ rule: "encoded-text", message: `line ${lineAt(text, at)}: it holds ${what}` });
  }
  for (const { host, at, carries } of addressesIn(said)) {
    const message = `line ${lineAt(text, at)}: it names the host ${quoted(host)}`;
    found.push(
      carries
        ? { rule: "web-address", severity: "warning", message: `${message} and adds to the address what the chat says` }
        : { rule: "web-address", message },
    );
  }
  // What stopped the parser is said already.
  if ("problem" in parsed && statements.length === 0) {
    found.push({ rule: "not-parsed", message: `it can't be parsed: ${oneLine(parsed.problem.slice(0, MAX_PROBLEM))}` });
  }
  return found;
}

function* invisible(text: string): Generator<TemplateFinding> {
  for (const { kind, count, code, at } of oddCharacters(text)) {
    const words = count === 1 ? `a ${ODD_WORDS[kind][0]}` : `${count} ${ODD_WORDS[kind][1]}`;
    const hidden = kind === "tag" || kind === "selector" ? hiddenText(text) : "";
    const spells = hidden === "" ? "" : `, which ${count === 1 ? "spells" : "spell"} ${quoted(hidden)}`;
    yield {
      rule: "invisible-characters",
      severity: kind === "zero-width" || kind === "control" || kind === "surrogate" ? "warning" : "error",
      message: `line ${lineAt(text, at)}: it holds ${words} (${codeWords(code)})${spells}`,
    };
  }
}

function inTree(program: Program, text: string): TemplateFinding[] {
  const found: TemplateFinding[] = [];
  const constants = folder();
  const bound = boundNames(program);
  const reaches = new Map<string, Reach>();
  const add = (reach: Reach): void => {
    if (reaches.size < 100 && !reaches.has(reach.what)) reaches.set(reach.what, reach);
  };
  let costly: { turns: number; near: readonly string[] } | undefined;

  /** @param spelled a name that the expression around it spells is found already */
  const walk = (node: Node, inCode: boolean, spelled: boolean, turns: number): void => {
    let inner = turns;
    if (node.type === "Set") assignSet(constants, node);
    if (node.type === "For") {
      inner = turns * turnsOf(node.iterable, constants);
      if (inner > MANY_TURNS && !costly) costly = { turns: inner, near: ["range"] };
    }
    const cost = costOf(node, constants);
    if (cost && !costly) costly = { turns: cost, near: [String(cost)] };
    let known = spelled;
    if (inCode) {
      reachOf(node, constants, bound, add);
      const name = spelled ? undefined : spelledName(constants.fold(node));
      if (name && node.type !== "Identifier") {
        add({ what: name, near: [name, ...literals(node)], grave: true });
        known = true;
      } else if (!spelled && node.type === "StringLiteral" && spelledPiece(node.value)) {
        add({ what: node.value, near: [node.value], grave: false });
      }
    }
    for (const child of codeChildren(node)) walk(child, isCode(node, child), known, inner);
  };
  walk(program, false, false, 1);
  found.push(...reached([...reaches.values()], text));
  if (costly) {
    const message = `${lineOf(text, costly.near)}it takes ${costly.turns.toLocaleString("en")} turns or characters, whatever the chat says`;
    found.push({ rule: "costly-loop", message });
  }
  for (const { trigger, prose, near } of conditionals(program, folder())) {
    const when = trigger === "the date" ? "the date" : `a message against ${quoted(trigger)}`;
    found.push({
      rule: "conditional-content",
      message: prose
        ? `${lineOf(text, near)}it tests ${when}, and only then writes ${quoted(prose)}`
        : `${lineOf(text, near)}it exchanges ${quoted(trigger)} in what a message says`,
    });
  }
  return found;
}

/** Children that are read as names or values of their own: not the name behind a dot, nor that of a filter. */
function codeChildren(node: Node): readonly Node[] {
  if (node.type === "MemberExpression" && !node.computed) return [node.object];
  if (node.type === "FilterExpression")
    return [node.operand, ...(node.filter.type === "CallExpression" ? node.filter.args : [])];
  return children(node);
}

/** Plain text between the code isn't run. */
function isCode(parent: Node, child: Node): boolean {
  if (child.type !== "StringLiteral") return true;
  switch (parent.type) {
    case "Program":
    case "If":
    case "For":
    case "Macro":
    case "FilterStatement":
    case "CallStatement":
      return false;
    default:
      return true;
  }
}

function reached(reaches: readonly Reach[], text: string): TemplateFinding[] {
  if (reaches.length === 0) return [];
  const grave = reaches.filter((reach) => reach.grave);
  const shown = grave.length > 0 ? grave : reaches;
  const message = `${lineOf(
    text,
    shown.flatMap(({ near }) => near),
  )}it uses ${inShort(shown.map(({ what }) => quoted(what)))}`;
  return [{ rule: "internals", message, ...(grave.length === 0 && { severity: "warning" as const }) }];
}
