/**
 * What an expression comes to where it is made of constants: hostile templates put the names that they reach for together from
 * pieces (`'__cla' ~ 'ss__'`, `['__init', '__']|join`, `'__ssalc__'|reverse`). Bounded; what isn't understood has no value.
 */
import {
  argumentsOf,
  type Binary,
  type Call,
  type Member,
  type Node,
  nameOf,
  pathOf,
  type SetStatement,
} from "./nodes.ts";

export type Constant = string | number | readonly Constant[];

/** Characters of a text that is put together, and values in a list; a name has fewer. */
const MAX_BUILT = 512;

export interface Folder {
  /** The value of an expression, as far as the template is known. */
  fold(node: Node): Constant | undefined;
  /** From here on a variable (`name` or `ns.name`) has this value. */
  assign(path: string, value: Constant | undefined): void;
}

export function folder(): Folder {
  const values = new Map<string, Constant | undefined>();
  const known = new Map<Node, Constant | undefined>();

  function fold(node: Node): Constant | undefined {
    if (known.has(node)) return known.get(node);
    const value = bounded(compute(node));
    known.set(node, value);
    return value;
  }

  function compute(node: Node): Constant | undefined {
    switch (node.type) {
      case "StringLiteral":
      case "IntegerLiteral":
      case "FloatLiteral":
        return node.value;
      case "ArrayLiteral":
      case "TupleLiteral":
        return all(node.value);
      case "ObjectLiteral":
        return all([...node.value.keys()]);
      case "Identifier":
        return values.get(node.value);
      case "BinaryExpression":
        return binary(node);
      case "FilterExpression":
        return applied(nameOf(node.filter) ?? "", fold(node.operand), argumentsOf(node.filter).map(fold));
      case "CallExpression":
        return called(node);
      case "MemberExpression":
        return member(node);
      case "Ternary":
        return fold(node.trueExpr) ?? fold(node.falseExpr);
      case "SelectExpression":
        return fold(node.lhs);
      case "UnaryExpression": {
        const value = fold(node.argument);
        return node.operator.value === "-" && typeof value === "number" ? -value : undefined;
      }
      case "KeywordArgumentExpression":
        return fold(node.value);
      default:
        return undefined;
    }
  }

  function all(nodes: readonly Node[]): Constant | undefined {
    if (nodes.length > MAX_BUILT) return undefined;
    const folded = nodes.map(fold);
    return folded.every((value) => value !== undefined) ? folded : undefined;
  }

  function binary({ operator, left, right }: Binary): Constant | undefined {
    const a = fold(left);
    const b = fold(right);
    if (a === undefined || b === undefined) return undefined;
    switch (operator.value) {
      case "~":
        return textOf(a) + textOf(b);
      case "+":
        if (typeof a === "number" && typeof b === "number") return a + b;
        if (Array.isArray(a) && Array.isArray(b)) return [...a, ...b].slice(0, MAX_BUILT);
        return typeof a === "string" && typeof b === "string" ? a + b : undefined;
      case "-":
        return typeof a === "number" && typeof b === "number" ? a - b : undefined;
      case "*":
        if (typeof a === "number" && typeof b === "number") return a * b;
        return repeated(a, b) ?? repeated(b, a);
      case "**":
        return typeof a === "number" && typeof b === "number" ? a ** b : undefined;
      case "%":
        return typeof a === "string" ? percent(a, Array.isArray(b) ? b : [b]) : undefined;
      default:
        return undefined;
    }
  }

  function called(node: Call): Constant | undefined {
    const { callee, args } = node;
    if (callee.type === "Identifier" && callee.value === "dict") {
      return args.flatMap((arg) => (arg.type === "KeywordArgumentExpression" ? [arg.key.value] : []));
    }
    if (callee.type !== "MemberExpression" || callee.property.type !== "Identifier") return undefined;
    const operand = fold(callee.object);
    const values = args.map(fold);
    // `','.join(list)` has its list where the filter has its separator.
    if (callee.property.value === "join") return applied("join", values[0], [operand]);
    return applied(callee.property.value, operand, values);
  }

  function member(node: Member): Constant | undefined {
    const path = pathOf(node);
    if (path !== undefined && values.has(path)) return values.get(path);
    if (!node.computed) return undefined;
    const object = fold(node.object);
    if (object === undefined || typeof object === "number") return undefined;
    const { property } = node;
    if (property.type !== "SliceExpression") {
      const index = fold(property);
      return typeof index === "number" ? object.at(index) : undefined;
    }
    const [start, stop, step] = [property.start, property.stop, property.step].map((part) => part && fold(part));
    if (step === -1 && start === undefined && stop === undefined) return reversed(object);
    if (step !== undefined && step !== 1) return typeof step === "number" && step > 1 ? every(object, step) : undefined;
    return object.slice(typeof start === "number" ? start : 0, typeof stop === "number" ? stop : undefined);
  }

  return {
    fold,
    assign(path, value) {
      values.set(path, value);
    },
  };
}

/** What a `{% set %}` gives a variable, or the fields of a namespace. */
export function assignSet({ fold, assign }: Folder, { assignee, value, body }: SetStatement): void {
  const path = pathOf(assignee);
  if (path === undefined) return;
  if (value?.type === "CallExpression" && nameOf(value.callee) === "namespace") {
    for (const arg of value.args) {
      if (arg.type === "KeywordArgumentExpression") assign(`${path}.${arg.key.value}`, fold(arg.value));
    }
    return;
  }
  if (value) assign(path, fold(value));
  else
    assign(
      path,
      body.every(({ type }) => type === "StringLiteral")
        ? body
            .map(fold)
            .map((text) => String(text))
            .join("")
        : undefined,
    );
}

/** Numbers print as Python prints integers; lists aren't printed. */
function textOf(value: Constant): string {
  return Array.isArray(value) ? value.map(textOf).join("") : String(value);
}

function bounded(value: Constant | undefined): Constant | undefined {
  if (typeof value === "string") return value.length <= MAX_BUILT ? value : value.slice(0, MAX_BUILT);
  return Array.isArray(value) && sizeOf(value) > MAX_BUILT ? undefined : value;
}

/** Values in a list and the lists in it, itself too: what is kept has few, so counting is cheap, and lists of lists can't pile up. */
function sizeOf(value: Constant): number {
  let size = 1;
  if (Array.isArray(value)) for (const item of value) size += sizeOf(item);
  return size;
}

function repeated(text: Constant, times: Constant): Constant | undefined {
  if (typeof text !== "string" || typeof times !== "number") return undefined;
  return text.length * times <= MAX_BUILT ? text.repeat(Math.max(0, Math.floor(times))) : undefined;
}

function reversed(value: string | readonly Constant[]): Constant {
  return typeof value === "string" ? [...value].reverse().join("") : [...value].reverse();
}

function every(value: string | readonly Constant[], step: number): Constant {
  const picked = [...value].filter((_, i) => i % step === 0);
  return typeof value === "string" ? picked.join("") : picked;
}

type Applied = (operand: Constant, args: readonly (Constant | undefined)[]) => Constant | undefined;

const onText =
  (change: (text: string) => Constant): Applied =>
  (operand) =>
    typeof operand === "string" ? change(operand) : undefined;

/** Filters and methods that make names of constants. */
const APPLIED: Readonly<Record<string, Applied>> = {
  join: (operand, [separator]) =>
    (Array.isArray(operand) ? operand : [...textOf(operand)])
      .map(textOf)
      .join(textOf(separator ?? ""))
      .slice(0, MAX_BUILT),
  reverse: (operand) => (typeof operand === "number" ? undefined : reversed(operand)),
  lower: onText((text) => text.toLowerCase()),
  upper: onText((text) => text.toUpperCase()),
  trim: onText((text) => text.trim()),
  strip: onText((text) => text.trim()),
  string: (operand) => textOf(operand),
  safe: (operand) => operand,
  e: (operand) => operand,
  list: (operand) => (typeof operand === "string" ? [...operand] : operand),
  first: (operand) => (typeof operand === "number" ? undefined : operand.at(0)),
  last: (operand) => (typeof operand === "number" ? undefined : operand.at(-1)),
  replace: (operand, [from, to]) =>
    typeof operand === "string" && typeof from === "string" && typeof to === "string" && to.length <= 64
      ? operand.replaceAll(from, to)
      : undefined,
  format: (operand, args) =>
    typeof operand !== "string" ? undefined : operand.includes("%") ? percent(operand, args) : braces(operand, args),
  // A dictionary of constants is its keys here.
  keys: (operand) => operand,
};

function applied(
  name: string,
  operand: Constant | undefined,
  args: readonly (Constant | undefined)[],
): Constant | undefined {
  if (operand === undefined || !Object.hasOwn(APPLIED, name)) return undefined;
  return APPLIED[name]?.(operand, args);
}

/** `'%s%c' % ('a', 95)`. */
function percent(format: string, args: readonly (Constant | undefined)[]): string | undefined {
  let next = 0;
  let known = true;
  const text = format.slice(0, MAX_BUILT).replace(/%([scdr%])/g, (_, letter: string) => {
    if (letter === "%") return "%";
    const value = args[next++];
    if (value === undefined) known = false;
    return letter === "c" && typeof value === "number" ? codeText(value) : textOf(value ?? "").slice(0, MAX_BUILT);
  });
  return known && text.length <= MAX_BUILT ? text : undefined;
}

/** `'{}{0}'.format('a')`; a field that isn't a number stays, as it may itself be the attack (`{0.__class__}`). */
function braces(format: string, args: readonly (Constant | undefined)[]): string {
  let next = 0;
  return format.slice(0, MAX_BUILT).replace(/\{(\d{0,3})(:c)?\}/g, (field: string, index: string, char?: string) => {
    const value = args[index === "" ? next++ : Number(index)];
    if (value === undefined) return field;
    return char && typeof value === "number" ? codeText(value) : textOf(value).slice(0, 64);
  });
}

function codeText(code: number): string {
  return code >= 0 && code <= 0x10ffff ? String.fromCodePoint(Math.floor(code)) : "";
}
