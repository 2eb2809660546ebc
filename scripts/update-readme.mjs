/**
 * Puts the real output of the command into README.md, below each `<!-- screen: inspect … -->` mark.
 * Usage: node scripts/update-readme.mjs FOLDER   (FOLDER holds the files that the marks name)
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node scripts/update-readme.mjs FOLDER");
  process.exit(2);
}
const root = new URL("../", import.meta.url);
const readme = new URL("README.md", root);
const command = fileURLToPath(new URL("apps/inspect/bin/inspect.js", root));
const text = readFileSync(readme, "utf8").replace(
  /(<!-- screen: inspect (.*?) -->\n```\n)[^`]*```/g,
  (_, mark, args) =>
    `${mark}${execFileSync(process.execPath, [command, ...args.split(" ")], { cwd: folder, encoding: "utf8" })}\`\`\``,
);
writeFileSync(readme, text);
