/**
 * Text of others in GitHub's markdown: it stays text. Nothing of it becomes markup, a link, a mention of someone, a reference to
 * an issue, a formula, or another cell of a table.
 * Source: GitHub Flavored Markdown Spec, 2.4 (backslash escapes), 4.10 (tables), 6.2 (entities), 6.9 (autolinks).
 */
import { safe } from "../views/text.ts";

/** Entities make no structure; a backslash would, before a character that a table takes first. */
const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "|": "&#124;",
  "`": "&#96;",
  "\\": "&#92;",
  $: "&#36;",
};

/** A comment between two characters: what GitHub looks for in the finished text isn't there. */
const BREAK = "<!-- -->";

/** What may become structure, and what GitHub makes links of. */
const TELLING = /[&<>|`\\$]|[*_~[\]!]|[@#](?=\w)|:(?=\/\/)|\b(?:www|GH)(?=[.-])/gi;

/** Words in a line or a table's cell; not at the beginning of a line, where more characters tell. */
export function markdownText(text: string): string {
  return safe(text).replace(TELLING, (found) => {
    if (/[*_~[\]!]/.test(found)) return `\\${found}`;
    return ENTITIES[found] ?? found + BREAK;
  });
}

/** A name: as code where it has none of the characters that end it. */
export function markdownName(text: string): string {
  const name = safe(text);
  if (name.trim() === "") return "";
  return /[`|\\]|^\s|\s$/.test(name) ? `<code>${markdownText(text)}</code>` : `\`${name}\``;
}

/** A table; cells are markdown already. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}
