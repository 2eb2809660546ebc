/**
 * Templates that reach for the Python behind them: a renderer without a sandbox runs what they say.
 * Sources: CVE-2024-34359 (llama-cpp-python), CVE-2026-5760, CVE-2019-10906, CVE-2024-56201, CVE-2025-27516; Jinja's own list of
 * unsafe attributes (jinja2.sandbox).
 */
import type { Constant, Folder } from "./fold.ts";
import { argumentsOf, children, type Node, nameOf, pathOf } from "./nodes.ts";

/** What a template does that it has no business with. */
export interface Reach {
  /** As it would be quoted: `__class__`, `|attr(...)`. */
  readonly what: string;
  /** Text to find its line by. */
  readonly near: readonly string[];
  readonly grave: boolean;
}

/** Attributes of Python's own objects that lead to code, frames and other objects, under names that aren't `__so__`. */
const PYTHON_ATTRIBUTES: ReadonlySet<string> = new Set([
  ...["mro", "func_globals", "func_code", "func_closure", "func_defaults", "im_class", "im_func", "im_self"],
  ...["gi_frame", "gi_code", "gi_yieldfrom", "cr_frame", "cr_code", "cr_await", "cr_origin", "ag_frame", "ag_code"],
  ...["f_globals", "f_locals", "f_back", "f_builtins", "f_code", "tb_frame", "tb_next", "co_code", "co_consts"],
]);

/** Methods of Python's modules that run code or programs. */
const PYTHON_METHODS: ReadonlySet<string> = new Set([
  ...["popen", "Popen", "check_output", "check_call", "getoutput", "import_module", "load_module", "exec_module"],
  ...["urlopen", "from_string", "call_func", "execfile"],
]);

/** Functions of Python that no renderer gives to a template. */
const PYTHON_FUNCTIONS: ReadonlySet<string> = new Set([
  ...["eval", "exec", "execfile", "compile", "open", "getattr", "setattr", "globals", "locals", "vars", "breakpoint"],
  ...["import_module", "type", "object", "super"],
]);

/** Objects of Jinja and of web frameworks from which attacks start; no chat template needs them. */
const GADGETS: ReadonlySet<string> = new Set([
  ...["lipsum", "cycler", "joiner", "self", "request", "url_for", "get_flashed_messages", "current_app"],
  ...["config", "session", "g", "application", "environment"],
]);

/** Of those, what every Jinja has. The others are plain words, too, and count where something is taken from them. */
const JINJA_GADGETS: ReadonlySet<string> = new Set(["lipsum", "cycler", "joiner", "self"]);

/** Filters that take an attribute by its name. */
const BY_ATTRIBUTE: ReadonlySet<string> = new Set([
  ...["map", "selectattr", "rejectattr", "groupby", "sort", "unique", "sum", "min", "max", "attr"],
]);

const DUNDER = /__[A-Za-z]\w{0,60}/;

/** Names that a template gives to something of its own. */
export function boundNames(root: Node): Set<string> {
  const names = new Set<string>();
  const add = (node: Node): void => {
    if (node.type === "Identifier") names.add(node.value);
    else if (node.type === "TupleLiteral") node.value.forEach(add);
    else if (node.type === "KeywordArgumentExpression") names.add(node.key.value);
  };
  const walk = (node: Node): void => {
    if (node.type === "For") add(node.loopvar);
    else if (node.type === "Set") add(node.assignee);
    else if (node.type === "Macro") {
      add(node.name);
      node.args.forEach(add);
    } else if (node.type === "CallStatement") node.callerArgs?.forEach(add);
    children(node).forEach(walk);
  };
  walk(root);
  return names;
}

/** Looks at one node of an expression; the caller walks the tree. */
export function reachOf(
  node: Node,
  { fold }: Folder,
  bound: ReadonlySet<string>,
  report: (reach: Reach) => void,
): void {
  const add = (what: string, grave: boolean, near: readonly string[] = [what]): void => report({ what, near, grave });
  const member = (name: string, property: Node): void => {
    const grave = name.startsWith("__") || PYTHON_ATTRIBUTES.has(name);
    if (grave || /^_[a-z]/i.test(name)) add(name, grave, [name, ...literals(property)]);
  };
  switch (node.type) {
    case "Identifier":
      if (node.value.startsWith("__")) add(node.value, true);
      else if (JINJA_GADGETS.has(node.value) && !bound.has(node.value)) add(node.value, false);
      return;
    case "MemberExpression": {
      const { object, property } = node;
      if (!node.computed) {
        if (property.type === "Identifier") member(property.value, property);
      } else {
        const name = fold(property);
        if (typeof name === "string") member(name, property);
        else if (isBuilt(property)) add("a name that is put together while it runs", false, literals(property));
      }
      if (object.type === "Identifier" && GADGETS.has(object.value) && !bound.has(object.value)) {
        const path = pathOf(node) ?? object.value;
        add(path, false, [path, object.value]);
      }
      return;
    }
    case "CallExpression": {
      const { callee } = node;
      if (callee.type === "Identifier" && PYTHON_FUNCTIONS.has(callee.value) && !bound.has(callee.value)) {
        add(`${callee.value}(...)`, true, [`${callee.value}(`, callee.value]);
      }
      const method =
        callee.type === "MemberExpression" ? (fold(callee.property) ?? nameOf(callee.property)) : undefined;
      if (typeof method === "string" && PYTHON_METHODS.has(method)) add(`.${method}(...)`, true, [method]);
      return;
    }
    case "FilterExpression":
    case "FilterStatement": {
      const name = nameOf(node.filter) ?? "";
      if (!BY_ATTRIBUTE.has(name)) return;
      const args = argumentsOf(node.filter);
      const values = args.map(fold);
      const takesAttr = name === "attr" || (name === "map" && values[0] === "attr");
      if (takesAttr) add("|attr(...)", !values.every(isPlainName) || args.length === 0, ["attr"]);
      for (const [i, value] of values.entries()) {
        if (typeof value !== "string") continue;
        for (const part of value.split("."))
          if (PYTHON_ATTRIBUTES.has(part)) add(part, true, literals(args[i] as Node));
      }
      return;
    }
    default:
  }
}

/**
 * The names that constants spell: `__class__` of `'__cla' ~ 'ss__'`. To be asked of whole expressions, from outside in. Prose that
 * mentions `__init__` is none: what is reached for has no blanks.
 */
export function spelledName(value: Constant | undefined): string | undefined {
  if (typeof value === "string") {
    if (value.length > 200 || /\s/.test(value)) return undefined;
    return DUNDER.exec(value)?.[0];
  }
  if (!Array.isArray(value)) return undefined;
  for (const item of value) {
    const name = spelledName(item);
    if (name) return name;
  }
  return undefined;
}

/** `ss__`: half of such a name, for something that this reading can't follow. */
export function spelledPiece(value: string): boolean {
  return value.length <= 60 && value.includes("__") && !/\s/.test(value) && !DUNDER.test(value) && /^\w+$/.test(value);
}

function isPlainName(value: Constant | undefined): boolean {
  return typeof value === "string" && /^[a-z]\w*$/i.test(value) && !PYTHON_ATTRIBUTES.has(value);
}

/** Text put together by operators, filters or methods: what a subscript has when it shall not be read. */
function isBuilt(node: Node): boolean {
  if (node.type === "BinaryExpression") {
    if (node.operator.value === "~") return true;
    return node.operator.value === "+" && (hasText(node.left) || hasText(node.right));
  }
  if (node.type === "FilterExpression") return /^(?:join|reverse|format|replace)$/.test(nameOf(node.filter) ?? "");
  if (node.type !== "CallExpression" || node.callee.type !== "MemberExpression") return false;
  return /^(?:join|format|replace)$/.test(nameOf(node.callee.property) ?? "");
}

function hasText(node: Node): boolean {
  return (
    node.type === "StringLiteral" || (node.type === "BinaryExpression" && (hasText(node.left) || hasText(node.right)))
  );
}

/** The text constants in an expression: where to find it. */
export function literals(root: Node): string[] {
  const found: string[] = [];
  const walk = (node: Node): void => {
    if (node.type === "StringLiteral" && node.value.trim() !== "" && found.length < 8) found.push(node.value);
    children(node).forEach(walk);
  };
  walk(root);
  return found;
}

/** Statements that read other templates. They are no part of the language of chat templates, and parsers stop at them. */
const STATEMENT = /\{%[-+]?\s{0,40}(include|import|extends|from|debug)\b/g;

export function foreignStatements(code: string): { name: string; near: string }[] {
  return [...code.matchAll(STATEMENT)].slice(0, 100).map(([near, name = ""]) => ({ name, near }));
}

/** The same by text alone, for templates that don't parse: escapes decoded, pieces of text joined. */
export function reachInText(code: string): Reach[] {
  const decoded = decodeEscapes(code);
  const joined = decoded.replace(/['"]\s{0,20}[~+]?\s{0,20}['"]/g, "");
  const found = new Map<string, Reach>();
  for (const text of [code, decoded, joined]) {
    for (const [name] of text.matchAll(
      /__[A-Za-z]\w{0,60}|\|\s{0,20}attr\b|\.(?:popen|check_output|import_module)\s{0,20}\(/g,
    )) {
      const what = name.replace(/^\|\s*attr$/, "|attr(...)");
      if (found.size < 100 && !found.has(what)) found.set(what, { what, near: [name], grave: true });
    }
  }
  return [...found.values()];
}

function decodeEscapes(code: string): string {
  return code.replace(
    /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|([0-7]{1,3})|N\{(LOW LINE)\})/gi,
    (written: string, x?: string, u?: string, long?: string, octal?: string, named?: string) => {
      if (named) return "_";
      const value = octal ? Number.parseInt(octal, 8) : Number.parseInt(x ?? u ?? long ?? "", 16);
      return value <= 0x10ffff ? String.fromCodePoint(value) : written;
    },
  );
}
