/** What an expression asks a message: which words it looks for in what somebody said, or which day it waits for. */
import type { Constant, Folder } from "./fold.ts";
import { argumentsOf, children, type Node, nameOf, pathOf } from "./nodes.ts";

/** Where a message keeps what it says. */
const CONTENT_KEYS: ReadonlySet<string> = new Set(["content", "text", "reasoning_content"]);
/** Keys of the parts of a message: `'image' in content` asks for a part, not for a word. */
const PART_KEYS: ReadonlySet<string> = new Set([
  ...[
    "image",
    "image_url",
    "video",
    "video_url",
    "audio",
    "audio_url",
    "input_audio",
    "text",
    "type",
    "content",
    "data",
    "url",
  ],
  ...[
    "role",
    "name",
    "tool_calls",
    "tool_call",
    "tool_use",
    "thinking",
    "reasoning",
    "document",
    "documents",
    "json",
    "object",
  ],
  ...["string", "result", "results", "output", "error", "function", "function_call", "id"],
]);
const MESSAGES: ReadonlySet<string> = new Set(["messages", "message", "msg", "m", "loop_messages"]);
/** Methods and filters that ask text for other text. */
const ASKS: ReadonlySet<string> = new Set([
  ...["startswith", "endswith", "find", "rfind", "index", "count", "split", "rsplit", "partition", "match", "search"],
  ...["regex_search", "regex_match", "select", "reject", "selectattr", "rejectattr", "__contains__", "__eq__"],
]);
const CLOCKS: ReadonlySet<string> = new Set(["strftime_now", "now", "date_string", "today", "datetime"]);
/** Operators that hold one value against another. */
export const COMPARES = /^(?:in|not in|[=!<>]=?)$/;

/** Whether a call or filter of this name asks text for other text. */
export const asks = (name: string | undefined): boolean => name !== undefined && ASKS.has(name);

type Saying = "message" | "date";

export interface Trigger {
  readonly words: string;
  /** Words of a person, not markup or a switch. */
  readonly natural: boolean;
  /** The test holds where the words are there, not where they are absent. */
  readonly present: boolean;
}

/** What is known of a template's variables so far, and what its expressions ask. */
export interface Asker {
  /** Variables that hold what a message says, or the date. */
  readonly sayings: Map<string, Saying>;
  /** Variables that were set because a message said something. */
  readonly flags: Map<string, Trigger>;
  /** Texts that a loop goes through. */
  readonly lists: Map<string, readonly string[]>;
  /** Whether an expression is what a message says, or a date. */
  sayingOf(node: Node): Saying | undefined;
  /** What a test asks; nothing where it doesn't ask what a message says. */
  triggersOf(node: Node): Trigger[];
}

export function asker({ fold }: Folder): Asker {
  const sayings = new Map<string, Saying>();
  const flags = new Map<string, Trigger>();
  const lists = new Map<string, readonly string[]>();
  const about = new Map<Node, Saying | undefined>();

  function sayingOf(node: Node): Saying | undefined {
    if (about.has(node)) return about.get(node);
    const saying = lookFor(node);
    about.set(node, saying);
    return saying;
  }

  function lookFor(node: Node): Saying | undefined {
    const path = pathOf(node);
    const known = path === undefined ? undefined : sayings.get(path);
    if (known) return known;
    switch (node.type) {
      case "Identifier":
        return CONTENT_KEYS.has(node.value) ? "message" : undefined;
      case "MemberExpression": {
        const key = node.computed ? fold(node.property) : nameOf(node.property);
        if (typeof key === "string" && CONTENT_KEYS.has(key)) return "message";
        // Of a part of it only what is sliced or indexed; `message.content.type` is no word of a person.
        const within = sayingOf(node.object);
        if (within === undefined) return undefined;
        if (typeof key === "string" && node.object.type !== "CallExpression") return undefined;
        return within;
      }
      case "CallExpression": {
        const name = nameOf(node.callee);
        if (name !== undefined && CLOCKS.has(name)) return "date";
        if (node.callee.type === "MemberExpression") {
          const method = nameOf(node.callee.property);
          const key = node.args[0] && fold(node.args[0]);
          if (method === "get") return typeof key === "string" && CONTENT_KEYS.has(key) ? "message" : undefined;
          const within = sayingOf(node.callee.object);
          if (within) return within;
        }
        return firstOf(node.args, sayingOf);
      }
      case "FilterExpression": {
        const name = nameOf(node.filter) ?? "";
        if ((name === "string" || name === "tojson") && mentionsMessages(node.operand)) return "message";
        if (name === "map" || name === "selectattr" || name === "rejectattr") {
          const keys = argumentsOf(node.filter).map(fold);
          if (keys.some((key) => typeof key === "string" && CONTENT_KEYS.has(key))) return "message";
        }
        // A length is a number, not what was said.
        return name === "length" || name === "count" ? undefined : sayingOf(node.operand);
      }
      case "TestExpression":
        return undefined;
      default:
        return firstOf(children(node), sayingOf);
    }
  }

  function collect(node: Node, into: Trigger[], present: boolean): Trigger[] {
    if (into.length > 100) return into;
    const path = pathOf(node);
    const flag = path === undefined ? undefined : flags.get(path);
    if (flag) into.push(flag);
    switch (node.type) {
      case "BinaryExpression": {
        const { operator, left, right } = node;
        if (!COMPARES.test(operator.value)) break;
        const holds = present !== /^(?:not in|!=)$/.test(operator.value);
        compare(left, right, into, holds);
        compare(right, left, into, holds);
        break;
      }
      case "CallExpression":
        if (node.callee.type === "MemberExpression" && asks(nameOf(node.callee.property))) {
          const saying = sayingOf(node.callee.object);
          if (saying) for (const arg of node.args) ask(saying, arg, into, present);
        }
        break;
      case "FilterExpression":
        if (asks(nameOf(node.filter)) && sayingOf(node)) {
          const args = argumentsOf(node.filter);
          // `select('equalto', 'word')`, `selectattr('content', 'in', 'word')`: the last says what is looked for.
          if (args.length > 1) ask("message", args.at(-1) as Node, into, present);
        }
        break;
      case "MemberExpression":
        // A table of answers: `{'word': 'prose'}[message.content]`.
        if (node.computed && node.object.type === "ObjectLiteral" && sayingOf(node.property))
          ask("message", node.object, into, present);
        break;
      default:
    }
    const inner = node.type === "UnaryExpression" && node.operator.value === "not" ? !present : present;
    for (const child of children(node)) collect(child, into, inner);
    return into;
  }

  function compare(said: Node, other: Node, into: Trigger[], present: boolean): void {
    const saying = sayingOf(said);
    if (saying) ask(saying, other, into, present);
  }

  function ask(saying: Saying, other: Node, into: Trigger[], present: boolean): void {
    const value = other.type === "Identifier" ? (lists.get(other.value) ?? fold(other)) : fold(other);
    if (saying === "date") {
      if (value !== undefined && value !== "") into.push({ words: "the date", natural: true, present });
      return;
    }
    for (const text of textsOf(value)) {
      const natural = isNatural(text);
      if (natural || /\p{L}/u.test(text)) into.push({ words: text, natural, present });
    }
  }

  return { sayings, flags, lists, sayingOf, triggersOf: (node) => collect(node, [], true) };
}

/** The texts in a constant. */
export function textsOf(value: Constant | undefined): readonly string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.flatMap(textsOf).slice(0, 50) : [];
}

/** The first answer that is one. */
export function firstOf<T>(nodes: readonly Node[], ask: (node: Node) => T | undefined): T | undefined {
  for (const node of nodes) {
    const answer = ask(node);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

function mentionsMessages(node: Node): boolean {
  if (node.type === "Identifier") return MESSAGES.has(node.value);
  return node.type === "MemberExpression" && mentionsMessages(node.object);
}

/** Words of a person: letters, and neither markup nor a switch like `/think` nor the key of a part. */
export function isNatural(text: string): boolean {
  const trimmed = text.trim();
  if (!/\p{L}{2}/u.test(trimmed) || PART_KEYS.has(trimmed.toLowerCase())) return false;
  return !/[<>[\]{}|\\`]|^[/#@]|_[a-z]/i.test(trimmed);
}
