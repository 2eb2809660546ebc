/** A chat template (Jinja) with a line for each statement, set in by its blocks: what its makers wrote in one line. */

const TAG = /(\{%-?[\s\S]*?-?%\}|\{\{-?[\s\S]*?-?\}\}|\{#-?[\s\S]*?-?#\})/;
const OPENS = /^\{%-?\s*(?:if|for|macro|block|call|filter|generation|set\s+\w+\s*-?%\})/;
const MIDDLE = /^\{%-?\s*(?:elif|else)\b/;
const CLOSES = /^\{%-?\s*end\w+/;
const INDENT = "  ";
/** Deeper ones stay where they are. */
const DEEPEST = 20;

/**
 * @param template as it stands in the file
 * @returns lines; text that the template puts out is in quotes, with its line feeds as \n
 */
export function prettyTemplate(template: string): string[] {
  let depth = 0;
  const lines: string[] = [];
  for (const piece of template.split(TAG)) {
    const isTag = /^\{[%{#]/.test(piece);
    if (!isTag && piece.trim() === "") continue;
    if (CLOSES.test(piece)) depth = Math.max(0, depth - 1);
    const own = MIDDLE.test(piece) ? Math.max(0, depth - 1) : depth;
    const indent = INDENT.repeat(Math.min(DEEPEST, own));
    // A line feed in what is put out is part of it; elsewhere it is only layout.
    const text = !isTag
      ? JSON.stringify(piece)
      : piece.startsWith("{{")
        ? piece.replaceAll("\n", "\\n")
        : piece.replace(/\s*\n\s*/g, " ");
    lines.push(indent + text);
    if (OPENS.test(piece)) depth++;
  }
  return lines;
}
