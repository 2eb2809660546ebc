/**
 * The tree that `@huggingface/jinja` makes of a template, as plain data: what each kind of node holds, and its children.
 * The package exports no types for its nodes; these follow its tree as of 0.5.
 */

export interface Token {
  readonly value: string;
  readonly type: string;
}

export type Node =
  | Program
  | If
  | For
  | SetStatement
  | Macro
  | Call
  | Member
  | Text
  | NumberLiteral
  | List
  | Mapping
  | Binary
  | Filter
  | FilterBlock
  | CallBlock
  | Ternary
  | Select
  | Identifier
  | Keyword
  | Slice
  | Test
  | Unary
  | Spread
  | Empty;

export interface Program {
  readonly type: "Program";
  readonly body: readonly Node[];
}
export interface If {
  readonly type: "If";
  readonly test: Node;
  readonly body: readonly Node[];
  readonly alternate: readonly Node[];
}
interface For {
  readonly type: "For";
  readonly loopvar: Node;
  readonly iterable: Node;
  readonly body: readonly Node[];
  readonly defaultBlock: readonly Node[];
}
export interface SetStatement {
  readonly type: "Set";
  readonly assignee: Node;
  readonly value: Node | null;
  readonly body: readonly Node[];
}
interface Macro {
  readonly type: "Macro";
  readonly name: Node;
  readonly args: readonly Node[];
  readonly body: readonly Node[];
}
export interface Call {
  readonly type: "CallExpression";
  readonly callee: Node;
  readonly args: readonly Node[];
}
export interface Member {
  readonly type: "MemberExpression";
  readonly object: Node;
  readonly property: Node;
  readonly computed: boolean;
}
interface Text {
  readonly type: "StringLiteral";
  readonly value: string;
}
interface NumberLiteral {
  readonly type: "IntegerLiteral" | "FloatLiteral";
  readonly value: number;
}
interface List {
  readonly type: "ArrayLiteral" | "TupleLiteral";
  readonly value: readonly Node[];
}
interface Mapping {
  readonly type: "ObjectLiteral";
  readonly value: ReadonlyMap<Node, Node>;
}
export interface Binary {
  readonly type: "BinaryExpression";
  readonly operator: Token;
  readonly left: Node;
  readonly right: Node;
}
interface Filter {
  readonly type: "FilterExpression";
  readonly operand: Node;
  readonly filter: Node;
}
interface FilterBlock {
  readonly type: "FilterStatement";
  readonly filter: Node;
  readonly body: readonly Node[];
}
interface CallBlock {
  readonly type: "CallStatement";
  readonly call: Node;
  readonly callerArgs: readonly Node[] | null;
  readonly body: readonly Node[];
}
interface Ternary {
  readonly type: "Ternary";
  readonly condition: Node;
  readonly trueExpr: Node;
  readonly falseExpr: Node;
}
/** `x if test`, and the filtered list of a loop. */
interface Select {
  readonly type: "SelectExpression";
  readonly lhs: Node;
  readonly test: Node;
}
interface Identifier {
  readonly type: "Identifier";
  readonly value: string;
}
interface Keyword {
  readonly type: "KeywordArgumentExpression";
  readonly key: Identifier;
  readonly value: Node;
}
interface Slice {
  readonly type: "SliceExpression";
  readonly start?: Node;
  readonly stop?: Node;
  readonly step?: Node;
}
interface Test {
  readonly type: "TestExpression";
  readonly operand: Node;
  readonly negate: boolean;
  readonly test: Identifier;
}
interface Unary {
  readonly type: "UnaryExpression";
  readonly operator: Token;
  readonly argument: Node;
}
interface Spread {
  readonly type: "SpreadExpression" | "KeywordSpreadExpression";
  readonly argument: Node;
}
/** Nodes without children that matter here. */
interface Empty {
  readonly type: "Break" | "Continue" | "Comment";
}

/** Every child of a node, in the order of the template. */
export function children(node: Node): readonly Node[] {
  switch (node.type) {
    case "Program":
      return node.body;
    case "If":
      return [node.test, ...node.body, ...node.alternate];
    case "For":
      return [node.loopvar, node.iterable, ...node.body, ...node.defaultBlock];
    case "Set":
      return [...(node.value ? [node.value] : []), ...node.body, node.assignee];
    case "Macro":
      return [...node.args, ...node.body];
    case "CallExpression":
      return [node.callee, ...node.args];
    case "MemberExpression":
      return [node.object, node.property];
    case "ArrayLiteral":
    case "TupleLiteral":
      return node.value;
    case "ObjectLiteral":
      return [...node.value].flat();
    case "BinaryExpression":
      return [node.left, node.right];
    case "FilterExpression":
      return [node.operand, node.filter];
    case "FilterStatement":
      return [node.filter, ...node.body];
    case "CallStatement":
      return [node.call, ...(node.callerArgs ?? []), ...node.body];
    case "Ternary":
      return [node.trueExpr, node.condition, node.falseExpr];
    case "SelectExpression":
      return [node.lhs, node.test];
    case "KeywordArgumentExpression":
      return [node.value];
    case "SliceExpression":
      return [node.start, node.stop, node.step].filter((part) => part !== undefined);
    case "TestExpression":
      return [node.operand];
    case "UnaryExpression":
    case "SpreadExpression":
    case "KeywordSpreadExpression":
      return [node.argument];
    default:
      return [];
  }
}

/** How many nodes stand inside each other at most. A walk of its own stack: a chain `a.b.c` can be as long as the template. */
export function depthOf(root: Node): number {
  let level: Node[] = [root];
  let depth = 0;
  for (; level.length > 0; depth++) {
    const below: Node[] = [];
    for (const node of level) for (const child of children(node)) below.push(child);
    level = below;
  }
  return depth;
}

/** The name of a filter or of what is called: `join` of `|join(",")`, `range` of `range(3)`. */
export function nameOf(node: Node): string | undefined {
  if (node.type === "Identifier") return node.value;
  return node.type === "CallExpression" ? nameOf(node.callee) : undefined;
}

/** What it is called with; nothing for a filter without brackets. */
export function argumentsOf(node: Node): readonly Node[] {
  return node.type === "CallExpression" ? node.args : [];
}

/** `ns.flag` and `flag`, as one word; nothing for what isn't a plain path. */
export function pathOf(node: Node): string | undefined {
  if (node.type === "Identifier") return node.value;
  if (node.type !== "MemberExpression" || node.computed || node.property.type !== "Identifier") return undefined;
  const { object } = node;
  return object.type === "Identifier" ? `${object.value}.${node.property.value}` : undefined;
}
