/**
 * Templates that say something of their own when a message says something: a backdoor that works while the model is run and
 * leaves the weights alone. Source: "Inference-Time Backdoors via Hidden Instructions in LLM Chat Templates" (arXiv 2602.04653).
 *
 * Real templates test messages, too: for `</think>`, `<tool_call>`, `/no_think`, for being text or a list. What sets a backdoor
 * apart is the pair: a test of what a message says against words of a person (or of a date), and prose that only then is written.
 */
import { assignSet, type Folder } from "./fold.ts";
import { argumentsOf, children, type If, type Node, nameOf, pathOf } from "./nodes.ts";
import { ownProse, proseReader } from "./prose.ts";
import { asker, firstOf, isNatural, type Trigger, textsOf } from "./triggers.ts";

export interface Conditional {
  /** What was asked: the words, or `the date`. */
  readonly trigger: string;
  /** What is then written; empty where text is exchanged. */
  readonly prose: string;
  readonly near: readonly string[];
}

/** Words of a text that only one branch writes: fewer are labels and names of roles. */
const MIN_WORDS = 4;
/** The same for a test against markup, which real templates have: a branch that explains itself is still odd. */
const MIN_WORDS_MARKUP = 8;

/** Every place of a template that writes prose when a message (or the date) says something. */
export function conditionals(root: Node, folder: Folder): Conditional[] {
  const { fold } = folder;
  const found: Conditional[] = [];
  const { sayings, flags, lists, sayingOf, triggersOf } = asker(folder);
  const macros = new Map<string, readonly Node[]>();
  const proseOf = proseReader(folder, macros);

  /** Reports a test and what is written only where it holds, or only where it doesn't. */
  function weigh(triggers: readonly Trigger[], then: string, otherwise: string): void {
    const trigger = triggers.find(({ natural }) => natural) ?? triggers[0];
    if (!trigger) return;
    const { natural, present } = trigger;
    const least = natural ? MIN_WORDS : MIN_WORDS_MARKUP;
    // Where markup or a switch is absent, real templates write a default prompt.
    const sides = [
      ...(natural || present ? [ownProse(then, otherwise)] : []),
      ...(natural || !present ? [ownProse(otherwise, then)] : []),
    ];
    const prose = sides.find(({ words }) => words >= least);
    if (prose && found.length < 100) {
      found.push({ trigger: trigger.words, prose: prose.text, near: [trigger.words] });
    }
  }

  function set(path: string | undefined, value: Node | null, body: readonly Node[], held: Trigger | undefined): void {
    if (path === undefined) return;
    if (value?.type === "CallExpression" && nameOf(value.callee) === "namespace") {
      for (const arg of value.args) {
        if (arg.type === "KeywordArgumentExpression") set(`${path}.${arg.key.value}`, arg.value, [], held);
      }
      return;
    }
    const saying = value ? sayingOf(value) : firstOf(body, sayingOf);
    if (saying) sayings.set(path, saying);
    const trigger = held ?? (value ? triggersOf(value).find(({ natural }) => natural) : undefined);
    if (trigger) flags.set(path, trigger);
  }

  /** @param held the test under which these statements run, when it asks for words */
  function statements(nodes: readonly Node[], held: Trigger | undefined): void {
    for (const node of nodes) statement(node, held);
  }

  function statement(node: Node, held: Trigger | undefined): void {
    switch (node.type) {
      case "If": {
        branch(node, held);
        return;
      }
      case "For": {
        const { loopvar, iterable } = node;
        const select = iterable.type === "SelectExpression" ? iterable : undefined;
        const value = fold(select ? select.lhs : iterable);
        if (loopvar.type === "Identifier") {
          if (Array.isArray(value)) lists.set(loopvar.value, textsOf(value));
          // Parts of what a message says are what it says.
          else if (sayingOf(select ? select.lhs : iterable)) sayings.set(loopvar.value, "message");
        }
        const triggers = select ? triggersOf(select.test) : [];
        if (triggers.length > 0) weigh(triggers, proseOf(node.body), proseOf(node.defaultBlock));
        statements(node.body, triggers.find(({ natural }) => natural) ?? held);
        statements(node.defaultBlock, held);
        return;
      }
      case "Set":
        assignSet(folder, node);
        set(pathOf(node.assignee), node.value, node.body, held);
        if (node.value) expression(node.value);
        statements(node.body, held);
        return;
      case "Macro":
        statements(node.body, held);
        return;
      case "FilterStatement":
      case "CallStatement":
        statements(node.body, held);
        return;
      case "StringLiteral":
      case "Comment":
      case "Break":
      case "Continue":
        return;
      default:
        expression(node);
    }
  }

  function branch(node: If, held: Trigger | undefined): void {
    const triggers = triggersOf(node.test);
    if (triggers.length > 0) weigh(triggers, proseOf(node.body), proseOf(node.alternate));
    const natural = triggers.find((trigger) => trigger.natural) ?? held;
    statements(node.body, natural);
    statements(node.alternate, natural);
  }

  /** An expression that is written: a choice in one line, a table of answers, words exchanged. */
  function expression(node: Node): void {
    const triggers = triggersOf(node);
    if (triggers.length > 0) weigh(triggers, proseOf([node]), "");
    exchange(node);
  }

  function exchange(node: Node): void {
    const [from, to] = replacement(node) ?? [];
    if (from !== undefined && to !== undefined && isNatural(from) && isNatural(to)) {
      found.push({ trigger: from, prose: "", near: [from] });
    }
    children(node).forEach(exchange);
  }

  function replacement(node: Node): readonly string[] | undefined {
    const isFilter = node.type === "FilterExpression" && nameOf(node.filter) === "replace";
    const isMethod =
      node.type === "CallExpression" &&
      node.callee.type === "MemberExpression" &&
      nameOf(node.callee.property) === "replace";
    if (!(isFilter || isMethod)) return undefined;
    const operand = isFilter ? node.operand : ((node as { callee: { object: Node } }).callee.object as Node);
    if (sayingOf(operand) !== "message") return undefined;
    const values = (isFilter ? argumentsOf(node.filter) : (node as { args: readonly Node[] }).args).map(fold);
    return values.every((value) => typeof value === "string") ? values : undefined;
  }

  function prepare(node: Node): void {
    if (node.type === "Macro") {
      const name = nameOf(node.name);
      if (name !== undefined) macros.set(name, node.body);
    }
    children(node).forEach(prepare);
  }

  prepare(root);
  if (root.type === "Program") statements(root.body, undefined);
  return found;
}
